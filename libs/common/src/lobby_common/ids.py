"""Ids: UUID text, ordered by time. Random ones are version 7, derived ones have its layout in version 8 (RFC 9562).

A derived id depends only on what it is derived from, so telling the same fact twice gives the same id.
"""

import hashlib
import re
from datetime import UTC, datetime

from uuid_utils import uuid7

_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_LATEST_MS = (1 << 48) - 1


def new_id() -> str:
    """Returns an id that nobody had before; later ones sort after earlier ones."""
    return str(uuid7())


def derive_id(at: datetime | None, *parts: str) -> str:
    """Returns the id that belongs to `parts`; its first 48 bits are the milliseconds of `at`, so ids sort by it."""
    millis = 0 if at is None else min(max(int(at.timestamp() * 1000), 0), _LATEST_MS)
    digest = hashlib.blake2b("\x1f".join(parts).encode("utf-8", "surrogatepass"), digest_size=10).digest()
    tail = int.from_bytes(digest, "big")
    high = (tail >> 64) & 0x0FFF | 0x8000
    low = tail & 0x3FFF_FFFF_FFFF_FFFF | 0x8000_0000_0000_0000
    text = f"{millis:012x}{high:04x}{low:016x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def is_id(text: str) -> bool:
    """Returns whether `text` can be one of our ids; anything else from outside names nothing."""
    return _ID.fullmatch(text) is not None


def time_of(id_: str) -> datetime:
    """Returns the time that an id carries."""
    return datetime.fromtimestamp(int(id_[:8] + id_[9:13], 16) / 1000, UTC)
