"""The consumer loop: hears other services' logs, and moves positions in the transaction of the effects (DESIGN §3).

A `Source` per producer turns the stream into runs without gaps. The `Consumer` applies whatever all sources have, in
one transaction: effects, own event batch, positions old to new, one range row per run. Dying anywhere leaves either all
of it or nothing. Replicas share the lanes by leases: each reads everything and takes what is in its own lanes.
"""

import asyncio
import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Protocol

import asyncpg
import structlog
from google.protobuf.message import DecodeError, Message
from nats.aio.client import Client

from lobby.events.v1.batch_pb2 import Event
from lobby_common import metrics, tracing
from lobby_common.events.linger import Linger
from lobby_common.events.log import QUERIES, Connection, EventLog, Tx
from lobby_common.events.source import Heads, ProducerLog, Run, Source
from lobby_common.leases import LANE_LEASES, Leases
from lobby_common.postgres import AWAY, COLLIDED, UNFIT
from lobby_common.tasks import together

_LOG = structlog.get_logger("consumer")

_MOST_EVENTS = 1_000
"""Events in one transaction at most."""
_BUFFERED_RUNS = 4_096
"""Runs held in memory; the sources wait above it."""
_SAVE_SECONDS = 1.0
"""How often it is saved where to go on reading: what was read since is read again after a crash, and dropped."""
_FENCED = "LB001"
"""What `move_positions` raises where another owner was."""
_FEW_POISON = 10
_POISON_SHARE = 0.5
"""With more than a few, and above this share of a batch, the code is bad, not the events: the loop retries."""


@dataclass(slots=True)
class Incoming:
    """One event to apply. `traceparent` is what events caused by it carry on."""

    producer: str
    lane: int
    position: int
    event: Event
    payload: Message
    traceparent: str = ""


class Witness(Protocol):
    """Says of events whether their effects are there: those of another service's log, or of the service's own."""

    handles: tuple[type[Message], ...]
    """Payloads that have effects; other events only move the position."""
    evident: tuple[type[Message], ...]
    """Those of them whose effects are looked for."""

    async def find_effectless(self, conn: Connection, events: Sequence[Incoming]) -> Collection[str]:
        """Returns the ids of those events, applied before and of evident payloads, whose effects are not there."""

    async def mend(self, tx: Tx, events: Sequence[Incoming]) -> None:
        """Effects of events that were applied before, and were lost since, are in the transaction, each once."""


class Handler(Witness, Protocol):
    """What a service does with what it hears."""

    async def apply(self, tx: Tx, events: Sequence[Incoming]) -> None:
        """The effects of all events are in the transaction. May run again for the same events: keyed by event id."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a consumer stands."""

    epochs: Mapping[int, int]
    """By lane: those that are held."""
    applied: dict[str, dict[int, int]]
    """By producer and lane: everything up to this position."""


