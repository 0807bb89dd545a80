"""The language of one text: script rules, then a vote of a small model and our own words, then what is known beside it.

Pure but for the model's tables, read-only after the import. A chat line takes a few hundredths of a millisecond.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Final

import eldc  # type: ignore[import-untyped]  # a C extension without stubs

from lobby_translate import lexicon, scripts

UNDETERMINED: Final = "und"
CHAT_LANGUAGES: Final = (
    "zh-Hans", "zh-Hant", "en", "ru", "es", "pt", "id", "ms", "vi", "th", "ar", "hi", "tr", "ja", "ko", "fr", "de",
)  # fmt: skip
READ_AT_MOST: Final = 600
"""Characters that are looked at: the rest of a long text tells nothing new."""

_CANDIDATES: Final = frozenset({"en", "es", "pt", "id", "ms", "vi", "tr", "fr", "de", "ar-Latn", "hi-Latn"})
_OTHERS: Final = frozenset(
    {
        "it",
        "nl",
        "pl",
        "ro",
        "tl",
        "sv",
        "da",
        "no",
        "fi",
        "cs",
        "sk",
        "hu",
        "hr",
        "sl",
        "et",
        "lv",
        "lt",
        "sq",
        "ca",
        "az",
    }
)
"""Languages the model knows beyond those of the vote; believed only in long texts."""

_LINKS: Final = re.compile(
    r"(?:https?://|www\.)\S+|(?<![\w.+-])[\w.+-]{1,64}@[\w.-]{3,80}|[@#]\w[\w.-]*|\{\{[^{}]{0,60}\}\}|\{\w*\}|%s"
)
_CODES: Final = re.compile(
    r"(?<![A-Za-z0-9])[#№]?[A-Za-z]*\d+(?:[-./:][A-Za-z0-9]+)+"
    r"|\b[A-Z]+\d[A-Z0-9-]*\b|(?<![A-Za-z0-9-])[A-Z0-9]+(?:-[A-Z0-9]+)+",
    re.ASCII,
)
_WORDS: Final = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*", re.UNICODE)
_ARABIZI: Final = re.compile(
    r"(?<![^\W\d_])(?=\w*[a-z])[a-z]*(?:[a-z][235789]|[3578][a-z])[a-z]*[235789]?[a-z]*(?!\w)", re.IGNORECASE
)
_STRETCHED: Final = re.compile(r"([^\W\d_])\1{2,}")
_MARKS: Final[Mapping[str, tuple[tuple[str, float], ...]]] = {
    **dict.fromkeys("ñ¿¡", (("es", 2.0),)),
    **dict.fromkeys("ãõ", (("pt", 1.6), ("vi", 0.4))),
    **dict.fromkeys("ğış", (("tr", 2.0),)),
    **dict.fromkeys("ß", (("de", 2.0),)),
    **dict.fromkeys("ä", (("de", 1.5),)),
    **dict.fromkeys("öü", (("de", 0.8), ("tr", 0.8))),
    **dict.fromkeys("œùûëîï", (("fr", 1.5),)),
    **dict.fromkeys("è", (("fr", 1.0), ("vi", 0.3))),
    **dict.fromkeys("ç", (("fr", 0.6), ("pt", 0.6), ("tr", 0.6))),
    **dict.fromkeys("ê", (("fr", 0.5), ("pt", 0.5), ("vi", 0.5))),
    **dict.fromkeys("ôâ", (("fr", 0.5), ("pt", 0.4), ("vi", 0.5))),
    **dict.fromkeys("à", (("fr", 0.6), ("pt", 0.4), ("vi", 0.5))),
    **dict.fromkeys("áíóú", (("es", 0.4), ("pt", 0.4), ("vi", 0.2))),
    **dict.fromkeys("é", (("fr", 0.5), ("es", 0.4), ("pt", 0.4), ("vi", 0.1))),
    **dict.fromkeys("ăđơưạảấầẩẫậắằẳẵặẹẻẽếềểễệỉĩịọỏốồổỗộớờởỡợụủũứừửữựỳỵỷỹ", (("vi", 2.0),)),
}
_MARKED: Final = re.compile(f"[{''.join(_MARKS)}]")

_MODEL_VOTE: Final = 0.8
_MALAY_VOTE: Final = 0.45
_WORD_VOTE: Final = 1.2
_ARABIZI_VOTE: Final = 1.5
_CHAT_PRIOR: Final = 0.6
_KNOWN_PRIOR: Final = 0.4
_HINT_PRIOR: Final = 0.3
_ENOUGH: Final = 0.25
"""Less evidence than this in the text itself is none."""
_LONG: Final = 20
"""Letters from which the model is believed about languages that have no words here."""

eldc.init()
_model = eldc.instance()
_model.set_scores(6)

_BY_COUNTRY: Final[Mapping[str, tuple[str, ...]]] = {
    "ID": ("id",), "MY": ("ms", "en"), "BR": ("pt",), "PT": ("pt",), "VN": ("vi",), "TR": ("tr",), "FR": ("fr",),
    "DE": ("de",), "AT": ("de",), "US": ("en",), "GB": ("en",), "IN": ("en", "hi-Latn"), "SG": ("en",),
    "EG": ("ar-Latn",), "SA": ("ar-Latn",), "AE": ("en", "ar-Latn"), "JO": ("ar-Latn",), "LB": ("ar-Latn",),
    "TW": ("zh-Hant",), "HK": ("zh-Hant",), "MO": ("zh-Hant",), "CN": ("zh-Hans",), "JP": ("ja",),
    **dict.fromkeys(("ES", "MX", "CO", "AR", "CL", "PE", "VE", "EC", "GT", "BO", "UY", "PY", "DO"), ("es",)),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Hints:
    """What is known beside the text; empty where nothing is."""

    chat_language: str = ""
    known: tuple[str, ...] = ()
    """Languages that the writer is known to use."""
    locale: str = ""
    country: str = ""
    platform: str = ""

    def in_chat(self, language: str) -> "Hints":
        """The same in a chat of this language."""
        return Hints(language, self.known, self.locale, self.country, self.platform) if language else self


@dataclass(frozen=True, slots=True)
class Detection:
    """The language found and how sure that is."""

    language: str
    confidence: float
    basis: str
    """rule, vote, sticky or hint."""
    letters: int
    margin: float
    """How far the language lies before the next, by the text alone."""
    wordless: bool = False
    """Nothing but neutral words, numbers, links and emoji."""


NO_HINTS: Final = Hints()


def detect(text: str, hints: Hints = NO_HINTS) -> Detection:
    """The language of the text; "und" where neither the text nor the hints tell it."""
    cleaned = _CODES.sub(" ", _LINKS.sub(" ", text[:READ_AT_MOST]))
    counts = scripts.count_scripts(cleaned) if not cleaned.isascii() else {}
    if counts and (found := scripts.language_by_script(cleaned, counts, _han_hint(hints))):
        return Detection(found, 0.95, "rule", sum(counts.values()), 1.0)
    return _vote(cleaned, hints)


def known(text: str, language: str, confidence: float, basis: str) -> Detection:
    """The detection of a text whose language was settled before."""
    again = detect(text)
    return Detection(language, confidence, basis, again.letters, 0.0, again.wordless)


def _han_hint(hints: Hints) -> str:
    """What a text of Han characters is read as where they leave it open."""
    for language in (hints.chat_language, *hints.known, _of_locale(hints.locale)):
        if language in {"zh-Hans", "zh-Hant", "ja"}:
            return language
    return next(iter(_BY_COUNTRY.get(hints.country, ())), "")


def _vote(text: str, hints: Hints) -> Detection:
    lowered = _STRETCHED.sub(r"\1\1", text.lower().replace("i̇", "i").replace("’", "'"))
    tokens = _WORDS.findall(lowered)
    neutral = lexicon.neutral()
    words = [token for token in tokens if token not in neutral]
    letters = sum(map(len, words))
    digits_in_words = _ARABIZI.findall(lowered)
    if letters < 2 and not digits_in_words:  # noqa: PLR2004 -- one letter is no word
        return _from_chat(hints, letters, wordless=True)
    scores = _evidence(words, digits_in_words, lowered)
    own = dict(scores)
    _add_model(scores, own, " ".join(words), letters)
    _add_priors(scores, hints)
    return _decide(scores, own, hints, letters)


def _evidence(words: Sequence[str], arabizi: Sequence[str], lowered: str) -> dict[str, float]:
    """What our own words and letters say."""
    scores: dict[str, float] = {}
    table = lexicon.words()
    each = _WORD_VOTE / sqrt(len(words) or 1)
    for word in words:
        for language, weight in table.get(word) or table.get(lexicon.fold(word)) or _parts(word, table):
            scores[language] = scores.get(language, 0.0) + each * weight
    for word in arabizi:
        known = any(language == "ar-Latn" for language, _ in table.get(word, ()))
        scores["ar-Latn"] = scores.get("ar-Latn", 0.0) + (_ARABIZI_VOTE if known or len(word) > 2 else 0.4)  # noqa: PLR2004
    if not lowered.isascii():
        for mark in set(_MARKED.findall(lowered)):
            for language, weight in _MARKS[mark]:
                scores[language] = scores.get(language, 0.0) + weight * 0.8
    return scores


def _parts(word: str, table: Mapping[str, lexicon.Weights]) -> Iterable[tuple[str, float]]:
    """The halves of a word joined by an apostrophe (c'est, İstanbul'a) speak where the whole is unknown."""
    if "'" not in word:
        return ()
    return tuple(vote for part in word.split("'") for vote in table.get(part, ()))


def _add_model(scores: dict[str, float], own: dict[str, float], text: str, letters: int) -> None:
    """Adds the model's vote; its Malay stands for Indonesian too, which it does not know."""
    result = _model.detect_details(text)
    found: str = result.language
    strength = min(1.0, 0.4 + letters / 25)
    if found == "ms":
        votes = {"ms": _MALAY_VOTE, "id": _MALAY_VOTE}
    elif found in _CANDIDATES:
        votes = {found: _MODEL_VOTE}
    elif found in _OTHERS and letters >= _LONG and result.reliable:
        votes = {found: _MODEL_VOTE + 0.4}
    else:
        votes = {}
    for language, vote in votes.items():
        scores[language] = scores.get(language, 0.0) + vote * strength
        own[language] = scores[language]


