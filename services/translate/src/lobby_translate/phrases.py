"""Greetings, thanks and the first questions of every sale, in the languages of this project: no provider is needed."""

from collections.abc import Mapping
from functools import cache
from importlib import resources
from types import MappingProxyType

from lobby_translate.languages import canonical
from lobby_translate.normal_form import folded


@cache
def _phrases() -> tuple[Mapping[tuple[str, str], str], Mapping[tuple[str, str], str]]:
    """(language, normal form) to concept, and (concept, language) to what is said."""
    concepts: dict[tuple[str, str], str] = {}
    said: dict[tuple[str, str], str] = {}
    text = resources.files("lobby_translate").joinpath("data", "phrases.tsv").read_text(encoding="utf-8")
    concept = ""
    for line in text.splitlines():
        if line.startswith("[") and line.endswith("]"):
            concept = line[1:-1]
        elif line and not line.startswith("#"):
            language, _, listed = line.partition("\t")
            variants = listed.split("|")
            said[concept, language] = variants[0]
            for variant in variants:
                concepts.setdefault((language, _key(variant)), concept)
    return MappingProxyType(concepts), MappingProxyType(said)


def find(core: str, source: str, target: str) -> str | None:
    """What the core means in the target's language; None where it is no phrase of the list."""
    concepts, said = _phrases()
    concept = concepts.get((_listed(source), _key(core)))
    if concept is None or (core.rstrip().endswith(("?", "？")) and not concept.endswith("?")):
        return None
    return said.get((concept, _listed(target)))


def languages() -> frozenset[str]:
    """The languages in which every phrase can be said."""
    return frozenset(language for _, language in _phrases()[1])


def _key(text: str) -> str:
    """The normal form without the mark of a question, which hurried people leave out."""
    return folded(text).rstrip("?.! ").lstrip("¿¡ ")


@cache
def _listed(language: str) -> str:
    """The language of the list for a tag: regions do not matter."""
    tag = canonical(language)
    return tag if tag in {"zh-Hans", "zh-Hant"} or tag.endswith("-Latn") else tag.partition("-")[0]
