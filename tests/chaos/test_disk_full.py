"""Disks that are full: nothing is answered 200 that is not kept, and all goes on by itself once there is room."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.chaos.power import Power, stack_on_disks
from tests.lobby import until

pytestmark = [pytest.mark.chaos_full, pytest.mark.loop_device, pytest.mark.asyncio(loop_scope="session")]

SECONDS = 8.0
MEGABYTES = {"postgres": 500, "nats": 64}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def power(tmp_path_factory) -> AsyncIterator[Power]:
    async with stack_on_disks(tmp_path_factory.mktemp("full"), MEGABYTES) as made:
        yield made


@pytest.fixture
def stack(power):
    return power.stack


async def test_the_brokers_disk_is_full(world, power):
    """Webhooks are taken in all the same: what cannot be published waits in the log."""
    await world.write()
    with world.fault("disk of nats is full"):
        power.disks["nats"].fill()
        await world.answers_more(200)
        await asyncio.sleep(SECONDS)
        power.disks["nats"].free()
    await world.answers_more()
    await world.is_exactly_once()


async def test_the_databases_disk_is_full(world, power):
    """Webhooks go to the spool, or are refused with 503 and come again."""
    await world.write()
    with world.fault("disk of postgres is full"):
        power.disks["postgres"].fill()
        log = world.stack.home.log("postgres")

        async def is_felt() -> bool:
            return b"No space left on device" in log.read_bytes()

        await until(is_felt, seconds=60)
        await asyncio.sleep(SECONDS)
        power.disks["postgres"].free()
        await until(world.serving, seconds=60)
    await world.answers_more()
    await world.is_exactly_once()
