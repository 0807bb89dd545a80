"""Attributes: a value stays on the record where it was set, and of a person the one that was set last is shown.

Taking a value away is setting none. So a merge shows the newest, and its undo gives each record its own back. A file
fills what is empty: of what imports say the first is shown where nobody said anything.
"""

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from lobby_common.times import storable
from lobby_identity.domain.identifiers import ContactId
from lobby_identity.domain.tags import IMPORT

KINDS = ("text", "number", "boolean", "time")
MOST = 100
"""Attributes of a workspace."""
LONGEST = 2_000
"""Characters of a text."""
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?(e[+-]?\d+)?", re.IGNORECASE | re.ASCII)


class Value(NamedTuple):
    """One of them is there, or none: then there is no value."""

    text: str | None = None
    number: float | None = None
    boolean: bool | None = None
    time: datetime | None = None

    def fits(self, kind: str) -> bool:
        """Returns whether nothing else than a value of the kind is there; no value fits every kind."""
        return all(each is None for name, each in zip(KINDS, self, strict=True) if name != kind)


NOTHING = Value()


@dataclass(frozen=True, slots=True)
class Attribute:
    """An attribute of a workspace."""

    name: str
    kind: str
    display_name: str
    create_time: datetime


@dataclass(frozen=True, slots=True)
class Held:
    """What a record has of an attribute."""

    contact_id: ContactId
    name: str
    value: Value
    origin: str
    source_id: str
    set_time: datetime


def shown(held: Iterable[Held]) -> tuple[Held, ...]:
    """Returns what a person has, by name: of each attribute what was set last, where that was a value.

    What imports say counts where nobody said anything, the first one before the others.
    """
    counts: dict[str, Held] = {}
    for each in sorted(held, key=lambda one: (one.set_time, one.contact_id, one.source_id)):
        before = counts.get(each.name)
        if before is None or each.origin != IMPORT:
            counts[each.name] = each
    return tuple(counts[name] for name in sorted(counts) if counts[name].value != NOTHING)


def clean(text: str) -> str:
    """Returns a text as it is stored: no NUL, no blanks around it."""
    return text.replace("\x00", "\ufffd").strip()


def read(kind: str, text: str) -> Value | None:
    """Returns what a text says as a value of the kind: numbers with a point, true or false, times of ISO 8601.

    A time without a zone is one of UTC, a day its first moment. None where it says none.
    """
    text = clean(text)
    if kind == "text":
        return Value(text=text) if len(text) <= LONGEST else None
    if kind == "number":
        number = float(text) if _NUMBER.fullmatch(text) else math.inf
        return Value(number=number) if math.isfinite(number) else None
    if kind == "boolean":
        return {"true": Value(boolean=True), "false": Value(boolean=False)}.get(text.lower())
    try:
        at = datetime.fromisoformat(text)
        return Value(time=storable(at.replace(tzinfo=at.tzinfo or UTC).astimezone(UTC)))
    except (ValueError, OverflowError):  # an offset can lead out of the years that there are
        return None


def written(value: Value) -> str:
    """Returns the text from which `read` makes the value."""
    if value.number is not None:
        return repr(value.number)
    if value.boolean is not None:
        return str(value.boolean).lower()
    return value.time.isoformat() if value.time is not None else value.text or ""
