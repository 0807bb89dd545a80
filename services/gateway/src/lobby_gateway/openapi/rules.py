"""Rules beside the fields (protovalidate) as JSON Schema, as far as it can say them."""

import re
from typing import Any

from google.protobuf.descriptor import FieldDescriptor

from buf.validate import validate_pb2

Schema = dict[str, Any]
Rules = validate_pb2.FieldRules


def rules_of(field: FieldDescriptor) -> Rules:
    """Returns the rules of a field; empty where it has none."""
    rules: Rules = field.GetOptions().Extensions[validate_pb2.field]
    return rules


def is_needed(field: FieldDescriptor) -> bool:
    """Returns whether the rules refuse what a request has where the field is left out."""
    rules = rules_of(field)
    if rules.required:
        return True
    if field.has_presence or field.is_repeated:
        return rules.repeated.min_items > 0
    text = rules.string
    allowed = list(_in(text))
    if rules.int32.gte > 0 or rules.int64.gte > 0 or rules.bytes.min_len:
        return True
    if text.pattern and not re.search(text.pattern, ""):
        return True
    return bool(0 in rules.enum.not_in or text.min_len or text.len or (allowed and "" not in allowed))


def of_list(rules: Rules) -> Schema:
    """Returns what the rules say of a list, beside its items."""
    found: Schema = {}
    if rules.repeated.HasField("min_items"):
        found["minItems"] = rules.repeated.min_items
    if rules.repeated.HasField("max_items"):
        found["maxItems"] = rules.repeated.max_items
    if rules.repeated.unique:
        found["uniqueItems"] = True
    return found


def of_map(rules: Rules) -> Schema:
    """Returns what the rules say of a map, beside its values."""
    found: Schema = {}
    if rules.map.HasField("max_pairs"):
        found["maxProperties"] = rules.map.max_pairs
    if rules.map.HasField("keys"):
        found["propertyNames"] = {"type": "string", **of_scalar(rules.map.keys)}
    return found


def of_scalar(rules: Rules) -> Schema:
    """Returns what the rules say of one text or number."""
    kind = rules.WhichOneof("type")
    if kind == "string":
        return _of_text(rules.string)
    if kind in ("int32", "int64", "uint32", "uint64", "double", "float"):
        return _of_number(getattr(rules, kind))
    return {}


def _of_text(rules: validate_pb2.StringRules) -> Schema:
    found: Schema = {}
    if rules.HasField("len"):
        found["minLength"] = found["maxLength"] = rules.len
    if rules.HasField("min_len"):
        found["minLength"] = rules.min_len
    if rules.HasField("max_len"):
        found["maxLength"] = rules.max_len
    if rules.HasField("max_bytes"):
        found["maxLength"] = rules.max_bytes
        found["x-max-bytes"] = rules.max_bytes
    if rules.pattern:
        found["pattern"] = rules.pattern
    if allowed := list(_in(rules)):
        found["enum"] = allowed
    return found


def _in(rules: validate_pb2.StringRules) -> Any:
    """The rule is called `in`, which Python keeps for itself."""
    return getattr(rules, "in")


def _of_number(rules: Any) -> Schema:
    words = {"gte": "minimum", "lte": "maximum", "gt": "exclusiveMinimum", "lt": "exclusiveMaximum"}
    return {word: getattr(rules, name) for name, word in words.items() if rules.HasField(name)}
