"""The proof of one service's stage: whether everything it was told had its effect, and the mending of what had not.

The producers' own logs say what was told. Against each event stand the position of its lane, the range row that says it
was applied, and its effect in the service's tables. The `Reconciler` examines every closed bucket of five minutes once
and keeps what it found; a question about a period examines anew as much of it as can be done at once.
"""

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

import structlog

from lobby.events.v1 import proof_service_pb2 as pb
from lobby.events.v1.batch_pb2 import Batch
from lobby.events.v1.proof_service_pb2_grpc import ProofServiceServicer
from lobby_common import caller, metrics
from lobby_common.errors import Invalid, LobbyError
from lobby_common.events.consumer import Handler, Incoming, incoming, types_of
from lobby_common.events.evidence import Evidence, Expected, Lack, Tally, judge, merged
from lobby_common.events.lanes import LANES, Span
from lobby_common.events.log import QUERIES, Connection, EventLog
from lobby_common.postgres import AWAY
from lobby_common.times import from_proto, utc_now

_LOG = structlog.get_logger("proof")

BUCKET = timedelta(minutes=5)
_CLOSED_AFTER = timedelta(seconds=60)
"""A transaction that began this long ago has ended: no statement and no idle transaction is allowed to take longer."""
_LOOK_BACK = timedelta(days=1)
"""How far back buckets are examined by a service that was away, or is new to this."""
_EVERY_SECONDS = 60.0
_LONG_REST, _SHORT_REST = 60.0, 12.0
"""Rest per second of the reconciler's work: all services together take a twelfth of a core, or two fifths of one."""
_LATE_AFTER = timedelta(minutes=15)
"""Buckets that closed longer ago are examined with the short rest."""
_MOST_AT_ONCE = 50_000
"""Events that a question examines anew, newest first; older buckets are as the reconciler found them."""
_KEPT = timedelta(days=29)
"""How long logs can be read again for certain: their partitions are dropped after thirty days."""
_MOST_MENDED = 500
"""Events mended in one transaction."""
_LONGEST_RANGE = 10_000
"""Positions that one range row holds at most: one transaction of a consumer, with room to spare."""
_SKEW = timedelta(hours=1)
"""How far the clocks of producer and consumer may be apart."""
_BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)
_ALL = ""
"""The workspace of the row that says a bucket was examined."""


class PeriodLog(Protocol):
    """The part of a producer's log that a proof needs."""

    async def read_period(self, start: datetime, end: datetime, after: tuple[datetime, int]) -> Sequence[bytes]:
        """Returns some batches written in the period after (time, id), in that order; none at the end."""


Tallies = dict[str, Tally]
"""By workspace."""


@dataclass(frozen=True, slots=True)
class Missing:
    """An event that is missing, and why."""

    event: Incoming
    lack: Lack


@dataclass(slots=True)
class Examination:
    """What became of the events of a period."""

    tallies: Tallies
    missing: list[Missing]

    def add(self, other: "Examination") -> None:
        """The other period's events are counted as well."""
        for workspace_id, tally in other.tallies.items():
            self.tallies.setdefault(workspace_id, Tally()).add(tally)
        self.missing += other.missing


