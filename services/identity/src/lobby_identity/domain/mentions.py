"""Phones and e-mails that people type in messages, pictures that they show: weak evidence, they may be anybody's."""

import re
from collections.abc import Iterator
from typing import NamedTuple

import phonenumbers

from lobby_identity.domain.identifiers import EMAIL, PHONE, bounded, phone_key

_LONGEST_TEXT = 2_000
_MOST = 5
_MAY_BE_PHONE = re.compile(r"\d(?:[ ().\-/]{0,3}\d){6}")
_EMAIL = re.compile(
    r"(?<![\w.+-])[\w.+-]{1,64}@(?:[a-z0-9-]{1,63}\.){1,4}[a-z]{2,24}(?![\w-])", re.IGNORECASE | re.ASCII
)


AVATAR = "avatar"
_AVATAR_HASH = re.compile(r"[0-9a-f]{16}")


class Mention(NamedTuple):
    """A value that somebody typed or shows: phone, email or avatar, as it is compared."""

    kind: str
    match_key: str


def find_mentions(text: str, country: str) -> tuple[Mention, ...]:
    """Returns the phones and e-mails in a text, each once, at most five.

    A phone without its country's code is read as one of `country` (ISO 3166-1 alpha-2); where that is "", not at all.
    """
    text = text[:_LONGEST_TEXT]
    found = dict.fromkeys((*_emails(text), *_phones(text, country)))
    return tuple(found)[:_MOST]


def avatar_mentions(avatar_hash: str) -> tuple[Mention, ...]:
    """Returns the picture that somebody shows, of which 64 bits are told; nothing where none is."""
    return (Mention(AVATAR, avatar_hash),) if _AVATAR_HASH.fullmatch(avatar_hash) else ()


def _emails(text: str) -> Iterator[Mention]:
    if "@" in text:
        yield from (Mention(EMAIL, email_key(each.group())) for each in _EMAIL.finditer(text))


def _phones(text: str, country: str) -> Iterator[Mention]:
    if not _MAY_BE_PHONE.search(text):
        return
    for match in phonenumbers.PhoneNumberMatcher(text, country or None):
        number = phonenumbers.format_number(match.number, phonenumbers.PhoneNumberFormat.E164)
        yield Mention(PHONE, phone_key(number))


def email_key(email: str) -> str:
    """Returns what two notations of an e-mail address have in common: no letter case."""
    return bounded(email.strip().casefold())
