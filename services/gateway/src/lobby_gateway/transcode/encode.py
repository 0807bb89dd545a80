"""Response messages as JSON values.

Scalars, booleans and lists are always there; a message, a time or an optional scalar that is not set is left out,
and so is an enum that says nothing. Counts are numbers, times RFC 3339 in UTC.
"""

import base64
import math
from collections.abc import Callable
from functools import cache
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from lobby_gateway.transcode import names
from lobby_gateway.transcode.times import format_time

Convert = Callable[[Any], Any]
Member = tuple[str, bool, Convert]
"""Name, whether it is left out where it is not set, and how its value is written; None leaves it out."""


def to_json(message: Message) -> dict[str, Any]:
    """Returns the message as JSON values."""
    found = {}
    for name, leave_out_unset, convert in _members(message.DESCRIPTOR):
        if leave_out_unset and not message.HasField(name):
            continue
        value = convert(getattr(message, name))
        if value is not None:
            found[name] = value
    return found


@cache
def _members(message: Descriptor) -> tuple[Member, ...]:
    """How each field of a message is written; worked out once."""
    return tuple((field.name, field.has_presence, _of_field(field)) for field in names.fields_of(message))


def _of_field(field: FieldDescriptor) -> Convert:
    if names.is_map(field):
        convert = _of_value(names.entry_fields(field)[1])
        return lambda entries: {_key(key): convert(entries[key]) for key in entries}
    convert = _of_value(field)
    if field.is_repeated:
        return lambda values: [each for each in map(convert, values) if each is not None]
    return convert


def _key(key: Any) -> str:
    return str(key).lower() if isinstance(key, bool) else str(key)


def _of_value(field: FieldDescriptor) -> Convert:
    if field.message_type is not None:
        return _of_message(field.message_type.full_name)
    if field.enum_type is not None:
        # A value that a newer service knows and this gateway does not is left out, like the unspecified one.
        return names.words(field.enum_type).get
    if field.type == FieldDescriptor.TYPE_BYTES:
        return lambda value: base64.b64encode(value).decode()
    if field.cpp_type in (FieldDescriptor.CPPTYPE_DOUBLE, FieldDescriptor.CPPTYPE_FLOAT):
        return lambda value: value if math.isfinite(value) else None
    return lambda value: value


def _of_message(name: str) -> Convert:
    if name == names.TIMESTAMP:
        return format_time
    if name in (names.DURATION, names.FIELD_MASK):
        return lambda value: value.ToJsonString()
    return to_json
