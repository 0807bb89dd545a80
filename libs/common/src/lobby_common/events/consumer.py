"""The consumer loop: hears other services' logs, and moves positions in the transaction of the effects (DESIGN §3).

A `Source` per producer turns the stream into runs without gaps: what the broker lost or mixed up is read from the
producer's own log. The `Consumer` applies whatever all sources have, in one transaction: effects, own event batch,
positions old to new, one range row per run. Dying anywhere leaves either all of it or nothing.
"""

import asyncio
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import asyncpg
import structlog
from google.protobuf.message import DecodeError, Message
from nats.aio.client import Client

from lobby.events.v1.batch_pb2 import Batch, Event
from lobby_common import metrics, tracing
from lobby_common.errors import LobbyError
from lobby_common.events.lanes import Gap, Seen, Span, judge
from lobby_common.events.linger import Linger
from lobby_common.events.log import QUERIES, Connection, EventLog, Tx
from lobby_common.events.stream import Received, StreamLost, reading, start_sequence
from lobby_common.postgres import AWAY

_LOG = structlog.get_logger("consumer")

_MOST_EVENTS = 1_000
"""Events in one transaction at most."""
_BUFFERED_RUNS = 4_096
"""Runs held in memory; the sources wait above it."""
_IDLE_CHECK = 10.0
"""Seconds of silence after which a source asks the producer whether it missed something."""
_FEW_POISON = 10
_POISON_SHARE = 0.5
"""With more than a few, and above this share of a batch, the code is bad, not the events: the loop retries."""


class ProducerLog(Protocol):
    """A producer's own log, read over gRPC. Raises LobbyError while the producer is away."""

    async def heads(self) -> Sequence[int]:
        """Returns the last position of each lane."""

    async def read(self, after: int, lanes: Sequence[int]) -> Sequence[bytes]:
        """Returns some batches with a greater id than `after` that touch the lanes, oldest first; none at the end."""


@dataclass(slots=True)
class Incoming:
    """One event to apply. `traceparent` is what events caused by it carry on."""

    producer: str
    lane: int
    position: int
    event: Event
    payload: Message
    traceparent: str = ""


class Handler(Protocol):
    """What a service does with what it hears."""

    handles: tuple[type[Message], ...]
    """Payloads it wants; other events only move the position."""

    async def apply(self, tx: Tx, events: Sequence[Incoming]) -> None:
        """The effects of all events are in the transaction. May run again for the same events: keyed by event id."""

    async def find_effectless(self, conn: Connection, events: Sequence[Incoming]) -> Collection[str]:
        """Returns the ids of those events, applied before, whose effects are not there."""

    async def mend(self, tx: Tx, events: Sequence[Incoming]) -> None:
        """Effects of events that were applied before, and were lost since, are in the transaction, each once."""


@dataclass(frozen=True, slots=True)
class Run:
    """Contiguous events of one lane, next after everything taken before."""

    producer: str
    lane: int
    first: int
    batch_id: int
    events: tuple[Event, ...]
    sequence: int | None
    """Stream sequence after whose message this run completes it; None inside a message and for refilled runs."""


@dataclass(slots=True)
class Heads:
    """How far each lane of a producer was taken: position and the producer's batch that held it."""

    positions: dict[int, int] = field(default_factory=dict)
    batch_ids: dict[int, int] = field(default_factory=dict)

    def take(self, batch: Batch, sequence: int | None) -> tuple[list[Run], dict[int, Gap]]:
        """Returns the runs that are next, and where something is missing before the rest; what was seen is dropped."""
        runs: list[Run] = []
        gaps: dict[int, Gap] = {}
        for segment in batch.segments:
            verdict = judge(self.positions.get(segment.lane, 0), Span(segment.first, segment.count))
            if isinstance(verdict, Seen):
                continue
            if isinstance(verdict, Gap):
                gaps[segment.lane] = verdict
                continue
            events = tuple(segment.events[verdict.skip :])
            first = segment.first + verdict.skip
            runs.append(Run(batch.service, segment.lane, first, batch.batch_id, events, None))
            self.positions[segment.lane] = first + len(events) - 1
            self.batch_ids[segment.lane] = batch.batch_id
        if sequence is not None and not gaps:
            runs.append(Run(batch.service, -1, 0, batch.batch_id, (), sequence))
        return runs, gaps


