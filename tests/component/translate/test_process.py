"""The service as a process of its own."""

import asyncio
import os
import signal
import sys

import aiohttp
import psutil
import pytest

from tests.component.translate.conftest import until


async def _free_port() -> int:
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    return port


@pytest.fixture
def environment(database, postgres, broker) -> dict[str, str]:
    return os.environ | {
        "LOBBY_DATABASE_URL": postgres.url(database.name, "lobby_translate"),
        "LOBBY_NATS_URL": broker.url("translate"),
        "LOBBY_INTERNAL_TOKEN": "token",
        "LOBBY_CONNECTORS_TARGET": "127.0.0.1:9",
        "LOBBY_ROUTING_TARGET": "127.0.0.1:9",
    }


async def test_an_idle_service_is_ready_small_and_stops_when_told(environment):
    port = await _free_port()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "lobby_translate",
        env=environment | {"LOBBY_HTTP_PORT": str(port)},
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with aiohttp.ClientSession() as session:

            async def ready() -> bool:
                try:
                    async with session.get(f"http://127.0.0.1:{port}/readyz") as response:
                        return response.status == 200
                except aiohttp.ClientError:
                    return False

            await until(ready, 30)
        seen = psutil.Process(process.pid)
        assert seen.memory_info().rss / 1024 / 1024 <= 130
        assert seen.children() == []
    finally:
        process.send_signal(signal.SIGTERM)
        code = await asyncio.wait_for(process.wait(), 20)
    assert code == 0


async def test_a_missing_variable_is_named(environment):
    environment.pop("LOBBY_NATS_URL")
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "lobby_translate", env=environment, stderr=asyncio.subprocess.PIPE
    )
    _, said = await process.communicate()
    assert process.returncode == 1
    assert b"LOBBY_NATS_URL" in said
