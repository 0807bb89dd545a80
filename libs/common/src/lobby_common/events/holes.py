"""Holes in a service's own stream: batches that are marked as published, and that it lacks though it holds older ones.

They are published again, which is harmless: consumers go by positions.

What the broker counts comes first: as long as nothing but old messages left the stream, only what is new since the last
look is read, heads without bodies. Where the counts say otherwise all that the stream retains is read again.
"""

import asyncio
import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import asyncpg
import nats.errors
import nats.js.errors
import structlog
from nats.aio.client import Client
from nats.js.api import StreamInfo

from lobby_common import metrics
from lobby_common.events.log import QUERIES
from lobby_common.events.periods import BUCKET, CLOSED_AFTER
from lobby_common.events.publisher import Publisher, stream_of
from lobby_common.events.stream import Received, StreamLost, reading
from lobby_common.postgres import AWAY

_LOG = structlog.get_logger("holes")

_EVERY_SECONDS = 60.0
_PAGE = 1_000
"""Messages between two rests."""
_REST = 12.0
"""Rest per second of work."""
_MARGIN = timedelta(seconds=60)
"""How much later than it was told a batch is published at most, as long as nothing is wrong."""
_NAMED = 100
"""Batches that a line of the log names at most."""
_STREAM = "stream"
"""What stands for the producer in `ledger_mismatch`."""


@dataclass(slots=True)
class Seen:
    """What is known of a stream since it was read from its first message on."""

    created: datetime | None
    """Of the stream: another one is another stream."""
    removed: int
    """Messages that were missing in its midst."""
    sequence: int = 0
    """Everything up to here was read."""
    batch_ids: set[int] = field(default_factory=set)
    """Of the messages read, as far as they are not compared."""
    compared: datetime | None = None
    """Everything told before was compared, or need not be in the stream."""

    def continues(self, info: StreamInfo) -> bool:
        """Returns whether the stream is the same one and has lost nothing in its midst since."""
        state = info.state
        return self.created == info.created and self.removed == removed(info) and state.last_seq >= self.sequence


def removed(info: StreamInfo) -> int:
    """Returns how many messages are missing between the first and the last one of a stream."""
    state = info.state
    return state.last_seq - state.first_seq + 1 - state.messages if state.messages else 0


def batch_id_of(service: str, received: Received) -> int | None:
    """Returns the batch that a message holds by its name, None where it is none of the service's."""
    name, _, number = received.message_id.rpartition("-")
    return int(number) if name == service and number.isdecimal() else None


class Holes:
    """Looks for them, and mends them."""

    def __init__(self, service: str, client: Client, pool: asyncpg.Pool, publisher: Publisher) -> None:
        self._service = service
        self._client = client
        self._pool = pool
        self._publisher = publisher
        self._seen: Seen | None = None

    async def run(self) -> None:
        """Every minute, until cancelled."""
        while True:
            await asyncio.sleep(_EVERY_SECONDS)
            try:
                await self.mend()
            except (StreamLost, nats.errors.Error, nats.js.errors.Error, *AWAY) as error:
                _LOG.info("holes_wait", reason=type(error).__name__)

    async def mend(self, now: datetime | None = None) -> list[int]:
        """Batches that the stream lost are published again, and counted; returns their ids.

        `now` is the database's time where none is given: batches are told by that clock.
        """
        now = now or await self._pool.fetchval(QUERIES["read_times"], column=1)
        info = await self._look()
        # Nothing is known while this looks: where it fails, or has to mend, all is read again the next time.
        seen, self._seen = self._seen, None
        if seen is None or not seen.continues(info):
            seen = Seen(info.created, removed(info))
        lost = await self._compare(seen, info, now - CLOSED_AFTER) if info.state.messages else []
        metrics.LEDGER_MISMATCH.labels(self._service, _STREAM).set(len(lost))
        if lost:
            _LOG.warning("stream_has_holes", batches=len(lost), batch_ids=lost[:_NAMED])
            await self._publisher.publish_again(lost)
        else:
            self._seen = seen
        return lost

    async def _look(self) -> StreamInfo:
        return await self._client.jetstream(timeout=5).stream_info(stream_of(self._service))

    async def _compare(self, seen: Seen, info: StreamInfo, end: datetime) -> list[int]:
        await self._read(seen, info)
        lost: set[int] = set()
        while seen.compared is not None and seen.compared < end:
            until = min(seen.compared + BUCKET, end)
            began = time.monotonic()
            rows = await self._pool.fetch(QUERIES["list_told"], seen.compared, until)
            late = next((row["create_time"] for row in rows if not row["published"]), None)
            told = {row["batch_id"] for row in rows if late is None or row["create_time"] < late}
            lost |= told - seen.batch_ids
            seen.batch_ids -= told
            seen.compared = late or until
            if late is not None:  # the publisher is about to: what comes after it is compared when it has
                break
            await asyncio.sleep((time.monotonic() - began) * _REST)
        if lost:
            await self._read(seen, await self._look())  # what was marked meanwhile was published before
        return sorted(lost - seen.batch_ids)

    async def _read(self, seen: Seen, info: StreamInfo) -> None:
        """The batches of all messages up to the stream's present end are known."""
        first, last = max(seen.sequence + 1, info.state.first_seq), info.state.last_seq
        if first > last:
            return
        began = time.monotonic()
        async with reading(self._client, self._service, first, heads_only=True) as stream:
            while seen.sequence < last and (received := await stream.receive()) is not None:
                batch_id = batch_id_of(self._service, received)
                if batch_id is not None:
                    seen.batch_ids.add(batch_id)
                    if seen.compared is None:
                        seen.compared = await self._beginning(batch_id, received, info)
                seen.sequence = received.sequence
                if received.sequence % _PAGE == 0:
                    await asyncio.sleep((time.monotonic() - began) * _REST)
                    began = time.monotonic()

    async def _beginning(self, batch_id: int, first: Received, info: StreamInfo) -> datetime | None:
        """Returns from when on what was told has to be in a stream, by its first batch.

        Where older messages have left it, what was told about when the first one was may have left it too.
        """
        told: datetime | None = await self._pool.fetchval(QUERIES["find_told_time"], batch_id)
        if told is None or info.state.first_seq == 1:
            return told
        return max(told, first.time or told) + _MARGIN