class Source:
    """Runs of one producer, in order, without gaps."""

    def __init__(self, producer: str, client: Client, log: ProducerLog, out: "asyncio.Queue[Run]") -> None:
        self.producer = producer
        self._client = client
        self._log = log
        self._out = out

    async def run(self, heads: Heads, cursor: int) -> None:
        """Puts runs into the queue until cancelled; what is away is tried again."""
        pause = 0.1
        while True:
            try:
                start = await start_sequence(self._client, self.producer, cursor)
                async with reading(self._client, self.producer, start) as stream:
                    pause = 0.1
                    await self._check(heads)
                    quiet_since = time.monotonic()
                    while True:
                        received = await stream.receive()
                        if received is not None:
                            await self._take(heads, received)
                            cursor = received.sequence
                            quiet_since = time.monotonic()
                        elif time.monotonic() - quiet_since > _IDLE_CHECK:
                            await self._check(heads)
                            quiet_since = time.monotonic()
            except (StreamLost, LobbyError) as error:
                _LOG.info("source_waits", producer=self.producer, reason=str(error), retry_in=pause)
                await asyncio.sleep(pause)
                pause = min(pause * 2, 2.0)

    async def _check(self, heads: Heads) -> None:
        """What the broker lost is read from the producer; where he is away the stream must do for now."""
        try:
            await self._catch_up(heads)
        except LobbyError as error:
            _LOG.info("producer_away", producer=self.producer, reason=error.reason)

    async def _take(self, heads: Heads, received: Received) -> None:
        try:
            batch = Batch.FromString(received.data)
        except DecodeError:
            # Not a batch: the log itself is read instead, so nothing it stood for is lost.
            metrics.STREAM_GARBAGE.labels(self.producer).inc()
            await self._catch_up(heads)
            return
        while True:
            runs, gaps = heads.take(batch, received.sequence)
            for run in runs:
                await self._out.put(run)
            if not gaps:
                return
            metrics.GAPS.labels(self.producer).inc(len(gaps))
            _LOG.warning("gap_found", producer=self.producer, lanes=sorted(gaps))
            if not await self._catch_up(heads):
                # The producer's own log does not hold them: its old partitions are gone, or it was restored.
                raise StreamLost(f"{self.producer}'s log does not hold the missing positions")

    async def _catch_up(self, heads: Heads) -> int:
        """Returns how many runs the producer's log held beyond the heads; all of them are queued."""
        ends = await self._log.heads()
        behind = [lane for lane, end in enumerate(ends) if end > heads.positions.get(lane, 0)]
        if not behind:
            return 0
        found = 0
        after = min(heads.batch_ids.get(lane, 0) for lane in behind)
        while batches := await self._log.read(after, behind):
            for data in batches:
                batch = Batch.FromString(data)
                # Lanes that are not behind may show gaps here: their other batches were not asked for.
                runs, _ = heads.take(batch, None)
                for run in runs:
                    await self._out.put(run)
                found += len(runs)
                after = batch.batch_id
        return found


