"""Event batches, the pure part: told events become batches of at most 512 KiB, run by run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from lobby.events.v1.batch_pb2 import Batch, Event
from lobby_common.events.lanes import lane_of
from lobby_common.times import to_proto

LARGEST_BATCH = 512 * 1024
"""Bytes of the largest batch; a single event above it goes alone."""

LARGEST_EVENT = 960 * 1024
"""Bytes of the largest event. The broker takes messages of 1 MiB, and one that it refuses would stop all behind it."""

_ENVELOPE = 64
"""Bytes allowed for a batch's own fields and for a segment's."""


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


def lane_counts(events: Sequence[Told]) -> dict[int, int]:
    """Returns how many events each lane gets, in order of lane."""
    counts: dict[int, int] = {}
    for lane in sorted(each.lane for each in events):
        counts[lane] = counts.get(lane, 0) + 1
    return counts


def fill(
    service: str,
    chunked: Sequence[Sequence[Told]],
    batch_ids: Sequence[int],
    firsts: Mapping[int, int],
    at: datetime,
) -> list[Batch]:
    """Returns the batches with positions drawn: `firsts` is each lane's first free position."""
    heads = dict(firsts)
    batches = []
    for batch_id, chunk in zip(batch_ids, chunked, strict=True):
        batch = Batch(service=service, batch_id=batch_id, create_time=to_proto(at))
        segment = None
        for each in chunk:
            if segment is None or segment.lane != each.lane:
                segment = batch.segments.add(lane=each.lane, first=heads[each.lane])
            segment.events.append(each.event)
            segment.count += 1
            heads[each.lane] += 1
        batches.append(batch)
    return batches
