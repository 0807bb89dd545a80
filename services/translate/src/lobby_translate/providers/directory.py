"""The pairs that a server lists, asked for again from time to time."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from lobby_common.log import get_logger
from lobby_translate.providers.contract import Pair
from lobby_translate.providers.http import Refusal

_LOG = get_logger("providers")
_ASKED_EVERY: Final = 600.0
_ASKED_AGAIN: Final = 15.0

Codes = tuple[str, str]
"""A pair as the server calls it."""


class Directory:
    """What a server was last heard to serve; None until it was heard."""

    def __init__(self, provider: str, read: Callable[[], Awaitable[Mapping[Pair, Codes]]]) -> None:
        self._provider = provider
        self._read = read
        self.pairs: Mapping[Pair, Codes] | None = None

    async def keep(self) -> None:
        """The pairs are looked up until cancelled; while the server is away those last heard stand."""
        while True:
            heard = await self.refresh()
            await asyncio.sleep(_ASKED_EVERY if heard else _ASKED_AGAIN)

    async def refresh(self) -> bool:
        """The server was asked; says whether it answered."""
        try:
            self.pairs = await self._read()
        except Refusal as refusal:
            _LOG.info("provider_away", provider=self._provider, reason=refusal.failure.kind)
            return False
        return True
