"""Lanes and positions, the pure part: which events are next, which were seen, and where one is missing."""

import zlib
from dataclasses import dataclass

LANES = 32
"""How many lanes a service's log has; fixed for life, because stored positions depend on it."""


def lane_of(key: str) -> int:
    """Returns the lane of a key: crc32 of its UTF-8 bytes modulo 32."""
    return zlib.crc32(key.encode("utf-8", "surrogatepass")) % LANES


@dataclass(frozen=True, slots=True)
class Span:
    """A run of positions in a lane."""

    first: int
    count: int

    @property
    def last(self) -> int:
        """The last position of the run."""
        return self.first + self.count - 1


@dataclass(frozen=True, slots=True)
class Take:
    """The run continues the lane; its first `skip` events were seen before."""

    skip: int


@dataclass(frozen=True, slots=True)
class Seen:
    """All of the run was seen before."""


@dataclass(frozen=True, slots=True)
class Gap:
    """Positions between what was seen and the run are missing: nothing may be taken before they came."""

    missing_from: int
    missing_to: int


def judge(position: int, span: Span) -> Take | Seen | Gap:
    """Returns what to do with a run when everything up to `position` was seen.

    A high-water mark alone would skip what comes late; only contiguity shows that nothing is missing.
    """
    if span.last <= position:
        return Seen()
    if span.first > position + 1:
        return Gap(position + 1, span.first - 1)
    return Take(skip=position + 1 - span.first)
