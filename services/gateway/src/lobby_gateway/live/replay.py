"""What a screen missed while it was away, read again from the streams."""

import heapq
from collections.abc import Sequence
from dataclasses import dataclass

from google.protobuf.message import DecodeError

from lobby.events.v1.batch_pb2 import Batch
from lobby_common.events.stream import Received, StreamLost
from lobby_gateway.live.lanes import Order
from lobby_gateway.live.owners import Heard, Owners, heard_in
from lobby_gateway.live.place import PRODUCERS, Place
from lobby_gateway.live.streams import Streams

_MOST_MESSAGES = 1_000
"""Messages of all streams together; who missed more reads everything anew, which is cheaper."""


class TooOld(Exception):
    """What was missed cannot be told: it is gone, too much, or never was."""


@dataclass(frozen=True, slots=True)
class _Missed:
    producer: int
    sequence: int
    batch: Batch


async def missed(
    streams: Streams, since: Place, until: Place, owners: Owners, workspace_id: str
) -> Sequence[tuple[Heard, Place]]:
    """Returns the workspace's items between two places, in order of their batches' times, each with its own place.

    Raises TooOld, StreamLost.
    """
    if (started := _started(since)) is not None and until.heads[started[0]].sequence < started[1]:
        # The rest of the message comes later, and its beginning with it.
        raise TooOld("the screen was shown more than is known here")
    by_stream: list[list[_Missed]] = []
    for producer in range(len(PRODUCERS)):
        most = _MOST_MESSAGES - sum(map(len, by_stream))
        by_stream.append(await _missed_of(streams, producer, since, until, most))
    at = since
    found = []
    # Merging keeps each stream's own order, which the times of its batches need not follow.
    for each in heapq.merge(*by_stream, key=_moment):
        seen = since.shown if (each.producer, each.sequence) == started else 0
        for shown, heard in heard_in(each.batch, owners, lambda workspace, _: workspace == workspace_id):
            if shown > seen:
                found.append((heard, at.after(each.producer, each.sequence, shown)))
        at = at.past(each.producer, each.sequence)
    return found


def _moment(message: _Missed) -> tuple[int, int]:
    return message.batch.create_time.seconds, message.batch.create_time.nanos


def _started(since: Place) -> tuple[int, int] | None:
    """The message of which the screen had only the beginning."""
    return (since.producer, since.heads[since.producer].sequence + 1) if since.shown else None


async def _missed_of(streams: Streams, producer: int, since: Place, until: Place, most: int) -> list[_Missed]:
    """One stream's messages between the places."""
    service = PRODUCERS[producer]
    end = until.heads[producer]
    if since.heads[producer] == end:
        return []
    extent = await streams.extent(service)
    if extent is None:
        raise TooOld(f"the stream of {service} is gone")
    start = extent.next_after(since.heads[producer])
    if start is None or extent.epoch != end.epoch or start > end.sequence + 1 or end.sequence + 1 - start > most:
        raise TooOld(f"what {service} said since is gone or too much")
    found: list[_Missed] = []
    if start > end.sequence:
        return found
    order = Order()
    async with streams.read(service, start) as messages:
        while not found or found[-1].sequence < end.sequence:
            received = await messages.receive()
            if received is None:
                raise StreamLost(f"the stream of {service} ends before its end")
            found.append(_Missed(producer, received.sequence, _in_turn(order, received)))
    return found


def _in_turn(order: Order, received: Received) -> Batch:
    """Returns a message's batch. Raises TooOld where the stream has it before an earlier one, or once more.

    Publishers repeat what a broker that failed may have lost, and replicas publish side by side.
    """
    batch = _batch(received.data)
    turns = list(order.hear(received.sequence, batch, 0.0))
    if [turn.sequence for turn in turns] != [received.sequence] or turns[0].repeated or turns[0].is_torn:
        raise TooOld(f"what {batch.service} said since is not in the order in which it was said")
    return batch


def _batch(data: bytes) -> Batch:
    try:
        return Batch.FromString(data)
    except DecodeError:
        return Batch()