def _add_priors(scores: dict[str, float], hints: Hints) -> None:
    """Adds what is known beside the text, only in favour of languages in Latin letters."""
    for language, prior in _priors(hints):
        if language in _CANDIDATES or language in _OTHERS:
            scores[language] = scores.get(language, 0.0) + prior


def _priors(hints: Hints) -> Iterable[tuple[str, float]]:
    if hints.chat_language:
        yield hints.chat_language, _CHAT_PRIOR
    for language in hints.known:
        yield language, _KNOWN_PRIOR
    if hints.locale:
        yield _of_locale(hints.locale), _HINT_PRIOR
    for language in _BY_COUNTRY.get(hints.country, ()):
        yield language, _HINT_PRIOR
    if hints.platform == "zalo":
        yield "vi", _HINT_PRIOR


def _of_locale(locale: str) -> str:
    """The language of a client's locale, as far as the vote and the Han rule tell languages apart."""
    parts = locale.replace("_", "-").lower().split("-")
    if parts[0] == "zh":
        return "zh-Hant" if {"hant", "tw", "hk", "mo"} & set(parts) else "zh-Hans"
    return {"in": "id", "fil": "tl", "nb": "no"}.get(parts[0], parts[0])


def _decide(scores: Mapping[str, float], own: Mapping[str, float], hints: Hints, letters: int) -> Detection:
    evidence = max(own.values(), default=0.0)
    if evidence < _ENOUGH:
        return _from_chat(hints, letters, wordless=False)
    ranked = sorted(scores.items(), key=lambda pair: (-pair[1], pair[0]))
    language, top = ranked[0]
    second = ranked[1][1] if len(ranked) > 1 else 0.0
    rivals = max((score for other, score in own.items() if other != language), default=0.0)
    basis = "vote"
    if own.get(language, 0.0) < evidence:
        basis = "sticky" if language == hints.chat_language else "hint"
    confidence = min(0.99, (top - 0.5 * second) / (top + 0.25))
    return Detection(language, round(confidence, 3), basis, letters, own.get(language, 0.0) - rivals)


def _from_chat(hints: Hints, letters: int, *, wordless: bool) -> Detection:
    """The text tells nothing: the chat's language goes on, if there is one."""
    if hints.chat_language:
        return Detection(hints.chat_language, 0.3, "sticky", letters, 0.0, wordless)
    return Detection(UNDETERMINED, 0.0, "vote", letters, 0.0, wordless)
