"""What waits in the spool comes into the database, in the order in which it was accepted, and out of the stream."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime

from nats.aio.client import Client

from lobby.connectors.v1.ingest_service_pb2 import IngestWebhooksRequest
from lobby.connectors.v1.ingest_service_pb2 import Webhook as Spooled
from lobby_common.events.stream import Reading, Received, StreamLost, reading
from lobby_common.log import get_logger
from lobby_common.times import from_proto
from lobby_connectors.spool import AGAIN, FIRST, STREAM, TROUBLE, Spool

_LOG = get_logger("drain")

_MANY, _BYTES = 100, 256 * 1024
"""Webhooks, and their bytes, that are taken into the database together; one message more may go with them."""
_PAUSE, _CALM_PAUSE = 0.25, 1.0
_AT_ONCE = 0.001
"""Seconds in which a message comes that is here already."""
_PUT_AGAIN_SECONDS = 1.0
"""In which every replica sees that the stream has lost something, and has put it again."""

Absorb = Callable[[Sequence[Spooled]], Awaitable[None]]
"""Takes webhooks into the database; returns when they are there for certain, however long that takes."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A message of the stream."""

    webhooks: Sequence[Spooled]
    time: datetime
    """When the first of them was received."""
    size: int
    sequence: int
    again: bool = False


@dataclass(frozen=True, slots=True)
class _Seen:
    """Of the stream, by which it is known whether it is still the one that it was."""

    connections: int
    life: datetime | None
    last: int

    def follows(self, before: "_Seen") -> bool:
        return (self.connections, self.life) == (before.connections, before.life) and self.last >= before.last


class Drain:
    """Takes out of the stream what waits there; one replica does at a time."""

    def __init__(self, client: Client, spool: Spool, absorb: Absorb) -> None:
        self._client = client
        self._js = client.jetstream(timeout=5)
        self._spool = spool
        self._absorb = absorb
        self._seen: _Seen | None = None

    async def run(self) -> None:
        """What waits is taken into the database in order, and taken out of the stream; until cancelled."""
        while True:
            try:
                if await self._count():
                    await self._drain()
            except (*TROUBLE, StreamLost) as error:
                _LOG.info("drain_waits", error=type(error).__name__)
            await asyncio.sleep(_PAUSE if self._spool.is_in_use else _CALM_PAUSE)

    async def _count(self) -> int:
        """Returns how much waits, in a stream into which everybody has put again what it had lost."""
        info = await self._js.stream_info(STREAM)
        seen = _Seen(self._client.stats["reconnects"], info.created, info.state.last_seq)
        if info.state.messages and (self._seen is None or not seen.follows(self._seen)):
            await asyncio.sleep(_PUT_AGAIN_SECONDS)
            async with self._spool.whole:
                info = await self._js.stream_info(STREAM)
        self._seen = _Seen(seen.connections, info.created, info.state.last_seq)
        return info.state.messages

    async def _drain(self) -> None:
        async with reading(self._client, STREAM, 1, subject=FIRST) as firsts:
            again = await self._put_again()
            async with aclosing(_batches(in_order(_received(firsts), again))) as batches:
                async for together in batches:
                    await self._take_in(firsts, together)
            await self._take_out(firsts, AGAIN, [each.sequence for each in again])

    async def _put_again(self) -> list[Waiting]:
        """Returns what was put again, the oldest first; it fits into memory, as it came from there."""
        found: list[Waiting] = []
        if count := await self._spool.count_again():
            async with reading(self._client, STREAM, 1, subject=AGAIN) as stream:
                while len(found) < count and (received := await stream.receive(_PAUSE)):
                    found.append(_waiting(received, again=True))
        return sorted(found, key=lambda each: each.time)

    async def _take_in(self, firsts: Reading, together: Sequence[Waiting]) -> None:
        """They are in the database, and those that were put once are gone from the stream."""
        await self._absorb([each for waiting in together for each in waiting.webhooks])
        await self._take_out(firsts, FIRST, [each.sequence for each in together if not each.again])

    async def _take_out(self, stream: Reading, subject: str, sequences: Sequence[int]) -> None:
        """They are gone from the stream that was read; another that took its place meanwhile is left as it is."""
        if sequences:
            await stream.pending()  # raises where its consumer went with it
            await self._js.purge_stream(STREAM, seq=max(sequences) + 1, subject=subject)


async def _received(stream: Reading) -> AsyncIterator[Waiting | None]:
    """Yields what is read, None where nothing is there at once; ends where all was read."""
    read_all = False
    while True:
        if received := await stream.receive(_AT_ONCE):
            yield _waiting(received)
        elif read_all:
            return
        else:
            yield None
            if received := await stream.receive(_PAUSE):
                yield _waiting(received)
            else:
                read_all = not await stream.pending()


def _waiting(received: Received, *, again: bool = False) -> Waiting:
    webhooks = IngestWebhooksRequest.FromString(received.data).webhooks
    return Waiting(webhooks, from_proto(webhooks[0].received_time), len(received.data), received.sequence, again)


async def in_order(firsts: AsyncIterator[Waiting | None], again: Sequence[Waiting]) -> AsyncIterator[Waiting | None]:
    """Yields the firsts in their order, and before each what was put again and is older."""
    older = deque(again)
    async for each in firsts:
        while each and older and older[0].time < each.time:
            yield older.popleft()
        yield each
    for each in older:
        yield each


async def _batches(waiting: AsyncIterator[Waiting | None]) -> AsyncGenerator[list[Waiting], None]:
    """Yields together what is there: one by one it would be taken out more slowly than new ones can be put."""
    batch: list[Waiting] = []
    async for each in waiting:
        if each:
            batch.append(each)
        size, webhooks = sum(one.size for one in batch), sum(len(one.webhooks) for one in batch)
        if batch and (each is None or size >= _BYTES or webhooks >= _MANY):
            yield batch
            batch = []
    if batch:
        yield batch
