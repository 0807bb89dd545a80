"""Attributes: a value stays on the record where it was set, and of a person the one that was set last is shown.

Taking a value away is setting none. So a merge shows the newest, and its undo gives each record its own back.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from lobby_identity.domain.identifiers import ContactId

KINDS = ("text", "number", "boolean", "time")
MOST = 100
"""Attributes of a workspace."""


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
    """Returns what a person has, by name: of each attribute what was set last, where that was a value."""
    last: dict[str, Held] = {}
    for each in sorted(held, key=lambda one: (one.set_time, one.contact_id)):
        last[each.name] = each
    return tuple(last[name] for name in sorted(last) if last[name].value != NOTHING)
