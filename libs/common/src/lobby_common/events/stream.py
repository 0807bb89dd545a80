"""Reads a producer's stream from a sequence on: a standing pull request, no acks; the broker is only transport."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import nats.errors
import nats.js.errors
from nats.aio.client import Client
from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy

from lobby_common.events.publisher import stream_of

if TYPE_CHECKING:
    from nats.aio.msg import Msg

_BATCH = 128
"""Messages asked for at once."""
_EXPIRES = 2.0
"""Seconds after which the broker ends a request."""
_SILENCE = 5.0
"""Seconds without a word after which the consumer is made anew."""
_GLANCE = 0.5
"""How often a silent connection is looked at: the broker forgets what was asked on one that broke."""


class StreamLost(Exception):
    """The consumer or the stream is gone; make it anew."""


@dataclass(frozen=True, slots=True)
class Received:
    """A message of the stream."""

    sequence: int
    data: bytes
    """Empty where only heads were asked for."""
    message_id: str = ""
    """What its publisher called it."""
    time: datetime | None = None
    """When the broker took it, by its clock."""


async def start_sequence(client: Client, service: str, cursor: int) -> int:
    """Returns where to start: after `cursor`, or at the first message of a stream that is younger than it.

    Raises StreamLost while there is no stream.
    """
    try:
        state = (await client.jetstream(timeout=5).stream_info(stream_of(service))).state
    except (nats.js.errors.NotFoundError, nats.errors.TimeoutError, nats.errors.NoRespondersError) as error:
        raise StreamLost(f"no stream of {service}") from error
    return cursor + 1 if cursor <= state.last_seq else max(state.first_seq, 1)


@asynccontextmanager
async def reading(
    client: Client, service: str, start: int | datetime, *, subject: str | None = None, heads_only: bool = False
) -> AsyncIterator["Reading"]:
    """The block may read the stream in order, from a sequence on or from when the broker took it.

    With a `subject` only what was published under it. The consumer is gone afterwards.
    """
    js = client.jetstream(timeout=5)
    stream = stream_of(service)
    config = ConsumerConfig(
        deliver_policy=DeliverPolicy.BY_START_SEQUENCE if isinstance(start, int) else DeliverPolicy.BY_START_TIME,
        opt_start_seq=start if isinstance(start, int) else None,
        opt_start_time=None if isinstance(start, int) else start,
        filter_subject=subject,
        ack_policy=AckPolicy.NONE,
        headers_only=heads_only or None,
        inactive_threshold=30,
        mem_storage=True,
        num_replicas=1,
    )
    try:
        name = (await js.add_consumer(stream, config)).name
    except (nats.js.errors.Error, nats.errors.Error) as error:
        raise StreamLost(f"no consumer on {stream}") from error
    inbox = client.new_inbox()
    # No more can be waiting than was asked for, and its end is told by one status more.
    came: asyncio.Queue[Msg] = asyncio.Queue()
    subscription = await client.subscribe(inbox, cb=came.put, pending_bytes_limit=256 * 1024 * 1024)
    try:
        yield Reading(client, stream, name, inbox, came)
    finally:
        if not client.is_closed:
            await subscription.unsubscribe()


class Reading:
    """Messages in order of sequence."""

    def __init__(self, client: Client, stream: str, consumer: str, inbox: str, came: "asyncio.Queue[Msg]") -> None:
        self._client = client
        self._stream = stream
        self._consumer = consumer
        self._inbox = inbox
        self._came = came
        self._asked = 0
        self._connections = client.stats["reconnects"]

    async def receive(self, within: float | None = None) -> Received | None:
        """Returns the next message, None where there was none for `within` or about two seconds. Raises StreamLost."""
        if self._asked <= 0:
            await self._ask()
        silent_at = time.monotonic() + _SILENCE
        while True:
            try:
                # Not asyncio.wait_for: in Python 3.11 it loses a cancellation that comes together with an answer.
                async with asyncio.timeout(within or _GLANCE):
                    message = await self._came.get()
            except TimeoutError:
                if within is not None:
                    return None
                self._check_connection(silent_at)
                continue
            status = (message.headers or {}).get("Status", "")
            if not status:
                self._asked -= 1
                about = message.metadata
                name = (message.headers or {}).get("Nats-Msg-Id", "")
                return Received(about.sequence.stream, message.data, name, about.timestamp)
            if status in ("408", "404"):
                self._asked = 0
                return None
            if status != "100":
                raise StreamLost(f"status {status}")

    async def pending(self) -> int:
        """Returns how many messages the broker has not handed out yet.

        Raises StreamLost where the consumer is gone, as it is where the stream was made anew or its broker began again.
        """
        try:
            info = await self._client.jetstream(timeout=5).consumer_info(self._stream, self._consumer)
        except (nats.js.errors.Error, nats.errors.Error) as error:
            raise StreamLost(f"the consumer on {self._stream} is gone") from error
        return info.num_pending or 0

    def _check_connection(self, silent_at: float) -> None:
        """Raises StreamLost where no answer will come any more."""
        if self._client.stats["reconnects"] != self._connections:
            raise StreamLost("the connection is another")
        if time.monotonic() >= silent_at:
            raise StreamLost("the broker is silent")

    async def _ask(self) -> None:
        body = json.dumps({"batch": _BATCH, "expires": int(_EXPIRES * 1e9)}).encode()
        subject = f"$JS.API.CONSUMER.MSG.NEXT.{self._stream}.{self._consumer}"
        await self._client.publish(subject, body, reply=self._inbox)
        self._asked = _BATCH
