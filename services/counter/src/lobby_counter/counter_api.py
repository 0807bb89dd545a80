"""CounterService: by which policies people are counted."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self, TypeVar

import asyncpg

from lobby.counter.v1 import counter_pb2 as nouns
from lobby.counter.v1 import counter_service_pb2 as pb
from lobby.counter.v1.counter_service_pb2_grpc import CounterServiceServicer
from lobby_common import caller, pages
from lobby_common.errors import Invalid
from lobby_common.events import EventLog
from lobby_common.events.log import Connection
from lobby_common.ids import is_id
from lobby_common.requests import answer_once
from lobby_common.times import to_proto
from lobby_counter import commands, comparing, rule_store
from lobby_counter.asking import verdict_value, whole_bounds
from lobby_counter.calendars import UnknownTimeZone, find_zone
from lobby_counter.clients import Calendars
from lobby_counter.comparing import Compared, Different
from lobby_counter.policies import DEFAULT, BaseMode, CampaignId, Counter, DedupeLevel, Policy
from lobby_counter.rule_store import Recounting

T = TypeVar("T")

_LEVELS = {
    nouns.DEDUPE_LEVEL_UNSPECIFIED: DedupeLevel.WORKSPACE,
    nouns.DEDUPE_LEVEL_ACCOUNT: DedupeLevel.ACCOUNT,
    nouns.DEDUPE_LEVEL_CAMPAIGN: DedupeLevel.CAMPAIGN,
    nouns.DEDUPE_LEVEL_WORKSPACE: DedupeLevel.WORKSPACE,
}
_MODES = {
    nouns.BASE_MODE_UNSPECIFIED: BaseMode.REPEAT,
    nouns.BASE_MODE_REPEAT: BaseMode.REPEAT,
    nouns.BASE_MODE_EXCLUDE: BaseMode.EXCLUDE,
}
_LEVEL_VALUES = {level: value for value, level in _LEVELS.items()}
_MODE_VALUES = {mode: value for value, mode in _MODES.items()}


class CounterApi(CounterServiceServicer):
    """Counters of the caller's workspace."""

    def __init__(self, log: EventLog, pool: asyncpg.Pool, calendars: Calendars) -> None:
        self._log = log
        self._pool = pool
        self._calendars = calendars

    async def CreateCounter(self, request: pb.CreateCounterRequest, _context: object) -> pb.CreateCounterResponse:
        """There is a new counter."""
        who = caller.current()
        calendar = await self._calendars.ask(who.workspace_id)
        policy = policy_of(request.policy, calendar.zone.key)
        name = request.display_name.replace("\x00", "\ufffd")
        async with self._log.transaction() as tx:

            async def make() -> pb.CreateCounterResponse:
                made = await commands.create_counter(tx.conn, who, name, policy)
                state = await _State.of(tx.conn, who.workspace_id)
                return pb.CreateCounterResponse(counter=_counter(made, state))

            return await answer_once(tx, "CreateCounter", request.request_id, pb.CreateCounterResponse, make)

    async def ListCounters(self, request: pb.ListCountersRequest, _context: object) -> pb.ListCountersResponse:
        """Returns a page of counters, the workspace's own first."""
        workspace_id = caller.current().workspace_id
        async with self._pool.acquire() as conn:
            counters = await rule_store.list_counters(conn, workspace_id)
            state = await _State.of(conn, workspace_id)
        listed = [commands.own_counter(workspace_id), *counters]
        ids = [each.counter_id for each in listed]
        shown, token = page_of(listed, ids, request.page_size, request.page_token)
        return pb.ListCountersResponse(counters=[_counter(each, state) for each in shown], next_page_token=token)

    async def GetCounter(self, request: pb.GetCounterRequest, _context: object) -> pb.GetCounterResponse:
        """Returns a counter."""
        workspace_id = caller.current().workspace_id
        async with self._pool.acquire() as conn:
            found = await commands.get_counter(conn, workspace_id, request.counter_id)
            state = await _State.of(conn, workspace_id)
        return pb.GetCounterResponse(counter=_counter(found, state))

    async def GetCounterComparison(
        self, request: pb.GetCounterComparisonRequest, _context: object
    ) -> pb.GetCounterComparisonResponse:
        """Returns how often two counters judge so and so."""
        workspace_id = caller.current().workspace_id
        start, end = whole_bounds(request)
        async with self._pool.acquire() as conn, conn.transaction(isolation="repeatable_read", readonly=True):
            pair = await self._pair(conn, request)
            found = await comparing.compare(conn, workspace_id, pair, (start, end))
            judging = await rule_store.is_recounted(conn, workspace_id, *pair)
        return pb.GetCounterComparisonResponse(differences=map(_difference, found), judging=judging)

    async def ListDifferences(self, request: pb.ListDifferencesRequest, _context: object) -> pb.ListDifferencesResponse:
        """Returns a page of entries that two counters judge otherwise."""
        workspace_id, size = caller.current().workspace_id, pages.size(request.page_size)
        start, end = whole_bounds(request)
        after = pages.decode_after(request.page_token)
        async with self._pool.acquire() as conn, conn.transaction(isolation="repeatable_read", readonly=True):
            pair = await self._pair(conn, request)
            found = await comparing.list_differences(conn, workspace_id, pair, (start, end), after=after, size=size + 1)
        token = ""
        if len(found) > size:
            token = pages.encode(found[size - 1].occurred_time.isoformat(), found[size - 1].event_id)
        return pb.ListDifferencesResponse(entries=map(_different, found[:size]), next_page_token=token)

    async def AdoptCounter(self, request: pb.AdoptCounterRequest, _context: object) -> pb.AdoptCounterResponse:
        """The workspace's figures count by the counter."""
        who = caller.current()
        async with self._log.transaction() as tx:
            counter = await commands.adopt_counter(tx.conn, who, request.counter_id)
            state = await _State.of(tx.conn, who.workspace_id)
        return pb.AdoptCounterResponse(counter=_counter(counter, state))

    async def RetireCounter(self, request: pb.RetireCounterRequest, _context: object) -> pb.RetireCounterResponse:
        """The counter judges nothing any more."""
        who = caller.current()
        async with self._log.transaction() as tx:
            counter = await commands.retire_counter(tx.conn, who, request.counter_id)
            state = await _State.of(tx.conn, who.workspace_id)
        return pb.RetireCounterResponse(counter=_counter(counter, state))

    async def _pair(
        self, conn: Connection, request: pb.GetCounterComparisonRequest | pb.ListDifferencesRequest
    ) -> tuple[str, str]:
        workspace_id = caller.current().workspace_id
        counter = await commands.get_counter(conn, workspace_id, request.counter_id)
        other = await commands.named_or_adopted(conn, workspace_id, request.other_counter_id)
        return counter.counter_id, other.counter_id


