"""The words that tell languages in Latin letters apart, read once from the package's data."""

import unicodedata
from collections.abc import Mapping
from functools import cache
from importlib import resources
from types import MappingProxyType

Weights = tuple[tuple[str, float], ...]


def fold(word: str) -> str:
    """The word in lower case without its accents, as hurried people type it."""
    if word.isascii():
        return word.lower()
    decomposed = unicodedata.normalize("NFD", word.lower().replace("ı", "i").replace("đ", "d").replace("ß", "ss"))
    return "".join(character for character in decomposed if not unicodedata.combining(character))


@cache
def words() -> Mapping[str, Weights]:
    """For each word the languages it speaks for; each counts in part where several share the word."""
    languages: dict[str, set[str]] = {}
    for line in _lines("lexicon.tsv"):
        language, _, listed = line.partition("\t")
        for word in listed.lower().split():
            languages.setdefault(word, set()).add(language)
    for word in tuple(languages):
        languages.setdefault(fold(word), set()).update(languages[word])
    weighed = {word: tuple((one, 1 / len(those)) for one in sorted(those)) for word, those in languages.items()}
    return MappingProxyType(weighed)


@cache
def neutral() -> frozenset[str]:
    """Words that are evidence for no language."""
    return frozenset(word for line in _lines("neutral.txt") for word in line.split())


def _lines(name: str) -> list[str]:
    text = resources.files("lobby_translate").joinpath("data", name).read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line and not line.startswith("#")]
