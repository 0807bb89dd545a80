"""How common values are: what two strangers have in common by chance."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Protocol

from rapidfuzz import process
from rapidfuzz.distance import OSA, JaroWinkler

from lobby_identity.likeness.comparing import DIFFERENT, LEVELS, Comparison
from lobby_identity.likeness.names import Word

_MOST_COMPARED = 500
"""Values with which one is compared to learn its near levels: the commonest, which are much of every population."""
_MOST_SPELLINGS = 2
"""Of a value, to learn its near levels: those that are best known."""
_USUALLY_NEAR = (0.0, 0.001, 0.003, 0.02)
"""Shares of strangers whose word differs from another by one letter, is near to it, is alike."""
_MOST_KEPT = 100_000
_NOT_HIS_OWN = 0.02
_NEAR_BY_CHANCE = (1e-5, 1e-4, 1e-3)
"""Of numbers with nine digits or so: nine other digits at each place, and so on."""
_NOT_OF_HIMSELF = 0.1
_PICTURES_NEAR_BY_CHANCE = (1e-6, 1e-4, 1e-6)
"""Faces before a wall are more alike than chance would have it."""


class Chances(Protocol):
    """How often strangers have values that are near to one."""

    def chance(self, value: Word, level: int) -> float:
        """Returns the share of strangers whose value is that near to this one."""
        ...

    def about(self, value: Word, level: int) -> float:
        """Returns about the same, at once: good enough to say which of several readings fits best."""
        ...


class _Same:
    """What holds for every value, by level."""

    def __init__(self, *near: float) -> None:
        self._chance = (*near, 1 - sum(near))

    def chance(self, value: Word, level: int) -> float:
        """Returns what holds for every value."""
        return self._chance[level]

    about = chance


class Pictures(_Same):
    """Pictures that people show of themselves: what strangers have in common is an idol, a flag, a flower."""

    def __init__(self, contacts: int) -> None:
        """`contacts`: how many there are; one in ten shows a picture that is another contact's."""
        super().__init__(_NOT_OF_HIMSELF / max(contacts, 1), *_PICTURES_NEAR_BY_CHANCE)


class OnePersons(_Same):
    """Values that are one person's each, such as phones: what strangers have in common is a mistake, or a friend's."""

    def __init__(self, contacts: int) -> None:
        """`contacts`: how many there are; one in fifty gives a value that is another contact's."""
        super().__init__(_NOT_HIS_OWN / max(contacts, 1), *_NEAR_BY_CHANCE)


class Population:
    """The values of one field among the people at hand."""

    def __init__(self, values: Iterable[Word], comparison: Comparison) -> None:
        self._comparison = comparison
        self._looked_for = range(1, DIFFERENT if comparison.is_seldom_near else len(LEVELS))
        self._counts = Counter(values)
        self._size = self._counts.total()
        common = self._counts.most_common(_MOST_COMPARED)
        self._share_compared = sum(times for _, times in common) / max(self._size, 1)
        self._owners: dict[str, list[Word]] = defaultdict(list)
        for value, _ in common:
            for spelling in value[:_MOST_SPELLINGS]:
                self._owners[spelling].append(value)
        self._spellings = list(self._owners)
        self._kept: dict[Word, tuple[float, ...]] = {}

    def chance(self, value: Word, level: int) -> float:
        """Returns the share of strangers whose value is that near to this one.

        Each level counts one stranger more than were met, so that nothing is impossible. Who is near is looked for only
        where that is asked.
        """
        if level in self._looked_for:
            return self._levels(value)[level]
        return self.about(value, level)

    def about(self, value: Word, level: int) -> float:
        """Returns about the same, at once: who is near is taken to be as many as of other values."""
        strangers = self._size + len(LEVELS)
        if level == 0:
            return (self._counts[value] + 1) / strangers
        if level == DIFFERENT:
            return (self._size - self._counts[value] + 1) / strangers
        return _USUALLY_NEAR[level]

    def _levels(self, value: Word) -> tuple[float, ...]:
        """Returns the share of each level; they sum up to one."""
        known = self._kept.get(value)
        if known is None:
            if len(self._kept) >= _MOST_KEPT:
                self._kept.clear()
            known = self._kept[value] = self._count(value)
        return known

    def _count(self, value: Word) -> tuple[float, ...]:
        found = [0.0] * len(LEVELS)
        for other in self._near(value):
            found[self._comparison.of(value, other)] += self._counts[other]
        if self._share_compared:
            found[1:DIFFERENT] = [each / self._share_compared for each in found[1:DIFFERENT]]
        found[0] = float(self._counts[value])
        found[DIFFERENT] = max(self._size - sum(found[:DIFFERENT]), 0.0)
        total = sum(found) + len(LEVELS)
        return tuple((each + 1.0) / total for each in found)

    def _near(self, value: Word) -> set[Word]:
        """Returns the compared values that may not be different."""
        near: set[Word] = set()
        comparison = self._comparison
        for spelling in value[:_MOST_SPELLINGS]:
            edited = process.extract(
                spelling,
                self._spellings,
                scorer=OSA.distance,
                score_cutoff=comparison.edits,
                limit=None,
            )
            near.update(value for found, _, _ in edited for value in self._owners[found])
            if comparison.alike <= 1:
                alike = process.extract(
                    spelling,
                    self._spellings,
                    scorer=JaroWinkler.similarity,
                    score_cutoff=comparison.alike,
                    limit=None,
                )
                near.update(value for found, _, _ in alike for value in self._owners[found])
        return near
