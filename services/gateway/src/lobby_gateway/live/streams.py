"""The services' streams, as the hub and a resuming screen read them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

import nats.errors
import nats.js.errors
from nats.aio.client import Client

from lobby_common.events.publisher import stream_of
from lobby_common.events.stream import Reading, StreamLost, reading
from lobby_gateway.live.place import Head, epoch_of


@dataclass(frozen=True, slots=True)
class Extent:
    """What a stream holds now."""

    epoch: int
    first: int
    last: int

    def next_after(self, head: Head) -> int | None:
        """Returns where to read on after `head`; None where what followed it is gone or never was."""
        if head.epoch == 0:
            # There was no stream then: all that it holds came afterwards, unless its beginning is gone.
            return 1 if self.first <= 1 else None
        if head.epoch != self.epoch or head.sequence > self.last:
            return None
        return head.sequence + 1 if head.sequence + 1 >= self.first else None


class Streams:
    """The broker's side of live screens."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def extent(self, service: str) -> Extent | None:
        """Returns what the service's stream holds, None where there is no stream. Raises StreamLost."""
        try:
            info = await self._client.jetstream(timeout=5).stream_info(stream_of(service))
        except nats.js.errors.NotFoundError:
            return None
        except (nats.errors.Error, nats.js.errors.Error) as error:
            raise StreamLost(f"the broker does not tell of {service}") from error
        made = info.created.isoformat() if isinstance(info.created, datetime) else str(info.created)
        return Extent(epoch_of(made), info.state.first_seq, info.state.last_seq)

    @asynccontextmanager
    async def read(self, service: str, sequence: int) -> AsyncIterator[Reading]:
        """Inside the block the stream is read from `sequence` on. Raises StreamLost."""
        try:
            async with reading(self._client, service, sequence) as messages:
                yield messages
        except nats.errors.Error as error:
            raise StreamLost(f"the stream of {service} is gone") from error
