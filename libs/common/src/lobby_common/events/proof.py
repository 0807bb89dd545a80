"""The proof of one service's stage: whether everything it was told had its effect, in time whatever period is asked.

The `Reconciler` examines every closed bucket of five minutes once, mends what is missing and keeps what it found. A
question examines what nobody has examined yet, then looks again at the newest of what was examined, for as long as its
budget lasts; the rest is as the reconciler found it, or is named as examined by nobody.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import datetime

import structlog

from lobby.events.v1 import proof_service_pb2 as pb
from lobby.events.v1.proof_service_pb2_grpc import ProofServiceServicer
from lobby_common import caller, metrics
from lobby_common.errors import Invalid, LobbyError
from lobby_common.events import periods
from lobby_common.events.auditor import Auditor, Begun, Examination, Missing
from lobby_common.events.evidence import MOST_NAMED, Tally
from lobby_common.events.gaps import Gaps
from lobby_common.events.log import QUERIES, EventLog
from lobby_common.events.periods import BUCKET, Known, Period
from lobby_common.postgres import AWAY
from lobby_common.times import from_proto, to_proto

_LOG = structlog.get_logger("proof")

_EVERY_SECONDS, _SOON_SECONDS = 60.0, 5.0
"""How often it is looked for buckets that have closed, and how soon where some were left."""
_TURN_SECONDS = 60.0
"""After so long the reconciler turns to the next producer, and begins with what has closed meanwhile."""
_BUDGET_SECONDS = 6.0
"""How long a question examines; whoever asks waits three seconds longer (`lobby_gateway.api.proof`)."""
_AGAIN_SECONDS = 2.0
"""How much of that goes to what was examined before."""
_MOST_AT_ONCE = 50_000
"""Events of examined buckets that a question looks at again, newest first."""
_MOST_PERIODS = 100
"""Parts of a period that are named apart from each other."""
_BEGUN_SECONDS = 600.0
"""How long an examination may go on that was broken off: what was looked at first may be another by then."""
_ALL = ""
"""The workspace of the row that says a bucket was examined."""

Clock = Callable[[], float]
"""Seconds that only rise."""
Outstanding = Callable[[], datetime | None]
"""Since when something may have been accepted that no log tells of yet; None where certainly nothing was."""


class Budget:
    """Time that a question may take."""

    def __init__(self, seconds: float, clock: Clock) -> None:
        self._clock = clock
        self._end = clock() + seconds

    def left(self) -> float:
        """Returns how many seconds are left, 0 where it is spent."""
        return max(self._end - self._clock(), 0.0)


@dataclass(slots=True)
class Answer:
    """What became of a period's events of a workspace, and who says so."""

    tally: Tally = field(default_factory=Tally)
    unexamined: list[Period] = field(default_factory=list)
    """What nobody has examined: its events are not in the tally."""
    reconciled: list[Period] = field(default_factory=list)
    """What is as the reconciler found it; the rest was examined for this answer."""
    reconcile_time: datetime | None = None
    """When the oldest of that was examined."""

    def leave_out(self, parts: Iterable[Period]) -> None:
        """Nobody has examined these parts, or not all that belongs there."""
        self.unexamined = periods.union([*self.unexamined, *parts], _MOST_PERIODS)
        self.reconciled = periods.union(periods.minus(self.reconciled, self.unexamined), _MOST_PERIODS)


@dataclass(slots=True)
class Plan:
    """What is known of a producer's part of a period, and what is to be examined of it."""

    producer: str
    known: dict[datetime, Known]
    unknown: list[Period]
    lost: list[Period]
    """What nobody can examine any more: its log is gone."""


