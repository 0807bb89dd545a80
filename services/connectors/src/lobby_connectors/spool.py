"""The spool: a durable stream that takes webhooks while the database is away, and gives them back in order.

What is in the stream was answered with 200 and may not be in the database. It is taken out only after the commit; a
crash in between takes it in twice, which the webhook's own id makes harmless. Whoever put it there holds a copy until
then, and puts it again where the stream has lost it.
"""

import asyncio
import contextlib
import math
import time
from collections.abc import Sequence
from datetime import datetime, timedelta

import nats.errors
import nats.js.errors
from nats.aio.client import Client
from nats.js.api import DiscardPolicy, RetentionPolicy, StorageType, StreamConfig

from lobby.connectors.v1.ingest_service_pb2 import IngestWebhooksRequest
from lobby.connectors.v1.ingest_service_pb2 import Webhook as Spooled
from lobby_common.log import get_logger
from lobby_common.times import FIRST as EVER
from lobby_common.times import to_proto, utc_now
from lobby_connectors import metrics
from lobby_connectors.copies import Copies, Copy
from lobby_connectors.domain.webhooks import Webhook

_LOG = get_logger("spool")

STREAM = "SPOOL"
FIRST = "spool.connectors"
"""Under which a message is put."""
AGAIN = "spool.connectors.again"
"""Under which a message is put that the stream has lost: it is older than where it stands now."""
HINT = "lobby.connectors.spooled"
"""By which a replica tells the others that something waits in the stream."""
_LARGEST_MESSAGE = 4 * 1024 * 1024 - 64 * 1024
"""A webhook of 3 MiB, or a group of 512 KiB, and the room that the broker needs."""
_PUT_SECONDS = 2.0
_CHECK_SECONDS = 0.25
_CALM_SECONDS = 1.0
"""How often it is looked where nothing waits: another replica may have begun to spool."""
_FRESH_SECONDS = 3.0
"""How long it holds that nothing waits: looks come three times as often."""
_ON_THE_WAY = timedelta(minutes=1)
"""From when a webhook was received until it was put, and what clocks differ by, at most."""
_NEARLY_EMPTY = 3
"""Messages in the stream up to which new webhooks wait for its end instead of making it longer."""
_WAIT_SECONDS = 0.75

_COPIED_BYTES = 64 * 1024 * 1024
"""Of what is in the stream a process holds so much in memory as well, the newest."""

_TOGETHER = 64
"""Messages that are put again before the broker has said that it has the first of them."""

TROUBLE = (nats.errors.Error, nats.js.errors.Error, OSError, TimeoutError)


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
        self._connections = 0
        self.whole = asyncio.Lock()
        """Held while something is put again."""
        self._known = False
        """Whether this process has looked into the stream: what waits there may be of the one before it."""
        self._emptied = asyncio.Event()
        self._looked = -math.inf
        self._none_before = EVER

    @property
    def is_in_use(self) -> bool:
        """Whether older webhooks may wait in the stream: newer ones have to go behind them."""
        return not self._emptied.is_set()

    @property
    def waits_since(self) -> datetime | None:
        """Since when webhooks were received that may wait in the stream; None where certainly none waits."""
        is_fresh = time.monotonic() - self._looked < _FRESH_SECONDS
        return None if is_fresh and not self.is_in_use else self._none_before

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
            sequence = await self._publish(FIRST, copy)
        except TROUBLE as error:
            _LOG.warning("not_spooled", webhooks=len(webhooks), error=type(error).__name__)
            return False
        self._copies.add(copy, self._life, sequence)
        with contextlib.suppress(*TROUBLE):  # who does not hear it looks within a second
            await self._client.publish(HINT)
        metrics.SPOOLED.inc(len(webhooks))
        _LOG.warning("spooled", webhooks=len(webhooks))
        return True

    async def count_again(self) -> int:
        """Returns how many messages the stream holds that were put again."""
        info = await self._js.stream_info(STREAM, subjects_filter=AGAIN)
        return (info.state.subjects or {}).get(AGAIN, 0)

    async def _publish(self, subject: str, copy: Copy) -> int:
        """Returns the place of the copy in the stream, which holds it once."""
        async with asyncio.timeout(_PUT_SECONDS):
            ack = await self._js.publish(subject, copy.data, headers={"Nats-Msg-Id": copy.webhook_id})
        return ack.seq

    async def watch(self) -> None:
        """The stream is there with all that this process put into it, and it is known whether something waits in it.

        Until cancelled.
        """
        await self._client.subscribe(HINT, cb=self._hear)
        await self._ensure_stream()
        while True:
            puts, began = self._puts, utc_now()
            try:
                self._waiting = await self._look()
            except TROUBLE:
                await asyncio.sleep(_CHECK_SECONDS)
                await self._ensure_stream()
                continue
            self._known, self._looked = True, time.monotonic()
            metrics.SPOOL_MESSAGES.set(self._waiting)
            if self._waiting:
                self._emptied.clear()
            elif puts == self._puts:
                self._none_before = began - _ON_THE_WAY
                self._emptied.set()
            await asyncio.sleep(_CHECK_SECONDS if self.is_in_use else _CALM_SECONDS)

    async def _hear(self, _: object) -> None:
        """A replica has put something there; a look that began before does not count."""
        self._puts += 1
        self._emptied.clear()

    async def _look(self) -> int:
        """Returns how much waits. What the stream has lost, as where the broker's disk is another, was put again."""
        async with self.whole:
            connections = self._client.stats["reconnects"]
            info = await self._js.stream_info(STREAM)
            if connections != self._connections:
                self._copies.doubt()
            self._connections, self._life = connections, info.created
            lost = self._copies.lost(info.created, info.state.first_seq, info.state.last_seq)
            if not lost:
                return info.state.messages
            self._emptied.clear()
            _LOG.warning("spool_put_again", messages=len(lost))
            for start in range(0, len(lost), _TOGETHER):
                await asyncio.gather(*map(self._put_again, lost[start : start + _TOGETHER]))
            return (await self._js.stream_info(STREAM)).state.messages

    async def _put_again(self, copy: Copy) -> None:
        self._copies.place(copy, self._life, await self._publish(AGAIN, copy))

    async def _ensure_stream(self) -> None:
        config = StreamConfig(
            name=STREAM,
            subjects=[FIRST, AGAIN],
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
            except TROUBLE as error:
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
