"""Traffic that is bad by itself: hostile webhooks, platforms that answer badly, storms (rows 20 to 23)."""

import asyncio
import base64
import contextlib
import io
import os
from urllib.parse import urlsplit

import psutil
import pytest

from tests.chaos import faults
from tests.chaos.world import new_world
from tests.lobby import until

pytestmark = pytest.mark.asyncio(loop_scope="session")

PLATFORMS = ("whatsapp", "telegram", "line")
STALLED = 50
COMING_AND_GOING = 200
MOST_MEGABYTES = 150
"""By which a process may grow under any storm."""


@pytest.mark.chaos
async def test_poison_forgeries_repeats_and_long_texts_are_each_what_they_are(stack, session, sandbox, tmp_path):
    shares = {"poison": 0.15, "forged": 0.15, "facts": 0.15, "duplicates": 0.3, "long": 0.05}
    async with new_world(stack, session, sandbox, tmp_path, **shares) as world:
        await world.write()
        await world.answers_more(400)
        channel = world.plan.lines[0]
        url = f"{world.lobby.url}/webhooks/{channel.platform}/{channel.account_id}"
        async with session.post(url, data=io.BytesIO(bytes(3 * 1024 * 1024 + 1))) as answer:
            assert answer.status == 413
        await world.is_exactly_once()


BAD_ANSWERS = (
    {"http_status": 429, "headers": {"Retry-After": "1"}},
    {"http_status": 500},
    {"http_status": 503},
    {"drop": "before"},
    {"drop": "after"},
    {"delay_ms": 2500},
)


@pytest.mark.chaos_full
async def test_platforms_that_answer_badly_get_each_send_once(stack, session, sandbox, tmp_path):
    async with new_world(stack, session, sandbox, tmp_path, answers=8.0) as world:
        await world.write()
        with world.fault("platforms answer badly"):
            for platform in PLATFORMS:
                await world.lobby.sandbox(f"/{platform}/faults", {"next": list(BAD_ANSWERS) * 3})
            await world.answers_more(600)
        for platform in PLATFORMS:
            await world.lobby.sandbox(f"/{platform}/faults", {"next": []})
        await world.is_exactly_once()


@pytest.mark.chaos_full
async def test_a_storm_of_repeats_after_an_outage_passes(world):
    await world.write()
    before = megabytes(world)
    with world.fault("outage and storm"):
        async with faults.standing_still(world.stack, "postgres"):
            await asyncio.sleep(10)
        await world.crowd.tell("repost 10", seconds=240)
        await until(world.serving, seconds=30)
    await world.answers_more()
    await world.is_exactly_once()
    assert growth(before, megabytes(world)) < MOST_MEGABYTES


@pytest.mark.chaos_full
async def test_browsers_that_do_not_read_and_browsers_that_come_and_go_cost_little(world):
    await world.write()
    before = megabytes(world)
    async with contextlib.AsyncExitStack() as stalled:
        with world.fault("stalled browsers"):
            for _ in range(STALLED):
                await stalled.enter_async_context(browser(world))
            for _ in range(COMING_AND_GOING):
                async with browser(world):
                    pass
            await world.answers_more(400)
        assert growth(before, megabytes(world)) < MOST_MEGABYTES
    await world.is_exactly_once()


@contextlib.asynccontextmanager
async def browser(world):
    """A WebSocket that was opened and is never read."""
    at = urlsplit(world.lobby.url)
    reader, writer = await asyncio.open_connection(at.hostname, at.port, limit=2**10)
    key = base64.b64encode(os.urandom(16)).decode()
    request = (
        f"GET /v1/live?access_token={world.plan.api_key} HTTP/1.1\r\nHost: {at.netloc}\r\nUpgrade: websocket\r\n"
        f"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n"
    )
    writer.write(request.encode())
    async with asyncio.timeout(10):
        assert b"101" in await reader.readline()
    try:
        yield
    finally:
        writer.transport.abort()


def megabytes(world) -> dict[str, float]:
    """Memory of each process of the stack, with what is below it."""
    return {
        name: sum(each.memory_info().rss for each in faults.family(pid)) / 2**20
        for name, pid in world.stack.ready().processes.items()
        if name not in ("supervisor", "postgres") and psutil.pid_exists(pid)
    }


def growth(before: dict[str, float], after: dict[str, float]) -> float:
    return max((after[name] - before[name] for name in before.keys() & after.keys()), default=0.0)
