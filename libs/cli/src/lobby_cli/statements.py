"""Checks a chain of statements with nothing but their texts: no server is asked."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

_FIRST = "0" * 64


def find_break(statements: Sequence[Mapping[str, Any]]) -> str:
    """Returns what breaks the chain, empty where it is whole: from number 1, each text with its digest in the next."""
    previous = _FIRST
    for number, statement in enumerate(statements, 1):
        try:
            text = str(statement["text"])
            said = json.loads(text)
            content = {name: said[name] for name in ("number", "day", "accepted", "accounted", "missed", "balanced")}
            before = said["previous_digest"]
        except (ValueError, KeyError, TypeError):
            return f"statement {number} cannot be read"
        if hashlib.sha256(text.encode()).hexdigest() != statement.get("digest"):
            return f"statement {number}: the digest is not that of its text"
        if before != previous or content["number"] != number:
            return f"statement {number} does not follow the one before"
        if any(statement.get(name) != value for name, value in content.items()):
            return f"statement {number}: what stands beside its text differs from it"
        previous = str(statement["digest"])
    return ""
