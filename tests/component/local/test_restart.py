"""What dies is there again: one stack for all these tests, each of which leaves it whole."""

import json
import os
import signal

import asyncpg
import psutil
import pytest
import pytest_asyncio

from tests.component.local.fakes import fake_stack

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.chaos]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stack(tmp_path_factory):
    async with fake_stack(tmp_path_factory.mktemp("home"), "routing", "forking", "gateway") as running:
        yield running


def said(stack):
    return json.loads(stack.home.ready.read_text())


def addresses(ready):
    return {name: (at["grpc"], at["http"]) for name, at in ready["services"].items()}


@pytest.mark.parametrize("victim", ["postgres", "nats", "routing", "gateway", "sandbox"])
async def test_whatever_is_killed_serves_again_within_five_seconds(stack, until, victim):
    before = said(stack)
    os.kill(before["processes"][victim], signal.SIGKILL)
    took = await until(lambda: said(stack)["processes"][victim] != before["processes"][victim])
    after = said(stack)
    assert took < 5
    assert {**after, "processes": 0, "services": 0} == {**before, "processes": 0, "services": 0}
    assert addresses(after) == addresses(before)
    connection = await asyncpg.connect(after["database_url"])
    await connection.close()


async def test_a_killed_service_leaves_no_child_behind(stack, until, is_alive):
    pid = said(stack)["processes"]["forking"]
    [child] = psutil.Process(pid).children()
    os.kill(pid, signal.SIGKILL)
    await until(lambda: not is_alive(child.pid))
    await until(lambda: said(stack)["processes"]["forking"] != pid)
