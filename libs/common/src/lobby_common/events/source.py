"""A producer's stream made into runs without gaps: what the broker lost or mixed up is read from the producer's log."""

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import structlog
from google.protobuf.message import DecodeError
from nats.aio.client import Client

from lobby.events.v1.batch_pb2 import Batch, Event, Segment
from lobby_common import metrics
from lobby_common.errors import LobbyError
from lobby_common.events.lanes import LANES, Gap, Seen, Span, judge
from lobby_common.events.stream import Received, StreamLost, reading, start_sequence
from lobby_common.tasks import together

_LOG = structlog.get_logger("source")

_CHECK_SECONDS = 5.0
"""How often a source asks the producer whether it missed something; what it was told since has that long to come."""
_PATIENCE = 0.2
"""Seconds that a batch waits for those before it: replicas of a producer publish side by side. Then the log is read."""
_MOST_EARLY = 256
"""Batches that wait for earlier ones at most."""


class ProducerLog(Protocol):
    """A producer's own log, read over gRPC. Raises LobbyError while the producer is away."""

    async def heads(self) -> Sequence[int]:
        """Returns the last position of each lane."""

    async def read(self, after: int, lanes: Sequence[int]) -> Sequence[bytes]:
        """Returns some batches with a greater id than `after` that touch the lanes, oldest first; none at the end."""


@dataclass(frozen=True, slots=True)
class Run:
    """Contiguous events of one lane, next after everything taken before."""

    producer: str
    lane: int
    first: int
    batch_id: int
    events: tuple[Event, ...]
    sequence: int | None = None
    """Only in a run without events: everything up to this sequence of the stream stands in the runs before it."""


@dataclass(slots=True)
class Heads:
    """How far each lane of a producer that is ours was taken: position, and the producer's batch that held it."""

    positions: dict[int, int] = field(default_factory=dict)
    batch_ids: dict[int, int] = field(default_factory=dict)

    def behind(self, ends: Sequence[int]) -> list[int]:
        """Returns our lanes that were not taken to their ends."""
        return [lane for lane, position in self.positions.items() if ends[lane] > position]

    def stuck(self, ends: Sequence[int], before: Mapping[int, int]) -> bool:
        """Returns whether a lane of ours is not at its end, and stands where it stood before."""
        return any(self.positions[lane] == before[lane] for lane in self.behind(ends))

    def take(self, batch: Batch) -> tuple[list[Run], dict[int, Gap]]:
        """Returns the runs that are next, and where something is missing before the rest.

        What was seen, and the lanes of others, are dropped.
        """
        runs: list[Run] = []
        gaps: dict[int, Gap] = {}
        for segment in batch.segments:
            if (position := self.positions.get(segment.lane)) is None:
                continue
            verdict = judge(position, Span(segment.first, segment.count))
            if isinstance(verdict, Seen):
                continue
            if isinstance(verdict, Gap):
                gaps[segment.lane] = verdict
                continue
            events = tuple(segment.events[verdict.skip :])
            first = segment.first + verdict.skip
            runs.append(Run(batch.service, segment.lane, first, batch.batch_id, events))
            self.positions[segment.lane] = first + len(events) - 1
            self.batch_ids[segment.lane] = batch.batch_id
        return runs, gaps


@dataclass(slots=True)
class Early:
    """Messages in the order in which they came, as long as something is missing in one of them or before it."""

    batches: deque[tuple[Batch, int]] = field(default_factory=deque)
    since: float = 0.0

    def add(self, batch: Batch, sequence: int) -> None:
        """The message waits behind the others."""
        if not self.batches:
            self.since = time.monotonic()
        self.batches.append((batch, sequence))

    def settle(self, heads: Heads) -> tuple[list[Run], set[int]]:
        """Returns the runs that are next, and the lanes where something is missing; what is complete waits no more."""
        runs: list[Run] = []
        while True:
            waiting: deque[tuple[Batch, int]] = deque()
            missing: set[int] = set()
            fills_gap = False
            for batch, sequence in self.batches:
                found, gaps = heads.take(batch)
                runs += found
                fills_gap = fills_gap or bool(found and waiting)
                missing.update(gaps)
                if gaps or waiting:
                    waiting.append((batch, sequence))
                else:
                    runs.append(Run(batch.service, -1, 0, batch.batch_id, (), sequence))
            if len(waiting) < len(self.batches):
                self.since = time.monotonic()
            self.batches = waiting
            if not fills_gap:
                return runs, missing

    @property
    def is_overdue(self) -> bool:
        """Whether what is missing will not come by itself."""
        return bool(self.batches) and (len(self.batches) > _MOST_EARLY or time.monotonic() - self.since > _PATIENCE)


def batch_of(data: bytes, producer: str) -> Batch | None:
    """Returns the batch of a message, None where it is none that the producer wrote."""
    try:
        batch = Batch.FromString(data)
    except DecodeError:
        return None
    is_sound = batch.service == producer and all(map(_is_sound, batch.segments))
    return batch if is_sound else None


