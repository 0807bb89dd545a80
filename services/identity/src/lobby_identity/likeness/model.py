"""Two people weighed against each other."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from lobby_identity.likeness.comparing import BITS, CODE, EXACT, LEVELS, TEXT, Comparison, align
from lobby_identity.likeness.names import Name, Word
from lobby_identity.likeness.population import Chances

COMPARISONS: Mapping[str, Comparison] = {"name": TEXT, "text": TEXT, "code": CODE, "bits": BITS, "exact": EXACT}
"""Kinds of fields. Names are compared word by word; of others a person may have several, the closest counts."""

Weights = Mapping[str, Sequence[float]]
"""m by field and level: how often two records of one person fall into it. Sums up to one per field."""

_FEWEST_STRANGERS = 1e-9


@dataclass(frozen=True)
class Record:
    """What is known of one contact and may be compared."""

    names: tuple[Name, ...] = ()
    """The ways to read and cut his name."""
    values: Mapping[str, tuple[Word, ...]] = field(default_factory=dict)
    """By field, in no order."""


@dataclass(frozen=True)
class Reason:
    """What one field says, in bits: +1 doubles the odds that the two are one person."""

    field: str
    level: str
    bits: float


@dataclass(frozen=True)
class Score:
    """How likely two records are one person."""

    bits: float
    """log2 of the odds, the prior included."""
    reasons: tuple[Reason, ...]
    """What was compared, the weightiest first."""

    @property
    def probability(self) -> float:
        """0 to 1."""
        return 1 / (1 + 2 ** -min(max(self.bits, -60.0), 60.0))


class Evidence(NamedTuple):
    """One comparison: into which level it fell, and how often strangers' does."""

    field: str
    level: int
    chance: float


class Model:
    """Weighs pairs of a population."""

    def __init__(
        self, kinds: Mapping[str, str], populations: Mapping[str, Chances], weights: Weights, prior: float
    ) -> None:
        """`kinds`: a key of COMPARISONS by field; `prior`: the share of all pairs that are one person."""
        self._kinds = kinds
        self._populations = populations
        self.weights = weights
        self.prior = prior

    def learned(self, weights: Weights, prior: float) -> "Model":
        """Returns the model with other weights."""
        return Model(self._kinds, self._populations, weights, prior)

    def score(self, one: Record, other: Record) -> Score:
        """Returns the weight of everything that both have; what one of them lacks says nothing."""
        return self.weigh(self.compare(one, other))

    def weigh(self, compared: Iterable[Evidence]) -> Score:
        """Returns the weight of what was compared."""
        reasons = [Reason(each.field, LEVELS[each.level], self._worth_of(each)) for each in compared]
        prior = math.log2(self.prior / (1 - self.prior))
        reasons.sort(key=lambda reason: -abs(reason.bits))
        return Score(prior + sum(reason.bits for reason in reasons), tuple(reasons))

    def compare(self, one: Record, other: Record) -> list[Evidence]:
        """Returns what can be compared."""
        found = self._names(one.names, other.names) if one.names and other.names else []
        for name, values in one.values.items():
            others = other.values.get(name)
            if values and others:
                found.append(max((self._evidence(name, a, b) for a in values for b in others), key=self._worth_of))
        return found

    def _names(self, ones: Iterable[Name], others: Sequence[Name]) -> list[Evidence]:
        """The two cuts, and the words of theirs, that fit best.

        A name that is cut in another way has more words to fit, so what counts is the worth per word.
        """
        fits = [self._fit(one, other) for one in ones for other in others]
        _, best = max(fits, key=lambda fit: fit[0])
        return [self._weighed("name", *each) for each in best]

    def _fit(self, one: Name, other: Name) -> tuple[float, list[tuple[Word, Word, int]]]:
        """Returns about what a word is worth, and which words stand for which, with their levels."""
        shorter, longer = (one, other) if len(one) <= len(other) else (other, one)
        levels = [[COMPARISONS[self._kinds["name"]].of(a, b) for b in longer] for a in shorter]
        worths = [
            [self._worth_of(self._guessed(a, b, level)) for b, level in zip(longer, row, strict=True)]
            for a, row in zip(shorter, levels, strict=True)
        ]
        places = align(worths)
        worth = sum(row[place] for row, place in zip(worths, places, strict=True))
        found = [(a, longer[place], row[place]) for a, row, place in zip(shorter, levels, places, strict=True)]
        return worth / len(longer), found

    def _worth_of(self, evidence: Evidence) -> float:
        return math.log2(self.weights[evidence.field][evidence.level] / evidence.chance)

    def _evidence(self, name: str, one: Word, other: Word) -> Evidence:
        return self._weighed(name, one, other, COMPARISONS[self._kinds[name]].of(one, other))

    def _weighed(self, name: str, one: Word, other: Word, level: int) -> Evidence:
        population = self._populations[name]
        return _evidence(name, level, population.chance(one, level), population.chance(other, level))

    def _guessed(self, one: Word, other: Word, level: int) -> Evidence:
        population = self._populations["name"]
        return _evidence("name", level, population.about(one, level), population.about(other, level))


def _evidence(name: str, level: int, chance: float, chance_of_other: float) -> Evidence:
    return Evidence(name, level, max(math.sqrt(chance * chance_of_other), _FEWEST_STRANGERS))
