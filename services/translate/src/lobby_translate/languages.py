"""Language tags: BCP 47 inside, and what each provider calls them."""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

_TAG: Final = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8})*")
_RENAMED: Final = {"in": "id", "iw": "he", "fil": "tl", "nb": "no", "cmn": "zh", "msa": "ms", "zlm": "ms", "ind": "id"}
_TRADITIONAL_REGIONS: Final = frozenset({"TW", "HK", "MO"})


@lru_cache(maxsize=1024)
def canonical(tag: str) -> str:
    """The tag as it is written here (zh-CN is zh-Hans, PT_br is pt-BR); empty where it is none."""
    tag = tag.strip().replace("_", "-")
    if not _TAG.fullmatch(tag):
        return ""
    first, *rest = tag.split("-")
    language = _RENAMED.get(first.lower(), first.lower())
    script = next((part.title() for part in rest if len(part) == 4 and part.isalpha()), "")  # noqa: PLR2004
    region = next((part.upper() for part in rest if len(part) == 2 or (len(part) == 3 and part.isdigit())), "")  # noqa: PLR2004
    if language == "zh":
        return f"zh-{script or ('Hant' if region in _TRADITIONAL_REGIONS else 'Hans')}"
    return "-".join(part for part in (language, script, region) if part)


def primary(tag: str) -> str:
    """The language of a tag without script and region."""
    return canonical(tag).partition("-")[0]


def reads(reader: Iterable[str], language: str) -> bool:
    """A reader of these languages needs no translation of the language.

    Regions do not matter, and who reads Arabic or Hindi reads it in Latin letters too. Simplified and Traditional
    Chinese differ unless the reader says just "zh".
    """
    wanted = canonical(language)
    return any(_read(tag, wanted) for tag in reader)


def _read(tag: str, language: str) -> bool:
    if primary(language) == "zh":
        return tag.strip().lower() == "zh" or canonical(tag) == language
    return primary(tag) == primary(language) != ""


@dataclass(frozen=True, slots=True)
class Table:
    """What a provider calls the languages: for each tag its codes, the best first."""

    codes: Mapping[str, tuple[str, ...]]
    tags: Mapping[str, str]

    def code(self, tag: str, offered: Collection[str]) -> str:
        """The best offered code for the tag; empty where there is none. A region may be ignored, a script never."""
        known = self.codes.get(tag)
        if known is None and len(parts := tag.split("-")) == 2 and len(parts[1]) == 2:  # noqa: PLR2004 -- language-REGION
            known = self.codes.get(parts[0])
        return next((code for code in known or () if code in offered), "")

    def tag(self, code: str) -> str:
        """The tag that a code stands for; empty where it is not known."""
        return self.tags.get(code, "")


def _table(own: Mapping[str, tuple[str, ...]], also: Mapping[str, str] | None = None) -> Table:
    """A table whose codes, all of them, lead back to the tag whose best code they are."""
    tags: dict[str, str] = {}
    for tag, codes in own.items():
        tags.setdefault(codes[0], tag)
    for tag, codes in own.items():
        for code in codes[1:]:
            tags.setdefault(code, tag)
    return Table(codes=own, tags={**tags, **(also or {})})


# fmt: off
_SAME: Final = (
    "ar", "az", "bg", "bn", "ca", "cs", "da", "de", "el", "en", "eo", "es", "et", "eu", "fa", "fi", "fr", "ga", "gl",
    "he", "hi", "hu", "id", "it", "ja", "ko", "lt", "lv", "ms", "nl", "no", "pl", "ro", "ru", "sk", "sl", "sq", "sv",
    "th", "tl", "tr", "uk", "ur", "vi",
)
"""Languages that these engines call as we do."""
# fmt: on

LIBRETRANSLATE: Final = _table(
    {
        **{tag: (tag,) for tag in _SAME},
        "zh-Hans": ("zh-Hans", "zh"),
        "zh-Hant": ("zh-Hant", "zt"),
        "pt": ("pt", "pb", "pt-BR"),
        "pt-BR": ("pt-BR", "pb", "pt"),
    },
    {"pb": "pt-BR", "zh": "zh-Hans", "zt": "zh-Hant"},
)
"""Its servers list either the old codes (pb, zh, zt) or the new ones."""

APERTIUM: Final = _table(
    {
        "en": ("eng", "en"), "es": ("spa", "es"), "pt": ("por", "pt"), "pt-BR": ("por_BR", "pt_BR", "por", "pt"),
        "fr": ("fra", "fr"), "it": ("ita", "it"), "ca": ("cat", "ca"), "gl": ("glg", "gl"), "ro": ("ron", "ro"),
        "id": ("ind", "id"), "ms": ("zlm", "msa", "ms"), "hi": ("hin", "hi"), "ur": ("urd", "ur"),
        "hr": ("hbs_HR", "hrv"), "sr": ("hbs", "srp"), "ru": ("rus", "ru"), "uk": ("ukr", "uk"), "be": ("bel", "be"),
        "de": ("deu", "de"), "nl": ("nld", "nl"), "sv": ("swe", "sv"), "da": ("dan", "da"), "no": ("nob", "nb"),
        "tr": ("tur", "tr"), "kk": ("kaz", "kk"), "ar": ("ara", "ar"), "eu": ("eus", "eu"), "eo": ("epo", "eo"),
    }
)  # fmt: skip

BERGAMOT: Final = _table(
    {
        **{tag: (tag,) for tag in _SAME},
        "pt": ("pt",),
        "pt-BR": ("pt",),
        "zh-Hans": ("zh",),
    },
    {"pt": "pt", "zh": "zh-Hans"},
)
