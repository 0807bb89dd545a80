"""`kill -9` of every process in turn, under traffic: what was answered 200 is there exactly once, in every service."""

import asyncio
import contextlib
import hashlib
import hmac
import itertools
import json
import os
import signal
import time

import aiohttp
import asyncpg
import pytest

from lobby_local import Stack
from tests.lobby import CREDENTIALS, Lobby, until

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(240)]

VICTIMS = ("connectors", "identity", "routing", "counter", "translate", "gateway", "nats", "postgres")
CUSTOMERS = 25


class Platform:
    """Sends WhatsApp texts as the platform does: each again, the same bytes, until it is answered 200."""

    def __init__(self, session: aiohttp.ClientSession, lobby: Lobby, account_id: str, number: str) -> None:
        self._session = session
        self._url = f"{lobby.url}/webhooks/whatsapp/{account_id}"
        self._number = number
        self._ids = itertools.count(1)
        self.answered: set[str] = set()
        self.statuses: dict[int, int] = {}
        self.stopped = False

    async def send_until_stopped(self) -> None:
        while not self.stopped:
            number = next(self._ids)
            await self._deliver(f"wamid.chaos{number}", f"5511{number % CUSTOMERS:09d}")

    async def _deliver(self, message_id: str, phone: str) -> None:
        body = self._body(message_id, phone)
        digest = hmac.new(CREDENTIALS["whatsapp"]["app_secret"].encode(), body, hashlib.sha256).hexdigest()
        headers = {"X-Hub-Signature-256": f"sha256={digest}"}
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

    def _body(self, message_id: str, phone: str) -> bytes:
        value = {
            "messaging_product": "whatsapp",
            "metadata": {"display_phone_number": "1555", "phone_number_id": self._number},
            "contacts": [{"profile": {"name": "C"}, "wa_id": phone, "user_id": f"BR.{phone}"}],
            "messages": [
                {
                    "from": phone,
                    "id": message_id,
                    "timestamp": str(int(time.time())),
                    "type": "text",
                    "text": {"body": f"hello {message_id}"},
                }
            ],
        }
        change = {"field": "messages", "value": value}
        entry = {"id": "1", "changes": [change]}
        return json.dumps({"object": "whatsapp_business_account", "entry": [entry]}).encode()


async def restarted(stack: Stack, name: str, old: int) -> bool:
    return stack.ready().processes[name] != old


async def serving(session: aiohttp.ClientSession, url: str) -> bool:
    try:
        async with session.get(url + "/readyz", timeout=aiohttp.ClientTimeout(total=3)) as answer:
            return bool(answer.status == 200)
    except (aiohttp.ClientError, TimeoutError):
        return False


async def facts(database_url: str) -> dict[str, int]:
    """How many of the messages each service has, and how many it has twice."""
    connection = await asyncpg.connect(database_url)
    try:
        row = await connection.fetchrow(
            "SELECT (SELECT count(*) FROM connectors.message) AS stored,"
            " (SELECT count(DISTINCT platform_message_id) FROM connectors.message) AS distinct_stored,"
            " (SELECT count(*) FROM routing.conversation_message) AS routed,"
            " (SELECT count(*) FROM counter.entry) AS entries,"
            " (SELECT count(*) FROM identity.channel_user) AS people"
        )
    finally:
        await connection.close()
    return dict(row)


async def test_whatever_dies_every_message_answered_200_is_there_exactly_once(tmp_path):
    async with Stack(tmp_path / "home", port=0) as stack, aiohttp.ClientSession() as session:
        ready = stack.ready()
        lobby = Lobby(session, ready.gateway_url, ready.api_key, ready.sandbox_url)
        await lobby.agent()
        account_id = await lobby.account("whatsapp")
        number = await _phone_number_id(stack, account_id)
        platform = Platform(session, lobby, account_id, number)
        senders = [asyncio.create_task(platform.send_until_stopped()) for _ in range(6)]
        for victim in VICTIMS:
            await platform.answers_more()
            pid = stack.ready().processes[victim]
            os.kill(pid, signal.SIGKILL)
            await until(lambda name=victim, old=pid: restarted(stack, name, old), seconds=15)
            await until(lambda: serving(session, ready.gateway_url), seconds=30)
        await platform.answers_more()
        platform.stopped = True
        await asyncio.wait_for(asyncio.gather(*senders), 60)
        sent = len(platform.answered)

        people = min(CUSTOMERS, sent)
        expected = {"stored": sent, "distinct_stored": sent, "routed": sent, "entries": people, "people": people}

        async def all_arrived() -> bool:
            totals = await lobby.totals()
            counted = (totals["messages_in"], totals["new"]) == (sent, people)
            return counted and await facts(ready.database_url) == expected

        with contextlib.suppress(TimeoutError):
            await until(all_arrived, seconds=60)
        assert await facts(ready.database_url) == expected
        totals = await lobby.totals()
        assert (totals["messages_in"], totals["new"]) == (sent, people)
        assert set(platform.statuses) <= {0, 200, 503}


async def _phone_number_id(stack: Stack, account_id: str) -> str:
    """The sandbox was told the number when the account was registered; the test asks it back by a webhook."""
    async with aiohttp.ClientSession() as session:
        ready = stack.ready()
        lobby = Lobby(session, ready.gateway_url, ready.api_key, ready.sandbox_url)
        said = await lobby.sandbox(
            "/whatsapp/customers/5511000000000/say",
            {"account_id": account_id, "kind": "status", "payload": {"status": "sent", "id": "wamid.none"}},
        )
    value = said["webhook"]["entry"][0]["changes"][0]["value"]
    return str(value["metadata"]["phone_number_id"])
