"""Where a screen stands in the streams of all services: the id of a live item, the same in every replica."""

import base64
import binascii
import hashlib
from dataclasses import dataclass, replace
from functools import lru_cache

PRODUCERS = ("connectors", "identity", "routing", "translate", "counter")
"""Services whose streams are heard, in the order in which a place lists them; append only."""
_EPOCH_BYTES = 2
_LAST_EPOCH = (1 << 8 * _EPOCH_BYTES) - 1
_VERSION = 1
_MOST_BITS = 63


@dataclass(frozen=True, slots=True)
class Head:
    """How far one stream was shown."""

    epoch: int
    """Which life of the stream: one that was wiped counts from 1 again."""
    sequence: int
    """Everything up to this message was shown."""


@dataclass(frozen=True, slots=True)
class Place:
    """How far all streams were shown, in the order of PRODUCERS."""

    heads: tuple[Head, ...]
    producer: int = 0
    """The stream of which, besides, the start of the next message was shown."""
    shown: int = 0
    """How many of that message's events were shown."""

    def after(self, producer: int, sequence: int, shown: int) -> "Place":
        """Returns the place after `shown` events of a message."""
        heads = self._with(producer, replace(self.heads[producer], sequence=sequence - 1))
        return Place(heads, producer, shown)

    def past(self, producer: int, sequence: int) -> "Place":
        """Returns the place after a whole message."""
        return Place(self._with(producer, replace(self.heads[producer], sequence=sequence)))

    def at(self, producer: int, head: Head) -> "Place":
        """Returns the place with another head of one stream."""
        return Place(self._with(producer, head))

    def behind(self, producer: int) -> "Place":
        """Returns a place from which nobody can go on: more of the stream was shown than it could say."""
        head = self.heads[producer]
        return Place(self._with(producer, replace(head, epoch=head.epoch % _LAST_EPOCH + 1)))

    def _with(self, producer: int, head: Head) -> tuple[Head, ...]:
        return (*self.heads[:producer], head, *self.heads[producer + 1 :])


NOWHERE = Place(tuple(Head(0, 0) for _ in PRODUCERS))


def epoch_of(created: str) -> int:
    """Returns the epoch of a stream by when it was made; 0 is the epoch of one that is not there."""
    digest = hashlib.blake2b(created.encode(), digest_size=_EPOCH_BYTES).digest()
    return int.from_bytes(digest, "big") or 1


@lru_cache(1024)
def encode(place: Place) -> str:
    """Returns the id: at most 64 characters of A-Z, a-z, 0-9, "_" and "-"."""
    raw = bytearray([_VERSION])
    for head in place.heads:
        raw += head.epoch.to_bytes(_EPOCH_BYTES, "big") + _varint(head.sequence)
    if place.shown:
        raw += bytes([place.producer]) + _varint(place.shown)
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def decode(text: str) -> Place | None:
    """Returns the place of an id, None for a text that is none of ours."""
    try:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        return None
    reader = _Reader(raw)
    try:
        place = _read(reader)
    except IndexError:
        return None
    return place if place is not None and encode(place) == text else None


def _read(reader: "_Reader") -> Place | None:
    if reader.byte() != _VERSION:
        return None
    heads = tuple(Head(reader.epoch(), reader.varint()) for _ in PRODUCERS)
    if reader.at_end():
        return Place(heads)
    producer, shown = reader.byte(), reader.varint()
    return Place(heads, producer, shown) if producer < len(PRODUCERS) and shown and reader.at_end() else None


def _varint(number: int) -> bytes:
    raw = bytearray()
    while number > 0x7F:  # noqa: PLR2004  # 7 bits a byte, the eighth says that more come
        raw.append(number & 0x7F | 0x80)
        number >>= 7
    raw.append(number)
    return bytes(raw)


class _Reader:
    """Reads bytes one after the other. IndexError at the end."""

    def __init__(self, raw: bytes) -> None:
        self._raw = raw
        self._at = 0

    def at_end(self) -> bool:
        return self._at == len(self._raw)

    def byte(self) -> int:
        value = self._raw[self._at]
        self._at += 1
        return value

    def epoch(self) -> int:
        return self.byte() << 8 | self.byte()

    def varint(self) -> int:
        number = 0
        for shift in range(0, _MOST_BITS, 7):
            part = self.byte()
            number |= (part & 0x7F) << shift
            if part <= 0x7F:  # noqa: PLR2004  # as in _varint
                return number
        raise IndexError("the number does not end")
