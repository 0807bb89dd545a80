"""The database is away under traffic: webhooks are answered with 200 all the same, and nothing is lost or doubled."""

import asyncio
import os
import signal

import pytest

from tests.lobby import until

pytestmark = [pytest.mark.chaos, pytest.mark.asyncio(loop_scope="session")]


async def test_webhooks_are_accepted_while_postgres_is_away(world, monkeypatch):
    """It died and does not come back before enough was written without it."""
    world.write()
    await world.platform.answers_more()
    postgres = world.stack.plan.postgres
    old, spawn, may_return = postgres.pid, postgres.spawn, asyncio.Event()

    async def spawn_later() -> None:
        await may_return.wait()
        await spawn()

    monkeypatch.setattr(postgres, "spawn", spawn_later)
    os.kill(old, signal.SIGKILL)
    for _ in range(4):
        await world.platform.answers_more()
    may_return.set()
    await until(world.serving, seconds=30)
    await world.platform.answers_more()
    await world.stop_writing()
    await world.is_exactly_once()
