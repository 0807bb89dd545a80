"""Event batches, the pure part: told events become batches of at most 512 KiB, run by run."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import groupby
from operator import attrgetter

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from lobby.events.v1.batch_pb2 import Batch, Event, Segment
from lobby_common.events.lanes import lane_of
from lobby_common.times import to_proto

LARGEST_BATCH = 512 * 1024
"""Bytes of the largest batch; a single event above it goes alone."""

LARGEST_EVENT = 960 * 1024
"""Bytes of the largest event. The broker takes messages of 1 MiB, and one that it refuses would stop all behind it."""

_ENVELOPE = 64
"""Bytes allowed for a batch's own fields and for a segment's."""

_SEGMENT, _BATCH_ID, _FIRST, _NANOS = b"\x22", b"\x10", b"\x10", b"\x10"
"""Field number and kind, as protobuf writes them before a value."""
_CREATE_TIME = b"\x1a\x14\x08"
"""A message of twenty bytes, and its first field: seconds."""
_BITS, _MORE = 0x7F, 0x80
"""Of a byte of a varint: seven of the number, and whether another byte follows."""
_PADDED = 9
"""Bytes of a number that is not known yet when the rest is encoded."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class EventTooLarge(ValueError):
    """An event that the broker would refuse for ever is refused where it is told."""


@dataclass(frozen=True, slots=True)
class Told:
    """One event that a transaction tells, with its lane and encoded size."""

    lane: int
    size: int
    event: Event


def told(
    payload: Message,
    *,
    workspace_id: str,
    key: str,
    event_id: str,
    time: datetime,
    traceparent: str = "",
    cause_id: str = "",
) -> Told:
    """Returns the event that carries `payload`. Raises EventTooLarge."""
    event = Event(
        id=event_id,
        type=payload.DESCRIPTOR.full_name,
        time=_stamp(time),
        workspace_id=workspace_id,
        key=key,
        traceparent=traceparent,
        cause_id=cause_id,
        payload=payload.SerializeToString(),
    )
    size = event.ByteSize()
    if size > LARGEST_EVENT:
        raise EventTooLarge(f"{event.type}: {size} bytes")
    return Told(lane_of(key), size, event)


@lru_cache(maxsize=16)
def _stamp(time: datetime) -> Timestamp:
    """Returns the time of many events of one transaction, made once: it is read only."""
    return to_proto(time)


def chunks(events: Sequence[Told]) -> list[list[Told]]:
    """Returns the events in order of lane, in as many chunks as batches are needed; order inside a lane is kept."""
    result: list[list[Told]] = []
    size = LARGEST_BATCH
    for each in sorted(events, key=lambda told: told.lane):
        cost = each.size + _ENVELOPE
        if size + cost > LARGEST_BATCH:
            result.append([])
            size = _ENVELOPE
        result[-1].append(each)
        size += cost
    return result


@dataclass(frozen=True, slots=True)
class Piece:
    """A segment of a batch, encoded but for its first position, which is drawn as it is written."""

    lane: int
    count: int
    head: bytes
    """What comes before the position; in a batch's first piece, its other fields as well."""


def pieces(service: str, chunk: Iterable[Told]) -> list[Piece]:
    """Returns the segments of one batch, by lane."""
    found = []
    begin = Batch(service=service).SerializeToString()
    for lane, run in groupby(chunk, key=attrgetter("lane")):
        told = [each.event for each in run]
        body = Segment(lane=lane, count=len(told), events=told).SerializeToString()
        head = begin + _SEGMENT + _varint(len(body) + len(_FIRST) + _PADDED) + body + _FIRST
        found.append(Piece(lane, len(told), head))
        begin = b""
    return found


def columns(segments: Sequence[Piece]) -> tuple[list[int], list[int], list[bytes]]:
    """Returns the parameters of `write_batch`."""
    return [each.lane for each in segments], [each.count for each in segments], [each.head for each in segments]


def encode(segments: Sequence[Piece], firsts: Sequence[int], batch_id: int, at: datetime) -> bytes:
    """Returns a batch whose segments begin at these positions: the same bytes that the database has written."""
    seconds, rest = divmod(at - _EPOCH, timedelta(seconds=1))
    return b"".join(
        (
            *(piece.head + _padded(first) for piece, first in zip(segments, firsts, strict=True)),
            _BATCH_ID + _padded(batch_id),
            _CREATE_TIME + _padded(seconds) + _NANOS + _padded(rest // timedelta(microseconds=1) * 1000),
        )
    )


def _varint(number: int) -> bytes:
    """Returns a number as short as protobuf writes it."""
    found = bytearray()
    while number > _BITS:
        found.append(number & _BITS | _MORE)
        number >>= 7
    found.append(number)
    return bytes(found)


def _padded(number: int) -> bytes:
    """Returns a number as a varint of `_PADDED` bytes, which every reader of protobuf takes as well."""
    return bytes(number >> shift & _BITS | _MORE for shift in range(0, 56, 7)) + bytes((number >> 56,))