@dataclass(frozen=True, slots=True)
class _State:
    """What is known of a workspace's counters together."""

    adopted_id: str
    recounting: Recounting

    @classmethod
    async def of(cls, conn: Connection, workspace_id: str) -> Self:
        return cls(
            await rule_store.find_adopted(conn, workspace_id), await rule_store.load_recounting(conn, workspace_id)
        )


def checked_accounts(given: Iterable[str]) -> frozenset[str]:
    """Returns ids of accounts, of which nobody here knows which there are. Raises Invalid INVALID_ACCOUNT_ID."""
    found = frozenset(given)
    if not all(map(is_id, found)):
        raise Invalid("INVALID_ACCOUNT_ID", "account_ids holds something that is no id of an account")
    return found


def page_of(listed: Sequence[T], ids: Sequence[str], page_size: int, page_token: str) -> tuple[Sequence[T], str]:
    """Returns the page after a token, and the token of the next. Raises Invalid BAD_PAGE_TOKEN."""
    size, values = pages.size(page_size), pages.decode(page_token, 1)
    if values is not None and values[0] not in ids:
        raise Invalid("BAD_PAGE_TOKEN", "page_token is not one that this list gave")
    start = 0 if values is None else ids.index(values[0]) + 1
    end = start + size
    return listed[start:end], pages.encode(ids[end - 1]) if end < len(ids) else ""


