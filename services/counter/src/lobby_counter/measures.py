"""How long many waits were: percentiles, service levels, means; nobody who was not answered is left out. Pure."""

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

LEVELS = (30, 60, 90, 300, 900, 86_400)
"""Seconds within which customers may be answered."""
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Curve:
    """How the share of customers who are not answered falls, from 1 on."""

    steps: Sequence[tuple[int, float]]
    """After how many seconds it is which share, wherever it falls."""
    longest: int | None
    """Seconds of the longest wait: of longer ones nothing is known. None: there are none."""

    def percentiles(self, *shares: float) -> list[int | None]:
        """Returns within how many seconds each of these shares of customers is answered; None: too many are not."""
        found = (bisect_left(self.steps, share - _ROUNDING, key=lambda step: 1 - step[1]) for share in shares)
        return [self.steps[place][0] if place < len(self.steps) else None for place in found]

    def unanswered_after(self, seconds: int) -> float | None:
        """Returns the share of customers who are not answered by then; None where nobody was seen to wait so long."""
        place = bisect_right(self.steps, seconds, key=lambda step: step[0])
        share = self.steps[place - 1][1] if place else 1.0
        known = self.longest is not None and (seconds <= self.longest or share < _ROUNDING)
        return share if known else None


@dataclass(slots=True)
class Durations:
    """Waits by how many seconds they took, or have taken."""

    answered: Counter[int] = field(default_factory=Counter)
    closed: Counter[int] = field(default_factory=Counter)
    """Closed without an answer."""
    waiting: Counter[int] = field(default_factory=Counter)
    """Open, by how long until now."""

    def add(self, other: "Durations") -> None:
        """Those of the other are here too."""
        self.answered.update(other.answered)
        self.closed.update(other.closed)
        self.waiting.update(other.waiting)

    def curve(self) -> "Curve":
        """Returns which share of customers is not answered yet after how many seconds (Kaplan-Meier).

        Who is not answered counts for as long as he has waited, and then for neither.
        """
        left = self.answered + self.closed + self.waiting
        at_risk, unanswered = left.total(), 1.0
        steps: list[tuple[int, float]] = []
        for seconds in sorted(left):
            if answered := self.answered[seconds]:
                unanswered *= 1 - answered / at_risk
                steps.append((seconds, unanswered))
            at_risk -= left[seconds]
        return Curve(steps, max(left, default=None))

    def within(self, seconds: int) -> tuple[int, int]:
        """Returns how many were answered within that time, out of how many of whom that can be said."""
        answered = sum(count for each, count in self.answered.items() if each <= seconds)
        waiting = sum(count for each, count in self.waiting.items() if each > seconds)
        return answered, self.answered.total() + self.closed.total() + waiting

    def mean_answered(self) -> float | None:
        """Returns how many seconds answered waits took; None where there are none."""
        answered = self.answered.total()
        return sum(seconds * count for seconds, count in self.answered.items()) / answered if answered else None
