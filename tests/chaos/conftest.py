"""One stack for all faults, each under traffic of a workspace of its own; and what holds when it is quiet again."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import aiohttp
import asyncpg
import pytest
import pytest_asyncio

from lobby_local import Stack
from tests.chaos.traffic import Platform
from tests.e2e.conftest import new_workspace
from tests.lobby import Lobby, until

SENDERS = 6
CUSTOMERS = 25
DRAINED_WITHIN = 30.0
"""Seconds from the end of a fault to the last effect (reliability.md C12)."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A test's time does not include the start of the stack, which has deadlines of its own."""
    for item in items:
        if item.get_closest_marker("chaos") and "chaos" in item.path.parts:
            item.add_marker(pytest.mark.timeout(300, func_only=True))


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def stack(tmp_path_factory) -> AsyncIterator[Stack]:
    async with Stack(tmp_path_factory.mktemp("chaos"), port=0) as made:
        yield made


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as made:
        yield made


@dataclass
class World:
    """A workspace under traffic."""

    stack: Stack
    session: aiohttp.ClientSession
    lobby: Lobby
    workspace_id: str
    platform: Platform
    _senders: list[asyncio.Task[None]] = field(default_factory=list)

    def write(self) -> None:
        """Customers write from now on."""
        self._senders = [asyncio.create_task(self.platform.send_until_stopped()) for _ in range(SENDERS)]

    async def stop_writing(self) -> None:
        """Everything that was written was answered with 200."""
        self.platform.stopped = True
        await asyncio.wait_for(asyncio.gather(*self._senders), 60)

    async def serving(self) -> bool:
        """Whether the gateway says that it is ready."""
        try:
            timeout = aiohttp.ClientTimeout(total=3)
            async with self.session.get(self.lobby.url + "/readyz", timeout=timeout) as answer:
                return answer.status == 200
        except (aiohttp.ClientError, TimeoutError):
            return False

    async def facts(self) -> dict[str, int]:
        """How many of the messages each service has, and how many it has twice."""
        connection = await asyncpg.connect(self.stack.ready().database_url)
        try:
            row = await connection.fetchrow(
                "SELECT (SELECT count(*) FROM connectors.message WHERE workspace_id = $1) AS stored,"
                " (SELECT count(DISTINCT platform_message_id) FROM connectors.message WHERE workspace_id = $1)"
                " AS distinct_stored,"
                " (SELECT count(*) FROM routing.conversation_message JOIN routing.conversation USING (conversation_id)"
                " WHERE workspace_id = $1) AS routed,"
                " (SELECT count(*) FROM translate.message WHERE workspace_id = $1) AS translated,"
                " (SELECT count(*) FROM counter.message WHERE workspace_id = $1) AS counted,"
                " (SELECT count(*) FROM counter.entry WHERE workspace_id = $1) AS entries,"
                " (SELECT count(*) FROM identity.channel_user WHERE workspace_id = $1) AS people",
                self.workspace_id,
            )
        finally:
            await connection.close()
        return dict(row)

    async def is_exactly_once(self) -> None:
        """Every message answered with 200 is there once, in every service and in the figures, and the proof says so.

        That is so within thirty seconds.
        """
        sent = len(self.platform.answered)
        people = min(CUSTOMERS, sent)
        services = ("stored", "distinct_stored", "routed", "translated", "counted")
        expected = dict.fromkeys(services, sent) | {"entries": people, "people": people}
        figures = {"messages_in": sent, "new": people, "repeat": 0}
        began = time.monotonic()

        async def arrived() -> bool:
            totals = await self.lobby.totals()
            return await self.facts() == expected and {name: totals[name] for name in figures} == figures

        with contextlib.suppress(TimeoutError):
            await until(arrived, seconds=DRAINED_WITHIN)
        print(f"{sent} messages, there after {time.monotonic() - began:.1f} s")
        assert await self.facts() == expected
        totals = await self.lobby.totals()
        assert {name: totals[name] for name in figures} == figures
        assert set(self.platform.statuses) <= {0, 200, 503}
        await self._is_proved(sent)

    async def _is_proved(self, sent: int) -> None:
        async def settled():
            proof = await self.lobby.get("/v1/proof")
            return None if any(stage["pending"] for stage in proof["stages"]) else proof

        proof = await until(settled, seconds=DRAINED_WITHIN)
        assert proof["balanced"], proof
        [account] = proof["accounts"]
        assert account["new"] == sent
        assert account["quarantined"] == 0
        assert all(stage["applied"] == stage["expected"] >= sent for stage in proof["stages"]), proof["stages"]


@pytest_asyncio.fixture(loop_scope="session")
async def world(stack: Stack, session: aiohttp.ClientSession) -> AsyncIterator[World]:
    """A fresh workspace with a WhatsApp account and an agent; nobody writes yet."""
    lobby = await new_workspace(stack, session)
    await lobby.agent()
    channel = await lobby.channel("whatsapp")
    workspace_id = (await lobby.get("/v1/workspace"))["workspace"]["workspace_id"]
    platform = Platform(session, lobby, channel, CUSTOMERS)
    made = World(stack, session, lobby, workspace_id, platform)
    yield made
    platform.stopped = True
    for sender in made._senders:
        sender.cancel()
    await asyncio.gather(*made._senders, return_exceptions=True)
