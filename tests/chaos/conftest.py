"""One stack for the faults that leave it whole; each test has a workspace and a crowd of its own."""

from collections.abc import AsyncIterator

import aiohttp
import pytest
import pytest_asyncio

from lobby_local import Stack
from tests.chaos.outside import Sandbox
from tests.chaos.world import World, new_world


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A test's time does not include the start of the stack, which has deadlines of its own."""
    for item in items:
        if "chaos" in item.path.parts and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(300, func_only=True))


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def sandbox(tmp_path_factory) -> AsyncIterator[Sandbox]:
    made = Sandbox()
    await made.start(tmp_path_factory.mktemp("sandbox") / "sandbox.log")
    yield made
    await made.stop()


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def stack(tmp_path_factory) -> AsyncIterator[Stack]:
    async with Stack(tmp_path_factory.mktemp("chaos"), port=0) as made:
        yield made


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as made:
        yield made


@pytest_asyncio.fixture(loop_scope="session")
async def world(stack: Stack, session: aiohttp.ClientSession, sandbox: Sandbox, tmp_path) -> AsyncIterator[World]:
    """A fresh workspace with accounts on three platforms and an agent; nobody writes yet."""
    async with new_world(stack, session, sandbox, tmp_path) as made:
        yield made