class Auditor:
    """Examines one service. A producer of the service's own name is its own log: all of that is applied."""

    def __init__(self, log: EventLog, handler: Handler, producers: Mapping[str, PeriodLog]) -> None:
        self._log = log
        self._handler = handler
        self._types = types_of(handler)
        self.producers = producers

    async def examine(
        self, producer: str, start: datetime, end: datetime, workspace_id: str | None = None, *, resting: bool = False
    ) -> Examination:
        """Returns what became of what the producer told in the period. Raises LobbyError while it is away.

        `resting`: messages go first, so after each page it rests many times as long as the page took.
        """
        found = Examination({}, [])
        after = (start, 0)
        began = time.monotonic()
        while batches := await self.producers[producer].read_period(start, end, after):
            told: list[tuple[Expected, Incoming]] = []
            for data in batches:
                batch = Batch.FromString(data)
                after = (from_proto(batch.create_time), batch.batch_id)
                told += self._told(producer, batch, after[0], workspace_id)
            if told:
                found.add(await self._judge(producer, told))
            if resting:
                is_late = utc_now() - end > _LATE_AFTER
                await asyncio.sleep((time.monotonic() - began) * (_SHORT_REST if is_late else _LONG_REST))
            began = time.monotonic()
        return found

    def _told(
        self, producer: str, batch: Batch, at: datetime, workspace_id: str | None
    ) -> Iterable[tuple[Expected, Incoming]]:
        for segment in batch.segments:
            for each in incoming(self._types, producer, segment.lane, segment.first, segment.events):
                event = each.event
                if workspace_id in (None, event.workspace_id):
                    yield Expected(event.id, event.workspace_id, each.lane, each.position, at), each

    async def _judge(self, producer: str, told: Sequence[tuple[Expected, Incoming]]) -> Examination:
        events = [expected for expected, _ in told]
        async with self._log.pool.acquire() as conn:
            # In this order: what a position is past has left its range row and its effect before.
            positions = await self._positions(conn, producer)
            ranges = await self._ranges(conn, producer, events)
            quarantined = await conn.fetch(QUERIES["find_quarantined"], [event.event_id for event in events])
            out = {row["event_id"] for row in quarantined}
            applied = [
                each
                for expected, each in told
                if expected.event_id not in out and expected.position <= positions.get(expected.lane, 0)
            ]
            effectless = await self._handler.find_effectless(conn, applied) if applied else ()
        tallies, lacks = judge(events, Evidence(positions, ranges, out, frozenset(effectless)), utc_now())
        by_id = {expected.event_id: each for expected, each in told}
        return Examination(tallies, [Missing(by_id[event_id], lack) for event_id, lack in lacks.items()])

    async def _positions(self, conn: Connection, producer: str) -> dict[int, int]:
        if producer == self._log.service:
            return {lane: row["position"] for lane, row in enumerate(await conn.fetch(QUERIES["read_heads"]))}
        rows = await conn.fetch(QUERIES["read_positions"], producer, range(LANES))
        return {row["lane"]: row["position"] for row in rows}

    async def _ranges(
        self, conn: Connection, producer: str, events: Sequence[Expected]
    ) -> Mapping[int, Sequence[Span]]:
        spans: dict[int, tuple[int, int]] = {}
        for event in events:
            low, high = spans.get(event.lane, (event.position, event.position))
            spans[event.lane] = (min(low, event.position), max(high, event.position))
        if producer == self._log.service:
            return {lane: [Span(low, high - low + 1)] for lane, (low, high) in spans.items()}
        rows = await conn.fetch(
            QUERIES["read_ranges"],
            producer,
            list(spans),
            [low for low, _ in spans.values()],
            [high for _, high in spans.values()],
            _LONGEST_RANGE,
            min(event.told_time for event in events) - _SKEW,
        )
        by_lane: dict[int, list[Span]] = {lane: [] for lane in range(LANES)}
        for row in rows:
            by_lane[row["lane"]].append(Span(row["first"], row["count"]))
        return {lane: merged(each) for lane, each in by_lane.items()}

    async def mend(self, missing: Sequence[Missing]) -> int:
        """Effects and range rows that were lost are there again. Returns how many; what is late is not touched."""
        lost = [each for each in missing if each.lack is not Lack.LATE]
        done = 0
        for at in range(0, len(lost), _MOST_MENDED):
            some = lost[at : at + _MOST_MENDED]
            if await self._try_to_mend(some):
                done += len(some)
            else:
                done += sum([await self._try_to_mend([each]) for each in some])
        return done

    async def _try_to_mend(self, missing: Sequence[Missing]) -> bool:
        try:
            async with self._log.transaction() as tx:
                events = [each.event for each in missing]
                await self._handler.mend(tx, events)
                for producer in {each.producer for each in events}:
                    of = [each for each in missing if each.event.producer == producer]
                    await _note_mended(tx.conn, producer, of)
        except AWAY:
            raise
        except Exception:  # noqa: BLE001  # one that cannot be mended must not keep its neighbours from it
            _LOG.exception("mending_failed", events=len(missing))
            return False
        for each in missing:
            metrics.EFFECTS_MENDED.labels(self._log.service, each.lack).inc()
            _LOG.warning("effect_mended", event_id=each.event.event.id, reason=each.lack)
        return True


async def _note_mended(conn: Connection, producer: str, missing: Sequence[Missing]) -> None:
    rangeless = [each.event for each in missing if each.lack is Lack.NO_RANGE]
    if rangeless:
        await conn.execute(
            QUERIES["insert_ranges"],
            producer,
            [each.lane for each in rangeless],
            [each.position for each in rangeless],
        )
    await conn.execute(
        QUERIES["insert_mended"],
        producer,
        [each.event.event.id for each in missing],
        [each.event.event.workspace_id for each in missing],
        [each.lack.value for each in missing],
    )


