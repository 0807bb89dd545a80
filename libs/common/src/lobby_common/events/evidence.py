"""Whether events had their effects, the pure part: each is applied, to come, in quarantine, or missing."""

from bisect import bisect_right
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from lobby_common.events.lanes import Span

LATE = timedelta(seconds=60)
"""An event told longer ago that was not applied counts as missing: whoever has to apply it stands still."""
MOST_NAMED = 1_000
"""Missing events that are named; the others are only counted."""


class Lack(StrEnum):
    """Why an event is missing."""

    NO_RANGE = "no_range"
    """No range row says that it was applied, although the position is past it."""
    NO_EFFECT = "no_effect"
    """It was applied, and its effect is not there."""
    LATE = "late"
    """Its turn has not come."""


@dataclass(slots=True)
class Tally:
    """Events of one workspace: expected = applied + pending + quarantined + missing."""

    applied: int = 0
    pending: int = 0
    quarantined: int = 0
    missing: int = 0
    named: list[str] = field(default_factory=list)
    """Ids of the first that are missing."""

    @property
    def expected(self) -> int:
        """How many had to be applied."""
        return self.applied + self.pending + self.quarantined + self.missing

    def miss(self, event_id: str) -> None:
        """One more is missing."""
        self.missing += 1
        if len(self.named) < MOST_NAMED:
            self.named.append(event_id)

    def add(self, other: "Tally") -> None:
        """The others are counted as well."""
        self.applied += other.applied
        self.pending += other.pending
        self.quarantined += other.quarantined
        self.missing += other.missing
        self.named.extend(other.named[: MOST_NAMED - len(self.named)])


@dataclass(frozen=True, slots=True)
class Expected:
    """An event that has to have an effect, by where it stands."""

    event_id: str
    workspace_id: str
    lane: int
    position: int
    told_time: datetime


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the consumer's tables say of some events."""

    positions: Mapping[int, int]
    """How far each lane was applied."""
    ranges: Mapping[int, Sequence[Span]]
    """What the range rows hold, by lane: apart from each other and in order (`merged`)."""
    quarantined: Collection[str]
    """Ids in quarantine."""
    effectless: Collection[str]
    """Ids whose effects are not there."""

    def covers(self, lane: int, position: int) -> bool:
        """Returns whether a range row holds the position."""
        return self._covers(lane, position, position)

    def holds(self, lane: int, first: int, last: int) -> bool:
        """Returns whether all of a run was applied and one range row, or several joined, hold it."""
        return last <= self.positions.get(lane, 0) and self._covers(lane, first, last)

    def accuses(self, event_id: str) -> bool:
        """Returns whether the event is in quarantine, or its effect is not there."""
        return event_id in self.quarantined or event_id in self.effectless

    @property
    def accuses_any(self) -> bool:
        """Whether it says so of any event."""
        return bool(self.quarantined or self.effectless)

    def _covers(self, lane: int, first: int, last: int) -> bool:
        spans = self.ranges.get(lane, ())
        end = bisect_right(spans, first, key=lambda span: span.first)
        return end > 0 and spans[end - 1].last >= last


def merged(spans: Iterable[Span]) -> list[Span]:
    """Returns what spans hold together, apart from each other and in order. Rows overlap where something was mended."""
    result: list[Span] = []
    for span in sorted(spans, key=lambda each: each.first):
        if result and span.first <= result[-1].last + 1:
            last = max(result[-1].last, span.last)
            result[-1] = Span(result[-1].first, last - result[-1].first + 1)
        else:
            result.append(span)
    return result


def judge(events: Iterable[Expected], evidence: Evidence, now: datetime) -> tuple[dict[str, Tally], dict[str, Lack]]:
    """Returns the tallies by workspace, and why each missing event is missing, by its id."""
    tallies: dict[str, Tally] = {}
    lacks: dict[str, Lack] = {}
    for event in events:
        tally = tallies.setdefault(event.workspace_id, Tally())
        lack = _lack(event, evidence)
        if event.event_id in evidence.quarantined:
            tally.quarantined += 1
        elif lack is None:
            tally.applied += 1
        elif lack is Lack.LATE and now - event.told_time <= LATE:
            tally.pending += 1
        else:
            lacks[event.event_id] = lack
            tally.miss(event.event_id)
    return tallies, lacks


def _lack(event: Expected, evidence: Evidence) -> Lack | None:
    if event.position > evidence.positions.get(event.lane, 0):
        return Lack.LATE
    if not evidence.covers(event.lane, event.position):
        return Lack.NO_RANGE
    return Lack.NO_EFFECT if event.event_id in evidence.effectless else None
