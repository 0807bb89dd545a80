"""The spool: a durable stream that takes webhooks while the database is away, and gives them back in order.

What is in the stream was answered with 200 and may not be in the database. It is taken out only after the commit; a
crash in between takes it in twice, which the webhook's own id makes harmless. Nothing else is remembered: where the
stream is empty, nothing waits.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

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
_LARGEST_MESSAGE = 4 * 1024 * 1024 - 64 * 1024
"""A webhook of 3 MiB, or a group of 512 KiB, and the room that the broker needs."""
_PUT_SECONDS = 2.0
_CHECK_SECONDS = 0.25
_CALM_SECONDS = 1.0
"""How often it is looked where nothing waits: another replica may have begun to spool."""
_NEARLY_EMPTY = 3
"""Messages in the stream up to which new webhooks wait for its end instead of making it longer."""
_WAIT_SECONDS = 0.75

_TROUBLE = (nats.errors.Error, nats.js.errors.Error, OSError, TimeoutError)

Absorb = Callable[[Sequence[Spooled]], Awaitable[None]]
"""Takes webhooks into the database; returns when they are there for certain, however long that takes."""


class Spool:
    """The stream as this process sees it."""

    def __init__(self, client: Client, *, stream_bytes: int, replicas: int) -> None:
        self._js = client.jetstream(timeout=_PUT_SECONDS)
        self._client = client
        self._stream_bytes = stream_bytes
        self._replicas = replicas
        self._puts = 0
        self._waiting = 0
        self._emptied = asyncio.Event()
        self._emptied.set()

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
        try:
            async with asyncio.timeout(_PUT_SECONDS):
                await self._js.publish(_SUBJECT, data, headers={"Nats-Msg-Id": webhooks[0].webhook_id})
        except _TROUBLE as error:
            _LOG.warning("not_spooled", webhooks=len(webhooks), error=type(error).__name__)
            return False
        metrics.SPOOLED.inc(len(webhooks))
        _LOG.warning("spooled", webhooks=len(webhooks))
        return True

    async def watch(self) -> None:
        """The stream is there, and it is known whether something waits in it; until cancelled."""
        await self._ensure_stream()
        while True:
            puts = self._puts
            try:
                self._waiting = await self._count()
            except _TROUBLE:
                await asyncio.sleep(_CHECK_SECONDS)
                await self._ensure_stream()
                continue
            metrics.SPOOL_MESSAGES.set(self._waiting)
            if self._waiting:
                self._emptied.clear()
            elif puts == self._puts:
                self._emptied.set()
            await asyncio.sleep(_CHECK_SECONDS if self.is_in_use else _CALM_SECONDS)

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
                await absorb(IngestWebhooksRequest.FromString(received.data).webhooks)
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
