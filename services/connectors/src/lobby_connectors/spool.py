"""The spool: a durable stream that takes webhooks while the database is away, and gives them back in order.

What is in the stream was answered with 200 and may not be in the database. It is taken out only after the commit; a
crash in between takes it in twice, which the webhook's own id makes harmless. Whoever put it there holds a copy until
then, and puts it again where the stream has lost it.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

import nats.errors
import nats.js.errors
from nats.aio.client import Client
from nats.js.api import DiscardPolicy, RetentionPolicy, StorageType, StreamConfig

from lobby.connectors.v1.ingest_service_pb2 import IngestWebhooksRequest
from lobby.connectors.v1.ingest_service_pb2 import Webhook as Spooled
from lobby_common.events.stream import StreamLost, reading
from lobby_common.log import get_logger
from lobby_common.times import to_proto
from lobby_connectors import metrics
from lobby_connectors.domain.webhooks import Webhook

_LOG = get_logger("spool")

_STREAM = "SPOOL"
_SUBJECT = "spool.connectors"
HINT = "lobby.connectors.spooled"
"""By which a replica tells the others that something waits in the stream."""
_LARGEST_MESSAGE = 4 * 1024 * 1024 - 64 * 1024
"""A webhook of 3 MiB, or a group of 512 KiB, and the room that the broker needs."""
_PUT_SECONDS = 2.0
_CHECK_SECONDS = 0.25
_CALM_SECONDS = 1.0
"""How often it is looked where nothing waits: another replica may have begun to spool."""
_NEARLY_EMPTY = 3
"""Messages in the stream up to which new webhooks wait for its end instead of making it longer."""
_WAIT_SECONDS = 0.75

_DRAINED, _DRAINED_BYTES = 100, 256 * 1024
"""Webhooks, and their bytes, that are taken into the database together; one message more may go with them."""
_AT_ONCE = 0.001
"""Seconds in which a message comes that is here already."""

_COPIED_BYTES = 64 * 1024 * 1024
"""Of what is in the stream a process holds so much in memory as well, the newest."""

_TROUBLE = (nats.errors.Error, nats.js.errors.Error, OSError, TimeoutError)

Absorb = Callable[[Sequence[Spooled]], Awaitable[None]]
"""Takes webhooks into the database; returns when they are there for certain, however long that takes."""


@dataclass(slots=True)
class Copy:
    """A message that this process put into the stream."""

    webhook_id: str
    """Of its first webhook: the broker takes a message with this id once."""
    data: bytes
    life: datetime | None = None
    """When the stream was made in which it has its place."""
    sequence: int = 0


class Copies:
    """What this process put into the stream and may still be there, as far as memory goes."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._bytes = 0
        self._copies: deque[Copy] = deque()

    def add(self, copy: Copy) -> None:
        """It was put; the oldest are forgotten where there are too many."""
        self._copies.append(copy)
        self._bytes += len(copy.data)
        while self._bytes > self._most_bytes:
            self._bytes -= len(self._copies.popleft().data)

    def lost(self, life: datetime | None, first: int, last: int) -> list[Copy]:
        """Returns those that are not in a stream of this life that goes from `first` to `last`.

        What was taken out of it is forgotten. Those that are put again are to be given their new places.
        """
        held = [each for each in self._copies if each.life != life or each.sequence >= first]
        self._copies = deque(held)
        self._bytes = sum(len(each.data) for each in held)
        return [each for each in held if each.life != life or each.sequence > last]


