"""Whether a message only says thanks, in any of some forty languages. Pure.

It does only where it consists of nothing else: words of one language that say thanks or may stand beside them, signs
and friendly emoji must cover it from its first character to its last. Anything left over, a question mark, a digit or a
link makes it a message like any other: who is owed an answer by mistake is a glance lost, who is not is a customer
lost.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import NamedTuple

VERSION = 1
"""Of the rule: rises with every change of what counts as thanks; journeys say by which one a message was judged."""

_LONGEST = 120
"""Characters: who writes more says more, and the start of a longer message says nothing about its end."""

_LONGEST_WORDS = 32
"""Characters that words which stand together in the list have at most."""

_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff\ufe0e\ufe0f\U0001f3fb-\U0001f3ff]")
_ACCENTS = re.compile("[\u0300-\u036f\u0640\u064b-\u0655\u0670]")
"""What hurried people leave out, in Latin, Greek, Cyrillic and Arabic letters; elsewhere marks are part of the word."""
_STRETCHED = re.compile(r"(\w)\1{2,}")
_APART = frozenset(" \t\n\r.,!~…-–—*_()[]:;/|'\"«»“”„،؛۔、。，．！～・·•।॥^=+<>♪°「」『』¡")
_FRIENDLY = frozenset(
    "🙏👍👌💪🙌👏🤝🫶🤗🤟✌😊☺🙂😀😃😄😁😆😍🥰😘😗😚😙😇🤩😎😉🥳🎉🎊✨🌟⭐💫💯✅✔🌹🌸🌺🌷🌻💐🍀❤♥🧡💛💚💙💜🤎🖤🤍💕💖💗💘💝💞💓❣😻🥹💋🫰🫡🙇"
)
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3130-\u318f\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af]"
)
"""Letters of languages that put no space between their words."""


class Words(NamedTuple):
    """What a message in one language that only says thanks may consist of, in the form of `_folded`."""

    thanks: frozenset[str]
    beside: frozenset[str]


def is_only_thanks(text: str) -> bool:
    """Returns whether the whole text says thanks, and nothing beside it."""
    if not text or len(text) > _LONGEST:
        return False
    folded = _folded(text)
    return any(_covers(words, folded) for words in _words().values())


def _folded(text: str) -> str:
    """Returns the text in one case and one form, without accents, and no letter stretched."""
    plain = unicodedata.normalize("NFKC", _INVISIBLE.sub("", text)).replace("’", "'").casefold()
    bare = unicodedata.normalize("NFC", _ACCENTS.sub("", unicodedata.normalize("NFD", plain)))
    return _STRETCHED.sub(r"\1", bare.replace("ı", "i").replace("đ", "d").replace("أ", "ا"))


@cache
def _words() -> Mapping[str, Words]:
    """Returns the words by language."""
    listed: dict[tuple[str, str], set[str]] = {}
    text = resources.files("lobby_routing").joinpath("data", "thanks.tsv").read_text(encoding="utf-8")
    for line in text.splitlines():
        if line and not line.startswith("#"):
            language, kind, words = line.split("\t")
            listed.setdefault((language, kind), set()).update(_folded(word) for word in words.split("|"))
    everywhere = listed.pop(("any", "with"))
    return MappingProxyType(
        {
            language: Words(frozenset(listed[language, "thanks"]), frozenset(listed[language, "with"] | everywhere))
            for language in {language for language, _ in listed}
        }
    )


def _covers(words: Words, text: str) -> bool:
    """Returns whether the words and signs cover the text, thanks among them."""
    reached: list[set[bool]] = [set() for _ in range(len(text) + 1)]
    reached[0].add(False)
    for start, ways in enumerate(reached[:-1]):
        if not ways:
            continue
        if text[start] in _APART or text[start] in _FRIENDLY:
            reached[start + 1] |= ways
        for end in _ends(words.thanks, text, start):
            reached[end].add(True)
        for end in _ends(words.beside, text, start):
            reached[end] |= ways
    return True in reached[-1]


def _ends(words: frozenset[str], text: str, start: int) -> Iterator[int]:
    """Yields where words end that stand at a place."""
    for end in range(start + 1, min(start + _LONGEST_WORDS, len(text)) + 1):
        if text[start:end] in words and _is_apart(text, start) and _is_apart(text, end):
            yield end


def _is_apart(text: str, place: int) -> bool:
    """Returns whether a word may begin or end between two characters."""
    if place in (0, len(text)):
        return True
    before, after = text[place - 1], text[place]
    joined = _is_letter(before) and _is_letter(after)
    return not joined or bool(_UNSPACED.match(before) or _UNSPACED.match(after))


def _is_letter(character: str) -> bool:
    return unicodedata.category(character)[0] in "LMN"
