"""How a test's own JSON is laid over a built event."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

Json = dict[str, Any]

_ABSENT: Any = object()


def deep_merge(old: Any, new: Any) -> Any:
    """`new` laid over `old`: objects key by key, arrays place by place; null removes a key."""
    if isinstance(old, dict) and isinstance(new, dict):
        merged = {key: value for key, value in old.items() if key not in new}
        return merged | {key: deep_merge(old.get(key), value) for key, value in new.items() if value is not None}
    if isinstance(old, list) and isinstance(new, list):
        return [
            mine if yours is _ABSENT else deep_merge(None if mine is _ABSENT else mine, yours)
            for mine, yours in zip_longest(old, new, fillvalue=_ABSENT)
        ]
    return new


@dataclass(frozen=True, slots=True)
class Level:
    """One object inside a webhook body, and the names that belong to it."""

    target: Json
    """Changed in place: it is part of a body that was built a moment ago and is nobody else's."""

    keys: frozenset[str] | None = None
    """None takes every name that no level before it claimed."""


def lay_over(levels: Sequence[Level], payload: Json) -> None:
    """Each key of the payload is merged into the first level that claims its name; the last level claims all.

    So a test may write a whole body, a field of the event or a field of the kind's own object without
    spelling out the path to it. Inner levels are written first: what names the outer ones has the last word.
    """
    claimed: dict[int, Json] = {}
    for key, value in payload.items():
        place = next(at for at, level in enumerate(levels) if level.keys is None or key in level.keys)
        claimed.setdefault(place, {})[key] = value
    for place in sorted(claimed, reverse=True):
        target = levels[place].target
        merged = deep_merge(target, claimed[place])
        target.clear()
        target.update(merged)


def dig(value: Any, *path: str | int) -> Any:
    """What stands at this path, or None when the path leads nowhere."""
    for step in path:
        try:
            value = value[step]
        except (LookupError, TypeError):
            return None
    return value
