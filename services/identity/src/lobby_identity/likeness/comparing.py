"""Two values of one field, and the level into which they fall: 0 is equal, the last one is different."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import permutations

from rapidfuzz.distance import OSA, JaroWinkler

from lobby_identity.likeness.names import BARE, Word, consonants

LEVELS = ("equal", "one_letter", "near", "alike", "different")
"""Names of the levels. A field of fewer levels leaves some out."""
DIFFERENT = len(LEVELS) - 1

_NEAR = 0.92
_ALIKE = 0.82
_LONG_ENOUGH_FOR_ONE = 3
_LONG_ENOUGH_FOR_TWO = 5
_TWO_EDITS = 2
_SAME_BITS = 2
_NEAR_BITS = 6
"""Of 64: one picture in other sizes and formats differs in fewer, two pictures in thirty or so."""
_MOST_NEAR = 4
"""Spellings of a value, the best known, of which one may be near to another's; any may be equal."""


@dataclass(frozen=True)
class Comparison:
    """How the values of a field are compared. A value is its spellings; the closest two decide."""

    level: Callable[[str, str], int]
    edits: int
    """Strings with more edits between them differ, unless they are alike."""
    alike: float
    """Strings with this Jaro-Winkler similarity may be alike; above 1 where that is not looked at."""
    is_seldom_near: bool = False
    """Of two strangers' values so few are near that those which differ need not be told from them to be counted."""

    def of(self, one: Word, other: Word) -> int:
        """Returns the level of two values."""
        if len(one) == len(other) == 1:
            return self.level(one[0], other[0])
        if not set(one).isdisjoint(other):
            return 0
        return min(self.level(a, b) for a in one[:_MOST_NEAR] for b in other[:_MOST_NEAR])


def _text_level(one: str, other: str) -> int:
    if one == other:
        return 0
    if one.startswith(BARE) or other.startswith(BARE):
        return _bare_level(one, other)
    longer = max(len(one), len(other))
    edits = OSA.distance(one, other, score_cutoff=_TWO_EDITS)
    if edits == 1 and longer >= _LONG_ENOUGH_FOR_ONE:
        return 1
    alike = JaroWinkler.similarity(one, other)
    if alike >= _NEAR or (edits == _TWO_EDITS and longer >= _LONG_ENOUGH_FOR_TWO):
        return 2
    return 3 if alike >= _ALIKE else DIFFERENT


def _bare_level(one: str, other: str) -> int:
    """Words without vowels never count as equal: many words share their consonants."""
    one, other = _bare(one), _bare(other)
    return 1 if one == other and len(one) > len(BARE) + 1 else DIFFERENT


def _code_level(one: str, other: str) -> int:
    return min(OSA.distance(one, other, score_cutoff=DIFFERENT - 1), DIFFERENT)


def _bits_level(one: str, other: str) -> int:
    differ = (int(one, 16) ^ int(other, 16)).bit_count()
    return 0 if differ <= _SAME_BITS else 2 if differ <= _NEAR_BITS else DIFFERENT


def _exact_level(one: str, other: str) -> int:
    return 0 if one == other else DIFFERENT


TEXT = Comparison(_text_level, edits=_TWO_EDITS, alike=_ALIKE, is_seldom_near=True)
"""Words and short texts: by edits (two letters that changed places are one) and by Jaro-Winkler."""
CODE = Comparison(_code_level, edits=DIFFERENT - 1, alike=2.0)
"""Numbers, dates, codes: by edits."""
BITS = Comparison(_bits_level, edits=0, alike=2.0)
"""Hashes of pictures, in hexadecimal: by the bits that differ."""
EXACT = Comparison(_exact_level, edits=0, alike=2.0)
"""Equal or different."""


def align(worths: Sequence[Sequence[float]]) -> Sequence[int]:
    """Returns for each row a column of its own, so that the worths sum up to the most. There are not fewer columns."""
    columns = range(len(worths[0]))
    if len(worths) == 1:
        return (max(columns, key=worths[0].__getitem__),)
    return max(
        permutations(columns, len(worths)),
        key=lambda places: sum(row[place] for row, place in zip(worths, places, strict=True)),
    )


def similarity(one: Word, other: Word) -> float:
    """Returns how alike two words sound, 0 to 1: the share of letters that need no edit, of the closest readings.

    Where one of them is written without vowels, its consonants count as much as its letters.
    """
    plain = _closest([each for each in one if not each.startswith(BARE)], [e for e in other if not e.startswith(BARE)])
    if not any(each.startswith(BARE) for each in (*one, *other)):
        return plain
    return (plain + _closest([*map(_bare, one)], [*map(_bare, other)])) / 2


def _bare(reading: str) -> str:
    return reading if reading.startswith(BARE) else consonants(reading)


def _closest(ones: Sequence[str], others: Sequence[str]) -> float:
    return max((OSA.normalized_similarity(a, b) for a in ones for b in others), default=0.0)
