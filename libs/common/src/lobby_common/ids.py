"""Ids: UUID text, ordered by time. Random ones are version 7, derived ones have its layout in version 8 (RFC 9562).

A derived id depends only on what it is derived from, so telling the same fact twice gives the same id.
"""

import hashlib
import re
from collections.abc import Iterable
from datetime import UTC, datetime

from uuid_utils import uuid7

_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_LATEST_MS = (1 << 48) - 1
_VARIANT = {f"{digit:x}": f"{digit & 0b11 | 0b1000:x}" for digit in range(16)}
"""The hexadecimal digit that says the variant in its first two bits and keeps the last two of a digest's."""


def new_id() -> str:
    """Returns an id that nobody had before; later ones sort after earlier ones."""
    return str(uuid7())


def derive_id(at: datetime | None, *parts: str) -> str:
    """Returns the id that belongs to `parts`; its first 48 bits are the milliseconds of `at`, so ids sort by it."""
    head, tail = _head(at), _digest(parts)
    return f"{head[:8]}-{head[8:]}-8{tail[1:4]}-{_VARIANT[tail[4]]}{tail[5:8]}-{tail[8:]}"


def derive_ordered_id(at: datetime | None, order: int, *parts: str) -> str:
    """Returns the id that belongs to `parts` as `derive_id` does; those of one time sort by `order`, 0 to 67,108,863.

    Rows that are written in this order lie side by side in an index.
    """
    head, tail = _head(at), _digest(parts)
    return f"{head[:8]}-{head[8:]}-8{order >> 14:03x}-{8 | order >> 12 & 3:x}{order & 0xFFF:03x}-{tail[8:]}"


def _head(at: datetime | None) -> str:
    """Returns the milliseconds of a time in hexadecimal."""
    return f"{0 if at is None else min(max(int(at.timestamp() * 1000), 0), _LATEST_MS):012x}"


def _digest(parts: Iterable[str]) -> str:
    return hashlib.blake2b("\x1f".join(parts).encode("utf-8", "surrogatepass"), digest_size=10).hexdigest()


def is_id(text: str) -> bool:
    """Returns whether `text` can be one of our ids; anything else from outside names nothing."""
    return _ID.fullmatch(text) is not None


def time_of(id_: str) -> datetime:
    """Returns the time that an id carries."""
    return datetime.fromtimestamp(int(id_[:8] + id_[9:13], 16) / 1000, UTC)