def policy_of(given: nouns.Policy, zone: str) -> Policy:
    """Returns the policy with every default filled in. Raises Invalid INVALID_TIME_ZONE, INVALID_ACCOUNT_ID."""
    try:
        zone = find_zone(given.time_zone or zone).key
    except UnknownTimeZone:
        raise Invalid("INVALID_TIME_ZONE", "time_zone is no IANA time zone, such as Asia/Bangkok") from None
    close_after = given.close_after_days if given.HasField("close_after_days") else DEFAULT.close_after_days
    return Policy(
        dedupe_level=_LEVELS[given.dedupe_level],
        window_days=given.window_days if given.HasField("window_days") else None,
        reentry_gap_days=given.reentry_gap_days if given.HasField("reentry_gap_days") else None,
        base_mode=_MODES[given.base_mode],
        close_after_days=close_after,
        time_zone=zone,
        platforms=frozenset(given.platforms),
        account_ids=checked_accounts(given.account_ids),
        campaign_id=CampaignId(given.campaign_id) if given.campaign_id else None,
    )


def shown_policy(policy: Policy) -> nouns.Policy:
    """Returns the policy as callers see it."""
    return nouns.Policy(
        dedupe_level=_LEVEL_VALUES[policy.dedupe_level],
        window_days=policy.window_days,
        reentry_gap_days=policy.reentry_gap_days,
        time_zone=policy.time_zone,
        base_mode=_MODE_VALUES[policy.base_mode],
        close_after_days=policy.close_after_days,
        platforms=sorted(policy.platforms),  # type: ignore[arg-type]  # stored as the enum's numbers
        account_ids=sorted(policy.account_ids),
        campaign_id=policy.campaign_id or "",
    )


def _counter(counter: Counter, state: _State) -> nouns.Counter:
    recount = None if counter.retired else state.recounting.of(counter.counter_id)
    failed = recount if recount is not None and recount.failures else None
    return nouns.Counter(
        counter_id=counter.counter_id,
        display_name=counter.display_name,
        policy=shown_policy(counter.policy),
        policy_version=counter.policy_version,
        create_time=None if counter.create_time is None else to_proto(counter.create_time),
        state=_state(counter, judging=recount is not None),
        adopted=counter.counter_id == state.adopted_id,
        failures=0 if failed is None else failed.failures,
        failure="" if failed is None else failed.failure,
        retry_time=None if failed is None else to_proto(failed.retry_time),
    )


def _state(counter: Counter, *, judging: bool) -> nouns.Counter.State.ValueType:
    if counter.retired:
        return nouns.Counter.STATE_RETIRED
    return nouns.Counter.STATE_JUDGING if judging else nouns.Counter.STATE_READY


def _difference(found: Compared) -> pb.Difference:
    return pb.Difference(
        verdict=verdict_value(found.verdict),
        reason=found.reason,
        other_verdict=verdict_value(found.other_verdict),
        other_reason=found.other_reason,
        entries=found.entries,
        people=found.people,
    )


def _different(found: Different) -> pb.DifferentEntry:
    return pb.DifferentEntry(
        entry_id=found.entry_id,
        contact_id=found.contact_id,
        account_id=found.account_id,
        occurred_time=to_proto(found.occurred_time),
        verdict=verdict_value(found.verdict),
        reason=found.reason,
        repeat_of=found.repeat_of,
        other_verdict=verdict_value(found.other_verdict),
        other_reason=found.other_reason,
        other_repeat_of=found.other_repeat_of,
    )
