"""Calls over HTTP; a refusal is an error with the server's own words."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import IO, Any, Self

import aiohttp

from lobby_cli.place import Place

_ERROR = 400
_PAGE = "200"
_AS_LONG_AS_IT_COMES = aiohttp.ClientTimeout(total=None, sock_read=60)


class RefusedError(Exception):
    """The server said no."""


class Calls:
    """The gateway and the sandbox of one place."""

    def __init__(self, place: Place, session: aiohttp.ClientSession) -> None:
        self.place = place
        self._session = session

    @classmethod
    @asynccontextmanager
    async def to(cls, place: Place) -> AsyncIterator[Self]:
        """Inside the block calls can be made."""
        async with aiohttp.ClientSession() as session:
            yield cls(place, session)

    @property
    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.place.api_key}"}

    async def gateway(self, method: str, path: str, body: Any = None, **query: str) -> Any:
        """Returns the answer's JSON. Raises RefusedError."""
        url = self.place.gateway_url + path
        params = {name: value for name, value in query.items() if value}
        return await self._call(method, url, json=body, params=params, headers=self._headers)

    async def all_of(self, path: str, name: str, **query: str) -> list[Any]:
        """Returns the items of all pages of a list. Raises RefusedError."""
        items: list[Any] = []
        token = ""
        while True:
            page = await self.gateway("GET", path, page_size=_PAGE, page_token=token, **query)
            items += page[name]
            token = page.get("next_page_token", "")
            if not token:
                return items

    async def download(self, path: str, file: IO[bytes]) -> None:
        """The whole answer is in the file. Raises RefusedError, also where it breaks off."""
        url = self.place.gateway_url + path
        async with (
            _heard(url),
            self._session.get(url, headers=self._headers, timeout=_AS_LONG_AS_IT_COMES) as answer,
        ):
            await _check(answer)
            async for part in answer.content.iter_any():
                file.write(part)

    async def sandbox(self, path: str, body: Mapping[str, Any]) -> Any:
        """Returns the sandbox's answer. Raises RefusedError."""
        if not self.place.sandbox_url:
            raise RefusedError("there is no sandbox here: set LOBBY_SANDBOX_URL")
        return await self._call("POST", self.place.sandbox_url + path, json=body)

    async def items(self, last_id: str = "") -> AsyncIterator[dict[str, str]]:
        """Yields live items (SSE), one dictionary of an event's fields each. Raises RefusedError."""
        headers = self._headers | ({"Last-Event-ID": last_id} if last_id else {})
        url = self.place.gateway_url + "/v1/events"
        async with (
            _heard(url),
            self._session.get(url, headers=headers, timeout=aiohttp.ClientTimeout(total=None)) as answer,
        ):
            await _check(answer)
            event: dict[str, str] = {}
            async for raw in answer.content:
                line = raw.decode().rstrip("\r\n")
                if not line:
                    if "data" in event:
                        yield event
                    event = {}
                elif not line.startswith(":"):
                    name, _, value = line.partition(":")
                    event[name] = value.removeprefix(" ")

    async def _call(self, method: str, url: str, **more: Any) -> Any:
        async with _heard(url), self._session.request(method, url, **more) as answer:
            await _check(answer)
            return await answer.json()


@asynccontextmanager
async def _heard(url: str) -> AsyncIterator[None]:
    """Inside the block a call is made. Raises RefusedError where it breaks, or where no Lobby is at the address."""
    try:
        yield
    except aiohttp.InvalidURL as error:
        raise RefusedError(f"{url} is no address") from error
    except aiohttp.ClientConnectorError as error:
        raise RefusedError(f"nobody answers at {url}: is Lobby running?") from error
    except (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError, TimeoutError) as error:
        raise RefusedError(f"the connection to {url} broke off") from error
    except (aiohttp.ContentTypeError, ValueError) as error:
        raise RefusedError(f"what answers at {url} is not Lobby") from error


async def _check(answer: aiohttp.ClientResponse) -> None:
    if answer.status < _ERROR:
        return
    try:
        problem = await answer.json(content_type=None)
        words = problem.get("detail") or problem.get("error") or problem.get("title") or str(problem)
        reason = problem.get("reason", "")
    except (ValueError, AttributeError):
        words, reason = await answer.text(), ""
    raise RefusedError(f"{answer.status} {reason} {words}".replace("  ", " "))
