"""Weights learned from a population without answers, by expectation and maximisation (Dempster, Laird, Rubin 1977)."""

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from lobby_identity.likeness.model import Evidence, Model, Weights

_ROUNDS = 40
_SMOOTH = 0.5
_FARTHEST = 60.0
_HOPELESS = -25.0
"""Bits below which a pair adds nothing to any sum."""

Levels = tuple[tuple[str, int], ...]
"""The fields that a pair was compared in, and the levels into which they fell."""


def learn(model: Model, compared: Sequence[Sequence[Evidence]], all_pairs: float) -> Model:
    """Returns the model with the weights and the prior under which these pairs are likeliest.

    `compared`: the candidates' evidence; `all_pairs`: how many pairs the population has, of which candidates are those
    that may be one person. What strangers have in common stays as the population says.
    """
    surprises: dict[Levels, list[float]] = defaultdict(list)
    for evidence in compared:
        levels = tuple((each.field, each.level) for each in evidence)
        surprises[levels].append(-sum(math.log2(each.chance) for each in evidence))
    for _ in range(_ROUNDS):
        matches = _matches(model, surprises)
        expected = max(sum(matches.values()), 1.0)
        model = model.learned(_weights(model.weights, matches), min(expected / all_pairs, 0.5))
    return model


def _matches(model: Model, surprises: Mapping[Levels, Sequence[float]]) -> dict[Levels, float]:
    """Returns how many of the pairs with these levels are one person, as the model expects."""
    prior = math.log2(model.prior / (1 - model.prior))
    matches = {}
    for levels, each in surprises.items():
        known = prior + sum(math.log2(model.weights[field][level]) for field, level in levels)
        totals = (known + surprise for surprise in each)
        matches[levels] = sum(1 / (1 + 2 ** -min(total, _FARTHEST)) for total in totals if total > _HOPELESS)
    return matches


def _weights(before: Weights, matches: Mapping[Levels, float]) -> Weights:
    found: Counter[tuple[str, int]] = Counter()
    for levels, share in matches.items():
        for each in levels:
            found[each] += share  # type: ignore[assignment]  # a Counter adds up fractions too
    weights = {}
    for field, old in before.items():
        counts = [found[field, level] + _SMOOTH for level in range(len(old))]
        weights[field] = tuple(count / sum(counts) for count in counts)
    return weights
