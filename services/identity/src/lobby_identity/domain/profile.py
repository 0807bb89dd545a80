"""What is known of a contact besides addresses: name, language, country, when the person first wrote."""

import unicodedata
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from lobby_identity.domain.identifiers import ContactId

_NAME_KEY_LENGTH = 100
_LONGEST_NAME = 500

FIELDS = ("display_name", "language", "country")


class Hints(NamedTuple):
    """What one event says of its author."""

    at: datetime
    display_name: str = ""
    language: str = ""
    country: str = ""
    greeting: bool = False


class Profile(NamedTuple):
    """What one record knows."""

    display_name: str = ""
    language: str = ""
    country: str = ""
    first_entry_time: datetime | None = None
    profile_time: datetime | None = None
    """Time of the newest hint that changed it."""


def learn(profile: Profile, hints: Hints) -> Profile:
    """Returns the profile after the hints: newer ones replace, older ones only fill what is empty.

    Where nothing changes it is the very same object.
    """
    newer = profile.profile_time is None or hints.at >= profile.profile_time
    changes: dict[str, str] = {}
    for field in FIELDS:
        old, said = getattr(profile, field), getattr(hints, field)
        if said and said != old and (newer or not old) and (new := clean(said)) and new != old:
            changes[field] = new
    if changes:
        at = hints.at if newer else profile.profile_time
        profile = profile._replace(
            display_name=changes.get("display_name", profile.display_name),
            language=changes.get("language", profile.language),
            country=changes.get("country", profile.country),
            profile_time=at,
        )
    if hints.greeting and (profile.first_entry_time is None or hints.at < profile.first_entry_time):
        profile = profile._replace(first_entry_time=hints.at)
    return profile


def changed_fields(before: Profile, after: Profile) -> tuple[str, ...]:
    """Returns the names of the fields that neighbours are told about."""
    return tuple(field for field in FIELDS if getattr(before, field) != getattr(after, field))


def of_person(root: ContactId, records: Sequence[tuple[ContactId, Profile]]) -> Profile:
    """Returns what is known of a person: what the canonical record knows, else the others, the oldest first.

    Records stay as they are, so a split gives each its own back.
    """
    ordered = sorted(records, key=lambda each: each[0] != root)

    def first(field: str) -> str:
        return next((value for _, profile in ordered if (value := getattr(profile, field))), "")

    entries = [profile.first_entry_time for _, profile in records if profile.first_entry_time is not None]
    return Profile(
        first("display_name"),
        first("language"),
        first("country"),
        min(entries, default=None),
    )


def clean(text: str) -> str:
    """Returns text as it can be stored: no NUL, no surrounding blanks, not longer than a name can be."""
    return text.replace("\x00", "\ufffd").strip()[:_LONGEST_NAME]


def name_key(text: str) -> str:
    """Returns what a name is searched by: compatibility forms and case folded, its first 100 characters."""
    return unicodedata.normalize("NFKC", clean(text)).casefold()[:_NAME_KEY_LENGTH]
