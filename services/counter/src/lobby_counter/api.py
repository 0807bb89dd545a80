"""CountService: figures and the entries behind them."""

from typing import Any

import asyncpg

from lobby.counter.v1 import count_service_pb2 as pb
from lobby.counter.v1.count_service_pb2_grpc import CountServiceServicer
from lobby_common import caller, pages
from lobby_common.errors import Invalid
from lobby_common.times import to_proto
from lobby_counter import commands, entries, figures
from lobby_counter.asking import BEGINNING, filter_of, open_bounds, verdict_value, verdict_word
from lobby_counter.calendars import Calendar, Period, TooManyBuckets, UnknownTimeZone, find_zone
from lobby_counter.clients import Calendars
from lobby_counter.entries import ListedCorrection, ListedEntry
from lobby_counter.figures import Figures, Key, Question
from lobby_counter.policies import Counter

_GROUPINGS = {
    pb.GROUP_BY_ACCOUNT: "account",
    pb.GROUP_BY_PLATFORM: "platform",
    pb.GROUP_BY_AGENT: "agent",
    pb.GROUP_BY_CAMPAIGN: "campaign",
    pb.GROUP_BY_LANGUAGE: "language",
    pb.GROUP_BY_COUNTRY: "country",
}
_CUT = (pb.BUCKET_HOUR, pb.BUCKET_DAY)


class CountApi(CountServiceServicer):
    """Answers for the workspace of the caller; an agent sees only his own."""

    def __init__(self, pool: asyncpg.Pool, calendars: Calendars) -> None:
        self._pool = pool
        self._calendars = calendars

    async def GetCounts(self, request: pb.GetCountsRequest, _context: object) -> pb.GetCountsResponse:
        """Returns the figures of a period."""
        if pb.GROUP_BY_SHEET in request.group_by:
            raise Invalid("NOT_AVAILABLE", "figures cannot be split by sheet: there are no sheets yet")
        counter = await self._counter(request)
        only = filter_of(request, counter.counter_id)
        period = await self._period(request, counter)
        if period is None:
            return pb.GetCountsResponse(totals=_counts({}))
        by = frozenset(_GROUPINGS[each] for each in request.group_by)
        question = Question(only, period, by, recorded=request.view == pb.VIEW_RECORDED, now=utc_now())
        return _answer(await figures.read(self._pool, question), period, cut=request.bucket in _CUT)

    async def ListEntries(self, request: pb.ListEntriesRequest, _context: object) -> pb.ListEntriesResponse:
        """Returns a page of entries, oldest first."""
        size = pages.size(request.page_size)
        start, end = open_bounds(request)
        counter = await self._counter(request)
        page = entries.Page(
            only=filter_of(request, counter.counter_id),
            start=start or BEGINNING,
            end=end,
            verdict=verdict_word(request.verdict),
            campaign_id=_text(request, "campaign_id"),
            language=_text(request, "language"),
            country=_text(request, "country"),
            after=pages.decode_after(request.page_token),
            size=size + 1,
        )
        found = await entries.read(self._pool, page)
        token = ""
        if len(found) > size:
            last = found[size - 1]
            token = pages.encode(last.occurred_time.isoformat(), last.event_id)
        shown = [_entry(each, counter) for each in found[:size]]
        return pb.ListEntriesResponse(entries=shown, next_page_token=token)

    async def _counter(self, request: pb.GetCountsRequest | pb.ListEntriesRequest) -> Counter:
        workspace_id = caller.current().workspace_id
        if request.counter_id == workspace_id:
            return commands.own_counter(workspace_id)
        async with self._pool.acquire() as conn:
            return await commands.named_or_adopted(conn, workspace_id, request.counter_id)

    async def _period(self, request: pb.GetCountsRequest, counter: Counter) -> Period | None:
        """Returns the period as it is cut; None where it is open at its beginning and nothing ever was."""
        start, end = open_bounds(request)
        workspace_id = counter.workspace_id
        zone = _zone(request.time_zone or counter.policy.time_zone)
        if request.bucket not in _CUT:
            start = start or BEGINNING
            return Period(start, end, (start,))
        start = start or await figures.find_beginning(self._pool, workspace_id)
        if start is None or start >= end:
            return None
        calendar = await self._calendar(workspace_id, zone, hourly=request.bucket == pb.BUCKET_HOUR)
        try:
            cut = calendar.hours if request.bucket == pb.BUCKET_HOUR else calendar.days
            return Period(start, end, tuple(cut(start, end)))
        except (TooManyBuckets, OverflowError):
            raise Invalid("INVALID_PERIOD", "the period has more than 10,000 buckets; ask for a shorter one") from None

    async def _calendar(self, workspace_id: str, zone: Any, *, hourly: bool) -> Calendar:
        if zone is not None and hourly:
            return Calendar(zone)
        known = await self._calendars.get(workspace_id)
        return Calendar(zone or known.zone, known.day_start_hour)


