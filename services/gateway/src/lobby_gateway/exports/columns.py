"""Items of a list as rows of a table. Pure."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from google.protobuf.descriptor import Descriptor

from lobby_gateway.transcode import names

Cell = str | int | float | None
_PAIR = 2


def columns(message: Descriptor) -> list[str]:
    """Returns the names of a table's columns: all fields, also those that no item has."""
    return [field.name for field in names.fields_of(message)]


def cells(item: Mapping[str, Any], columns: Sequence[str]) -> list[Cell]:
    """Returns the item's cells; None where it says nothing."""
    return [_cell(item.get(column)) for column in columns]


def _cell(value: Any) -> Cell:
    if value is None or (isinstance(value, str | int | float) and not isinstance(value, bool)):
        return value
    if isinstance(value, list):
        return "; ".join(_text(each) for each in value)
    return _text(value)


def _text(value: Any) -> str:
    """A pair, such as the kind and value of an address, is written as people write it; what has more parts as JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, dict) and len(value) == _PAIR and all(isinstance(each, str) for each in value.values()):
        return ": ".join(value.values())
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
