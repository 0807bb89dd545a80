"""Path, query and body of an HTTP request to the request message of its RPC."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from lobby_common.errors import Invalid
from lobby_gateway.descriptors import Route
from lobby_gateway.transcode import names, scalars, strict_json
from lobby_gateway.transcode.strict_json import excerpt
from lobby_gateway.transcode.times import parse_duration, parse_time, restore_plus

_MOST_PARAMETERS = 500


def request_of(route: Route, path: Mapping[str, str], query: bytes, body: bytes) -> Message:
    """Returns the request message; what the path says wins. Raises Invalid with the path of what does not fit."""
    request = route.request()
    parameters = parse_query(query)
    if not route.takes_body:
        given = fill_from_query(request, parameters)
    elif parameters:
        raise Invalid("UNKNOWN_PARAMETER", f"{excerpt(parameters[0][0])} is no query parameter of this call")
    else:
        given = fill(request, strict_json.parse(body) if body.strip() else {})
    for name, value in path.items():
        setattr(request, name, value)
    if route.verb == "PATCH":
        _fill_update_mask(request, given - path.keys())
    return request


def parse_query(query: bytes) -> list[tuple[str, str]]:
    """Returns the parameters in order. Raises Invalid INVALID_TEXT where they are no UTF-8."""
    try:
        return parse_qsl(query.decode(), keep_blank_values=True, errors="strict", max_num_fields=_MOST_PARAMETERS)
    except UnicodeDecodeError:
        raise Invalid("INVALID_TEXT", "the query is no UTF-8") from None
    except ValueError:
        raise Invalid("UNKNOWN_PARAMETER", "the query has too many parameters") from None


def fill_from_query(request: Message, parameters: list[tuple[str, str]]) -> set[str]:
    """Every parameter is in the request; returns their names. A list's parameter is repeated, any other comes once."""
    known = names.fields(request.DESCRIPTOR)
    given: set[str] = set()
    for name, text in parameters:
        field = known.get(name)
        if field is None or not is_query_field(field):
            raise Invalid("UNKNOWN_PARAMETER", f"{excerpt(name)} is none of {', '.join(query_names(request))}")
        if field.is_repeated:
            getattr(request, field.name).append(scalars.from_query(field, text, name))
            continue
        if field.name in given:
            raise Invalid("DUPLICATE_FIELD", f"{name} is there twice")
        given.add(field.name)
        if names.is_message(field, names.TIMESTAMP):
            _set_message(request, field, restore_plus(text), name)
        else:
            setattr(request, field.name, scalars.from_query(field, text, name))
    return given


def is_query_field(field: FieldDescriptor) -> bool:
    """True for what one text can say: scalars, enums, times, and lists of scalars and enums."""
    return field.message_type is None or (names.is_message(field, names.TIMESTAMP) and not field.is_repeated)


def query_names(request: Message) -> list[str]:
    """Returns the parameters that a request without a body takes."""
    return [field.name for field in names.fields_of(request.DESCRIPTOR) if is_query_field(field)]


def fill(message: Message, value: Any, path: str = "") -> set[str]:
    """Every member of the JSON object is in the message; returns their fields' names.

    Raises Invalid UNKNOWN_FIELD, DUPLICATE_FIELD and what scalars raise.
    """
    if not isinstance(value, dict):
        scalars.wrong_type(path or "the body", "an object", value)
    known = names.fields(message.DESCRIPTOR)
    given: set[str] = set()
    for name, member in value.items():
        field = known.get(name)
        if field is None:
            raise Invalid("UNKNOWN_FIELD", f"{_join(path, excerpt(name)[1:-1])} is no field of this request")
        if field.name in given:
            raise Invalid("DUPLICATE_FIELD", f"{_join(path, name)} is there twice")
        given.add(field.name)
        _set(message, field, member, _join(path, name))
    return given


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _set(message: Message, field: FieldDescriptor, value: Any, path: str) -> None:
    if names.is_map(field):
        _set_map(message, field, value, path)
    elif field.is_repeated:
        _set_list(message, field, value, path)
    elif field.message_type is not None:
        _set_message(message, field, value, path)
    else:
        setattr(message, field.name, scalars.from_json(field, value, path))


def _set_list(message: Message, field: FieldDescriptor, value: Any, path: str) -> None:
    if not isinstance(value, list):
        scalars.wrong_type(path, "a list", value)
    target = getattr(message, field.name)
    for index, member in enumerate(value):
        if field.message_type is None:
            target.append(scalars.from_json(field, member, f"{path}[{index}]"))
        else:
            _fill_message(target.add(), member, f"{path}[{index}]")


def _set_map(message: Message, field: FieldDescriptor, value: Any, path: str) -> None:
    if not isinstance(value, dict):
        scalars.wrong_type(path, "an object", value)
    key_field, value_field = names.entry_fields(field)
    target = getattr(message, field.name)
    for name, member in value.items():
        where = f"{path}.{excerpt(name)[1:-1]}"
        key = scalars.from_query(key_field, name, where)
        if value_field.message_type is None:
            target[key] = scalars.from_json(value_field, member, where)
        else:
            _fill_message(target[key], member, where)


def _set_message(message: Message, field: FieldDescriptor, value: Any, path: str) -> None:
    target = getattr(message, field.name)
    target.SetInParent()
    _fill_message(target, value, path)


def _fill_message(target: Message, value: Any, path: str) -> None:
    """`target` is what the JSON value says; times and durations are texts in JSON."""
    kind = target.DESCRIPTOR.full_name
    if kind == names.TIMESTAMP:
        _copy(target, parse_time(value) if isinstance(value, str) else None, path, "an RFC 3339 time", value)
    elif kind == names.DURATION:
        _copy(target, parse_duration(value) if isinstance(value, str) else None, path, 'seconds as "3.5s"', value)
    else:
        fill(target, value, path)


def _copy(target: Message, found: Message | None, path: str, expected: str, value: Any) -> None:
    if found is None:
        if isinstance(value, str):
            raise Invalid("WRONG_TYPE", f"{path}: {excerpt(value)} is not {expected}")
        scalars.wrong_type(path, expected, value)
    target.CopyFrom(found)


def _fill_update_mask(request: Message, given: set[str]) -> None:
    """The mask, where the request has one, names what the body set."""
    if any(names.is_update_mask(field) for field in names.fields_of(request.DESCRIPTOR)):
        getattr(request, names.UPDATE_MASK).paths.extend(sorted(given))
