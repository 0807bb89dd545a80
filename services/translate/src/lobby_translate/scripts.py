"""Languages that their script gives away: counted letter by letter, no model asked."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Final

LATIN: Final = "Latn"

# First code point of each run of letters; `""` ends a run. Scripts that are not here fall to the run before them.
_RUNS: Final = (
    (0x0041, LATIN), (0x005B, ""), (0x0061, LATIN), (0x007B, ""), (0x00AA, LATIN), (0x00AB, ""), (0x00C0, LATIN),
    (0x00D7, ""), (0x00D8, LATIN), (0x00F7, ""), (0x00F8, LATIN), (0x02B0, ""), (0x0370, "Grek"), (0x0400, "Cyrl"),
    (0x0530, "Armn"), (0x0590, "Hebr"), (0x0600, ""), (0x0620, "Arab"), (0x0660, ""), (0x066E, "Arab"), (0x06D4, ""),
    (0x06D5, "Arab"), (0x06D6, ""), (0x06EE, "Arab"), (0x06F0, ""), (0x06FA, "Arab"), (0x0700, ""), (0x0750, "Arab"),
    (0x0780, ""), (0x0900, "Deva"), (0x0964, ""), (0x0971, "Deva"), (0x0980, "Beng"), (0x0A00, "Guru"),
    (0x0A80, "Gujr"), (0x0B00, "Orya"), (0x0B80, "Taml"), (0x0C00, "Telu"), (0x0C80, "Knda"), (0x0D00, "Mlym"),
    (0x0D80, "Sinh"), (0x0E00, "Thai"), (0x0E3F, ""), (0x0E40, "Thai"), (0x0E50, ""), (0x0E80, "Laoo"),
    (0x0F00, "Tibt"), (0x1000, "Mymr"), (0x1040, ""), (0x10A0, "Geor"), (0x1100, "Hang"), (0x1200, "Ethi"),
    (0x1400, ""), (0x1780, "Khmr"), (0x17D4, ""), (0x1E00, LATIN), (0x1F00, "Grek"), (0x2000, ""), (0x3041, "Kana"),
    (0x3097, ""), (0x30A1, "Kana"), (0x30FB, ""), (0x30FC, "Kana"), (0x3100, ""), (0x3130, "Hang"), (0x3190, ""),
    (0x31F0, "Kana"), (0x3200, ""), (0x3400, "Hani"), (0x4DC0, ""), (0x4E00, "Hani"), (0xA000, ""), (0xAC00, "Hang"),
    (0xD7B0, ""), (0xF900, "Hani"), (0xFB00, LATIN), (0xFB07, ""), (0xFB50, "Arab"), (0xFE00, ""), (0xFE70, "Arab"),
    (0xFEFF, ""), (0xFF21, LATIN), (0xFF3B, ""), (0xFF41, LATIN), (0xFF5B, ""), (0xFF66, "Kana"), (0xFFA0, ""),
    (0x20000, "Hani"), (0x323B0, ""),
)  # fmt: skip
_STARTS: Final = tuple(start for start, _ in _RUNS)

# Scripts with one language among those that matter here.
_LANGUAGE_OF: Final[Mapping[str, str]] = {
    "Grek": "el", "Armn": "hy", "Hebr": "he", "Deva": "hi", "Beng": "bn", "Guru": "pa", "Gujr": "gu", "Orya": "or",
    "Taml": "ta", "Telu": "te", "Knda": "kn", "Mlym": "ml", "Sinh": "si", "Thai": "th", "Laoo": "lo", "Tibt": "bo",
    "Mymr": "my", "Geor": "ka", "Hang": "ko", "Ethi": "am", "Khmr": "km",
}  # fmt: skip
SCRIPTS_OF_LANGUAGE: Final[Mapping[str, frozenset[str]]] = {
    **{language: frozenset({script}) for script, language in _LANGUAGE_OF.items()},
    **dict.fromkeys(("ru", "uk", "be", "bg", "kk", "mk", "ky"), frozenset({"Cyrl"})),
    **dict.fromkeys(("ar", "fa", "ur"), frozenset({"Arab"})),
    **dict.fromkeys(("zh-Hans", "zh-Hant", "zh"), frozenset({"Hani"})),
    "ja": frozenset({"Hani", "Kana"}),
    "ko": frozenset({"Hang", "Hani"}),
    "mr": frozenset({"Deva"}),
}

_CYRILLIC: Final = ((frozenset("ђћџљњј"), "sr"), (frozenset("ў"), "be"), (frozenset("іїєґ"), "uk"))
_KAZAKH: Final = frozenset("әғқңөұүһ")
_URDU: Final = frozenset("ٹڈڑےںھہ")
_PERSIAN: Final = frozenset("پچژگکی")


@lru_cache(maxsize=16_384)
def script_of(character: str) -> str:
    """The script of a letter; empty for everything that is no letter."""
    return _RUNS[max(bisect_right(_STARTS, ord(character)) - 1, 0)][1] if character >= "A" else ""


def count_scripts(text: str) -> dict[str, int]:
    """How many letters each script has in the text."""
    counts = Counter(map(script_of, text))
    counts.pop("", None)
    return counts


def language_by_script(text: str, counts: Mapping[str, int], hint: str = "") -> str:
    """The language that the text's script gives away; empty where the script is Latin or too little of another.

    Two letters of another script decide whatever Latin stands beside them, because brand names are Latin everywhere;
    one decides where there is no Latin letter. `hint` (a language) settles what the letters leave open: Simplified or
    Traditional, Chinese or Japanese.
    """
    others = {script: count for script, count in counts.items() if script != LATIN}
    if not others:
        return ""
    total = sum(others.values())
    if total < 2 and counts.get(LATIN, 0):  # noqa: PLR2004 -- the rule above
        return ""
    if "Kana" in others and not _lone_no(text, others):
        return "ja"
    script = max(others, key=others.__getitem__)
    if script in {"Hani", "Kana"}:
        return _chinese(text, hint)
    by_letters = _BY_LETTERS.get(script)
    return by_letters(text) if by_letters else _LANGUAGE_OF[script]


def _lone_no(text: str, counts: Mapping[str, int]) -> bool:
    """The only kana is one の, which Chinese shops like to write, among characters that only Chinese has."""
    if counts["Kana"] != 1 or "の" not in text:
        return False
    return any(_simplified(character) or _traditional(character) for character in text)


def _chinese(text: str, hint: str) -> str:
    han = [character for character in text if script_of(character) == "Hani"]
    if any(_japanese(character) for character in han):
        return "ja"
    simplified = sum(map(_simplified, han))
    traditional = sum(map(_traditional, han))
    if simplified != traditional:
        return "zh-Hans" if simplified > traditional else "zh-Hant"
    if hint == "ja" and not simplified:
        return "ja"
    return "zh-Hant" if hint == "zh-Hant" else "zh-Hans"


def _encodes(character: str, codec: str) -> bool:
    try:
        character.encode(codec)
    except UnicodeEncodeError:
        return False
    return True


@lru_cache(maxsize=16_384)
def _simplified(character: str) -> bool:
    return script_of(character) == "Hani" and _encodes(character, "gb2312") and not _encodes(character, "big5")


@lru_cache(maxsize=16_384)
def _traditional(character: str) -> bool:
    return script_of(character) == "Hani" and _encodes(character, "big5") and not _encodes(character, "gb2312")


@lru_cache(maxsize=16_384)
def _japanese(character: str) -> bool:
    """Kanji as only Japan writes them (発, 対, 込)."""
    return _encodes(character, "shift_jis") and not _encodes(character, "gb2312") and not _encodes(character, "big5")


def _cyrillic(text: str) -> str:
    letters = frozenset(text.lower())
    if letters & _KAZAKH:
        return "kk"
    for marks, language in _CYRILLIC:
        if letters & marks:
            return language
    return "ru"


def _arabic(text: str) -> str:
    letters = frozenset(text)
    if letters & _URDU:
        return "ur"
    return "fa" if letters & _PERSIAN else "ar"


_BY_LETTERS: Final[Mapping[str, Callable[[str], str]]] = {"Cyrl": _cyrillic, "Arab": _arabic}
"""Scripts of several languages, told apart by letters that only one of them has."""
