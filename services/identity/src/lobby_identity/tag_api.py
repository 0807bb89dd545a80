"""TagService: proto in, use-case, proto out."""

from lobby.identity.v1 import tag_service_pb2 as pb
from lobby.identity.v1.events_pb2 import ContactChanged
from lobby.identity.v1.tag_service_pb2_grpc import TagServiceServicer
from lobby_common import caller, tracing
from lobby_common.caller import Caller
from lobby_common.errors import Invalid
from lobby_common.events import EventLog, Tx
from lobby_common.ids import new_id
from lobby_common.requests import answer_once
from lobby_common.times import from_proto, to_proto, utc_now
from lobby_identity.api import AGENT_ROLE, contact_proto, visible_person
from lobby_identity.app import ruling, tagging
from lobby_identity.app.tagging import Tagged
from lobby_identity.clients import Visibility
from lobby_identity.domain import purchases, rules, tags
from lobby_identity.domain.identifiers import WorkspaceId
from lobby_identity.domain.rules import Rule
from lobby_identity.store import rules as rule_store

_KIND = "TAG_RULE_KIND_"


class TagApi(TagServiceServicer):
    """Sets tags and takes them away, by hand and by rules; agents of the contacts that routing lets them see."""

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

    async def CreateTagRule(self, request: pb.CreateTagRuleRequest, context: object) -> pb.CreateTagRuleResponse:
        """The rule holds."""
        workspace_id = WorkspaceId(caller.current().workspace_id)
        wanted = _wanted(workspace_id, request)

        async with self._log.transaction() as tx:

            async def make() -> pb.CreateTagRuleResponse:
                return pb.CreateTagRuleResponse(tag_rule=_rule(await ruling.create(tx.conn, wanted)))

            return await answer_once(tx, "CreateTagRule", request.request_id, pb.CreateTagRuleResponse, make)

    async def ListTagRules(self, request: pb.ListTagRulesRequest, context: object) -> pb.ListTagRulesResponse:
        """Returns the rules, the oldest first."""
        async with self._log.pool.acquire() as conn:
            found = await rule_store.list_rules(conn, WorkspaceId(caller.current().workspace_id))
        return pb.ListTagRulesResponse(tag_rules=[_rule(each) for each in found if not each.moves])

    async def DeleteTagRule(self, request: pb.DeleteTagRuleRequest, context: object) -> pb.DeleteTagRuleResponse:
        """The rule holds no more."""
        async with self._log.transaction() as tx:
            await ruling.end(tx.conn, WorkspaceId(caller.current().workspace_id), request.tag_rule_id)
            return pb.DeleteTagRuleResponse()


def _wanted(workspace_id: WorkspaceId, request: pb.CreateTagRuleRequest) -> Rule:
    """Returns the rule that is asked for. Raises Invalid BAD_TAG, BAD_RULE."""
    tag = tags.clean(request.tag)
    if not tag:
        raise Invalid("BAD_TAG", "a tag is not empty")
    amount = purchases.to_minor(request.amount, request.currency) if request.amount else 0
    if amount is None:
        raise Invalid("BAD_RULE", "amount is a decimal number with no more digits than the currency has")
    return Rule(
        new_id(),
        workspace_id,
        tags.clean(request.display_name) or tag,
        tag,
        pb.TagRuleKind.Name(request.kind).removeprefix(_KIND).lower(),
        request.days,
        request.months,
        from_proto(request.time) if request.HasField("time") else None,
        request.currency,
        amount,
        tuple(rules.folded(tags.clean(each)) for each in request.words),
        utc_now(),
    )


def _rule(rule: Rule) -> pb.TagRule:
    return pb.TagRule(
        tag_rule_id=rule.rule_id,
        display_name=rule.display_name,
        tag=rule.tag,
        kind=pb.TagRuleKind.Value(f"{_KIND}{rule.kind.upper()}"),
        days=rule.days,
        months=rule.months,
        time=to_proto(rule.time) if rule.time else None,
        currency=rule.currency,
        amount_minor=rule.amount_minor,
        words=rule.words,
        lasting=rule.lasting,
        create_time=to_proto(rule.create_time),
    )


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