class Consumer:
    """Applies what its producers tell, exactly once in effect."""

    def __init__(
        self,
        log: EventLog,
        client: Client,
        handler: Handler,
        producers: dict[str, ProducerLog],
        leases: Leases,
        *,
        longest_linger: float,
    ) -> None:
        self._log = log
        self._client = client
        self._handler = handler
        self._producers = producers
        self._leases = leases
        self._types = types_of(handler)
        self._linger = Linger(longest_linger)
        self._runs = False
        self._cursors: dict[str, int] = {}
        leases.share(LANE_LEASES)

    async def prepare(self) -> None:
        """There is a row per position, before leases are taken: whoever takes a lane writes its epoch there."""
        for producer in self._producers:
            await self._log.pool.execute(QUERIES["ensure_positions"], producer)

    @property
    def ready(self) -> bool:
        """Whether every lane that this replica holds is heard."""
        return self._runs or (self._leases.settled and not self._leases.held(LANE_LEASES))

    async def run(self) -> None:
        """Applies the events of its own lanes until cancelled. Where another owner was, everything is read anew."""
        await self._leases.during(LANE_LEASES, self._run_lanes)

    async def _run_lanes(self, held: Mapping[str, int]) -> None:
        epochs = {LANE_LEASES.index(name): epoch for name, epoch in held.items()}
        while True:
            try:
                await self._run_from_positions(epochs)
            except (asyncpg.PostgresError, *AWAY) as error:
                if getattr(error, "sqlstate", "") == _FENCED:
                    metrics.FENCED.labels(self._log.service).inc()
                    self._leases.doubt()
                _LOG.warning("consumer_restarts", error=type(error).__name__)
                await asyncio.sleep(0.25)
            finally:
                self._runs = False

    async def _run_from_positions(self, epochs: Mapping[int, int]) -> None:
        queue: asyncio.Queue[Run] = asyncio.Queue(_BUFFERED_RUNS)
        starts = {producer: await self._load(producer, epochs) for producer in self._producers}
        place = Place(epochs, {producer: dict(heads.positions) for producer, (heads, _) in starts.items()})
        sources = [Source(producer, self._client, log, queue) for producer, log in self._producers.items()]
        self._runs = True
        await together(
            *(source.run(*starts[source.producer]) for source in sources),
            self._save_cursors(),
            self._apply_all(queue, place),
        )

    async def _load(self, producer: str, epochs: Mapping[int, int]) -> tuple[Heads, int]:
        pool = self._log.pool
        # A position and the range row that leads to it are written together: what has none was not moved by a consumer.
        if mended := await pool.fetch(QUERIES["mend_positions"], producer, list(epochs), list(epochs.values())):
            _LOG.error("positions_mended", producer=producer, lanes=sorted(row["lane"] for row in mended))
        rows = await pool.fetch(QUERIES["read_positions"], producer, list(epochs))
        cursor = await pool.fetchval(QUERIES["read_cursor"], producer)
        heads = Heads({row["lane"]: row["position"] for row in rows}, {row["lane"]: row["batch_id"] for row in rows})
        return heads, cursor or 0

    async def _save_cursors(self) -> None:
        """Where to start reading is a hint: positions decide what is applied, and the log tells what is behind it."""
        while True:
            await asyncio.sleep(_SAVE_SECONDS)
            if cursors := dict(self._cursors):
                self._cursors.clear()
                await self._log.pool.execute(QUERIES["save_cursors"], list(cursors), list(cursors.values()))

    async def _apply_all(self, queue: "asyncio.Queue[Run]", place: Place) -> None:
        finished = time.monotonic()
        while True:
            first = await queue.get()
            if time.monotonic() - finished > self._linger.longest:
                self._linger.idle()
            if (pause := self._linger.pause()) and queue.qsize() < _MOST_EVENTS:
                await asyncio.sleep(pause)
            runs = _collect(first, queue)
            started = time.monotonic()
            await self._apply(runs, place)
            finished = time.monotonic()
            self._linger.after(events=sum(len(run.events) for run in runs), seconds=finished - started)

    async def _apply(self, runs: Sequence[Run], place: Place) -> None:
        moves = [run for run in runs if run.events]
        if moves:
            await self._apply_moves(moves, place)
        for run in runs:
            if run.events:
                place.applied[run.producer][run.lane] = run.first + len(run.events) - 1
            elif run.sequence is not None:
                self._cursors[run.producer] = run.sequence

    async def _apply_moves(self, runs: Sequence[Run], place: Place) -> None:
        events = self._decode(runs)
        started = time.monotonic()
        try:
            with tracing.spans_of(events, self._log.service):
                async with self._log.transaction() as tx:
                    if events:
                        await self._handler.apply(tx, events)
                    tx.end_with(QUERIES["move_and_write_batch"], *_moves(runs, place))
        except AWAY:
            raise
        except COLLIDED:
            metrics.RETRIES.labels(self._log.service).inc()
            await self._apply_moves(runs, place)
            return
        except asyncpg.PostgresError as error:
            if error.sqlstate == _FENCED or isinstance(error, UNFIT):
                raise
            await self._apply_singly(runs, events, place)
        except Exception:  # noqa: BLE001  # one of the two broad ones (style §6): a bad event must not stop its neighbours
            await self._apply_singly(runs, events, place)
        if events:
            metrics.EVENTS_APPLIED.labels(self._log.service).inc(len(events))
            _LOG.info(
                "batch_applied",
                events=len(events),
                runs=len(runs),
                ms=round((time.monotonic() - started) * 1e3, 2),
            )

    async def _apply_singly(self, runs: Sequence[Run], events: Sequence[Incoming], place: Place) -> None:
        """Each event inside a savepoint: those that fail go to quarantine, the positions move on.

        They move first: where another owner was, everything may fail, and no event is to blame.
        """
        bad: list[tuple[Incoming, str]] = []
        async with self._log.transaction() as tx:
            await tx.conn.execute(QUERIES["move_positions"], *_moves(runs, place))
            for event in events:
                mark = tx.mark()
                try:
                    async with tx.conn.transaction():
                        await self._handler.apply(tx, [event])
                except (*AWAY, *COLLIDED, *UNFIT):
                    raise
                except Exception as error:  # noqa: BLE001  # the same one, event by event
                    tx.forget(mark)
                    _LOG.exception("event_failed", event_id=event.event.id, type=event.event.type)
                    bad.append((event, f"{type(error).__name__}: {error}"[:500]))
            if len(bad) > _FEW_POISON and len(bad) > len(events) * _POISON_SHARE:
                raise TimeoutError(f"{len(bad)} of {len(events)} events fail: the code is bad, not the events")
            for event, reason in bad:
                await tx.conn.execute(QUERIES["insert_quarantine"], *_quarantine_row(event, reason))
        metrics.EVENTS_QUARANTINED.labels(self._log.service).inc(len(bad))

    def _decode(self, runs: Sequence[Run]) -> list[Incoming]:
        found: list[Incoming] = []
        for run in runs:
            found += incoming(self._types, run.producer, run.lane, run.first, run.events)
        return found


