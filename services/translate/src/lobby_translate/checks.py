"""What a machine's answer must pass before anybody reads it. Each check exists because an engine failed it."""

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping
from typing import Final

from lobby_translate import lexicon, scripts
from lobby_translate.detect import detect
from lobby_translate.protect import MARK

_RATIO_FROM: Final = 12
_RATIO: Final = (0.2, 5.0)
_RATIO_WITH_HAN: Final = (0.15, 8.0)
_DENSE: Final = frozenset({"zh", "ja", "ko"})
_SCRIPT_SHARE: Final = 0.6
_LANGUAGE_FROM: Final = 20
_REPEATS: Final = 3
_WORD: Final = re.compile(r"[^\W\d_]+")
_LATIN_OR_OTHER: Final = re.compile(r"[A-Za-z]+|[^\W\d_A-Za-z]+")
"""Words, also where a brand stands between Han characters without a space."""
_UNKNOWN_WORD: Final = re.compile(r"(?<!\w)\*[^\W\d_]")
_META: Final = re.compile(
    r"here(?:'s| is| are)(?: the| your| a)? (?:\w+ )?(?:translation|options)|as an ai\b|language model"
    r"|translated text|please provide the text|i (?:can't|cannot|can not) (?:translate|assist|help)|\btranslation:"
    r"|以下是.{0,6}翻译|翻译如下|作为.{0,4}AI",
    re.IGNORECASE,
)
_INTERCHANGEABLE: Final = (frozenset({"id", "ms"}), frozenset({"zh-Hans", "zh-Hant"}))


def fault(source: str, answer: str, source_language: str, target_language: str) -> str:
    """Why the answer is no translation of the source; empty where nothing speaks against it. Both with our marks."""
    source, answer = MARK.sub(" ", source), MARK.sub(" ", answer)
    if not answer.strip():
        return "empty"
    if _digits(source) != _digits(answer):
        return "digits"
    if _folded(source) == _folded(answer):
        return "" if _is_name(source) else "identical"
    return (
        _length(source, answer, source_language, target_language)
        or _marks(source, answer)
        or _script(source, answer, target_language)
        or _language(answer, source_language, target_language)
    )


def _digits(text: str) -> Mapping[int, int]:
    return Counter(unicodedata.digit(character) for character in text if character.isdigit())


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())


def _is_name(text: str) -> bool:
    """Every word is a name, a brand or a size: written with a capital, or neutral."""
    return all(map(_is_name_like, _WORD.findall(text)))


def _is_name_like(word: str) -> bool:
    return word[0].isupper() or word.lower() in lexicon.neutral()


def _length(source: str, answer: str, source_language: str, target_language: str) -> str:
    if len(source) < _RATIO_FROM:
        return ""
    dense = {source_language.partition("-")[0], target_language.partition("-")[0]} & _DENSE
    low, high = _RATIO_WITH_HAN if dense else _RATIO
    return "" if low <= len(answer) / len(source) <= high else "length"


def _marks(source: str, answer: str) -> str:
    if _UNKNOWN_WORD.search(answer) and not _UNKNOWN_WORD.search(source):
        return "unknown_word"
    if _META.search(answer) and not _META.search(source):
        return "meta"
    repeats = _most_repeated(answer)
    return "repeats" if repeats > _REPEATS and repeats > _most_repeated(source) else ""


def _most_repeated(text: str) -> int:
    """How often the commonest run of four words occurs; of four characters where words are not set apart."""
    words = text.split()
    units: list[str] = words if len(words) > len(text) / 12 else list(text)
    runs = Counter(tuple(units[at : at + 4]) for at in range(len(units) - 3))
    return max(runs.values(), default=0)


def _script(source: str, answer: str, target_language: str) -> str:
    """Most letters are of the target's script; names that stand in the source too are not asked."""
    wanted = scripts.SCRIPTS_OF_LANGUAGE.get(target_language) or scripts.SCRIPTS_OF_LANGUAGE.get(
        target_language.partition("-")[0], frozenset({scripts.LATIN})
    )
    kept = set(filter(_is_name_like, _LATIN_OR_OTHER.findall(source)))
    counts = scripts.count_scripts(" ".join(word for word in _LATIN_OR_OTHER.findall(answer) if word not in kept))
    total = sum(counts.values())
    own = sum(count for script, count in counts.items() if script in wanted)
    return "" if own >= _SCRIPT_SHARE * total else "script"


def _language(answer: str, source_language: str, target_language: str) -> str:
    """A long answer is not in the language of the source."""
    if {source_language, target_language} in _INTERCHANGEABLE:
        return ""
    found = detect(answer)
    same = found.language.partition("-")[0] == source_language.partition("-")[0]
    return "language" if same and found.letters > _LANGUAGE_FROM and found.confidence > 0.5 else ""  # noqa: PLR2004
