"""SuggestionService: proto in, use-case, proto out."""

from collections.abc import Sequence

from lobby.identity.v1 import suggestion_service_pb2 as pb
from lobby.identity.v1.suggestion_pb2 import Suggestion, SuggestionPolicy, SuggestionReason, SuggestionState
from lobby.identity.v1.suggestion_service_pb2_grpc import SuggestionServiceServicer
from lobby_common import caller, pages
from lobby_common.caller import Caller
from lobby_common.errors import Conflict, Invalid, NotFound
from lobby_common.events import EventLog, Tx
from lobby_common.events.log import Connection
from lobby_common.ids import is_id
from lobby_common.requests import answer_once
from lobby_common.times import to_proto, utc_now
from lobby_identity.api import contact_proto, merge_proto, tell_merged
from lobby_identity.app import deciding, merging, people
from lobby_identity.app.people import Person
from lobby_identity.domain.identifiers import ContactId, WorkspaceId
from lobby_identity.store import suggestions as store
from lobby_identity.store.suggestions import Policy, StoredSuggestion

_STATES = {
    SuggestionState.SUGGESTION_STATE_UNSPECIFIED: deciding.OPEN,
    SuggestionState.SUGGESTION_STATE_OPEN: deciding.OPEN,
    SuggestionState.SUGGESTION_STATE_CONFIRMED: deciding.CONFIRMED,
    SuggestionState.SUGGESTION_STATE_REJECTED: deciding.REJECTED,
}
_NUMBERS = {word: number for number, word in _STATES.items()}


class SuggestionApi(SuggestionServiceServicer):
    """Answers for suggestions and what people decide about them."""

    def __init__(self, log: EventLog) -> None:
        self._log = log

    async def ListSuggestions(self, request: pb.ListSuggestionsRequest, context: object) -> pb.ListSuggestionsResponse:
        """Returns a page, the likeliest first."""
        workspace_id = WorkspaceId(caller.current().workspace_id)
        size = pages.size(request.page_size)
        after = _place(request.page_token)
        async with self._log.pool.acquire() as conn:
            contact_id = None
            if request.contact_id:
                contact_id = (await people.get(conn, workspace_id, request.contact_id)).contact_id
            found = await store.list_suggestions(
                conn,
                workspace_id,
                _STATES[request.state],
                least=request.min_probability,
                limit=size + 1,
                after=after,
                contact_id=contact_id,
            )
            shown = await _shown(conn, workspace_id, found[:size])
        answer = pb.ListSuggestionsResponse(suggestions=shown)
        if len(found) > size:
            answer.next_page_token = pages.encode(repr(found[size - 1].probability), found[size - 1].suggestion_id)
        return answer

    async def ConfirmSuggestion(
        self, request: pb.ConfirmSuggestionRequest, context: object
    ) -> pb.ConfirmSuggestionResponse:
        """Merges the two."""
        async with self._log.transaction() as tx:

            async def make() -> pb.ConfirmSuggestionResponse:
                return await _confirm_one(tx, request)

            return await answer_once(tx, "ConfirmSuggestion", request.request_id, pb.ConfirmSuggestionResponse, make)

    async def RejectSuggestion(
        self, request: pb.RejectSuggestionRequest, context: object
    ) -> pb.RejectSuggestionResponse:
        """Keeps that they are not the same."""
        who = caller.current()
        workspace_id = WorkspaceId(who.workspace_id)
        async with self._log.transaction() as tx:
            found = await deciding.reject(
                tx.conn, workspace_id, request.suggestion_id, note=request.note, actor=who.actor, now=utc_now()
            )
            shown = await _shown(tx.conn, workspace_id, [found])
        return pb.RejectSuggestionResponse(suggestion=shown[0])

    async def ReopenSuggestion(
        self, request: pb.ReopenSuggestionRequest, context: object
    ) -> pb.ReopenSuggestionResponse:
        """Takes a rejection back."""
        workspace_id = WorkspaceId(caller.current().workspace_id)
        async with self._log.transaction() as tx:
            found = await deciding.reopen(tx.conn, workspace_id, request.suggestion_id)
            shown = await _shown(tx.conn, workspace_id, [found])
        return pb.ReopenSuggestionResponse(suggestion=shown[0])

    async def ConfirmSuggestions(
        self, request: pb.ConfirmSuggestionsRequest, context: object
    ) -> pb.ConfirmSuggestionsResponse:
        """Confirms the likeliest, each in a transaction of its own: locks of many persons are never held together."""
        who = caller.current()
        async with self._log.pool.acquire() as conn:
            likely = await deciding.find_likely(conn, WorkspaceId(who.workspace_id), request.min_probability)
        merge_ids: list[str] = []
        for suggestion_id in likely:
            try:
                async with self._log.transaction() as tx:
                    confirmed = await _confirm(tx, who, suggestion_id, "")
            except (Conflict, NotFound):
                continue  # somebody else decided it, or the person would be too large
            merge_ids.append(confirmed.merge_id)
        return pb.ConfirmSuggestionsResponse(
            confirmed=len(merge_ids), left_open=len(likely) - len(merge_ids), merge_ids=merge_ids
        )

    async def GetSuggestionPolicy(
        self, request: pb.GetSuggestionPolicyRequest, context: object
    ) -> pb.GetSuggestionPolicyResponse:
        """Returns how suggestions are made."""
        async with self._log.pool.acquire() as conn:
            policy = await store.find_policy(conn, WorkspaceId(caller.current().workspace_id))
        return pb.GetSuggestionPolicyResponse(policy=_policy(policy))

    async def UpdateSuggestionPolicy(
        self, request: pb.UpdateSuggestionPolicyRequest, context: object
    ) -> pb.UpdateSuggestionPolicyResponse:
        """Changes what is present."""
        async with self._log.transaction() as tx:
            policy = await deciding.change_policy(
                tx.conn,
                WorkspaceId(caller.current().workspace_id),
                least=request.least_probability if request.HasField("least_probability") else None,
                least_bulk=request.least_bulk_probability if request.HasField("least_bulk_probability") else None,
            )
        return pb.UpdateSuggestionPolicyResponse(policy=_policy(policy))


