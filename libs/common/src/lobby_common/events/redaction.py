"""What is personal in events goes out of them, the pure part: the contracts say which fields are."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from functools import cache

from google.protobuf import descriptor_pool, message_factory
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from lobby.events.v1.batch_pb2 import Batch, Event
from lobby.options.v1 import options_pb2
from lobby_common.ids import is_id
from lobby_common.times import from_proto

_ERASED = "erased"


@dataclass(frozen=True, slots=True)
class Whose:
    """How events are known that speak of somebody who was forgotten; nothing personal is needed for it."""

    needle: str
    """An id that all of them hold."""
    message_ids: frozenset[str] | None = None
    """The messages that are his, where others are spoken of under that id too; None: they are not."""
    key_digests: frozenset[str] = frozenset()
    """Of the keys of his events that are about no message."""
    until: datetime | None = None
    """Later events under these keys are somebody else's."""

    def owns(self, event: Event, payload: Message) -> bool:
        """Returns whether the event speaks of him."""
        if self.message_ids is None:
            return self.needle.encode() in event.SerializeToString()
        if message_id := getattr(payload, "message_id", ""):
            return message_id in self.message_ids
        is_late = self.until is not None and from_proto(event.time) > self.until
        return not is_late and digest_of(event.key) in self.key_digests


def digest_of(key: str) -> str:
    """Returns what a key is known by when nobody may know it any more."""
    return hashlib.blake2b(key.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def redact(batch: Batch, whose: Whose) -> int:
    """Events of the batch that speak of somebody hold nothing personal. Returns how many those were.

    Ids, times and places stay, so everything that is counted stays.
    """
    done = 0
    for segment in batch.segments:
        for event in segment.events:
            payload = _payload(event)
            if payload is not None and whose.owns(event, payload):
                clear_personal(payload)
                event.payload = payload.SerializeToString()
                event.key = erased_key(event.key)
                done += 1
    return done


def _payload(event: Event) -> Message | None:
    """Returns the payload; None for an event that this release does not know."""
    try:
        kind = descriptor_pool.Default().FindMessageTypeByName(event.type)
    except KeyError:
        return None
    return message_factory.GetMessageClass(kind).FromString(event.payload)


def erased_key(key: str) -> str:
    """Returns a key without the address in it; the event's place in its lane does not change with it."""
    return key if is_id(key) else f"{key.partition('/')[0]}/{_ERASED}"


def clear_personal(message: Message) -> None:
    """Fields to which the contract gives a class of personal data are empty, also in the messages inside."""
    for field, value in message.ListFields():
        if _is_personal(field):
            message.ClearField(field.name)
        elif field.message_type is not None:
            for inner in value if field.is_repeated else (value,):
                clear_personal(inner)


@cache
def _is_personal(field: FieldDescriptor) -> bool:
    return bool(field.GetOptions().Extensions[options_pb2.personal_data])
