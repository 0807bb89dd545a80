"""AttributeService: proto in, use-case, proto out."""

from lobby.identity.v1 import attribute_pb2
from lobby.identity.v1 import attribute_service_pb2 as pb
from lobby.identity.v1.attribute_service_pb2_grpc import AttributeServiceServicer
from lobby.identity.v1.events_pb2 import ContactChanged
from lobby_common import caller, tracing
from lobby_common.caller import Caller
from lobby_common.errors import Invalid
from lobby_common.events import EventLog, Tx
from lobby_common.ids import new_id
from lobby_common.requests import answer_once
from lobby_common.times import from_proto, to_proto
from lobby_identity.api import AGENT_ROLE, contact_proto, visible_person
from lobby_identity.app import attributing
from lobby_identity.app.attributing import Changed
from lobby_identity.clients import Visibility
from lobby_identity.domain import attributes, tags
from lobby_identity.domain.attributes import Attribute, Value
from lobby_identity.domain.identifiers import WorkspaceId
from lobby_identity.store import attributes as store

_PREFIX = "ATTRIBUTE_KIND_"


class AttributeApi(AttributeServiceServicer):
    """Makes attributes, and sets values of contacts."""

    def __init__(self, log: EventLog, visibility: Visibility) -> None:
        self._log = log
        self._visibility = visibility

    async def CreateAttribute(self, request: pb.CreateAttributeRequest, context: object) -> pb.CreateAttributeResponse:
        """The attribute is there."""
        who = caller.current()
        kind = attribute_pb2.AttributeKind.Name(request.kind).removeprefix(_PREFIX).lower()

        async with self._log.transaction() as tx:

            async def make() -> pb.CreateAttributeResponse:
                made = await attributing.create(
                    tx.conn,
                    WorkspaceId(who.workspace_id),
                    request.attribute_name,
                    kind,
                    attributes.clean(request.display_name),
                )
                return pb.CreateAttributeResponse(attribute=_attribute(made))

            return await answer_once(tx, "CreateAttribute", request.request_id, pb.CreateAttributeResponse, make)

    async def ListAttributes(self, request: pb.ListAttributesRequest, context: object) -> pb.ListAttributesResponse:
        """Returns the attributes, by name."""
        workspace_id = WorkspaceId(caller.current().workspace_id)
        async with self._log.pool.acquire() as conn:
            found = await store.list_attributes(conn, workspace_id)
        return pb.ListAttributesResponse(attributes=[_attribute(each) for each in found])

    async def UpdateAttribute(self, request: pb.UpdateAttributeRequest, context: object) -> pb.UpdateAttributeResponse:
        """People call the attribute so."""
        workspace_id = WorkspaceId(caller.current().workspace_id)
        async with self._log.transaction() as tx:
            changed = await attributing.update(
                tx.conn, workspace_id, request.attribute_name, attributes.clean(request.display_name)
            )
        return pb.UpdateAttributeResponse(attribute=_attribute(changed))

    async def DeleteAttribute(self, request: pb.DeleteAttributeRequest, context: object) -> pb.DeleteAttributeResponse:
        """Nobody has the attribute."""
        who = caller.current()
        async with self._log.transaction() as tx:
            await attributing.delete(tx.conn, WorkspaceId(who.workspace_id), request.attribute_name, who.actor)
        return pb.DeleteAttributeResponse()

    async def SetAttributes(self, request: pb.SetAttributesRequest, context: object) -> pb.SetAttributesResponse:
        """The contact has the values."""
        who = caller.current()
        values = {each.attribute_name: _value(each.value) for each in request.attributes}
        if len(values) < len(request.attributes):
            raise Invalid("BAD_ATTRIBUTE_VALUE", "each attribute is named once")
        await visible_person(self._log, self._visibility, who, request.contact_id)

        async with self._log.transaction() as tx:

            async def make() -> pb.SetAttributesResponse:
                changed = await attributing.set_values(
                    tx.conn,
                    WorkspaceId(who.workspace_id),
                    request.contact_id,
                    values,
                    origin=tags.AGENT if who.role == AGENT_ROLE else tags.API,
                    actor=who.actor,
                )
                _tell(tx, who, changed)
                return pb.SetAttributesResponse(contact=contact_proto(changed.person))

            return await answer_once(tx, "SetAttributes", request.request_id, pb.SetAttributesResponse, make)


def _value(value: attribute_pb2.AttributeValue) -> Value:
    return Value(
        attributes.clean(value.text) if value.HasField("text") else None,
        value.number if value.HasField("number") else None,
        value.boolean if value.HasField("boolean") else None,
        from_proto(value.time) if value.HasField("time") else None,
    )


def _attribute(attribute: Attribute) -> attribute_pb2.Attribute:
    return attribute_pb2.Attribute(
        attribute_name=attribute.name,
        kind=attribute_pb2.AttributeKind.Value(f"{_PREFIX}{attribute.kind.upper()}"),
        display_name=attribute.display_name,
        create_time=to_proto(attribute.create_time),
    )


def _tell(tx: Tx, who: Caller, changed: Changed) -> None:
    """Screens read the contact anew, where something changed."""
    if not changed.is_news:
        return
    contact_id = changed.person.contact_id
    tx.tell(
        ContactChanged(contact_id=contact_id, fields=["attributes"]),
        workspace_id=who.workspace_id,
        key=contact_id,
        event_id=new_id(),
        traceparent=tracing.current(),
    )
