"""Customers who write through a platform that delivers as platforms do: each message again until it is answered 200."""

import asyncio
import itertools

import aiohttp

from tests import platforms
from tests.lobby import Lobby, until
from tests.platforms import Channel


class Platform:
    """Sends WhatsApp texts; the same bytes again until they are accepted. Knows what was answered 200."""

    def __init__(self, session: aiohttp.ClientSession, lobby: Lobby, channel: Channel, customers: int) -> None:
        self._session = session
        self._url = f"{lobby.url}/webhooks/whatsapp/{channel.account_id}"
        self._channel = channel
        self._customers = customers
        self._ids = itertools.count(1)
        self.answered: set[str] = set()
        self.statuses: dict[int, int] = {}
        self.stopped = False

    async def send_until_stopped(self) -> None:
        """Message after message; returns when the last one was answered 200."""
        while not self.stopped:
            number = next(self._ids)
            await self._deliver(f"wamid.chaos{number}", f"5511{number % self._customers:09d}")

    async def _deliver(self, message_id: str, phone: str) -> None:
        body = platforms.dump(self._channel.text(phone, f"hello {message_id}", id=message_id))
        headers = platforms.signature("whatsapp", self._channel.credentials, body)
        while message_id not in self.answered:
            try:
                timeout = aiohttp.ClientTimeout(total=10)
                async with self._session.post(self._url, data=body, headers=headers, timeout=timeout) as answer:
                    self.statuses[answer.status] = self.statuses.get(answer.status, 0) + 1
                    if answer.status == 200:
                        self.answered.add(message_id)
            except (aiohttp.ClientError, TimeoutError):
                self.statuses[0] = self.statuses.get(0, 0) + 1
            if message_id not in self.answered:
                await asyncio.sleep(0.1)

    async def answers_more(self) -> None:
        """So many more webhooks were answered 200."""
        enough = len(self.answered) + 30

        async def grew() -> bool:
            return len(self.answered) >= enough

        await until(grew, seconds=40)