async def _confirm(tx: Tx, who: Caller, suggestion_id: str, note: str) -> StoredSuggestion:
    """The two are one person, and neighbours hear it."""
    confirmed = await deciding.confirm(
        tx.conn, WorkspaceId(who.workspace_id), suggestion_id, note=note, actor=who.actor, now=utc_now()
    )
    if confirmed.merged is not None:
        tell_merged(tx, who, confirmed.merged)
    return confirmed.suggestion


async def _confirm_one(tx: Tx, request: pb.ConfirmSuggestionRequest) -> pb.ConfirmSuggestionResponse:
    who = caller.current()
    workspace_id = WorkspaceId(who.workspace_id)
    suggestion = await _confirm(tx, who, request.suggestion_id, request.note)
    link = await merging.find_link(tx.conn, workspace_id, suggestion.merge_id)
    person = (await people.read(tx.conn, workspace_id, [suggestion.contact_id]))[0]
    return pb.ConfirmSuggestionResponse(
        suggestion=_suggestion(suggestion, person, person), merge=merge_proto(link), contact=contact_proto(person)
    )


def _place(page_token: str) -> tuple[float, str] | None:
    """Raises Invalid BAD_PAGE_TOKEN."""
    values = pages.decode(page_token, 2)
    if values is None:
        return None
    probability, suggestion_id = map(str, values)
    try:
        place = float(probability), suggestion_id
    except ValueError:
        place = (-1.0, "")
    if not 0 <= place[0] <= 1 or not is_id(suggestion_id):
        raise Invalid("BAD_PAGE_TOKEN", "page_token is not one that this list gave")
    return place


async def _shown(conn: Connection, workspace_id: WorkspaceId, found: Sequence[StoredSuggestion]) -> list[Suggestion]:
    ids = [contact for each in found for contact in (each.contact_id, each.other_contact_id)]
    persons = await people.read(conn, workspace_id, ids)
    by_record: dict[ContactId, Person] = {record: person for person in persons for record in person.record_ids}
    return [_suggestion(each, by_record[each.contact_id], by_record[each.other_contact_id]) for each in found]


def _suggestion(stored: StoredSuggestion, one: Person, other: Person) -> Suggestion:
    return Suggestion(
        suggestion_id=stored.suggestion_id,
        contact=contact_proto(one),
        other_contact=contact_proto(other),
        probability=stored.probability,
        reasons=[SuggestionReason(field=each.field, level=each.level, bits=each.bits) for each in stored.reasons],
        state=_NUMBERS[stored.state],
        evidence=stored.evidence,
        merge_id=stored.merge_id,
        actor=stored.actor,
        create_time=to_proto(stored.create_time),
        decide_time=to_proto(stored.decide_time) if stored.decide_time else None,
    )


def _policy(policy: Policy) -> SuggestionPolicy:
    return SuggestionPolicy(
        least_probability=policy.least_probability, least_bulk_probability=policy.least_bulk_probability
    )