class Reconciler:
    """Examines closed buckets, mends what is missing, and answers what became of a period."""

    def __init__(self, log: EventLog, auditor: Auditor) -> None:
        self._log = log
        self._auditor = auditor
        self._mending: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Every minute, until cancelled. Another replica that does the same does no harm."""
        while True:
            await asyncio.sleep(_EVERY_SECONDS)
            for producer in self._auditor.producers:
                try:
                    await self.reconcile(producer, utc_now())
                except LobbyError as error:
                    _LOG.info("reconciler_waits", producer=producer, reason=error.reason)
                except AWAY as error:
                    _LOG.warning("reconciler_waits", producer=producer, reason=type(error).__name__)

    async def reconcile(self, producer: str, now: datetime) -> None:
        """Every closed bucket was examined, and what was missing was mended as far as that is possible."""
        end = closed_before(now)
        start = max(end - _LOOK_BACK, bucket_of(await self._log.pool.fetchval(QUERIES["find_birth"])))
        settled = {row["bucket_start"] for row in await self._log.pool.fetch(QUERIES["find_settled"], producer, start)}
        mismatch = 0
        while start < end:
            if start not in settled:
                mismatch += await self._settle(producer, start)
            start += BUCKET
        metrics.LEDGER_MISMATCH.labels(self._log.service, producer).set(mismatch)

    async def _settle(self, producer: str, start: datetime) -> int:
        found = await self._auditor.examine(producer, start, start + BUCKET, resting=True)
        if found.missing and await self._auditor.mend(found.missing):
            found = await self._auditor.examine(producer, start, start + BUCKET, resting=True)
        total = Tally()
        for tally in found.tallies.values():
            total.add(tally)
        rows = {_ALL: total} | found.tallies
        await self._log.pool.execute(
            QUERIES["write_reconciled"],
            producer,
            start,
            list(rows),
            [tally.expected for tally in rows.values()],
            [tally.applied for tally in rows.values()],
            [tally.pending for tally in rows.values()],
            [tally.quarantined for tally in rows.values()],
            [",".join(tally.named) for tally in rows.values()],
        )
        return total.missing

    async def prove(self, start: datetime, end: datetime, workspace_id: str) -> Tally:
        """Returns what became of a period's events of a workspace; what is missing is mended soon after."""
        total = Tally()
        missing: list[Missing] = []
        for producer in self._auditor.producers:
            stored, pieces = await self._plan(producer, start, end, workspace_id)
            total.add(stored)
            for piece_start, piece_end in pieces:
                found = await self._auditor.examine(producer, piece_start, piece_end, workspace_id)
                total.add(found.tallies.get(workspace_id, Tally()))
                missing += found.missing
        if missing:
            self._mend_soon(missing)
        return total

    async def _plan(
        self, producer: str, start: datetime, end: datetime, workspace_id: str
    ) -> tuple[Tally, list[tuple[datetime, datetime]]]:
        """Returns what is known of old buckets, and the pieces of the period that are to be examined anew."""
        rows = await self._log.pool.fetch(QUERIES["read_reconciled"], producer, bucket_of(start), end, workspace_id)
        sizes = {row["bucket_start"]: row["expected"] for row in rows if row["workspace_id"] == _ALL}
        known = stored_before(sizes, start, end, _MOST_AT_ONCE, utc_now() - _KEPT)
        stored = Tally()
        for row in rows:
            if row["workspace_id"] == workspace_id and row["bucket_start"] in known:
                accounted = row["applied"] + row["pending"] + row["quarantined"]
                missing = row["expected"] - accounted  # only the first of them were named
                stored.add(Tally(row["applied"], row["pending"], row["quarantined"], missing, row["missing"]))
        return stored, pieces_without(known, start, end)

    def _mend_soon(self, missing: Sequence[Missing]) -> None:
        task = asyncio.create_task(self._mend(missing))
        self._mending.add(task)
        task.add_done_callback(self._mending.discard)

    async def _mend(self, missing: Sequence[Missing]) -> None:
        try:
            await self._auditor.mend(missing)
        except AWAY as error:
            _LOG.warning("mending_waits", reason=type(error).__name__)  # whoever asks next finds it again


def bucket_of(at: datetime) -> datetime:
    """Returns when the bucket begins in which a moment lies."""
    return at - (at - _BEGINNING) % BUCKET


def closed_before(now: datetime) -> datetime:
    """Returns when the last closed bucket ended."""
    return bucket_of(now - _CLOSED_AFTER)


def stored_before(
    sizes: Mapping[datetime, int], start: datetime, end: datetime, most: int, kept_since: datetime
) -> set[datetime]:
    """Returns which examined buckets inside the period are older than its newest `most` events, or than the logs."""
    known: set[datetime] = set()
    seen = 0
    for bucket in sorted(sizes, reverse=True):
        seen += sizes[bucket]
        if (seen > most or bucket < kept_since) and start <= bucket and bucket + BUCKET <= end:
            known.add(bucket)
    return known


def pieces_without(known: Iterable[datetime], start: datetime, end: datetime) -> list[tuple[datetime, datetime]]:
    """Returns what is left of a period without some buckets."""
    pieces: list[tuple[datetime, datetime]] = []
    for bucket in sorted(known):
        if start < bucket:
            pieces.append((start, bucket))
        start = bucket + BUCKET
    if start < end:
        pieces.append((start, end))
    return pieces


class ProofApi(ProofServiceServicer):
    """Serves the proof of a stage."""

    def __init__(self, service: str, reconciler: Reconciler) -> None:
        self._service = service
        self._reconciler = reconciler

    async def GetStage(self, request: pb.GetStageRequest, context: object) -> pb.GetStageResponse:
        """Returns what became of a period's events. Raises Invalid INVALID_PERIOD."""
        start, end = from_proto(getattr(request, "from")), from_proto(request.to)
        if start >= end:
            raise Invalid("INVALID_PERIOD", "from must be before to")
        tally = await self._reconciler.prove(start, end, caller.current().workspace_id)
        return pb.GetStageResponse(
            stage=pb.Stage(
                service=self._service,
                expected=tally.expected,
                applied=tally.applied,
                pending=tally.pending,
                quarantined=tally.quarantined,
                missing_event_ids=tally.named,
                missing=tally.missing,
            )
        )
