"""What a process put into the spool and holds in memory, to put it again where the stream has lost it."""

from collections import deque
from dataclasses import dataclass
from datetime import datetime


@dataclass(slots=True)
class Copy:
    """A message that this process put into the stream."""

    webhook_id: str
    """Of its first webhook: the broker takes a message with this id once."""
    data: bytes
    life: datetime | None = None
    """When the stream was made in which it has its place; None where it is not certain that it has one."""
    sequence: int = 0


class Copies:
    """What this process put into the stream and may still be there, as far as memory goes."""

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._bytes = 0
        self._copies: deque[Copy] = deque()
        self._furthest = 0

    def add(self, copy: Copy, life: datetime | None, sequence: int) -> None:
        """It was put, and has its place; the oldest are forgotten where there are too many.

        A place before one that was given already tells that the stream has lost what was there and all behind it.
        """
        if sequence <= self._furthest:
            for each in self._copies:
                if each.sequence >= sequence:
                    each.life = None
            self._furthest = 0
        self.place(copy, life, sequence)
        self._copies.append(copy)
        self._bytes += len(copy.data)
        while self._bytes > self._most_bytes:
            self._bytes -= len(self._copies.popleft().data)

    def place(self, copy: Copy, life: datetime | None, sequence: int) -> None:
        """The copy is there, in a stream that was made at `life`."""
        copy.life, copy.sequence = life, sequence
        self._furthest = max(self._furthest, sequence)

    def doubt(self) -> None:
        """The broker was away, and may have come back with an older disk on which others have put something since."""
        for each in self._copies:
            each.life = None
        self._furthest = 0

    def lost(self, life: datetime | None, first: int, last: int) -> list[Copy]:
        """Returns those of which it is not certain that a stream of this life, from `first` to `last`, holds them.

        What was taken out of it is forgotten. Those that are put again are to be given their new places.
        """
        held = [each for each in self._copies if each.life != life or each.sequence >= first]
        self._copies = deque(held)
        self._bytes = sum(len(each.data) for each in held)
        return [each for each in held if each.life != life or each.sequence > last]