class Reconciler:
    """Examines closed buckets, mends what is missing, and answers what became of a period."""

    def __init__(self, log: EventLog, auditor: Auditor, clock: Clock = time.monotonic) -> None:
        self._log = log
        self._auditor = auditor
        self._clock = clock
        self._mending: set[asyncio.Task[None]] = set()
        self._begun: dict[str, tuple[datetime, float, Begun]] = {}
        """By producer, the bucket whose examination was broken off, and until when it may go on."""

    async def run(self) -> None:
        """Every minute, until cancelled. Another replica that does the same does no harm.

        Where not all was examined, as where a producer was away, it goes on soon.
        """
        left = False
        while True:
            await asyncio.sleep(_SOON_SECONDS if left else _EVERY_SECONDS)
            left = False
            for producer in self._auditor.sources:
                try:
                    left |= await self.reconcile(producer)
                except LobbyError as error:
                    left = True
                    _LOG.info("reconciler_waits", producer=producer, reason=error.reason)
                except AWAY as error:
                    left = True
                    _LOG.warning("reconciler_waits", producer=producer, reason=type(error).__name__)

    async def reconcile(self, producer: str, now: datetime | None = None) -> bool:
        """Closed buckets were examined, the newest first, and what was missing was mended as far as that is possible.

        All of them, or as many as a turn is long; then it returns True, and the next call goes on. `now` is the
        database's time where none is given: a process whose clock is ahead must not examine what is still to be told.
        """
        birth, present = await self._times()
        now = now or present
        end = periods.closed_before(now)
        start = max(periods.bucket_of(birth), periods.bucket_of(now - periods.KEPT))
        known = await self._known(producer, start, end)
        due = periods.due(known, start, end)
        if producer in self._begun and self._begun[producer][0] in due:
            # What was begun is ended first: otherwise buckets that close meanwhile would break it off again and again.
            due.sort(key=lambda bucket: bucket != self._begun[producer][0])
        turn = Budget(_TURN_SECONDS, self._clock)
        while due and turn.left():
            oldest = min((bucket for bucket in due if bucket not in known), default=end)
            await self._settle(producer, due.pop(0), waits_since=oldest + BUCKET)
        mismatch = await self._log.pool.fetchval(QUERIES["count_missing"], producer, start)
        metrics.LEDGER_MISMATCH.labels(self._log.service, producer).set(mismatch)
        return bool(due)

    async def _times(self) -> tuple[datetime, datetime]:
        row = await self._log.pool.fetchrow(QUERIES["read_times"])
        assert row is not None, "sums are one row"
        return row["birth"], row["now"]

    async def _known(self, producer: str, start: datetime, end: datetime) -> dict[datetime, Known]:
        rows = await self._log.pool.fetch(QUERIES["find_examined"], producer, start, end)
        return {row["bucket_start"]: Known(row["expected"], row["settled"], row["examine_time"]) for row in rows}

    async def _settle(self, producer: str, start: datetime, *, waits_since: datetime) -> None:
        """A bucket was examined. One that is broken off, as faults do, goes on where it was for some minutes."""
        bucket, until, begun = self._begun.get(producer, (None, 0.0, Begun()))
        if bucket != start or self._clock() > until:
            until, begun = self._clock() + _BEGUN_SECONDS, Begun()
        self._begun[producer] = (start, until, begun)
        found = await self._auditor.examine(producer, start, start + BUCKET, begun, waits_since=waits_since)
        del self._begun[producer]
        if found.missing and await self._auditor.mend(found.missing):
            found = await self._auditor.examine(producer, start, start + BUCKET, waits_since=waits_since)
        await self._keep(producer, {start: found})

    async def _keep(self, producer: str, found: Mapping[datetime, Examination]) -> None:
        """What was found in whole, closed buckets is kept."""
        rows = [
            (bucket, workspace_id, tally)
            for bucket, each in found.items()
            for workspace_id, tally in ({_ALL: _sum(each.tallies.values())} | each.tallies).items()
        ]
        await self._log.pool.execute(
            QUERIES["write_reconciled"],
            producer,
            [bucket for bucket, _, _ in rows],
            [workspace_id for _, workspace_id, _ in rows],
            [tally.expected for _, _, tally in rows],
            [tally.applied for _, _, tally in rows],
            [tally.pending for _, _, tally in rows],
            [tally.quarantined for _, _, tally in rows],
            [",".join(tally.named) for _, _, tally in rows],
        )

    async def prove(self, start: datetime, end: datetime, workspace_id: str) -> Answer:
        """Returns what became of a period's events of a workspace; what is missing is mended soon after.

        It takes about as long as the budget at most. Raises LobbyError while a producer is away.
        """
        budget = Budget(_BUDGET_SECONDS, self._clock)
        birth, now = await self._times()
        plans = [await self._plan(producer, Period(start, end), birth, now) for producer in self._auditor.sources]
        question = _Question(self._auditor, workspace_id, budget)
        await self._look_at_unknown(question, plans, Period(periods.bucket_of(birth), periods.closed_before(now)))
        question.budget = Budget(min(budget.left(), _AGAIN_SECONDS), self._clock)
        await _look_again(question, plans, now)
        answer = Answer(question.tally)
        for plan in plans:
            await self._fill_up(answer, plan, workspace_id)
        answer.leave_out([part for plan in plans for part in plan.lost + plan.unknown])
        if question.missing:
            self._mend_soon(question.missing)
        return answer

    async def _plan(self, producer: str, asked: Period, birth: datetime, now: datetime) -> Plan:
        known = await self._known(producer, asked.start, asked.end)
        known = {bucket: each for bucket, each in known.items() if bucket + BUCKET <= asked.end}
        kept_since = now - periods.KEPT
        unknown = periods.without(asked.start, asked.end, known)
        lost = [part for each in unknown if (part := each.within(birth, kept_since))]
        held = [part for each in unknown if (part := each.within(kept_since, asked.end))]
        return Plan(producer, known, held, lost)

    async def _look_at_unknown(self, question: "_Question", plans: Sequence[Plan], closed: Period) -> None:
        """The newest part that nobody examined comes first; what is whole is kept as if the reconciler had come by."""
        todo = [(period, plan) for plan in plans for period in plan.unknown]
        for period, plan in sorted(todo, key=lambda each: each[0].end, reverse=True):
            until, found = await question.examine(plan.producer, period)
            plan.unknown.remove(period)
            if until < period.end:
                plan.unknown.append(Period(until, period.end))
            whole = periods.buckets(max(period.start, closed.start), min(until, closed.end))
            await self._keep(plan.producer, {bucket: found.get(bucket, Examination()) for bucket in whole})

    async def _fill_up(self, answer: Answer, plan: Plan, workspace_id: str) -> None:
        """What was not looked at again is as the reconciler found it."""
        if not plan.known:
            return
        answer.reconciled += [Period(bucket, bucket + BUCKET) for bucket in plan.known]
        row = await self._log.pool.fetchrow(QUERIES["read_reconciled"], plan.producer, workspace_id, list(plan.known))
        assert row is not None, "sums are one row"
        named = row["missing"][:MOST_NAMED]
        answer.tally.add(Tally(row["applied"], row["pending"], row["quarantined"], row["lost"], named))
        oldest = min(each.examine_time for each in plan.known.values())
        answer.reconcile_time = min(answer.reconcile_time or oldest, oldest)

    def _mend_soon(self, missing: Sequence[Missing]) -> None:
        task = asyncio.create_task(self._mend(missing))
        self._mending.add(task)
        task.add_done_callback(self._mending.discard)

    async def _mend(self, missing: Sequence[Missing]) -> None:
        try:
            await self._auditor.mend(missing)
        except AWAY as error:
            _LOG.warning("mending_waits", reason=type(error).__name__)  # whoever asks next finds it again


