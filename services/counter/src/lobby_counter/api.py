"""CountService: figures and the entries behind them."""

from collections.abc import Callable
from math import ceil

import asyncpg

from lobby.counter.v1 import count_service_pb2 as pb
from lobby.counter.v1.count_service_pb2_grpc import CountServiceServicer
from lobby_common import caller, pages
from lobby_common.times import to_proto, utc_now
from lobby_counter import asking, commands, entries, figures, recovered, sheet_store
from lobby_counter.calendars import Period
from lobby_counter.clients import Calendars
from lobby_counter.entries import ListedCorrection, ListedEntry
from lobby_counter.figures import Figures, Key, Question
from lobby_counter.policies import Counter
from lobby_counter.recovered import Recovered

_MOST_SHEETS = 1_000
"""By which figures are split at once."""
_GROUPS = Key._fields[1:]
_PLAIN = (
    "served", "unserved", "waiting", "late", "lost_window", "unanswered", "messages_in", "messages_out", "recovered",
)  # fmt: skip
"""Figures that a row shows as they were found."""


class CountApi(CountServiceServicer):
    """Answers for the workspace of the caller; an agent sees only his own."""

    def __init__(self, pool: asyncpg.Pool, calendars: Calendars) -> None:
        self._pool = pool
        self._calendars = calendars

    async def GetCounts(self, request: pb.GetCountsRequest, _context: object) -> pb.GetCountsResponse:
        """Returns the figures of a period."""
        if pb.GROUP_BY_SHEET in request.group_by:
            return await self._by_sheet(request)
        return await self.count(request)

    async def count(self, request: pb.GetCountsRequest, *, people: bool = True) -> pb.GetCountsResponse:
        """Returns the figures of a period; without people, and what waits now, only those that add up over buckets."""
        by = asking.groups(request.group_by)
        counter = await self._counter(request)
        only = asking.filter_of(request, counter.counter_id)
        period = await asking.period(
            self._pool, self._calendars, request, counter.workspace_id, time_zone=counter.policy.time_zone
        )
        if period is None:
            return pb.GetCountsResponse(totals=_counts({}))
        recorded = request.view == pb.VIEW_RECORDED
        question = Question(only, period, by, recorded=recorded, now=utc_now(), people=people)
        return _answer(await figures.read(self._pool, question), period, cut=request.bucket in asking.CUT)

    async def ListEntries(self, request: pb.ListEntriesRequest, _context: object) -> pb.ListEntriesResponse:
        """Returns a page of entries, oldest first."""
        size = pages.size(request.page_size)
        start, end = asking.bounds(request)
        counter = await self._counter(request)
        page = entries.Page(
            only=asking.filter_of(request, counter.counter_id),
            start=start or asking.BEGINNING,
            end=end,
            verdict=asking.verdict_word(request.verdict),
            campaign_id=asking.text(request, "campaign_id"),
            language=asking.text(request, "language"),
            country=asking.text(request, "country"),
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

    async def ListRecovered(self, request: pb.ListRecoveredRequest, _context: object) -> pb.ListRecoveredResponse:
        """Returns a page of messages that were recovered, oldest first."""
        size = pages.size(request.page_size)
        start, end = asking.whole_bounds(request)
        page = recovered.Page(
            only=asking.filter_of(request),
            start=start,
            end=end,
            campaign_id=asking.text(request, "campaign_id"),
            language=asking.text(request, "language"),
            country=asking.text(request, "country"),
            after=pages.decode_after(request.page_token),
            size=size + 1,
        )
        found = await recovered.read(self._pool, page)
        last = found[size - 1] if len(found) > size else None
        token = "" if last is None else pages.encode(last.occurred_time.isoformat(), last.message_id)
        return pb.ListRecoveredResponse(messages=map(_recovered, found[:size]), next_page_token=token)

    async def _counter(self, request: pb.GetCountsRequest | pb.ListEntriesRequest) -> Counter:
        workspace_id = caller.current().workspace_id
        if request.counter_id == workspace_id:
            return commands.own_counter(workspace_id)
        async with self._pool.acquire() as conn:
            return await commands.named_or_adopted(conn, workspace_id, request.counter_id)

    async def _by_sheet(self, request: pb.GetCountsRequest) -> pb.GetCountsResponse:
        """Returns what each sheet counts of a period, by its own rule; the totals are those of the workspace."""
        plain = pb.GetCountsRequest()
        plain.CopyFrom(request)
        del plain.group_by[:]
        plain.bucket = pb.BUCKET_NONE
        answer = await self.GetCounts(plain, None)
        del answer.rows[:]
        by = asking.groups(each for each in request.group_by if each != pb.GROUP_BY_SHEET)
        workspace_id = caller.current().workspace_id
        async with self._pool.acquire() as conn:
            sheets = await sheet_store.read(conn, workspace_id, sheet_id=None, after=None, size=_MOST_SHEETS)
        for sheet in sheets:
            rule = sheet.rule
            whole = await asking.period(
                self._pool, self._calendars, request, workspace_id, time_zone=rule.policy.time_zone
            )
            period = None if whole is None else whole.within(sheet.start, sheet.last_end)
            if period is not None:
                only = asking.filter_of(request, rule.counter_id)
                recorded = request.view == pb.VIEW_RECORDED
                found = await figures.read_entries(self._pool, Question(only, period, by, recorded=recorded))
                rows = _rows(found, period, _entries, cut=request.bucket in asking.CUT)
                for row in rows:
                    row.sheet_id = rule.sheet_id
                answer.rows.extend(rows)
        return answer


def _answer(found: Figures, period: Period, *, cut: bool) -> pb.GetCountsResponse:
    return pb.GetCountsResponse(rows=_rows(found, period, _counts, cut=cut), totals=_counts(found.totals))


Write = Callable[[dict[str, int], Key | None], pb.Counts]


def _rows(found: Figures, period: Period, write: Write, *, cut: bool) -> list[pb.Counts]:
    starts = [to_proto(each) for each in period.cuts] if cut else []
    rows = []
    for key in sorted(found.rows):
        row = write(found.rows[key], key)
        if cut:
            row.bucket_start.CopyFrom(starts[key.bucket - 1])
        rows.append(row)
    return rows


def _entries(values: dict[str, int], key: Key | None = None) -> pb.Counts:
    """Returns a row of entries alone; all other figures are absent."""
    row = pb.Counts(new=values.get("new", 0), repeat=values.get("repeat", 0), excluded=values.get("excluded", 0))
    if key is not None:
        for name, value in zip(_GROUPS, key[1:], strict=True):
            if value is not None:
                setattr(row, name, value)
    return row


def _counts(values: dict[str, int], key: Key | None = None) -> pb.Counts:
    """Returns a row; figures that nothing was found of are zero."""
    row = _entries(values, key)
    # At the workspace's own counter everybody who is new has written: the others who did are the active repeats.
    new = values.get("present_new", row.new)
    row.active_repeats = values.get("active_repeats", max(values.get("active", 0) - new, 0))
    row.workload = row.new + row.active_repeats
    for name in _PLAIN:
        setattr(row, name, values.get(name, 0))
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
        verdict=asking.verdict_value(entry.verdict),
        reason=entry.reason,
        repeat_of=entry.repeat_of,
        first_verdict=asking.verdict_value(entry.first_verdict),
        judged_contact_id=entry.judged_contact_id,
        corrections=map(_correction, entry.corrections),
        counter_id=counter.counter_id,
        policy_version=counter.policy_version,
        channel_user_id=entry.channel_user_id,
        entered_campaign_id=entry.entered_campaign_id,
    )


def _recovered(message: Recovered) -> pb.RecoveredMessage:
    delay = message.received_time - message.occurred_time
    return pb.RecoveredMessage(
        message_id=message.message_id,
        contact_id=message.contact_id or "",
        account_id=message.account_id,
        platform=message.platform,  # type: ignore[arg-type]  # stored as the enum's number
        agent_id=message.agent_id or "",
        occurred_time=to_proto(message.occurred_time),
        received_time=to_proto(message.received_time),
        delay_seconds=ceil(delay.total_seconds()),
    )


def _correction(made: ListedCorrection) -> pb.Correction:
    return pb.Correction(
        correction_id=made.correction_id,
        from_verdict=asking.verdict_value(made.from_verdict),
        to_verdict=asking.verdict_value(made.to_verdict),
        reason=made.reason,
        cause_id=made.cause_id,
        caused_by=made.caused_by,
        actor=made.actor,
        time=to_proto(made.create_time),
        effective_day=made.effective_day.isoformat(),
        booked_day=made.booked_day.isoformat(),
    )
