"""Publishes committed batches: from memory after the commit; from the table what a process left that is gone."""

import asyncio
import contextlib
import itertools
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import nats.errors
import nats.js.errors
import structlog
from nats.aio.client import Client
from nats.js.api import DiscardPolicy, RetentionPolicy, StorageType, StreamConfig

from lobby_common import metrics
from lobby_common.events.log import QUERIES, StoredBatch
from lobby_common.postgres import AWAY

_LOG = structlog.get_logger("publisher")

_QUEUE = 1_000
"""Batches held in memory; more are found in the table again."""
_WINDOW = 16
"""Batches on their way to the broker at once."""
_UNLIMITED = 1 << 31
"""Of the client's own window, which never gets back what could not leave: after some outages it would be used up."""
_CHECK_SECONDS = 2.0
"""How often it is looked for what was committed and not published."""
_SAVE_SECONDS = 1.0
"""How often the published marks are saved: what was published since is published again after a crash."""
_ACK_SECONDS = 10.0
_PAGE = 50

_TRANSIENT = (
    nats.errors.Error,
    nats.js.errors.Error,
    asyncpg.PostgresError,
    *AWAY,
)


def stream_of(service: str) -> str:
    """Returns the name of a service's stream."""
    return service.upper()


def subject_of(service: str) -> str:
    """Returns the subject of a service's batches."""
    return f"lobby.{service}"


class Publisher:
    """Publishes the batches of one service. Its stream can be wiped at any time: the table is the truth.

    Each replica publishes what it committed itself; one of them looks for what was committed and never published.
    """

    def __init__(
        self, service: str, client: Client, pool: asyncpg.Pool, *, stream_bytes: int, replicas: int = 1
    ) -> None:
        self._service = service
        self._js = client.jetstream(timeout=5, publish_async_max_pending=_UNLIMITED)
        self._pool = pool
        self._stream_bytes = stream_bytes
        self._replicas = replicas
        self._queue: deque[StoredBatch] = deque()
        self._overflowed = False
        self._wake = asyncio.Event()
        self._marks = Marks()
        self.ready = False

    def offer(self, batches: Sequence[StoredBatch]) -> None:
        """The batches are published soon; where memory is full they are read from the table instead."""
        if len(self._queue) + len(batches) > _QUEUE:
            self._overflowed = True
        else:
            self._queue.extend(batches)
        self._wake.set()

    async def run(self) -> None:
        """Publishes what is offered until cancelled; what the broker or the database refuses is tried again."""
        pause = 0.1
        while True:
            try:
                await self._ensure_stream()
                self.ready = True
                if self._overflowed:
                    await self._publish_overflow()
                pause = 0.1
                await self._publish_offered()
            except _TRANSIENT as error:
                self.ready = False
                _LOG.warning("publish_failed", error=type(error).__name__, retry_in=pause)
                await asyncio.sleep(pause)
                pause = min(pause * 2, 2.0)

    async def find_left(self) -> None:
        """Publishes what was committed before and by processes that are gone, until cancelled; one replica does.

        What is behind at the beginning is published at once, later only what was behind a check before: others are
        about to publish the rest.
        """
        drawn: dict[int, int] | None = None
        while True:
            try:
                behind = await self._lanes_behind()
                await self._refill(
                    [row for row in behind if drawn is None or row["position"] < drawn.get(row["lane"], 0)]
                )
                drawn = {row["lane"]: row["drawn"] for row in behind}
            except _TRANSIENT as error:
                _LOG.warning("publish_failed", error=type(error).__name__, retry_in=_CHECK_SECONDS)
            await asyncio.sleep(_CHECK_SECONDS)

    async def publish_again(self, batch_ids: Sequence[int]) -> None:
        """Batches of the log were published once more. Raises what the broker or the database raises."""
        for start in range(0, len(batch_ids), _WINDOW):
            some = list(batch_ids[start : start + _WINDOW])
            await self._publish([_from_row(row) for row in await self._pool.fetch(QUERIES["read_some"], some)])

    async def flush(self) -> None:
        """What was offered is published and marked; used once, at stop. Errors leave it to others."""
        try:
            while self._queue:
                await self._publish_next()
            await self._save_marks()
        except _TRANSIENT as error:
            _LOG.warning("flush_failed", error=type(error).__name__)

    async def _ensure_stream(self) -> None:
        config = StreamConfig(
            name=stream_of(self._service),
            subjects=[subject_of(self._service)],
            retention=RetentionPolicy.LIMITS,
            storage=StorageType.FILE,
            # The log in Postgres is the truth and consumers refill from it: dropping old messages loses nothing,
            # while refusing new ones would stop the flow (docs/adr/0003).
            discard=DiscardPolicy.OLD,
            max_bytes=self._stream_bytes,
            max_age=86_400,
            max_msg_size=1_048_576,
            duplicate_window=120,
            num_replicas=self._replicas,
        )
        try:
            await self._js.add_stream(config)
        except nats.js.errors.BadRequestError:
            await self._js.update_stream(config)

    async def _publish_overflow(self) -> None:
        """What there was no room for is published from the table; where that fails it is still to be done."""
        self._queue.clear()
        self._overflowed = False
        try:
            await self._refill(await self._lanes_behind())
        except _TRANSIENT:
            self._overflowed = True
            raise

    async def _publish_offered(self) -> None:
        saved = time.monotonic()
        while not self._overflowed:
            if time.monotonic() - saved > _SAVE_SECONDS:
                await self._save_marks()
                saved = time.monotonic()
            if self._queue:
                await self._publish_next()
            else:
                await self._wait_for_work()

    async def _wait_for_work(self) -> None:
        self._wake.clear()
        if self._queue or self._overflowed:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_SAVE_SECONDS if self._marks.spans else None):
                await self._wake.wait()

    async def _publish_next(self) -> None:
        """What could not be published stays first in the queue: it is published again, and dropped where it was."""
        batches = list(itertools.islice(self._queue, _WINDOW))
        await self._publish(batches)
        for _ in batches:
            self._queue.popleft()

    async def _publish(self, batches: Sequence[StoredBatch]) -> None:
        """Several at once keep their order: they leave on one connection."""
        subject = subject_of(self._service)
        acks: list[asyncio.Future[Any]] = []
        for batch in batches:
            headers = {"Nats-Msg-Id": f"{self._service}-{batch.batch_id}"}
            acks.append(await self._js.publish_async(subject, batch.data, headers=headers))
        async with asyncio.timeout(_ACK_SECONDS):
            await asyncio.gather(*acks)
        for batch in batches:
            self._marks.add(batch)
        metrics.BATCHES_PUBLISHED.inc(len(batches))

    async def _save_marks(self) -> None:
        if not self._marks.spans:
            return
        marks, self._marks = self._marks, Marks()
        try:
            await self._pool.execute(QUERIES["mark_published"], *marks.columns())
        except _TRANSIENT:
            self._marks.merge(marks)
            raise

    async def _lanes_behind(self) -> list[asyncpg.Record]:
        await self._save_marks()
        return await self._pool.fetch(QUERIES["read_lanes_behind"])

    async def _refill(self, behind: Sequence[asyncpg.Record]) -> None:
        """Everything committed before now in these lanes is published; repeats are dropped by broker or positions."""
        if not behind:
            return
        await self._ensure_stream()
        after = min(row["batch_id"] for row in behind)
        while rows := await self._pool.fetch(QUERIES["read_unpublished"], after, _PAGE):
            for start in range(0, len(rows), _WINDOW):
                await self._publish([_from_row(row) for row in rows[start : start + _WINDOW]])
            after = rows[-1]["batch_id"]
        await self._save_marks()
        _LOG.info("log_refilled", lanes=len(behind), up_to=after)