class _Question:
    """What is examined for one answer, while its budget lasts."""

    def __init__(self, auditor: Auditor, workspace_id: str, budget: Budget) -> None:
        self._auditor = auditor
        self.workspace_id = workspace_id
        self.budget = budget
        self.tally = Tally()
        self.missing: list[Missing] = []

    async def examine(
        self, producer: str, period: Period, workspace_id: str | None = None
    ) -> tuple[datetime, Mapping[datetime, Examination]]:
        """Returns until when the period was examined, at a bucket's edge, and what was found until then, by bucket.

        What was found is counted; a bucket that was not finished counts as not begun.
        """
        found: dict[datetime, Examination] = {}
        until = await self._read(producer, period, workspace_id, found)
        if until < period.end:
            until = max(periods.bucket_of(until), period.start)
        whole = until == period.end
        finished = {bucket: each for bucket, each in found.items() if whole or bucket + BUCKET <= until}
        for each in finished.values():
            self.tally.add(each.tallies.get(self.workspace_id, Tally()))
            self.missing += each.missing
        return until, finished

    async def _read(
        self, producer: str, period: Period, workspace_id: str | None, found: dict[datetime, Examination]
    ) -> datetime:
        """Returns the time of the last batch that was examined; the period's end where that was all."""
        until = period.start
        pages = self._auditor.pages(producer, period.start, period.end, workspace_id)
        limit = asyncio.timeout(self.budget.left())
        try:
            async with limit, aclosing(pages):
                while self.budget.left():
                    page = await anext(pages, None)
                    if page is None:
                        return period.end
                    until = page.after[0]
                    for bucket, each in page.found.items():
                        found.setdefault(bucket, Examination()).add(each)
        except TimeoutError:
            if not limit.expired():
                raise
        return until


