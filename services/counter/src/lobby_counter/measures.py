"""How long many waits were: percentiles, service levels, means; nobody who was not answered is left out. Pure."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

LEVELS = (30, 60, 90, 300, 900, 86_400)
"""Seconds within which customers may be answered."""
_ROUNDING = 1e-9


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

    def percentiles(self, *shares: float) -> list[int | None]:
        """Returns within how many seconds each of these shares of customers, rising, is answered (Kaplan-Meier).

        Who is not answered counts for as long as he has waited, and then for neither. None: too many are not answered.
        """
        found: list[int | None] = []
        for seconds, unanswered in self.survival():
            while len(found) < len(shares) and unanswered <= 1 - shares[len(found)] + _ROUNDING:
                found.append(seconds)
        return found + [None] * (len(shares) - len(found))

    def survival(self) -> Iterator[tuple[int, float]]:
        """Returns after how many seconds which share of customers is not answered yet, wherever it falls."""
        left = self.answered + self.closed + self.waiting
        at_risk, unanswered = left.total(), 1.0
        for seconds in sorted(left):
            if answered := self.answered[seconds]:
                unanswered *= 1 - answered / at_risk
                yield seconds, unanswered
            at_risk -= left[seconds]

    def within(self, seconds: int) -> tuple[int, int]:
        """Returns how many were answered within that time, out of how many of whom that can be said."""
        answered = sum(count for each, count in self.answered.items() if each <= seconds)
        waiting = sum(count for each, count in self.waiting.items() if each > seconds)
        return answered, self.answered.total() + self.closed.total() + waiting

    def mean_answered(self) -> float | None:
        """Returns how many seconds answered waits took; None where there are none."""
        answered = self.answered.total()
        return sum(seconds * count for seconds, count in self.answered.items()) / answered if answered else None
