"""JSON as RFC 8259 means it: no duplicate keys, no NaN, nothing that only this parser understands."""

import json
from collections import Counter
from typing import Any, NoReturn

from lobby_common.errors import Invalid

_EXCERPT = 40


def parse(body: bytes) -> Any:
    """Returns the value. Raises Invalid for whatever is no clean JSON text, however hostile."""
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise Invalid("MALFORMED_JSON", f"the body is no UTF-8 (byte {error.start})") from None
    try:
        return json.loads(text, object_pairs_hook=_object, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        raise Invalid("MALFORMED_JSON", f"{error.msg} at character {error.pos}") from None
    except RecursionError:
        raise Invalid("MALFORMED_JSON", "the body is nested too deep") from None
    except ValueError:
        raise Invalid("MALFORMED_JSON", "a number has too many digits") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        twice = next(name for name, number in Counter(name for name, _ in pairs).items() if number > 1)
        raise Invalid("DUPLICATE_FIELD", f"{excerpt(twice)} is there twice")
    return found


def _no_constant(name: str) -> NoReturn:
    raise Invalid("MALFORMED_JSON", f"{name} is no JSON number")


def excerpt(text: str) -> str:
    """Returns the text as a message can show it: short, and in characters that every reader can take."""
    shown = text if len(text) <= _EXCERPT else text[:_EXCERPT] + "…"
    return json.dumps(shown, ensure_ascii=not shown.isprintable())
