"""Foreign JSON is hostile until it is checked: decoding ends in a value or in a ParseError with its path."""

import re
from datetime import UTC, datetime
from typing import TypeVar

import msgspec
from msgspec import Raw
from msgspec.json import Decoder

T = TypeVar("T")

LONGEST_ID = 512
"""Characters of the longest id taken: longer ones would not fit into an index, and no platform has them."""
LONGEST_NAME = 512
"""Characters kept of names, emoji and the like."""
LONGEST_ADDRESS = 8192
"""Characters of the longest address of a file; longer ones nobody could fetch."""
MOST_PARTS = 50_000
"""Parts of one body that are read: messages are fewer in 3 MiB, and reading more would keep others waiting."""

_LARGEST_MENDED = 4 * 1024 * 1024
"""Bytes of a mended body. Only one that is hardly UTF-8 grows so much, and no answer could carry its text."""

_YEAR_10000 = 253_402_300_800

# A JSON escape: a proper surrogate pair, a lone surrogate or NUL (replaced), or any other.
_ESCAPE = re.compile(
    r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(\\u[dD][89a-fA-F][0-9a-fA-F]{2}|\\u0000)|\\.",
    re.DOTALL,
)
_AT = " - at `$"


class ParseError(Exception):
    """The body, or a part of it, is not what the platform's parser understands; the message starts with the path."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path}: {reason}")


def decode(decoder: Decoder[T], data: bytes | Raw, path: str = "$") -> T:
    r"""Returns the decoded value. Raises ParseError and nothing else.

    Bytes that are no UTF-8, lone surrogates and NUL become U+FFFD: what a customer wrote is worth more than its last
    broken character, and PostgreSQL cannot hold NUL. The raw body is kept as it came.
    """
    if type(data) is bytes and b"\\u0000" in data:
        data = _mended(data)
    try:
        return decoder.decode(data)
    except msgspec.ValidationError as error:
        raise _at(path, error) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        mended = _mended(bytes(data))
        if mended == bytes(data) or len(mended) > _LARGEST_MENDED:
            raise ParseError(path, str(error)) from None
    except RecursionError:
        raise ParseError(path, "nested too deeply") from None
    try:
        return decoder.decode(mended)
    except msgspec.ValidationError as error:
        raise _at(path, error) from None
    except (msgspec.DecodeError, RecursionError) as error:
        raise ParseError(path, str(error)) from None


def _mended(data: bytes) -> bytes:
    text = data.decode("utf-8", "replace")
    return _ESCAPE.sub(lambda match: "\\ufffd" if match[1] else match[0], text).encode()


def limited(parts: int, path: str) -> None:
    """Raises ParseError where a body has more parts than are looked at."""
    if parts > MOST_PARTS:
        raise ParseError(path, f"{parts} parts; at most {MOST_PARTS} are read")


def _at(path: str, error: msgspec.ValidationError) -> ParseError:
    reason, _, inner = str(error).partition(_AT)
    return ParseError(path + inner.rstrip("`"), reason)


def ident(value: str | int | None, path: str) -> str:
    """Returns an id as text; "" where there is none. Raises ParseError where it is too long to be one."""
    if value is None:
        return ""
    text = value if isinstance(value, str) else _digits(value, path)
    if len(text) > LONGEST_ID:
        raise ParseError(path, f"an id of {len(text)} characters")
    return text


def _digits(value: int, path: str) -> str:
    if value.bit_length() > 64:  # noqa: PLR2004  # no platform has longer ones, and str() refuses huge numbers
        raise ParseError(path, "a number too large for an id")
    return str(value)


def required(value: str | int | None, path: str) -> str:
    """Returns an id that must be there. Raises ParseError."""
    text = ident(value, path)
    if not text:
        raise ParseError(path, "missing")
    return text


def name(value: str | None) -> str:
    """Returns a name, at most LONGEST_NAME characters of it."""
    return value[:LONGEST_NAME] if value else ""


def address(value: str | None, path: str) -> str:
    """Returns the address of a file; "" where there is none. Raises ParseError where it is too long to be one."""
    if value and len(value) > LONGEST_ADDRESS:
        raise ParseError(path, f"an address of {len(value)} characters")
    return value or ""


def seconds(value: object) -> datetime | None:
    """Returns the time of seconds since 1970; None where they are absent or no time at all."""
    number = _number(value)
    return datetime.fromtimestamp(number, UTC) if 0 < number < _YEAR_10000 else None


def millis(value: object) -> datetime | None:
    """Returns the time of milliseconds since 1970; None where they are absent or no time at all."""
    number = _number(value)
    return datetime.fromtimestamp(number / 1000, UTC) if 0 < number < _YEAR_10000 * 1000 else None


def _number(value: object) -> int | float:
    """Returns a number, 0 where it is none: what a customer wrote is worth more than a time that is odd."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 16:  # noqa: PLR2004  # year 9999
        return int(value)
    return value if isinstance(value, int | float) and not isinstance(value, bool) else 0


def size(value: float | None) -> int:
    """Returns a number of bytes that fits into the contract; 0 where it is none."""
    return int(value) if value is not None and 0 < value < 1 << 62 else 0