def _is_sound(segment: Segment) -> bool:
    return 0 <= segment.lane < LANES and segment.first > 0 and segment.count == len(segment.events) > 0


class Source:
    """Runs of one producer, in order, without gaps."""

    def __init__(self, producer: str, client: Client, log: ProducerLog, out: "asyncio.Queue[Run]") -> None:
        self.producer = producer
        self._client = client
        self._log = log
        self._out = out
        self._searched: dict[int, int] = {}
        """Positions, by lane, after which all of the producer's log was looked through."""
        self._misses = False
        """Whether something should have come by now and did not."""

    async def run(self, heads: Heads, cursor: int) -> None:
        """Puts runs into the queue until cancelled; what is away is tried again."""
        await together(self._hear(heads, cursor), self._look_on(heads))

    async def _look_on(self, heads: Heads) -> None:
        """What was told in a lane and does not come is noticed, though others are heard all the time.

        A lane in which nobody speaks again shows no gap: its last events may have been lost by the stream, or stand
        before the cursor.
        """
        ends: Sequence[int] = ()
        before: dict[int, int] = {}
        while True:
            with contextlib.suppress(LobbyError):
                self._misses |= heads.stuck(ends, before) if ends else False
                ends, before = await self._log.heads(), dict(heads.positions)
            await asyncio.sleep(_CHECK_SECONDS)

    async def _hear(self, heads: Heads, cursor: int) -> None:
        pause = 0.1
        while True:
            try:
                start = await start_sequence(self._client, self.producer, cursor)
                async with reading(self._client, self.producer, start) as stream:
                    pause = 0.1
                    await self._check(heads)
                    early = Early()
                    while True:
                        received = await stream.receive(_PATIENCE if early.batches else None)
                        if received is not None:
                            cursor = await self._take(heads, early, received, cursor)
                        elif early.batches:
                            cursor = await self._settle(heads, early, cursor)
                        if self._misses:
                            await self._check(heads)
            except (StreamLost, LobbyError) as error:
                _LOG.info("source_waits", producer=self.producer, reason=str(error), retry_in=pause)
                await asyncio.sleep(pause)
                pause = min(pause * 2, 2.0)

    async def _check(self, heads: Heads) -> None:
        """What the broker lost is read from the producer; where he is away the stream must do for now."""
        self._misses = False
        try:
            await self._catch_up(heads)
        except LobbyError as error:
            _LOG.info("producer_away", producer=self.producer, reason=error.reason)

    async def _take(self, heads: Heads, early: Early, received: Received, cursor: int) -> int:
        """Returns the sequence up to which everything was taken."""
        batch = batch_of(received.data, self.producer)
        if batch is None:
            # The log itself is read instead, so nothing it stood for is lost.
            metrics.STREAM_GARBAGE.labels(self.producer).inc()
            _LOG.warning("no_batch", producer=self.producer, sequence=received.sequence)
            await self._check(heads)
            batch = Batch(service=self.producer)
        early.add(batch, received.sequence)
        return await self._settle(heads, early, cursor)

    async def _settle(self, heads: Heads, early: Early, cursor: int) -> int:
        """What is next is queued; what has been missing for too long is read from the producer's log."""
        runs, missing = early.settle(heads)
        if missing and early.is_overdue:
            metrics.GAPS.labels(self.producer).inc(len(missing))
            _LOG.warning("gap_found", producer=self.producer, lanes=sorted(missing))
            cursor = await self._put(runs, cursor)
            if not await self._catch_up(heads):
                # The producer's own log does not hold them: its old partitions are gone, or it was restored.
                raise StreamLost(f"{self.producer}'s log does not hold the missing positions")
            runs, _ = early.settle(heads)
        return await self._put(runs, cursor)

    async def _put(self, runs: Sequence[Run], cursor: int) -> int:
        for run in runs:
            cursor = cursor if run.sequence is None else run.sequence
            await self._out.put(run)
        return cursor

    async def _catch_up(self, heads: Heads) -> int:
        """Returns how many runs the producer's log held beyond the heads; all of them are queued."""
        ends = await self._log.heads()
        if not (behind := heads.behind(ends)):
            return 0
        found = await self._read_on(heads, min(heads.batch_ids.get(lane, 0) for lane in behind), behind)
        # A position that somebody set back stands before its batch: all of the log is looked through for it, once.
        left = [lane for lane in heads.behind(ends) if self._searched.get(lane) != heads.positions[lane]]
        if left:
            _LOG.warning("log_searched", producer=self.producer, lanes=sorted(left))
            self._searched |= {lane: heads.positions[lane] for lane in left}
            found += await self._read_on(heads, 0, left)
        return found

    async def _read_on(self, heads: Heads, after: int, lanes: Sequence[int]) -> int:
        """Returns how many runs of the lanes the producer's log held after a batch; all of them are queued."""
        found = 0
        while batches := await self._log.read(after, lanes):
            for data in batches:
                batch = Batch.FromString(data)
                # Other lanes may show gaps here: their other batches were not asked for.
                runs, _ = heads.take(batch)
                await self._put(runs, 0)
                found += len(runs)
                after = batch.batch_id
        return found
