"""Publishes committed batches in order: from memory after the commit, from the table at start and after errors."""

import asyncio
import time
from collections import deque
from collections.abc import Sequence
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
_CHECK_SECONDS = 2.0
"""How often an idle publisher looks for what was committed and not offered."""
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
    """Publishes the batches of one service. Its stream can be wiped at any time: the table is the truth."""

    def __init__(self, service: str, client: Client, pool: asyncpg.Pool, *, stream_bytes: int) -> None:
        self._service = service
        self._js = client.jetstream(timeout=5, publish_async_max_pending=_WINDOW * 2)
        self._pool = pool
        self._stream_bytes = stream_bytes
        self._queue: deque[StoredBatch] = deque()
        self._overflowed = False
        self._wake = asyncio.Event()
        self._marks: dict[int, tuple[int, int]] = {}
        self.ready = False

    def offer(self, batches: Sequence[StoredBatch]) -> None:
        """The batches are published soon; where memory is full they are read from the table instead."""
        if len(self._queue) + len(batches) > _QUEUE:
            self._overflowed = True
        else:
            self._queue.extend(batches)
        self._wake.set()

    async def run(self) -> None:
        """Publishes until cancelled; what the broker or the database refuses is tried again."""
        pause = 0.1
        while True:
            try:
                await self._ensure_stream()
                await self._refill()
                self.ready = True
                pause = 0.1
                await self._publish_offered()
            except _TRANSIENT as error:
                self.ready = False
                _LOG.warning("publish_failed", error=type(error).__name__, retry_in=pause)
                await asyncio.sleep(pause)
                pause = min(pause * 2, 2.0)

    async def flush(self) -> None:
        """What was offered is published and marked; used once, at stop. Errors leave it to the next start."""
        try:
            while self._queue:
                await self._publish(self._take())
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
            num_replicas=1,
        )
        try:
            await self._js.add_stream(config)
        except nats.js.errors.BadRequestError:
            await self._js.update_stream(config)

    async def _publish_offered(self) -> None:
        saved = time.monotonic()
        while not self._overflowed:
            if time.monotonic() - saved > _SAVE_SECONDS:
                await self._save_marks()
                saved = time.monotonic()
            if self._queue:
                await self._publish(self._take())
            elif not await self._wait_for_work() and await self._lanes_behind():
                return
        self._overflowed = False

    async def _wait_for_work(self) -> bool:
        self._wake.clear()
        if self._queue or self._overflowed:
            return True
        try:
            async with asyncio.timeout(_CHECK_SECONDS):
                await self._wake.wait()
        except TimeoutError:
            return False
        return True

    def _take(self) -> list[StoredBatch]:
        return [self._queue.popleft() for _ in range(min(len(self._queue), _WINDOW))]

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
            for lane, last in zip(batch.lanes, batch.lasts, strict=True):
                self._marks[lane] = (last, batch.batch_id)
        metrics.BATCHES_PUBLISHED.inc(len(batches))

    async def _save_marks(self) -> None:
        if not self._marks:
            return
        marks, self._marks = self._marks, {}
        lasts = [last for last, _ in marks.values()]
        ids = [batch_id for _, batch_id in marks.values()]
        await self._pool.execute(QUERIES["mark_published"], list(marks), lasts, ids)

    async def _lanes_behind(self) -> list[asyncpg.Record]:
        await self._save_marks()
        return await self._pool.fetch(QUERIES["read_lanes_behind"])

    async def _refill(self) -> None:
        """Everything committed before now is published: repeats are dropped by the broker or by positions."""
        self._queue.clear()
        self._overflowed = False
        behind = await self._lanes_behind()
        if not behind:
            return
        after = min(row["batch_id"] for row in behind)
        while rows := await self._pool.fetch(QUERIES["read_unpublished"], after, _PAGE):
            for start in range(0, len(rows), _WINDOW):
                await self._publish([_from_row(row) for row in rows[start : start + _WINDOW]])
            after = rows[-1]["batch_id"]
        await self._save_marks()
        _LOG.info("log_refilled", lanes=len(behind), up_to=after)


def _from_row(row: asyncpg.Record) -> StoredBatch:
    lasts = tuple(first + count - 1 for first, count in zip(row["firsts"], row["counts"], strict=True))
    return StoredBatch(row["batch_id"], tuple(row["lanes"]), lasts, row["data"])
