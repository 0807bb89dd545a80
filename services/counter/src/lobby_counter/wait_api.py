"""WaitService: how long customers waited, and the waits behind the figures."""

import asyncio
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime, timedelta
from math import ceil
from typing import Any

import asyncpg

from lobby.counter.v1 import wait_service_pb2 as pb
from lobby.counter.v1.wait_service_pb2_grpc import WaitServiceServicer
from lobby_common import caller, pages
from lobby_common.times import to_proto, utc_now
from lobby_counter import asking, wait_figures, wait_lists
from lobby_counter.calendars import Calendar, Period
from lobby_counter.clients import MOMENT, Calendars
from lobby_counter.figures import Key
from lobby_counter.measures import LEVELS, Curve, Durations
from lobby_counter.wait_figures import Question, Tallies, Tally
from lobby_counter.wait_lists import ListedWait
from lobby_counter.waits import AgentMiss, Ending, Miss, Part, RootCause, Segment, Wait

_AGENT = "agent"
"""What people cost is none of an agent's figures."""
_MATURE = timedelta(seconds=max(LEVELS))
_FIRST = {pb.WAIT_KIND_FIRST: True, pb.WAIT_KIND_NEXT: False}
_MISSES = {
    Miss.LATE: pb.MISS_LATE,
    Miss.LOST_WINDOW: pb.MISS_LOST_WINDOW,
    Miss.UNANSWERED: pb.MISS_UNANSWERED,
}
_MISS_WORDS = {value: miss for miss, value in _MISSES.items()}
_CAUSES = {cause: pb.RootCause.Value(f"ROOT_CAUSE_{cause.name}") for cause in RootCause}
_PARTS = {part: pb.WaitSegment.Part.Value(f"PART_{part.name}") for part in Part}
_STATES = {
    pb.WAIT_STATE_OPEN: "open",
    pb.WAIT_STATE_ANSWERED: "answered",
    pb.WAIT_STATE_CLOSED: "closed",
    pb.WAIT_STATE_CANCELLED: "cancelled",
}


class WaitApi(WaitServiceServicer):
    """Answers for the workspace of the caller; an agent sees only what he had."""

    def __init__(self, pool: asyncpg.Pool, calendars: Calendars) -> None:
        self._pool = pool
        self._calendars = calendars

    async def GetWaitFigures(self, request: pb.GetWaitFiguresRequest, _context: object) -> pb.GetWaitFiguresResponse:
        """Returns the figures of a period."""
        only, by = asking.filter_of(request), asking.groups(request.group_by)
        by_end = request.period == pb.WAIT_PERIOD_ACTIVITY
        business = request.clock == pb.WAIT_CLOCK_BUSINESS
        answer = pb.GetWaitFiguresResponse(
            clock=pb.WAIT_CLOCK_BUSINESS if business else pb.WAIT_CLOCK_CALENDAR,
            period=pb.WAIT_PERIOD_ACTIVITY if by_end else pb.WAIT_PERIOD_COHORT,
        )
        period = await asking.period(self._pool, self._calendars, request, only.workspace_id)
        if period is None:
            answer.totals.CopyFrom(_figures(Tally()))
            return answer
        now = utc_now()
        costs = caller.current().role != _AGENT
        question = Question(only, period, by, now, by_end, _FIRST.get(request.kind), business, costs)
        found = await wait_figures.read(self._pool, question, await self._calendar_of(only.workspace_id))
        answer.mature = by_end or period.end <= now - _MATURE
        await asyncio.to_thread(_fill, answer, found, period, cut=request.bucket in asking.CUT)
        return answer

    async def ListWaits(self, request: pb.ListWaitsRequest, _context: object) -> pb.ListWaitsResponse:
        """Returns a page of waits, oldest first."""
        size, now = pages.size(request.page_size), utc_now()
        start, end = asking.bounds(request)
        by_end = request.period == pb.WAIT_PERIOD_ACTIVITY
        miss = _MISS_WORDS.get(request.miss)
        page = wait_lists.Page(
            only=asking.filter_of(request),
            start=start or asking.BEGINNING,
            end=end,
            now=now,
            by_end=by_end,
            first=_FIRST.get(request.kind),
            state=_STATES.get(request.state),
            miss=miss,
            campaign_id=asking.text(request, "campaign_id"),
            language=asking.text(request, "language"),
            country=asking.text(request, "country"),
            after=pages.decode_after(request.page_token),
            size=size + 1,
        )
        found = await wait_lists.read(self._pool, page, await self._calendar_of(page.only.workspace_id))
        token = ""
        if len(found) > size:
            last = found[size - 1].wait
            token = pages.encode(_place(last, by_end=by_end).isoformat(), last.wait_id)
        return pb.ListWaitsResponse(waits=[_wait(each, now) for each in found[:size]], next_page_token=token)

    async def _calendar_of(self, workspace_id: str) -> Callable[[str], Calendar]:
        calendar = await self._calendars.get(workspace_id, MOMENT)
        return lambda _: calendar


def _place(wait: Wait, *, by_end: bool) -> datetime:
    """Returns the time by which a list is ordered; open waits end after all others."""
    return (wait.end_time or datetime.max.replace(tzinfo=wait.owed_since.tzinfo)) if by_end else wait.owed_since


