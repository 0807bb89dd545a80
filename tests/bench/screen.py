"""How long a message takes from the platform's POST to an item on an agent's screen (WebSocket)."""

import json
import time

import aiohttp
import asyncpg


class Screen:
    """Remembers when each message was first named on the WebSocket."""

    def __init__(self, gateway_url: str, api_key: str) -> None:
        self._url = gateway_url
        self._headers = {"Authorization": f"Bearer {api_key}"}
        self.seen: dict[str, float] = {}

    async def follow(self) -> None:
        """Reads items until cancelled."""
        async with (
            aiohttp.ClientSession(headers=self._headers) as session,
            session.ws_connect(self._url + "/v1/live", max_msg_size=0) as socket,
        ):
            async for message in socket:
                now = time.time()
                item = json.loads(message.data)
                if message_id := item.get("message_id"):
                    self.seen.setdefault(message_id, now)


async def latencies(database_url: str, run: str, sent: dict[int, float], screen: Screen) -> list[float]:
    """Returns seconds from POST to screen of each message of a run that was shown, sorted."""
    connection = await asyncpg.connect(database_url)
    try:
        rows = await connection.fetch(
            "SELECT message_id::text, platform_message_id FROM connectors.message WHERE platform_message_id LIKE $1",
            f"wamid.{run}%",
        )
    finally:
        await connection.close()
    prefix = len(f"wamid.{run}")
    pairs = ((row["message_id"], int(row["platform_message_id"][prefix:])) for row in rows)
    return sorted(screen.seen[message_id] - sent[number] for message_id, number in pairs if message_id in screen.seen)
