"""Which pairs are looked at: those that share a key. Comparing everybody with everybody takes too long."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from lobby_identity.likeness.model import Record
from lobby_identity.likeness.names import BARE, consonants

MOST_IN_A_BLOCK = 200
"""Records with the same key; what more of them share is no evidence, and is not looked at."""

_START = 4
_END = 3
_FEWEST_CONSONANTS = 3


@dataclass(frozen=True)
class Scheme:
    """What keys are made of: fields, with a letter for each."""

    towns: Mapping[str, str]
    """Few people share a value: any likeness of names beside it is worth a look."""
    regions: Mapping[str, str]
    """Many share a value: the start or end of a word of the name is wanted beside it."""
    codes: Mapping[str, str]
    """A key alone, also with one sign missing."""
    bits: Mapping[str, str]
    """A key in quarters: values of which not more than three bits differ share one."""


def keys(record: Record, scheme: Scheme) -> set[str]:
    """Returns the keys of a record."""
    found = {*_of_codes(record, scheme.codes), *_of_bits(record, scheme.bits)}
    for name in record.names:
        for reading in (reading for word in name for reading in word):
            found.add(f"w:{reading}")
            found.update(_of_regions(record, reading, scheme.regions))
            found.update(_of_towns(record, reading, scheme.towns))
        found.update(_of_two_words([word[0] for word in name]))
        found.update(_of_consonants([word[0] for word in name]))
    return found


def _values(record: Record, fields: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """The letter and the value of each field that is there."""
    for field, letter in fields.items():
        for value, *_ in record.values.get(field, ()):
            yield letter, value


def _of_codes(record: Record, codes: Mapping[str, str]) -> Iterator[str]:
    for letter, value in _values(record, codes):
        yield f"{letter}:{value}"
        yield from (f"{letter}-:{value[:place]}{value[place + 1 :]}" for place in range(len(value)))


def _of_bits(record: Record, bits: Mapping[str, str]) -> Iterator[str]:
    for letter, value in _values(record, bits):
        quarter = len(value) // 4
        yield from (f"{letter}{start}:{value[start : start + quarter]}" for start in range(0, len(value), quarter))


def _of_regions(record: Record, reading: str, regions: Mapping[str, str]) -> Iterator[str]:
    for letter, value in _values(record, regions):
        yield f"{letter}<:{reading[:_START]}:{value}"
        yield f"{letter}>:{reading[-_START:]}:{value}"


def _of_towns(record: Record, reading: str, towns: Mapping[str, str]) -> Iterator[str]:
    for letter, value in _values(record, towns):
        yield f"{letter}1:{reading[:1]}:{value}"
        yield f"{letter}3:{reading[-_END:]}:{value}"
        yield f"{letter}<:{reading[:_END]}:{value[:_START]}"
        yield f"{letter}>:{reading[:2]}:{value[-_START:]}"


def _of_consonants(words: list[str]) -> Iterator[str]:
    """A name whose script has no vowels is found by one that has them, if enough is left of both."""
    left = sorted(consonants(word).removeprefix(BARE) for word in words)
    if sum(map(len, left)) >= _FEWEST_CONSONANTS:
        yield f"c:{':'.join(left)}"


def _of_two_words(words: list[str]) -> Iterator[str]:
    if len(words) > 1:
        first, *_, last = sorted(words)
        yield f"n<:{first[:_END]}:{last[:_END]}"
        yield f"n>:{first[-_END:]}:{last[-_END:]}"
