"""One HTTP request to a platform; a broken line becomes a typed failure."""

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import aiohttp
from aiohttp import ClientSession
from msgspec import Struct

from lobby_common.times import utc_now
from lobby_connectors.platforms.failures import SendFailure, Unavailable, UnknownOutcome
from lobby_connectors.platforms.interface import Request

LONGEST_PAUSE = 86_400.0
"""Seconds: a platform that names more is asked again after a day."""
_LARGEST_ANSWER = 1024 * 1024


class Answer(Struct, frozen=True):
    """What the platform answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def ok(self) -> bool:
        """The platform took it."""
        return 200 <= self.status < 300  # noqa: PLR2004  # HTTP

    def retry_after(self) -> float | None:
        """Returns the seconds that the header names, also by a date; None where it is absent or neither."""
        value = self.headers.get("Retry-After", "").strip()
        if value.isascii() and value.isdigit():
            return min(float(value), LONGEST_PAUSE)
        until = _date(value)
        if until is None:
            return None
        # Seen from the platform's own clock: ours may be wrong.
        now = _date(self.headers.get("Date", "")) or utc_now()
        return min(max((until - now).total_seconds(), 0.0), LONGEST_PAUSE)


def _date(value: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(value)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


async def call(session: ClientSession, base_url: str, request: Request) -> Answer:
    """Returns the answer, whatever its status.

    Raises Unavailable where nothing had left, UnknownOutcome where something may have. The texts of aiohttp's errors
    are not passed on: they hold addresses, and Telegram's address holds the token.
    """
    try:
        async with session.request(
            request.method,
            base_url.rstrip("/") + request.path,
            headers=request.headers,
            data=request.body or None,
            allow_redirects=False,  # a redirect could lead where the account's base address may not
        ) as response:
            return Answer(response.status, response.headers, await _read(response.content))
    except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.InvalidURL) as error:
        raise Unavailable(f"not connected: {type(error).__name__}") from None
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise UnknownOutcome(f"no answer: {type(error).__name__}") from None


async def download(session: ClientSession, base_url: str, request: Request) -> bytes:
    """Returns a file; nothing where it cannot be had. Of one that is larger than an answer may be, the beginning."""
    try:
        answer = await call(session, base_url, request)
    except SendFailure:
        return b""
    return answer.body if answer.ok else b""


async def _read(content: aiohttp.StreamReader) -> bytes:
    """Returns the body, as much of it as an answer can have."""
    parts: list[bytes] = []
    left = _LARGEST_ANSWER
    while left > 0 and (part := await content.read(left)):
        parts.append(part)
        left -= len(part)
    return b"".join(parts)