@dataclass(slots=True)
class Marks:
    """What was published and is not marked in the table yet, by lane."""

    spans: dict[int, list[str]] = field(default_factory=dict)
    lasts: dict[int, tuple[int, int]] = field(default_factory=dict)
    """Last position and its batch."""

    def add(self, batch: StoredBatch) -> None:
        """The batch was published."""
        for lane, first, last in zip(batch.lanes, batch.firsts, batch.lasts, strict=True):
            self.spans.setdefault(lane, []).append(f"[{first},{last}]")
            self.lasts[lane] = max(self.lasts.get(lane, (0, 0)), (last, batch.batch_id))

    def merge(self, other: "Marks") -> None:
        """What the other knows is known."""
        for lane, spans in other.spans.items():
            self.spans.setdefault(lane, []).extend(spans)
            self.lasts[lane] = max(self.lasts.get(lane, (0, 0)), other.lasts[lane])

    def columns(self) -> tuple[list[int], list[str], list[int], list[int]]:
        """Returns lanes, multiranges, last positions and their batches."""
        return (
            list(self.spans),
            ["{" + ",".join(spans) + "}" for spans in self.spans.values()],
            [self.lasts[lane][0] for lane in self.spans],
            [self.lasts[lane][1] for lane in self.spans],
        )


def _from_row(row: asyncpg.Record) -> StoredBatch:
    firsts = tuple(row["firsts"])
    lasts = tuple(first + count - 1 for first, count in zip(firsts, row["counts"], strict=True))
    return StoredBatch(row["batch_id"], tuple(row["lanes"]), firsts, lasts, row["data"])
