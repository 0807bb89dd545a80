"""Pages of lists: `page_size` and opaque `page_token` (AIP-158)."""

import base64
import binascii
import json
from datetime import UTC, datetime
from typing import Any

from lobby_common.errors import Invalid
from lobby_common.ids import is_id

DEFAULT_SIZE = 50
LARGEST = 200


def size(page_size: int) -> int:
    """Returns how many rows a page has: 50 where nothing was asked, 200 at most."""
    if page_size < 0:
        raise Invalid("BAD_PAGE_SIZE", "page_size must not be negative")
    return min(page_size, LARGEST) or DEFAULT_SIZE


def encode(*values: str | int | None) -> str:
    """Returns the token of the row after which the next page starts."""
    return base64.urlsafe_b64encode(json.dumps(values, separators=(",", ":")).encode()).decode().rstrip("=")


def decode(token: str, count: int) -> tuple[Any, ...] | None:
    """Returns the `count` values of a token, None for the first page. Raises Invalid BAD_PAGE_TOKEN."""
    if not token:
        return None
    try:
        values = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        raise Invalid("BAD_PAGE_TOKEN", "page_token is not one that a list gave") from None
    scalars = isinstance(values, list) and all(isinstance(value, str | int | None) for value in values)
    if not scalars or len(values) != count or any("\x00" in v for v in values if isinstance(v, str)):
        raise Invalid("BAD_PAGE_TOKEN", "page_token is not one that this list gave")
    return tuple(values)


def read_time(value: Any) -> datetime | None:
    """Returns the time, in UTC, that a token's value says; None where it says none."""
    try:
        at = datetime.fromisoformat(str(value))
        return None if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError):  # an offset can lead out of the years that there are
        return None


def decode_after(token: str) -> tuple[datetime, str] | None:
    """Returns time and id of the row after which a page starts, None for the first page.

    Raises Invalid BAD_PAGE_TOKEN.
    """
    values = decode(token, 2)
    if values is None:
        return None
    at = read_time(values[0])
    if at is None or not is_id(str(values[1])):
        raise Invalid("BAD_PAGE_TOKEN", "page_token is not one that this list gave")
    return at, str(values[1])