def types_of(handler: Witness) -> dict[str, type[Message]]:
    """Returns the payloads that a handler or witness wants, by their full names."""
    return {kind.DESCRIPTOR.full_name: kind for kind in handler.handles}


def incoming(
    types: Mapping[str, type[Message]],
    producer: str,
    lane: int,
    first: int,
    events: Iterable[Event],
    *,
    unread: Mapping[str, Message] = MappingProxyType({}),
) -> Iterator[Incoming]:
    """Returns those of contiguous events that are of some types.

    Others, and payloads of the future, only move the position (unknown fields are kept out). For a type that is in
    `unread` its payload there stands for the event's own.
    """
    for position, event in enumerate(events, first):
        kind = types.get(event.type)
        if kind is not None:
            payload = unread.get(event.type) or payload_of(kind, event)
            yield Incoming(producer, lane, position, event, payload, event.traceparent)


def payload_of(kind: type[Message], event: Event) -> Message:
    """Returns what an event says; nothing where it cannot be read."""
    try:
        return kind.FromString(event.payload)
    except DecodeError:
        return kind()


def _collect(first: Run, queue: "asyncio.Queue[Run]") -> list[Run]:
    runs, events = [first], len(first.events)
    while events < _MOST_EVENTS and not queue.empty():
        runs.append(queue.get_nowait())
        events += len(runs[-1].events)
    return runs


def _moves(runs: Sequence[Run], place: Place) -> tuple[list[Any], ...]:
    """Returns the parameters of `move_positions`."""
    news: dict[tuple[str, int], tuple[int, int]] = {}
    for run in runs:
        if run.events:
            news[run.producer, run.lane] = (run.first + len(run.events) - 1, run.batch_id)
    return (
        [producer for producer, _ in news],
        [lane for _, lane in news],
        [place.epochs[lane] for _, lane in news],
        [place.applied[producer][lane] for producer, lane in news],
        [position for position, _ in news.values()],
        [batch_id for _, batch_id in news.values()],
    )


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