def _fill(answer: pb.GetWaitFiguresResponse, found: Tallies, period: Period, *, cut: bool) -> None:
    for key in sorted(found.rows, key=lambda each: [(value is not None, value) for value in each]):
        row = _figures(found.rows[key], key)
        if cut:
            row.bucket_start.CopyFrom(to_proto(period.cuts[key.bucket - 1]))
        answer.rows.append(row)
    answer.totals.CopyFrom(_figures(found.totals()))


def _figures(tally: Tally, key: Key | None = None) -> pb.WaitFigures:
    group: dict[str, Any] = {} if key is None else key._asdict()
    people: dict[str, Any] = dict(tally.people)
    durations, curve = tally.durations, tally.durations.curve()
    half, nine_tenths, most = curve.percentiles(0.5, 0.9, 0.95)
    answered, closed, waiting = (each.total() for each in (durations.answered, durations.closed, durations.waiting))
    return pb.WaitFigures(
        **{name: value for name, value in group.items() if name != "bucket" and value is not None},
        waits=answered + closed + waiting,
        answered=answered,
        still_waiting=waiting,
        closed_unanswered=closed,
        cancelled=tally.cancelled,
        p50_seconds=half,
        p90_seconds=nine_tenths,
        p95_seconds=most,
        mean_answered_seconds=durations.mean_answered(),
        service_levels=[_level(durations, curve, seconds) for seconds in LEVELS],
        late=tally.missed[Miss.LATE],
        lost_window=tally.missed[Miss.LOST_WINDOW],
        unanswered=tally.missed[Miss.UNANSWERED],
        causes=[
            pb.MissCause(miss=_MISSES[miss], cause=_CAUSES[cause], waits=waits)
            for (miss, cause), waits in sorted(tally.causes.items())
        ],
        platform_seconds=tally.seconds[Part.PLATFORM],
        queue_seconds=tally.seconds[Part.QUEUE],
        agent_seconds=tally.seconds[Part.AGENT],
        agent_misses=tally.agent_misses,
        costs=[pb.MissCost(currency=currency, **asdict(cost)) for currency, cost in sorted(tally.costs.items())],
        **people,
    )


def _level(durations: Durations, curve: Curve, seconds: int) -> pb.ServiceLevel:
    answered, out_of = durations.within(seconds)
    return pb.ServiceLevel(
        within_seconds=seconds,
        answered=answered,
        out_of=out_of,
        share=answered / out_of if out_of else None,
        unanswered_share=curve.unanswered_after(seconds),
    )


def _wait(listed: ListedWait, now: datetime) -> pb.Wait:
    wait, misses = listed.wait, listed.wait.misses(now)
    return pb.Wait(
        wait_id=wait.wait_id,
        conversation_id=wait.conversation_id,
        contact_id=listed.contact_id or "",
        account_id=listed.account_id,
        platform=listed.platform,  # type: ignore[arg-type]  # stored as the enum's number
        agent_id=wait.agent_id or "",
        kind=pb.WAIT_KIND_FIRST if wait.first else pb.WAIT_KIND_NEXT,
        state=_state(wait),
        start_time=to_proto(wait.owed_since),
        received_time=_time(wait.received_time),
        end_time=_time(wait.end_time),
        end_agent_id=wait.end_agent_id or "",
        close_reason=wait.close_reason,
        calendar_seconds=_seconds(listed.calendar_time),
        business_seconds=_seconds(listed.business_time),
        late_time=_time(wait.late_time),
        unanswered_time=_time(wait.unanswered_time),
        segments=map(_segment, listed.segments),
        misses=[
            pb.WaitMiss(miss=_MISSES[miss], breach_time=to_proto(at), cause=_CAUSES[listed.causes[miss]])
            for miss, at in misses.items()
        ],
        agent_misses=map(_agent_miss, listed.agent_misses),
        bot_seconds=None if wait.bot_time is None else _seconds(wait.bot_time - wait.owed_since),
    )


def _state(wait: Wait) -> pb.WaitState.ValueType:
    if wait.ending is None:
        return pb.WAIT_STATE_OPEN
    if wait.ending is Ending.ANSWERED:
        return pb.WAIT_STATE_ANSWERED
    return pb.WAIT_STATE_CANCELLED if wait.is_cancelled() else pb.WAIT_STATE_CLOSED


def _segment(segment: Segment) -> pb.WaitSegment:
    return pb.WaitSegment(
        part=_PARTS[segment.part],
        agent_id=segment.agent_id or "",
        start_time=to_proto(segment.start),
        end_time=to_proto(segment.end),
        pool_reason=segment.pool_reason,
    )


def _agent_miss(miss: AgentMiss) -> pb.AgentMiss:
    return pb.AgentMiss(agent_id=miss.agent_id, start_time=to_proto(miss.since), miss_time=to_proto(miss.time))


def _time(at: datetime | None) -> Any:
    return None if at is None else to_proto(at)


def _seconds(duration: timedelta) -> int:
    return ceil(duration / timedelta(seconds=1))
