"""The key under which a translation is remembered: what two texts must share to share their translation."""

import hashlib
import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from lobby_translate import plurals, scripts
from lobby_translate.protect import MARK, Span

FOLDED_UP_TO: Final = 60
"""Longer texts keep their case."""

_INVISIBLE: Final = re.compile("[\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff\ufe0e\ufe0f]")
_JOINERS: Final = re.compile("[\u200c\u200d]")
_JOINING_SCRIPTS: Final = frozenset(
    {"Arab", "Deva", "Beng", "Guru", "Gujr", "Orya", "Taml", "Telu", "Knda", "Mlym", "Sinh", "Khmr", "Mymr"}
)
_BLANKS: Final = re.compile(r"[^\S\n]+")
_LINE_ENDS: Final = re.compile(r" ?\n ?")
_STRETCHED: Final = re.compile(r"([^\W\d_])\1{3,}")
_EXCITED: Final = re.compile(r"[!?][!?\s]*(?<=[!?])")


def normal_form(core: str, spans: Sequence[Span], source: str, target: str) -> str:
    """The core without what does not change its translation (`folded`).

    A mark says what kind of thing it stands for; of a number it says the plural form that it asks for.
    """
    text = folded(core)
    return MARK.sub(lambda mark: _typed(spans[int(mark[1])], source, target), text) if spans else text


@lru_cache(maxsize=256)  # one text is asked for several times in a row: as a phrase, and as the key of the memory
def folded(core: str) -> str:
    """The core with one spacing, short texts in one case, and no letter stretched.

    A question mark stays: 吗 and its like hang on it.
    """
    text = unicodedata.normalize("NFKC", _INVISIBLE.sub("", core)).replace("’", "'")
    if _JOINERS.search(text) and not (_JOINING_SCRIPTS & scripts.count_scripts(text).keys()):
        text = _JOINERS.sub("", text)
    text = _LINE_ENDS.sub("\n", _BLANKS.sub(" ", text)).strip()
    text = _STRETCHED.sub(r"\1\1\1", text)
    text = _EXCITED.sub(lambda run: "?" if "?" in run[0] else "!", text)
    return text.casefold() if len(text) <= FOLDED_UP_TO else text


def _typed(span: Span, source: str, target: str) -> str:
    """A typed mark; the sign around it cannot come from a text, which has no control characters."""
    form = ""
    if span.kind == "NUM":
        form = f":{plurals.form(span.text, source)}:{plurals.form(span.text, target)}"
    return f"\x1a{span.kind}{form}\x1a"


def memory_key(workspace_id: str, source: str, target: str, normal: str) -> bytes:
    """Sixteen bytes that stand for the text, the pair of languages and whose memory it is."""
    joined = f"{workspace_id}\x1f{source}\x1f{target}\x1f{normal}"
    return hashlib.blake2b(joined.encode("utf-8", "surrogatepass"), digest_size=16).digest()
