"""Browsers on the WebSocket: each comes again where it was cut off, and goes on after the last item it had."""

import asyncio
import contextlib
import json

import aiohttp

from tests.chaos.crowd.plan import Plan
from tests.chaos.journal import Journal

_PAUSE = 0.2
_SHOWN = ("message_received", "resync")


class Screen:
    """One browser."""

    def __init__(self, number: int, plan: Plan, session: aiohttp.ClientSession, journal: Journal) -> None:
        self._number = number
        self._url = f"{plan.gateway_url}/v1/live"
        self._session = session
        self._journal = journal
        self._last_id = ""
        self.opened = asyncio.Event()

    async def look(self) -> None:
        """Follows until cancelled."""
        while True:
            with contextlib.suppress(aiohttp.ClientError, TimeoutError, OSError):
                await self._follow()
            await asyncio.sleep(_PAUSE)

    async def _follow(self) -> None:
        query = {"last_event_id": self._last_id} if self._last_id else {}
        async with self._session.ws_connect(self._url, params=query, max_msg_size=0, heartbeat=10) as socket:
            self._journal.write("open", screen=self._number, after=self._last_id)
            self.opened.set()
            async for message in socket:
                if message.type is aiohttp.WSMsgType.TEXT:
                    self._take(json.loads(message.data))
            self._journal.write("closed", screen=self._number, code=socket.close_code)

    def _take(self, item: dict[str, str]) -> None:
        self._last_id = item["id"]
        if item["type"] in _SHOWN:
            self._journal.write(item["type"], screen=self._number, message=item.get("message_id", ""), id=item["id"])
