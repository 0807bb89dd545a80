"""Syllables of Chinese as their bearers spell them where pinyin is not used: in Taiwan, and in Hong Kong and Macao."""

import json
import re
from collections.abc import Mapping
from functools import cache
from importlib import resources

_WHOLE: Mapping[str, str] = {
    "zhi": "chih", "chi": "chih", "shi": "shih", "ri": "jih", "zi": "tzu", "ci": "tzu", "si": "szu", "er": "erh",
    "yan": "yen", "ye": "yeh", "you": "yu", "yong": "yung", "yue": "yueh", "gui": "kuei", "kui": "kuei",
}  # fmt: skip
_WADE_INITIALS: Mapping[str, str] = {
    "zh": "ch", "z": "ts", "c": "ts", "b": "p", "d": "t", "g": "k", "j": "ch", "q": "ch", "x": "hs", "r": "j",
}  # fmt: skip
_WADE_FINALS: Mapping[str, str] = {
    "ong": "ung", "iong": "iung", "ie": "ieh", "ian": "ien", "ue": "ueh", "ve": "ueh", "uo": "o",
}  # fmt: skip
_PINYIN = re.compile(r"(zh|ch|sh|[bpmfdtnlgkhjqxrzcsyw]?)(.+)")
_GUTTURALS = frozenset("gkh")


def wade_giles(pinyin: str) -> str:
    """Returns a toneless syllable of pinyin as passports of Taiwan have it: Wade and Giles without apostrophes."""
    found = _PINYIN.fullmatch(pinyin)
    if pinyin in _WHOLE or found is None:
        return _WHOLE.get(pinyin, pinyin)
    initial, final = found[1], found[2]
    if initial in _GUTTURALS and final in {"e", "uo"}:
        final = "o" if final == "e" else "uo"
    else:
        final = _WADE_FINALS.get(final, final)
    return _WADE_INITIALS.get(initial, initial) + final.replace("v", "u")


def hong_kong(character: str) -> tuple[str, ...]:
    """Returns the ways in which a traditional character is spelt in names of Hong Kong; () where it is in none."""
    return _of_hong_kong().get(character, ())


@cache
def _of_hong_kong() -> Mapping[str, tuple[str, ...]]:
    text = resources.files("cantoroman").joinpath("data/charToRoman.json").read_text(encoding="utf-8")
    return {character: tuple(spellings) for character, spellings in json.loads(text).items()}
