"""How fields and enum values are called in JSON."""

import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor

_WORD = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")

TIMESTAMP = "google.protobuf.Timestamp"
DURATION = "google.protobuf.Duration"
FIELD_MASK = "google.protobuf.FieldMask"
UPDATE_MASK = "update_mask"


@cache
def fields(message: Descriptor) -> Mapping[str, FieldDescriptor]:
    """Returns the fields by every name they are accepted under: snake_case and lowerCamelCase."""
    own = [field for field in fields_of(message) if not is_update_mask(field)]
    return {field.json_name: field for field in own} | {field.name: field for field in own}


def fields_of(message: Any) -> Sequence[FieldDescriptor]:
    """Returns the fields of a message's descriptor, whichever of protobuf's two implementations runs."""
    fields: Sequence[FieldDescriptor] = message.fields
    return fields


def entry_fields(field: FieldDescriptor) -> tuple[FieldDescriptor, FieldDescriptor]:
    """Returns the fields `key` and `value` of a map's entries."""
    assert field.message_type is not None
    key, value = fields_of(field.message_type)
    return key, value


def is_update_mask(field: FieldDescriptor) -> bool:
    """True for the field that the gateway fills itself."""
    return field.name == UPDATE_MASK and is_message(field, FIELD_MASK)


def is_message(field: FieldDescriptor, name: str) -> bool:
    """True for a field that holds messages of that name."""
    return field.message_type is not None and field.message_type.full_name == name


def is_map(field: FieldDescriptor) -> bool:
    """True for a map field."""
    return field.message_type is not None and bool(field.message_type.GetOptions().map_entry)


def prefix(enum: EnumDescriptor) -> str:
    """Returns what all value names of the enum begin with: `MESSAGE_KIND_` of MessageKind."""
    return _WORD.sub("_", enum.name).upper() + "_"


@cache
def numbers(enum: EnumDescriptor) -> Mapping[str, int]:
    """Returns the values by their names in JSON; the unspecified one has none."""
    start = prefix(enum)
    return {value.name.removeprefix(start).lower(): value.number for value in enum.values if value.number != 0}


@cache
def words(enum: EnumDescriptor) -> Mapping[int, str]:
    """Returns the names in JSON by value."""
    return {number: name for name, number in numbers(enum).items()}
