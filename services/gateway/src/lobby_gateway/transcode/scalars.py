"""One JSON value or query text to one protobuf scalar; Invalid names the path of what does not fit."""

import base64
import binascii
import math
import re
from typing import Any, NoReturn

from google.protobuf.descriptor import FieldDescriptor

from lobby_common.errors import Invalid
from lobby_gateway.transcode import names
from lobby_gateway.transcode.strict_json import excerpt

_INTEGER_RANGES = {
    FieldDescriptor.CPPTYPE_INT32: (-(2**31), 2**31 - 1),
    FieldDescriptor.CPPTYPE_UINT32: (0, 2**32 - 1),
    FieldDescriptor.CPPTYPE_INT64: (-(2**63), 2**63 - 1),
    FieldDescriptor.CPPTYPE_UINT64: (0, 2**64 - 1),
}
_DIGITS = re.compile(r"-?\d{1,20}", re.ASCII)
_LARGEST_FLOAT = 3.4028234663852886e38


def from_json(field: FieldDescriptor, value: Any, path: str) -> Any:
    """Returns what the field takes. Raises Invalid WRONG_TYPE, NUMBER_OUT_OF_RANGE, UNKNOWN_VALUE, INVALID_TEXT."""
    kind = field.cpp_type
    if kind == FieldDescriptor.CPPTYPE_STRING:
        return _text(field, value, path)
    if kind == FieldDescriptor.CPPTYPE_BOOL:
        return value if isinstance(value, bool) else wrong_type(path, "true or false", value)
    if kind == FieldDescriptor.CPPTYPE_ENUM:
        return _enum(field, value, path)
    if kind in _INTEGER_RANGES:
        return _integer(kind, value, path)
    return _number(field, value, path)


def from_query(field: FieldDescriptor, text: str, path: str) -> Any:
    """Returns what the field takes from a query's text. Raises Invalid as from_json does."""
    kind = field.cpp_type
    if kind in (FieldDescriptor.CPPTYPE_STRING, FieldDescriptor.CPPTYPE_ENUM):
        return from_json(field, text, path)
    if kind == FieldDescriptor.CPPTYPE_BOOL:
        return from_json(field, {"true": True, "false": False}.get(text, text), path)
    return from_json(field, _as_number(text), path)


def _as_number(text: str) -> Any:
    """The number that a query's text means, or the text for the error to show."""
    if _DIGITS.fullmatch(text):
        return int(text)
    try:
        number = float(text)
    except ValueError:
        return text
    return number if math.isfinite(number) else text


def wrong_type(path: str, expected: str, value: Any) -> NoReturn:
    """Raises Invalid WRONG_TYPE."""
    hint = ": leave it out instead" if value is None else ""
    raise Invalid("WRONG_TYPE", f"{path}: expected {expected}, got {_kind(value)}{hint}")


def _kind(value: Any) -> str:
    """How people call the type of a JSON value."""
    if value is None:
        return "null"
    words = {bool: "a boolean", int: "a number", float: "a number", str: "a text", list: "a list", dict: "an object"}
    return words[type(value)]


def check_text(value: str, path: str) -> str:
    """Returns the text. Raises Invalid INVALID_TEXT where it has NUL or half of a surrogate pair."""
    if "\x00" in value:
        raise Invalid("INVALID_TEXT", f"{path}: holds the character NUL")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise Invalid("INVALID_TEXT", f"{path}: holds half of a surrogate pair") from None
    return value


def _text(field: FieldDescriptor, value: Any, path: str) -> str | bytes:
    if not isinstance(value, str):
        wrong_type(path, "a text", value)
    if field.type != FieldDescriptor.TYPE_BYTES:
        return check_text(value, path)
    try:
        return base64.b64decode(value.replace("-", "+").replace("_", "/") + "=" * (-len(value) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise Invalid("WRONG_TYPE", f"{path}: expected base64") from None


def _enum(field: FieldDescriptor, value: Any, path: str) -> int:
    allowed = names.numbers(field.enum_type)
    if not isinstance(value, str):
        wrong_type(path, f"one of {', '.join(allowed)}", value)
    if value not in allowed:
        raise Invalid("UNKNOWN_VALUE", f"{path}: {excerpt(value)} is none of {', '.join(allowed)}")
    return allowed[value]


def _integer(kind: int, value: Any, path: str) -> int:
    # JSON knows one kind of number: 5.0 is the whole number 5.
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        wrong_type(path, "a whole number", value)
    least, most = _INTEGER_RANGES[kind]
    if not least <= value <= most:
        raise Invalid("NUMBER_OUT_OF_RANGE", f"{path}: expected a whole number from {least} to {most}")
    return value


def _number(field: FieldDescriptor, value: Any, path: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        wrong_type(path, "a number", value)
    most = _LARGEST_FLOAT if field.cpp_type == FieldDescriptor.CPPTYPE_FLOAT else 1.7976931348623157e308
    if not -most <= value <= most:
        raise Invalid("NUMBER_OUT_OF_RANGE", f"{path}: the number is too large")
    return float(value)
