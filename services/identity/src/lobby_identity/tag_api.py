"""TagService: proto in, use-case, proto out."""

from lobby.identity.v1 import tag_service_pb2 as pb
from lobby.identity.v1.events_pb2 import ContactChanged
from lobby.identity.v1.tag_service_pb2_grpc import TagServiceServicer
from lobby_common import caller, tracing
from lobby_common.caller import Caller
from lobby_common.events import EventLog, Tx
from lobby_common.ids import new_id
from lobby_common.requests import answer_once
from lobby_common.times import utc_now
from lobby_identity.api import AGENT_ROLE, contact_proto, visible_person
from lobby_identity.app import tagging
from lobby_identity.app.tagging import Tagged
from lobby_identity.clients import Visibility
from lobby_identity.domain import tags
from lobby_identity.domain.identifiers import WorkspaceId


class TagApi(TagServiceServicer):
    """Sets tags and takes them away. Agents do so with the contacts that routing lets them see."""

    def __init__(self, log: EventLog, visibility: Visibility) -> None:
        self._log = log
        self._visibility = visibility

    async def SetTag(self, request: pb.SetTagRequest, context: object) -> pb.SetTagResponse:
        """The contact has the tag."""
        who = caller.current()
        await visible_person(self._log, self._visibility, who, request.contact_id)

        async with self._log.transaction() as tx:

            async def make() -> pb.SetTagResponse:
                tagged = await tagging.set_tag(
                    tx.conn,
                    WorkspaceId(who.workspace_id),
                    request.contact_id,
                    request.tag,
                    origin=tags.AGENT if who.role == AGENT_ROLE else tags.API,
                    actor=who.actor,
                    now=utc_now(),
                )
                _tell(tx, who, tagged)
                return pb.SetTagResponse(contact=contact_proto(tagged.person))

            return await answer_once(tx, "SetTag", request.request_id, pb.SetTagResponse, make)

    async def RemoveTag(self, request: pb.RemoveTagRequest, context: object) -> pb.RemoveTagResponse:
        """The contact does not have the tag."""
        who = caller.current()
        await visible_person(self._log, self._visibility, who, request.contact_id)

        async with self._log.transaction() as tx:

            async def make() -> pb.RemoveTagResponse:
                tagged = await tagging.remove_tag(
                    tx.conn,
                    WorkspaceId(who.workspace_id),
                    request.contact_id,
                    request.tag,
                    actor=who.actor,
                    now=utc_now(),
                )
                _tell(tx, who, tagged)
                return pb.RemoveTagResponse(contact=contact_proto(tagged.person))

            return await answer_once(tx, "RemoveTag", request.request_id, pb.RemoveTagResponse, make)


def _tell(tx: Tx, who: Caller, tagged: Tagged) -> None:
    """Screens read the contact anew, where something changed."""
    if not tagged.is_news:
        return
    contact_id = tagged.person.contact_id
    tx.tell(
        ContactChanged(contact_id=contact_id, fields=["tags"]),
        workspace_id=who.workspace_id,
        key=contact_id,
        event_id=new_id(),
        traceparent=tracing.current(),
    )