def _sum(tallies: Iterable[Tally]) -> Tally:
    total = Tally()
    for tally in tallies:
        total.add(tally)
    return total


async def _look_again(question: _Question, plans: Iterable[Plan], now: datetime) -> None:
    """The newest examined buckets are examined anew; what was found before does not count for them."""
    todo = [
        (bucket, plan) for plan in plans for bucket in periods.to_look_at(plan.known, _MOST_AT_ONCE, now - periods.KEPT)
    ]
    for bucket, plan in sorted(todo, key=lambda each: each[0], reverse=True):
        until, _ = await question.examine(plan.producer, Period(bucket, bucket + BUCKET), question.workspace_id)
        if until < bucket + BUCKET:
            return
        del plan.known[bucket]


class ProofApi(ProofServiceServicer):
    """Serves the proof of a stage."""

    def __init__(self, service: str, reconciler: Reconciler, gaps: Gaps, outstanding: Outstanding) -> None:
        self._service = service
        self._outstanding = outstanding
        self._reconciler = reconciler
        self._gaps = gaps

    async def GetStage(self, request: pb.GetStageRequest, context: object) -> pb.GetStageResponse:
        """Returns what became of a period's events. Raises Invalid INVALID_PERIOD."""
        start, end = from_proto(getattr(request, "from")), from_proto(request.to)
        if start >= end:
            raise Invalid("INVALID_PERIOD", "from must be before to")
        since = self._outstanding()  # before all else: what is told meanwhile may be looked at too early
        answer, untold = await asyncio.gather(
            self._reconciler.prove(start, end, caller.current().workspace_id), self._gaps.prove(start, end)
        )
        tally = answer.tally
        tally.add(untold)
        if since is not None and (to_come := Period(since, end).within(start, end)):
            answer.leave_out([to_come])
        return pb.GetStageResponse(
            stage=pb.Stage(
                service=self._service,
                expected=tally.expected,
                applied=tally.applied,
                pending=tally.pending,
                quarantined=tally.quarantined,
                missing_event_ids=tally.named,
                missing=tally.missing,
                unexamined=map(_period, answer.unexamined),
                reconciled=map(_period, answer.reconciled),
                reconcile_time=to_proto(answer.reconcile_time) if answer.reconcile_time else None,
            )
        )


def _period(period: Period) -> pb.Period:
    return pb.Period(**{"from": to_proto(period.start), "to": to_proto(period.end)})
