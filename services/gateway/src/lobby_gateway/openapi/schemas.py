"""Messages as JSON Schemas: what requests may hold and what answers do hold."""

from collections.abc import Iterable, Sequence
from typing import Any

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor

from lobby_gateway import contract
from lobby_gateway.openapi import rules
from lobby_gateway.transcode import names

Schema = dict[str, Any]

_INTEGERS = {
    FieldDescriptor.CPPTYPE_INT32: {"type": "integer", "format": "int32", "minimum": -(2**31), "maximum": 2**31 - 1},
    FieldDescriptor.CPPTYPE_UINT32: {"type": "integer", "minimum": 0, "maximum": 2**32 - 1},
    FieldDescriptor.CPPTYPE_INT64: {"type": "integer", "format": "int64", "minimum": -(2**63), "maximum": 2**63 - 1},
    FieldDescriptor.CPPTYPE_UINT64: {"type": "integer", "minimum": 0, "maximum": 2**64 - 1},
}


class Schemas:
    """The schemas of all messages that were asked for, under names that are unique."""

    def __init__(self) -> None:
        self._found: dict[str, Schema] = {}
        self._names: dict[str, str] = {}

    def components(self) -> dict[str, Schema]:
        """Returns the schemas by name, in order of name."""
        return dict(sorted(self._found.items()))

    def answer(self, message: Descriptor) -> Schema:
        """Returns a reference to what answers hold; may gain fields later."""
        return self._reference(message, is_request=False)

    def body(self, message: Descriptor, in_path: Iterable[str]) -> Schema:
        """Returns a reference to what a body may hold: what the path says is not in it, and nothing unknown is."""
        return self._reference(message, is_request=True, without=tuple(in_path))

    def _reference(self, message: Descriptor, *, is_request: bool, without: Sequence[str] = ()) -> Schema:
        name = self._name(message, is_request=is_request)
        if name not in self._found:
            self._found[name] = {}
            self._found[name] = self._object(message, is_request=is_request, without=without)
        return {"$ref": f"#/components/schemas/{name}"}

    def _name(self, message: Descriptor, *, is_request: bool) -> str:
        """The message's short name; with its service where another has the same."""
        name = message.name
        if is_request and not name.endswith("Request"):
            name += "Input"
        if self._names.setdefault(name, message.full_name) != message.full_name:
            name = message.full_name.split(".")[1].capitalize() + name
        return name

    def _object(self, message: Descriptor, *, is_request: bool, without: Sequence[str]) -> Schema:
        fields = [
            field
            for field in names.fields_of(message)
            if field.name not in without and not (is_request and names.is_update_mask(field))
        ]
        found: Schema = {
            "type": "object",
            "properties": {field.name: self.field(field, is_request=is_request) for field in fields},
        }
        if text := described(message.full_name):
            found["description"] = text
        needed = [field.name for field in fields if (rules.is_needed if is_request else _is_always_there)(field)]
        if needed:
            found["required"] = needed
        if is_request:
            found["additionalProperties"] = False
        return found

    def field(self, field: FieldDescriptor, *, is_request: bool) -> Schema:
        """Returns the schema of a field's value, with its comment."""
        found = self._shape(field, is_request=is_request)
        text = described(field.full_name)
        if text:
            found = {"description": " ".join(filter(None, (text, found.get("description", "")))), **_bare(found)}
        return found

    def _shape(self, field: FieldDescriptor, *, is_request: bool) -> Schema:
        given = rules.rules_of(field)
        if names.is_map(field):
            value = names.entry_fields(field)[1]
            members = self._value(value, given.map.values, is_request=is_request)
            return {"type": "object", "additionalProperties": members, **_when(is_request, rules.of_map(given))}
        if field.is_repeated:
            items = self._value(field, given.repeated.items, is_request=is_request)
            return {"type": "array", "items": items, **_when(is_request, rules.of_list(given))}
        return self._value(field, given, is_request=is_request)

    def _value(self, field: FieldDescriptor, given: rules.Rules, *, is_request: bool) -> Schema:
        if field.message_type is not None:
            return self._message(field.message_type, is_request=is_request)
        if field.enum_type is not None:
            return enum(field.enum_type)
        return {**_scalar(field), **_when(is_request, rules.of_scalar(given))}

    def _message(self, message: Any, *, is_request: bool) -> Schema:
        if message.full_name == names.TIMESTAMP:
            return {"type": "string", "format": "date-time"}
        if message.full_name == names.DURATION:
            return {"type": "string", "pattern": r"^-?[0-9]+(\.[0-9]{1,9})?s$"}
        if message.full_name == names.FIELD_MASK:
            return {"type": "string"}
        return self._reference(message, is_request=is_request)


def _is_always_there(field: FieldDescriptor) -> bool:
    """What answers never leave out: scalars, booleans and lists."""
    return not field.has_presence and (field.is_repeated or field.enum_type is None)


def _when(applies: bool, schema: Schema) -> Schema:  # noqa: FBT001  # reads as a sentence where it is used
    return schema if applies else {}


def _bare(schema: Schema) -> Schema:
    return {name: value for name, value in schema.items() if name != "description"}


def enum(kind: EnumDescriptor) -> Schema:
    """Returns the schema of an enum: its values' names as they are in JSON, and what they mean."""
    meanings = []
    for value in kind.values:
        word = names.words(kind).get(value.number)
        text = described(f"{kind.full_name}.{value.name}")
        if word and text:
            meanings.append(f"`{word}`: {text}")
    return {"type": "string", "enum": list(names.numbers(kind)), "description": " ".join(meanings)}


def described(full_name: str) -> str:
    """Returns what the contract says above the element."""
    return contract.comments().get(full_name, "")


def _scalar(field: FieldDescriptor) -> Schema:
    kind = field.cpp_type
    if field.type == FieldDescriptor.TYPE_BYTES:
        return {"type": "string", "contentEncoding": "base64"}
    if kind == FieldDescriptor.CPPTYPE_STRING:
        return {"type": "string"}
    if kind == FieldDescriptor.CPPTYPE_BOOL:
        return {"type": "boolean"}
    return dict(_INTEGERS.get(kind, {"type": "number"}))