class Spool:
    """The stream as this process sees it."""

    def __init__(self, client: Client, *, stream_bytes: int, replicas: int) -> None:
        self._js = client.jetstream(timeout=_PUT_SECONDS)
        self._client = client
        self._stream_bytes = stream_bytes
        self._replicas = replicas
        self._puts = 0
        self._waiting = 0
        self._life: datetime | None = None
        self._copies = Copies(_COPIED_BYTES)
        self._known = False
        """Whether this process has looked into the stream: what waits there may be of the one before it."""
        self._emptied = asyncio.Event()

    @property
    def is_in_use(self) -> bool:
        """Whether older webhooks may wait in the stream: newer ones have to go behind them."""
        return not self._emptied.is_set()

    async def nearly_empty_ends(self) -> bool:
        """Waits for the end of a stream that is nearly empty, a moment at most. Returns whether it was reached."""
        if self._waiting > _NEARLY_EMPTY:
            return False
        try:
            async with asyncio.timeout(_WAIT_SECONDS):
                await self._emptied.wait()
        except TimeoutError:
            return False
        return True

    async def put(self, webhooks: Sequence[Webhook]) -> bool:
        """Returns whether the webhooks are on the broker's disk for certain."""
        data = IngestWebhooksRequest(webhooks=map(_spooled, webhooks)).SerializeToString()
        if len(data) > _LARGEST_MESSAGE:
            return False
        self._puts += 1
        self._emptied.clear()
        copy = Copy(webhooks[0].webhook_id, data)
        try:
            await self._publish(copy)
        except _TROUBLE as error:
            _LOG.warning("not_spooled", webhooks=len(webhooks), error=type(error).__name__)
            return False
        self._copies.add(copy)
        with contextlib.suppress(*_TROUBLE):  # who does not hear it looks within a second
            await self._client.publish(HINT)
        metrics.SPOOLED.inc(len(webhooks))
        _LOG.warning("spooled", webhooks=len(webhooks))
        return True

    async def _publish(self, copy: Copy) -> None:
        """The copy is in the stream, once, and knows its place there."""
        async with asyncio.timeout(_PUT_SECONDS):
            ack = await self._js.publish(_SUBJECT, copy.data, headers={"Nats-Msg-Id": copy.webhook_id})
        copy.life, copy.sequence = self._life, ack.seq

    async def watch(self) -> None:
        """The stream is there with all that this process put into it, and it is known whether something waits in it.

        Until cancelled.
        """
        await self._client.subscribe(HINT, cb=self._hear)
        await self._ensure_stream()
        while True:
            puts = self._puts
            try:
                self._waiting = await self._look()
            except _TROUBLE:
                await asyncio.sleep(_CHECK_SECONDS)
                await self._ensure_stream()
                continue
            self._known = True
            metrics.SPOOL_MESSAGES.set(self._waiting)
            if self._waiting:
                self._emptied.clear()
            elif puts == self._puts:
                self._emptied.set()
            await asyncio.sleep(_CHECK_SECONDS if self.is_in_use else _CALM_SECONDS)

    async def _hear(self, _: object) -> None:
        """A replica has put something there; a look that began before does not count."""
        self._puts += 1
        self._emptied.clear()

    async def _look(self) -> int:
        """Returns how much waits. What the stream has lost, as where the broker's disk is another, was put again."""
        info = await self._js.stream_info(_STREAM)
        self._life = info.created
        if lost := self._copies.lost(info.created, info.state.first_seq, info.state.last_seq):
            self._emptied.clear()
            _LOG.warning("spool_lost", messages=len(lost))
            for each in lost:
                await self._publish(each)
            return await self._count()
        return info.state.messages

    async def drain(self, absorb: Absorb) -> None:
        """What waits is taken into the database in order, and taken out of the stream; until cancelled.

        One replica does this at a time.
        """
        while True:
            try:
                if await self._count():
                    await self._drain_all(absorb)
            except (*_TROUBLE, StreamLost) as error:
                _LOG.info("drain_waits", error=type(error).__name__)
            await asyncio.sleep(_CHECK_SECONDS if self.is_in_use else _CALM_SECONDS)

    async def _drain_all(self, absorb: Absorb) -> None:
        first = (await self._js.stream_info(_STREAM)).state.first_seq
        async with reading(self._client, _STREAM, first) as stream:
            while received := await stream.receive(_CHECK_SECONDS):
                webhooks, size = [*IngestWebhooksRequest.FromString(received.data).webhooks], len(received.data)
                # Together, or new ones would be put faster than they are taken out, for ever.
                while size < _DRAINED_BYTES and len(webhooks) < _DRAINED and (more := await stream.receive(_AT_ONCE)):
                    webhooks += IngestWebhooksRequest.FromString(more.data).webhooks
                    size += len(more.data)
                    received = more
                await absorb(webhooks)
                await self._js.purge_stream(_STREAM, seq=received.sequence + 1)

    async def _count(self) -> int:
        return (await self._js.stream_info(_STREAM)).state.messages

    async def _ensure_stream(self) -> None:
        config = StreamConfig(
            name=_STREAM,
            subjects=[_SUBJECT],
            retention=RetentionPolicy.LIMITS,
            storage=StorageType.FILE,
            # Full means that the platform keeps the webhook: nothing that was answered with 200 may be pushed out.
            discard=DiscardPolicy.NEW,
            max_bytes=self._stream_bytes,
            max_msg_size=_LARGEST_MESSAGE,
            duplicate_window=120,
            num_replicas=self._replicas,
        )
        while True:
            try:
                await self._make(config)
            except _TROUBLE as error:
                _LOG.info("spool_waits", error=type(error).__name__)
                if not self._known:  # nobody can say what waits there: better out of order than not at all
                    self._emptied.set()
                await asyncio.sleep(_CHECK_SECONDS)
            else:
                return

    async def _make(self, config: StreamConfig) -> None:
        try:
            await self._js.add_stream(config)
        except nats.js.errors.BadRequestError:  # it is there, with other settings
            await self._js.update_stream(config)


def _spooled(webhook: Webhook) -> Spooled:
    return Spooled(
        webhook_id=webhook.webhook_id,
        platform=webhook.account.platform,
        account_id=webhook.account.account_id,
        body=webhook.body,
        received_time=to_proto(webhook.received_time),
        traceparent=webhook.traceparent,
    )