def _zone(name: str) -> Any:
    try:
        return find_zone(name) if name else None
    except UnknownTimeZone:
        raise Invalid("INVALID_TIME_ZONE", "time_zone is no IANA time zone, such as Asia/Bangkok") from None


def _text(request: pb.ListEntriesRequest, name: str) -> str | None:
    """Returns what a filter by text asks for, None where it is absent."""
    return getattr(request, name) if request.HasField(name) else None  # type: ignore[arg-type]  # one of three names


def _answer(found: Figures, period: Period, *, cut: bool) -> pb.GetCountsResponse:
    rows = []
    for key in sorted(found.rows, key=lambda each: [(value is not None, value) for value in each]):
        row = _counts(found.rows[key], key)
        if cut:
            row.bucket_start.CopyFrom(to_proto(period.cuts[key.bucket - 1]))
        rows.append(row)
    return pb.GetCountsResponse(rows=rows, totals=_counts(found.totals))


def _counts(values: dict[str, int], key: Key | None = None) -> pb.Counts:
    """Returns a row; figures that nothing was found of are zero."""
    group = {} if key is None else {name: value for name, value in key._asdict().items() if name != "bucket"}
    row = pb.Counts(**{name: value for name, value in group.items() if value is not None})
    row.new = values.get("new", 0)
    row.repeat = values.get("repeat", 0)
    row.excluded = values.get("excluded", 0)
    row.served = values.get("served", 0)
    row.unserved = values.get("unserved", 0)
    row.waiting = values.get("waiting", 0)
    row.late = values.get("late", 0)
    row.lost_window = values.get("lost_window", 0)
    row.unanswered = values.get("unanswered", 0)
    row.active_repeats = values.get("active_repeats", 0)
    row.workload = row.new + row.active_repeats
    row.messages_in = values.get("messages_in", 0)
    row.messages_out = values.get("messages_out", 0)
    return row


def _entry(entry: ListedEntry, counter: Counter) -> pb.Entry:
    return pb.Entry(
        entry_id=entry.entry_id,
        event_id=entry.event_id,
        message_id=entry.message_id,
        contact_id=entry.contact_id,
        account_id=entry.account_id,
        platform=entry.platform,  # type: ignore[arg-type]  # stored as the enum's number
        agent_id=entry.agent_id or "",
        campaign_id=entry.campaign_id,
        language=entry.language,
        country=entry.country,
        occurred_time=to_proto(entry.occurred_time),
        received_time=to_proto(entry.received_time),
        judged_time=to_proto(entry.judged_time),
        verdict=verdict_value(entry.verdict),
        reason=entry.reason,
        repeat_of=entry.repeat_of,
        first_verdict=verdict_value(entry.first_verdict),
        judged_contact_id=entry.judged_contact_id,
        corrections=map(_correction, entry.corrections),
        counter_id=counter.counter_id,
        policy_version=counter.policy_version,
    )


def _correction(made: ListedCorrection) -> pb.Correction:
    return pb.Correction(
        correction_id=made.correction_id,
        from_verdict=verdict_value(made.from_verdict),
        to_verdict=verdict_value(made.to_verdict),
        reason=made.reason,
        cause_id=made.cause_id,
        caused_by=made.caused_by,
        actor=made.actor,
        time=to_proto(made.create_time),
        effective_day=made.effective_day.isoformat(),
        booked_day=made.booked_day.isoformat(),
    )
