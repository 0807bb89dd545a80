"""What the engines behind HTTP share: one session, bounded answers, and statuses as typed failures."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any, Final

import aiohttp

from lobby_translate.providers.contract import Failure, FailureKind

_LARGEST_ANSWER: Final = 1024 * 1024
_AT_ONCE: Final = 8

_KIND_OF_STATUS: Final[Mapping[int, FailureKind]] = {
    400: "bad_request", 401: "auth", 403: "auth", 404: "unavailable", 408: "timeout", 413: "too_long", 414: "too_long",
    422: "bad_request", 429: "rate", 456: "quota", 504: "timeout", 529: "rate",
}  # fmt: skip


class Refusal(Exception):
    """The server did not do what was asked."""

    def __init__(self, failure: Failure, message: str = "") -> None:
        super().__init__(failure.kind)
        self.failure = failure
        self.message = message
        """The server's own words, if it said some."""


class Http:
    """Calls to one server, at most eight at once."""

    def __init__(self, base_url: str) -> None:
        self._base_url = base_url.rstrip("/")
        self._session: aiohttp.ClientSession | None = None
        self._turns = asyncio.Semaphore(_AT_ONCE)

    async def get(self, path: str, seconds: float) -> Any:
        """The JSON at the path. Raises Refusal."""
        return await self._call("GET", path, seconds)

    async def post(self, path: str, seconds: float, **body: Any) -> Any:
        """The JSON that answers a form (`data`) or JSON (`json`). Raises Refusal."""
        return await self._call("POST", path, seconds, **body)

    async def close(self) -> None:
        """The connections are closed."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _call(self, method: str, path: str, seconds: float, **body: Any) -> Any:
        if self._session is None:
            self._session = aiohttp.ClientSession(raise_for_status=False, auto_decompress=True)
        try:
            async with (
                asyncio.timeout(seconds),
                self._turns,
                self._session.request(method, f"{self._base_url}{path}", allow_redirects=False, **body) as response,
            ):
                raw = await _bounded(response)
                return _understood(response.status, response.headers.get("Retry-After", ""), raw)
        except TimeoutError:
            raise Refusal(Failure("timeout")) from None
        except (aiohttp.ClientError, OSError):
            raise Refusal(Failure("unavailable")) from None


async def _bounded(response: aiohttp.ClientResponse) -> bytes:
    """The body, as far as we want to know it."""
    raw = bytearray()
    async for chunk in response.content.iter_chunked(65_536):
        raw += chunk
        if len(raw) > _LARGEST_ANSWER:
            raise Refusal(Failure("bad_output"))
    return bytes(raw)


def _understood(status: int, retry_after: str, raw: bytes) -> Any:
    try:
        answer = json.loads(raw)
    except (ValueError, RecursionError):
        answer = None
    if 200 <= status < 300:  # noqa: PLR2004 -- success in HTTP
        if answer is None:
            # Something else than the engine answers at this address.
            raise Refusal(Failure("unavailable"))
        return answer
    kind = _KIND_OF_STATUS.get(status, "unavailable")
    raise Refusal(Failure(kind, _seconds(retry_after)), _message(answer))


def _seconds(retry_after: str) -> float | None:
    """The wait that the server asks for; a date is not looked at."""
    return float(retry_after) if retry_after.isascii() and retry_after.isdigit() else None


def _message(answer: Any) -> str:
    if not isinstance(answer, dict):
        return ""
    return " ".join(
        str(answer[name]) for name in ("error", "message", "explanation") if isinstance(answer.get(name), str)
    )
