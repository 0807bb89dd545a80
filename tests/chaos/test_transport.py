"""The broker is transport: whatever becomes of its store, nothing is lost and nothing comes twice (DESIGN §3)."""

import asyncio
import shutil

import nats
import pytest

from tests.chaos import faults
from tests.lobby import until

pytestmark = [pytest.mark.chaos, pytest.mark.asyncio(loop_scope="session")]

FROZEN_SECONDS = 5.0
"""How long a server stands still; longer than calls may take."""


@pytest.fixture
def broker(world):
    return world.stack.plan.nats


@pytest.fixture
def store(world):
    world.stream_is_whole = False
    return world.stack.home.nats / "jetstream"


async def test_a_store_that_is_wiped_is_refilled(world, broker, store):
    await world.write()
    for _ in range(2):
        with world.fault("wipe"):
            faults.before_restart(broker, lambda: shutil.rmtree(store))
            await faults.kill(world.stack, "nats")
        await world.answers_more()
    await world.is_exactly_once()


async def test_a_store_that_is_older_than_what_was_heard_is_caught_up(world, broker, store, tmp_path):
    await world.write()
    faults.copy_live(store, tmp_path / "older")
    await world.answers_more()

    def restore() -> None:
        shutil.rmtree(store)
        shutil.copytree(tmp_path / "older", store)

    with world.fault("older store"):
        faults.before_restart(broker, restore)
        await faults.kill(world.stack, "nats")
    await world.answers_more()
    await world.is_exactly_once()


async def test_streams_that_are_deleted_or_emptied_are_made_again(world, broker, store):
    await world.write()
    client = await nats.connect(broker.url())
    try:
        jetstream = client.jetstream()
        for harm in (jetstream.purge_stream, jetstream.delete_stream):
            await world.answers_more()
            with world.fault("streams harmed"):
                for name in ("CONNECTORS", "IDENTITY", "ROUTING", "TRANSLATE"):
                    await harm(name)
    finally:
        await client.close()
    await world.answers_more()
    await world.is_exactly_once()


async def test_consumers_that_are_deleted_are_made_again(world, broker):
    await world.write()
    client = await nats.connect(broker.url())
    try:
        jetstream = client.jetstream()
        for _ in range(3):
            with world.fault("consumers deleted"):
                for name in ("CONNECTORS", "IDENTITY", "ROUTING", "TRANSLATE", "COUNTER"):
                    for consumer in await jetstream.consumers_info(name):
                        await jetstream.delete_consumer(name, consumer.name)
            await world.answers_more()
    finally:
        await client.close()
    await world.is_exactly_once()


@pytest.mark.parametrize("server", ["nats", "postgres"])
async def test_a_server_that_stands_still_for_a_while_costs_time_only(world, server):
    await world.write()
    with world.fault(f"{server} stands still"):
        async with faults.standing_still(world.stack, server):
            await asyncio.sleep(FROZEN_SECONDS)
        await until(world.serving, seconds=30)
    await world.answers_more()
    await world.is_exactly_once()
