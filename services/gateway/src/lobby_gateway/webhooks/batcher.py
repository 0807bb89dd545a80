"""Webhooks that arrive while a call is in flight go together in the next one; alone and at once when idle.

After a call with many there is a short wait for more: what a call costs, it costs once for all of them.
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from lobby.connectors.v1.ingest_service_pb2 import IngestWebhooksResponse, Webhook
from lobby_common.errors import LobbyError
from lobby_common.events.linger import Linger

Verdict = IngestWebhooksResponse.Verdict
UNAVAILABLE = Verdict.VERDICT_UNAVAILABLE
Ingest = Callable[[Sequence[Webhook]], Awaitable[Sequence[int]]]
"""Hands webhooks on and returns a verdict for each, in order. Raises LobbyError."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one call and the queue before it may hold."""

    calls: int = 1
    """Calls in flight at once. Two would only wait for each other's lanes in the database, with smaller batches."""
    batch_count: int = 200
    batch_bytes: int = 2 * 1024 * 1024
    """A larger webhook goes alone."""
    queue_count: int = 4_000
    queue_bytes: int = 32 * 1024 * 1024
    longest_linger: float = 0.03
    """Seconds that a webhook waits for others at most, while there are many."""
    linger_factor: float = 0.5
    """Wait per second of the last call: of what platforms wait for, a third."""
    linger_few: int = 2
    """Webhooks in a call up to which there is no wait."""
    oldest: float = 4.0
    """Seconds after which a webhook that still waits is given up: the platform sends it again."""


@dataclass(slots=True)
class Waiting:
    """A webhook in the queue."""

    webhook: Webhook
    size: int
    since: float
    verdict: asyncio.Future[int]


def take(queue: deque[Waiting], limits: Limits) -> list[Waiting]:
    """Moves what goes in one call out of the queue, in order: at least one where there is one."""
    batch: list[Waiting] = []
    total = 0
    while queue and len(batch) < limits.batch_count:
        total += queue[0].size
        if batch and total > limits.batch_bytes:
            break
        batch.append(queue.popleft())
    return batch


class Batcher:
    """The queue before connectors, and the calls that empty it."""

    def __init__(self, ingest: Ingest, limits: Limits) -> None:
        self._ingest = ingest
        self._limits = limits
        self._queue: deque[Waiting] = deque()
        self._bytes = 0
        self._calls: set[asyncio.Task[None]] = set()

    async def submit(self, webhook: Webhook, size: int) -> int:
        """Returns the webhook's verdict; UNAVAILABLE at once where the queue is full."""
        limits = self._limits
        if len(self._queue) >= limits.queue_count or self._bytes + size > limits.queue_bytes:
            return UNAVAILABLE
        loop = asyncio.get_running_loop()
        waiting = Waiting(webhook, size, time.monotonic(), loop.create_future())
        self._queue.append(waiting)
        self._bytes += size
        if len(self._calls) < limits.calls:
            self._calls.add(loop.create_task(self._empty()))
        return await waiting.verdict

    async def drain(self) -> None:
        """Returns when everything that was submitted has its verdict."""
        while self._calls:
            await asyncio.wait(self._calls)

    async def _empty(self) -> None:
        """The queue is empty, call after call."""
        limits = self._limits
        linger = Linger(limits.longest_linger, limits.linger_factor, limits.linger_few)
        try:
            while self._queue:
                batch = self._fresh(take(self._queue, limits))
                if batch:
                    started = time.monotonic()
                    await self._call(batch)
                    linger.after(events=len(batch), seconds=time.monotonic() - started)
                if (pause := linger.pause()) and len(self._queue) < limits.batch_count:
                    await asyncio.sleep(pause)
        finally:
            # In the same breath as the queue was found empty: who comes next must not take this for a call to wait for.
            self._calls.discard(asyncio.current_task())

    def _fresh(self, batch: list[Waiting]) -> list[Waiting]:
        """Returns those that have not waited too long; the others are answered."""
        oldest = time.monotonic() - self._limits.oldest
        fresh = []
        for each in batch:
            self._bytes -= each.size
            if each.since < oldest:
                _answer(each, UNAVAILABLE)
            else:
                fresh.append(each)
        return fresh

    async def _call(self, batch: list[Waiting]) -> None:
        verdicts: Sequence[int] = ()
        try:
            verdicts = await self._ingest([each.webhook for each in batch])
        except LobbyError:
            pass
        finally:
            for index, each in enumerate(batch):
                _answer(each, verdicts[index] if index < len(verdicts) else UNAVAILABLE)


def _answer(waiting: Waiting, verdict: int) -> None:
    # The one who waits may have gone: a platform that closed its connection.
    if not waiting.verdict.done():
        waiting.verdict.set_result(verdict)
