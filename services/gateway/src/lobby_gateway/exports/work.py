"""One export in the making: page after page is asked for, masked for the reader, and written."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import Message

from lobby_gateway.descriptors import Route
from lobby_gateway.exports import files
from lobby_gateway.exports.catalogue import PAGE_SIZE, PAGE_TOKEN, Export
from lobby_gateway.masking import masked
from lobby_gateway.roles import Sight
from lobby_gateway.transcode import to_json

Ask = Callable[[Route, Message], Awaitable[Message]]
"""Asks a list for a page, as the reader. Raises LobbyError, Denied where he may not read on."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What somebody asked for."""

    export: Export
    format: str
    request: Message
    """Of the first page."""
    sight: Sight
    """Of the reader."""

    @property
    def filters(self) -> Mapping[str, Any]:
        """What he asked beside the format."""
        said = to_json(self.request)
        return {name: value for name, value in said.items() if value and name not in (PAGE_SIZE, PAGE_TOKEN)}


class Work:
    """One export, from its first page on."""

    def __init__(self, wanted: Wanted, ask: Ask, first: Message) -> None:
        self.wanted = wanted
        self.rows = 0
        self._ask = ask
        self._page = first
        self._file = files.start(wanted.export, wanted.format)

    @classmethod
    async def begin(cls, wanted: Wanted, ask: Ask) -> "Work":
        """Returns the export once its first page is there. Raises what `ask` raises."""
        return cls(wanted, ask, await ask(wanted.export.source, wanted.request))

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """Yields the file; one page is in memory at a time. Raises what `ask` raises: then the file is not whole."""
        yield self._file.begin()
        while True:
            # Compressing and encoding a page takes some milliseconds: others are answered meanwhile.
            yield await asyncio.to_thread(self._write, self._page)
            token = getattr(self._page, "next_page_token", "")
            if not token:
                break
            request = type(self.wanted.request)()
            request.CopyFrom(self.wanted.request)
            setattr(request, PAGE_TOKEN, token)
            self._page = await self._ask(self.wanted.export.source, request)
        yield self._file.end(self.rows)

    def _write(self, page: Message) -> bytes:
        items = to_json(masked(page, self.wanted.sight))[self.wanted.export.items]
        self.rows += len(items)
        return self._file.write(items)
