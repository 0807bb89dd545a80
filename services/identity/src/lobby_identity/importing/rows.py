"""A row of a file as what it says of a person: strong identifiers, a name, a country, tags; and what was left out."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from lobby_identity.domain.attributes import written
from lobby_identity.domain.identifiers import EMAIL, PHONE
from lobby_identity.domain.joining import Named, Row, Said
from lobby_identity.domain.profile import clean
from lobby_identity.importing import reasons, values
from lobby_identity.importing.values import LONGEST_CELL, Unfit

MOST_OF_A_KIND = 5
"""More phones or e-mails in one row are not one person's."""


class Meaning(StrEnum):
    """What a column holds."""

    IGNORED = "ignored"
    PHONE = "phone"
    NAME = "name"
    EMAIL = "email"
    COUNTRY = "country"
    CRM_ID = "crm_id"
    TAGS = "tags"
    ATTRIBUTE = "attribute"


class OfAttribute(NamedTuple):
    """A column holds values of one of the workspace's attributes."""

    name: str
    kind: str


Column = Meaning | OfAttribute
"""What a column holds: of those that hold attributes also which."""


IDENTIFYING = frozenset({Meaning.PHONE, Meaning.EMAIL, Meaning.CRM_ID})


@dataclass
class _Reading:
    """What was found so far in a row."""

    values: dict[Named, None] = field(default_factory=dict)
    reasons: dict[str, None] = field(default_factory=dict)
    display_name: str = ""
    tags: tuple[str, ...] = ()
    said: dict[str, Said] = field(default_factory=dict)

    def take(self, found: Iterable[Named | Unfit]) -> None:
        for each in found:
            if isinstance(each, Unfit):
                self.reasons[each.reason] = None
            else:
                self.values[each] = None

    def hold(self, column: OfAttribute, cell: str) -> None:
        value = values.read_attribute(column.kind, cell)
        if isinstance(value, Unfit):
            self.reasons[value.reason] = None
        else:
            self.said[column.name] = Said(column.name, column.kind, written(value))


def read_row(row_number: int, cells: Sequence[str], columns: Sequence[Column], default_country: str) -> Row:
    """Returns what a row says, read by the meanings of its columns. One that names nobody is invalid."""
    reading = _Reading()
    country = _country(cells, columns, reading)
    region = country or default_country
    for cell, meaning in zip(cells, columns, strict=False):
        if not cell or meaning in _SKIPPED or cell.isspace():
            continue
        if len(cell) > LONGEST_CELL:
            reading.reasons[reasons.VALUE_TOO_LONG] = None
        elif meaning is Meaning.PHONE:
            reading.take(values.read_phones(cell, region))
        elif isinstance(meaning, OfAttribute):
            reading.hold(meaning, cell)
        else:
            _READERS[meaning](reading, cell)
    _drop_crowds(reading)
    if not reading.values:
        return Row(row_number, (), reasons=tuple(reading.reasons) or (reasons.NO_IDENTIFIER,))
    return Row(
        row_number,
        tuple(reading.values),
        reading.display_name,
        country,
        reading.tags,
        tuple(reading.reasons),
        tuple(reading.said.values()),
    )


_SKIPPED = frozenset({Meaning.IGNORED, Meaning.COUNTRY})


def _country(cells: Sequence[str], columns: Sequence[Column], reading: _Reading) -> str:
    for cell, meaning in zip(cells, columns, strict=False):
        if meaning is Meaning.COUNTRY and cell and not cell.isspace():
            country = values.read_country(cell)
            if not country:
                reading.reasons[reasons.INVALID_COUNTRY] = None
            return country
    return ""


def _read_name(reading: _Reading, cell: str) -> None:
    name = clean(cell)
    if "\ufffd" in name:
        reading.reasons[reasons.BROKEN_ENCODING] = None
    else:
        # A family name in a column of its own goes with the first one.
        reading.display_name = clean(f"{reading.display_name} {name}")


def _read_tags(reading: _Reading, cell: str) -> None:
    if "\ufffd" in cell:
        reading.reasons[reasons.BROKEN_ENCODING] = None
    else:
        reading.tags = values.read_tags(",".join((*reading.tags, cell)).replace("\x00", ""))


_READERS: dict[Meaning, Callable[[_Reading, str], None]] = {
    Meaning.NAME: _read_name,
    Meaning.TAGS: _read_tags,
    Meaning.EMAIL: lambda reading, cell: reading.take(values.read_emails(cell)),
    Meaning.CRM_ID: lambda reading, cell: reading.take((values.read_crm_id(cell),)),
}

_CROWDS = {PHONE: reasons.TOO_MANY_PHONES, EMAIL: reasons.TOO_MANY_EMAILS}


def _drop_crowds(reading: _Reading) -> None:
    """Of a kind of which there are too many none is taken."""
    if len(reading.values) <= MOST_OF_A_KIND:
        return
    counts = Counter(each.kind for each in reading.values)
    for kind, reason in _CROWDS.items():
        if counts[kind] > MOST_OF_A_KIND:
            reading.values = {each: None for each in reading.values if each.kind != kind}
            reading.reasons[reason] = None
