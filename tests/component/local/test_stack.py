import asyncio
import json
import os
import socket
import stat
import sys
from pathlib import Path

import aiohttp
import asyncpg
import pytest

from lobby_local import Stack
from lobby_local.home import HomeInUseError
from lobby_local.plan import PortTakenError
from lobby_local.supervisor import StartError
from lobby_local.tool import ToolFailedError
from tests.component.local.fakes import fake_stack


@pytest.fixture
def home(tmp_path):
    return tmp_path / "home"


def said(stack: Stack) -> dict:
    return json.loads(stack.home.ready.read_text())


async def environment_of(address: str) -> dict[str, str]:
    async with aiohttp.ClientSession() as session, session.get(f"http://{address}/readyz") as page:
        return await page.json(content_type=None)


async def test_ready_file_says_where_everything_is_and_is_private(home):
    async with fake_stack(home) as stack:
        ready = said(stack)
        assert ready["gateway_url"].startswith("http://127.0.0.1:")
        assert (ready["api_key"], ready["workspace_id"]) == ("key-of-the-owner", "w1")
        assert set(ready["services"]) == {"routing", "gateway"}
        assert ready["services"]["gateway"]["http"] == ready["gateway_url"].removeprefix("http://")
        assert stat.S_IMODE(stack.home.ready.stat().st_mode) == 0o600
        connection = await asyncpg.connect(ready["database_url"])
        assert await connection.fetchval("SELECT current_database()") == "lobby"
        await connection.close()


async def test_stop_leaves_no_process_and_no_ready_file(home, is_alive):
    async with fake_stack(home, "routing", "forking", "gateway") as stack:
        pids = {pid for name, pid in said(stack)["processes"].items() if name != "supervisor"}
        assert len(pids) == 6
    assert not [pid for pid in pids if is_alive(pid)]
    assert not stack.home.ready.exists()
    assert "routing stopped by itself" in stack.home.log("routing").read_text()


async def test_a_service_is_told_its_neighbours_and_its_own_login(home):
    async with fake_stack(home) as stack:
        ready = said(stack)
        told = await environment_of(ready["services"]["routing"]["http"])
    assert told["LOBBY_GATEWAY_TARGET"] == ready["services"]["gateway"]["grpc"]
    assert told["LOBBY_GRPC_PORT"] == ready["services"]["routing"]["grpc"].split(":")[1]
    assert "//lobby_routing:" in told["LOBBY_DATABASE_URL"]
    assert "//routing:" in told["LOBBY_NATS_URL"]
    assert "LOBBY_MIGRATION_DATABASE_URL" not in told


async def test_a_second_start_keeps_data_owner_and_ports(home):
    async with fake_stack(home) as stack:
        first = said(stack)
        connection = await asyncpg.connect(first["database_url"])
        await connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
        await connection.close()
    async with fake_stack(home) as stack:
        second = said(stack)
        connection = await asyncpg.connect(second["database_url"])
        assert await connection.fetchval("SELECT answer FROM kept") == 42
        await connection.close()
    assert second["database_url"] == first["database_url"]
    assert second["api_key"] == first["api_key"]


async def test_a_second_stack_in_the_same_home_is_refused(home):
    async with fake_stack(home) as stack:
        with pytest.raises(HomeInUseError, match=f"already runs in .*{os.getpid()}"):
            await fake_stack(home).start()
        assert stack.home.ready.exists()


async def test_a_taken_port_is_refused_by_the_name_of_its_variable(home):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(PortTakenError, match=f"{port} is taken.*LOBBY_PORT"):
            await fake_stack(home, port=port).start()
    assert not (home / "postgres").exists()


async def test_a_service_that_cannot_start_is_named_with_its_last_words(home, is_alive):
    stack = fake_stack(home, "crashing", "gateway")
    with pytest.raises(StartError, match=r"(?s)crashing ended.*LOBBY_SOMETHING is missing"):
        await stack.start()
    assert not is_alive(stack.plan.postgres.pid)
    assert not stack.home.ready.exists()


async def test_a_failed_migration_is_shown_and_nothing_is_started(home):
    stack = fake_stack(home, "broken", "gateway")
    with pytest.raises(ToolFailedError, match=r"(?s)migrate.*the moon is full"):
        await stack.start()
    assert not stack.home.log("gateway").exists()


@pytest.mark.chaos
async def test_children_die_with_a_killed_supervisor_and_the_data_recover(home, until, is_alive):
    script = (
        "import asyncio, sys; from pathlib import Path\n"
        "from tests.component.local.fakes import fake_stack\n"
        "async def main():\n"
        "    async with fake_stack(Path(sys.argv[1])) as stack:\n"
        "        await stack.watch()\n"
        "asyncio.run(main())\n"
    )
    supervisor = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, str(home), env=os.environ | {"PYTHONPATH": str(Path.cwd())}
    )
    ready = home / "ready.json"
    await until(ready.exists, within=30)
    pids = json.loads(ready.read_text())["processes"].values()
    supervisor.kill()
    await supervisor.wait()
    await until(lambda: not any(map(is_alive, pids)))
    async with fake_stack(home) as stack:
        assert said(stack)["api_key"] == "key-of-the-owner"
