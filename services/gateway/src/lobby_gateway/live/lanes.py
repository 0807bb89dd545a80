"""Batches of one producer in the order of their lanes: what comes again is known, what comes too early waits a moment.

Replicas of a producer publish side by side, so a batch may come before one whose positions go before its own. A stream
that was wiped or restored comes again in part, and in part it never comes.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from lobby.events.v1.batch_pb2 import Batch
from lobby_common.events.lanes import Gap, Span, Take, judge

PATIENCE = 0.25
"""Seconds that a batch waits for those before it."""


@dataclass(frozen=True, slots=True)
class Turn:
    """A batch whose turn it is."""

    sequence: int
    batch: Batch
    repeated: frozenset[int]
    """Which of its events, counted from 1, were heard before."""
    is_next: bool
    """Whether nothing that came before it in the stream still waits."""
    is_last: bool
    """Whether nothing waits after it."""
    is_torn: bool = False
    """Whether something before it never came."""


@dataclass(slots=True)
class Order:
    """What was heard of one producer: each lane from where it was heard first."""

    positions: dict[int, int] = field(default_factory=dict)
    begins: dict[int, int] = field(default_factory=dict)
    """By lane, the first position that was heard at all: what comes later from before it was never shown here."""
    waiting: deque[tuple[int, Batch]] = field(default_factory=deque)
    since: float = 0.0

    def hear(self, sequence: int, batch: Batch, now: float) -> Iterator[Turn]:
        """Yields the batches whose turn it is, this one and those that waited for it."""
        if not self.waiting:
            self.since = now
        self.waiting.append((sequence, batch))
        while ready := next((each for each in self.waiting if not self._is_early(each[1])), None):
            yield self._turn(ready)

    def overdue(self, now: float) -> Iterator[Turn]:
        """Yields the batches that have waited for too long, as if nothing were missing."""
        if self.waiting and now - self.since > PATIENCE:
            while self.waiting:
                yield self._turn(self.waiting[0])

    def _is_early(self, batch: Batch) -> bool:
        return any(isinstance(self._judge(lane, span), Gap) for lane, span in _spans(batch))

    def _judge(self, lane: int, span: Span) -> object:
        return judge(self.positions.get(lane, span.first - 1), span)

    def _turn(self, ready: tuple[int, Batch]) -> Turn:
        self.waiting.remove(ready)
        sequence, batch = ready
        repeated: set[int] = set()
        passed = 0
        is_torn = False
        for lane, span in _spans(batch):
            verdict = self._judge(lane, span)
            fresh = span.count - verdict.skip if isinstance(verdict, Take) else span.count * isinstance(verdict, Gap)
            repeated.update(range(passed + 1, passed + 1 + span.count - fresh))
            passed += span.count
            is_torn |= isinstance(verdict, Gap) or span.last < self.begins.setdefault(lane, span.first)
            self.positions[lane] = max(self.positions.get(lane, 0), span.last)
        is_next = all(other > sequence for other, _ in self.waiting)
        return Turn(sequence, batch, frozenset(repeated), is_next, not self.waiting, is_torn)


def _spans(batch: Batch) -> Iterator[tuple[int, Span]]:
    for segment in batch.segments:
        yield segment.lane, Span(segment.first, segment.count)