class Consumer:
    """Applies what its producers tell, exactly once in effect."""

    def __init__(
        self,
        log: EventLog,
        client: Client,
        handler: Handler,
        producers: dict[str, ProducerLog],
        *,
        longest_linger: float,
    ) -> None:
        self._log = log
        self._client = client
        self._handler = handler
        self._producers = producers
        self._types = types_of(handler)
        self._linger = Linger(longest_linger)
        self.ready = False

    async def run(self) -> None:
        """Applies until cancelled. Where another owner moved the positions everything is read anew."""
        while True:
            try:
                await self._run_from_positions()
            except* (asyncpg.PostgresError, *AWAY) as errors:
                self.ready = False
                _LOG.warning("consumer_restarts", error=_name(errors))
                await asyncio.sleep(0.25)

    async def _run_from_positions(self) -> None:
        queue: asyncio.Queue[Run] = asyncio.Queue(_BUFFERED_RUNS)
        applied: dict[str, dict[int, int]] = {}
        async with asyncio.TaskGroup() as group:
            for producer, log in self._producers.items():
                heads, cursor = await self._load(producer)
                applied[producer] = dict(heads.positions)
                group.create_task(Source(producer, self._client, log, queue).run(heads, cursor))
            self.ready = True
            await self._apply_all(queue, applied)

    async def _load(self, producer: str) -> tuple[Heads, int]:
        pool = self._log.pool
        await pool.execute(QUERIES["ensure_positions"], producer)
        rows = await pool.fetch(QUERIES["read_positions"], producer)
        cursor = await pool.fetchval(QUERIES["read_cursor"], producer)
        heads = Heads({row["lane"]: row["position"] for row in rows}, {row["lane"]: row["batch_id"] for row in rows})
        return heads, cursor or 0

    async def _apply_all(self, queue: "asyncio.Queue[Run]", applied: dict[str, dict[int, int]]) -> None:
        finished = time.monotonic()
        while True:
            first = await queue.get()
            if time.monotonic() - finished > self._linger.longest:
                self._linger.idle()
            if (pause := self._linger.pause()) and queue.qsize() < _MOST_EVENTS:
                await asyncio.sleep(pause)
            runs = _collect(first, queue)
            started = time.monotonic()
            await self._apply(runs, applied)
            finished = time.monotonic()
            self._linger.after(events=sum(len(run.events) for run in runs), seconds=finished - started)

    async def _apply(self, runs: Sequence[Run], applied: dict[str, dict[int, int]]) -> None:
        events = self._decode(runs)
        started = time.monotonic()
        try:
            with tracing.spans_of(events, self._log.service):
                async with self._log.transaction() as tx:
                    if events:
                        await self._handler.apply(tx, events)
                    await self._move(tx, runs, applied)
        except AWAY:
            raise
        except (asyncpg.DeadlockDetectedError, asyncpg.SerializationError):
            metrics.RETRIES.labels(self._log.service).inc()
            return await self._apply(runs, applied)
        except asyncpg.PostgresError as error:
            if error.sqlstate == "LB001":
                raise
            await self._apply_singly(runs, events, applied)
        except Exception:  # noqa: BLE001  # one of the two broad ones (style §6): a bad event must not stop its neighbours
            await self._apply_singly(runs, events, applied)
        for run in runs:
            if run.events:
                applied[run.producer][run.lane] = run.first + len(run.events) - 1
        if events:
            metrics.EVENTS_APPLIED.labels(self._log.service).inc(len(events))
            _LOG.info(
                "batch_applied",
                events=len(events),
                runs=len(runs),
                ms=round((time.monotonic() - started) * 1e3, 2),
            )
        return None

    async def _apply_singly(
        self, runs: Sequence[Run], events: Sequence[Incoming], applied: dict[str, dict[int, int]]
    ) -> None:
        """Each event inside a savepoint: those that fail go to quarantine, the positions move on."""
        bad: list[tuple[Incoming, str]] = []
        async with self._log.transaction() as tx:
            for event in events:
                mark = tx.mark()
                try:
                    async with tx.conn.transaction():
                        await self._handler.apply(tx, [event])
                except AWAY:
                    raise
                except Exception as error:  # noqa: BLE001  # the same one, event by event
                    tx.forget(mark)
                    _LOG.exception("event_failed", event_id=event.event.id, type=event.event.type)
                    bad.append((event, f"{type(error).__name__}: {error}"[:500]))
            if len(bad) > _FEW_POISON and len(bad) > len(events) * _POISON_SHARE:
                raise TimeoutError(f"{len(bad)} of {len(events)} events fail: the code is bad, not the events")
            for event, reason in bad:
                await tx.conn.execute(QUERIES["insert_quarantine"], *_quarantine_row(event, reason))
            await self._move(tx, runs, applied)
        metrics.EVENTS_QUARANTINED.labels(self._log.service).inc(len(bad))

    def _decode(self, runs: Sequence[Run]) -> list[Incoming]:
        found: list[Incoming] = []
        for run in runs:
            found += incoming(self._types, run.producer, run.lane, run.first, run.events)
        return found

    async def _move(self, tx: Tx, runs: Sequence[Run], applied: dict[str, dict[int, int]]) -> None:
        news: dict[tuple[str, int], tuple[int, int]] = {}
        cursors: dict[str, int] = {}
        for run in runs:
            if run.events:
                news[run.producer, run.lane] = (run.first + len(run.events) - 1, run.batch_id)
            elif run.sequence is not None:
                cursors[run.producer] = run.sequence
        producers = [producer for producer, _ in news]
        lanes = [lane for _, lane in news]
        olds = [applied[producer].get(lane, 0) for producer, lane in news]
        positions = [position for position, _ in news.values()]
        await tx.conn.execute(
            QUERIES["move_positions"],
            0,
            producers,
            lanes,
            olds,
            positions,
            [batch_id for _, batch_id in news.values()],
            list(cursors),
            list(cursors.values()),
        )


def types_of(handler: Handler) -> dict[str, type[Message]]:
    """Returns the payloads that a handler wants, by their full names."""
    return {kind.DESCRIPTOR.full_name: kind for kind in handler.handles}


def incoming(
    types: Mapping[str, type[Message]], producer: str, lane: int, first: int, events: Iterable[Event]
) -> Iterator[Incoming]:
    """Returns those of contiguous events that are of some types.

    Others, and payloads of the future, only move the position (unknown fields are kept out).
    """
    for position, event in enumerate(events, first):
        kind = types.get(event.type)
        if kind is None:
            continue
        try:
            payload = kind.FromString(event.payload)
        except DecodeError:
            payload = kind()
        yield Incoming(producer, lane, position, event, payload, event.traceparent)


def _collect(first: Run, queue: "asyncio.Queue[Run]") -> list[Run]:
    runs, events = [first], len(first.events)
    while events < _MOST_EVENTS and not queue.empty():
        runs.append(queue.get_nowait())
        events += len(runs[-1].events)
    return runs


def _quarantine_row(incoming: Incoming, reason: str) -> tuple[str, str, int, int, str, str, str, bytes]:
    event = incoming.event
    return (
        event.id,
        incoming.producer,
        incoming.lane,
        incoming.position,
        event.workspace_id,
        event.type,
        reason.replace("\x00", "\ufffd"),
        event.SerializeToString(),
    )


def _name(errors: BaseExceptionGroup[BaseException]) -> str:
    return ", ".join(sorted({type(error).__name__ for error in errors.exceptions}))
