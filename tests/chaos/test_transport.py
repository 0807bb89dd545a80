"""The broker is transport: whatever becomes of its store, nothing is lost and nothing comes twice (DESIGN §3)."""

import asyncio
import os
import shutil
import signal
from pathlib import Path

import nats
import psutil
import pytest

from lobby_local.nats import Nats
from tests.lobby import until

pytestmark = [pytest.mark.chaos, pytest.mark.asyncio(loop_scope="session")]

FROZEN_SECONDS = 5.0
"""How long a server stands still; longer than calls may take."""


@pytest.fixture
def broker(world) -> Nats:
    return world.stack.plan.nats


def store_of(world) -> Path:
    return world.stack.home.nats / "jetstream"


async def killed(world, broker: Nats, monkeypatch, meanwhile) -> None:
    """The broker died, `meanwhile` happened to its store, and it serves again."""
    old, spawn = broker.pid, broker.spawn

    async def spawn_after() -> None:
        meanwhile()
        await spawn()

    monkeypatch.setattr(broker, "spawn", spawn_after)
    os.kill(old, signal.SIGKILL)

    async def restarted() -> bool:
        return world.stack.ready().processes["nats"] != old

    await until(restarted, seconds=15)
    monkeypatch.undo()


async def test_a_store_that_is_wiped_is_refilled(world, broker, monkeypatch):
    world.write()
    for _ in range(2):
        await world.platform.answers_more()
        await killed(world, broker, monkeypatch, lambda: shutil.rmtree(store_of(world)))
    await world.platform.answers_more()
    await world.stop_writing()
    await world.is_exactly_once()


async def test_a_store_that_is_older_than_what_was_heard_is_caught_up(world, broker, monkeypatch, tmp_path):
    world.write()
    await world.platform.answers_more()
    shutil.copytree(store_of(world), tmp_path / "older", ignore_dangling_symlinks=True, copy_function=copied)
    await world.platform.answers_more()

    def restore() -> None:
        shutil.rmtree(store_of(world))
        shutil.copytree(tmp_path / "older", store_of(world))

    await killed(world, broker, monkeypatch, restore)
    await world.platform.answers_more()
    await world.stop_writing()
    await world.is_exactly_once()


def copied(source: str, target: str) -> None:
    """The file is copied as it is now, if it is still there: the broker goes on writing."""
    if os.path.exists(source):  # noqa: PTH110  # copytree hands over names
        shutil.copy2(source, target)


async def test_streams_that_are_deleted_or_emptied_are_made_again(world, broker):
    world.write()
    client = await nats.connect(broker.url())
    try:
        jetstream = client.jetstream()
        for harm in (jetstream.purge_stream, jetstream.delete_stream):
            await world.platform.answers_more()
            for name in ("CONNECTORS", "IDENTITY", "ROUTING", "TRANSLATE"):
                await harm(name)
    finally:
        await client.close()
    await world.platform.answers_more()
    await world.stop_writing()
    await world.is_exactly_once()


@pytest.mark.parametrize("server", ["nats", "postgres"])
async def test_a_server_that_stands_still_for_a_while_costs_time_only(world, server):
    world.write()
    await world.platform.answers_more()
    process = psutil.Process(world.stack.ready().processes[server])
    family = [process, *process.children(recursive=True)]
    for each in family:
        each.suspend()
    await asyncio.sleep(FROZEN_SECONDS)
    for each in family:
        each.resume()
    await until(world.serving, seconds=30)
    await world.platform.answers_more()
    await world.stop_writing()
    await world.is_exactly_once()
