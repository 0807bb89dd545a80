"""The plural form that a number asks for in languages whose grammar follows it (CLDR categories)."""

# ruff: noqa: PLR2004 -- the numbers are the rules

from collections.abc import Callable, Mapping
from typing import Final


def _east_slavic(n: int) -> str:
    if n % 10 == 1 and n % 100 != 11:
        return "one"
    return "few" if 2 <= n % 10 <= 4 and not 12 <= n % 100 <= 14 else "many"


def _polish(n: int) -> str:
    if n == 1:
        return "one"
    return "few" if 2 <= n % 10 <= 4 and not 12 <= n % 100 <= 14 else "many"


def _czech(n: int) -> str:
    if n == 1:
        return "one"
    return "few" if 2 <= n <= 4 else "other"


def _arabic(n: int) -> str:
    if n <= 2:
        return ("zero", "one", "two")[n]
    if 3 <= n % 100 <= 10:
        return "few"
    return "many" if n % 100 >= 11 else "other"


_EXACT: Final = 9
"""Of longer numbers only the end is looked at, which is all that the rules ask for."""

_FORMS: Final[Mapping[str, Callable[[int], str]]] = {
    "ru": _east_slavic, "uk": _east_slavic, "be": _east_slavic, "sr": _east_slavic, "hr": _east_slavic,
    "pl": _polish, "cs": _czech, "sk": _czech, "ar": _arabic,
}  # fmt: skip


def form(number: str, language: str) -> str:
    """The category of the number; "other" for fractions and for languages that have no more forms than this."""
    rule = _FORMS.get(language.partition("-")[0])
    if rule is None or not number.isascii() or not number.isdigit():
        return "other"
    return rule(int(number) if len(number) <= _EXACT else int(number[-_EXACT:]) + 10**_EXACT)
