"""Two replicas of each service: one stands still or dies under traffic, the other goes on within ten seconds."""

import asyncio
import os
import shutil
import signal
import time
from collections.abc import AsyncIterator

import aiohttp
import asyncpg
import pytest
import pytest_asyncio

from lobby_local import Stack
from tests.chaos import faults
from tests.lobby import until

pytestmark = pytest.mark.asyncio(loop_scope="session")

TAKEN_OVER_WITHIN = 10.0
"""Seconds (DESIGN §3; reliability.md §9.9)."""
SHARING = ("connectors", "identity", "routing", "counter", "translate")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def stack(tmp_path_factory) -> AsyncIterator[Stack]:
    """Overrides the stack of the other chaos tests: two replicas of each service."""
    async with Stack(tmp_path_factory.mktemp("replicas"), port=0, replicas=2) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="session")
async def database(stack) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(stack.ready().database_url)
    yield connection
    await connection.close()


async def holders(database: asyncpg.Connection, service: str) -> dict[str, int]:
    """How many leases of a service each of its replicas holds."""
    rows = await database.fetch(
        f"SELECT r.name, count(*) FROM {service}.lease AS l"
        f" JOIN {service}.replica AS r ON r.process = l.owner GROUP BY r.name"
    )
    return dict(rows)


async def is_shared(database: asyncpg.Connection, service: str) -> bool:
    held = await holders(database, service)
    return set(held) == {service, f"{service}-2"}


async def ended_and_serves_again(world, replica: str, number: int) -> None:
    """The replica was sent the signal, and another process of its name is ready."""
    old = world.stack.ready().processes[replica]
    os.kill(old, number)

    async def serves() -> bool:
        if world.stack.ready().processes[replica] == old:
            return False
        try:
            async with world.session.get(f"http://{world.stack.ready().services[replica].http}/readyz") as answer:
                return answer.status == 200
        except aiohttp.ClientError:
            return False

    await until(serves, seconds=30)


@pytest.mark.chaos
async def test_whoever_stands_still_is_followed_in_time_and_cannot_write_when_it_goes_on(world, database):
    await world.write()
    for service in SHARING:
        await until(lambda name=service: is_shared(database, name), seconds=20)
        with world.fault(f"{service} stands still"):
            async with faults.standing_still(world.stack, service):
                stopped = time.monotonic()

                async def followed(name: str = service) -> bool:
                    held = await holders(database, name)
                    return held.get(name, 0) == 0

                await until(followed, seconds=TAKEN_OVER_WITHIN)
                print(f"{service}: taken over after {time.monotonic() - stopped:.1f} s")
                await world.answers_more()
    await world.answers_more()
    await world.is_exactly_once()


@pytest.mark.chaos_full
async def test_the_broker_is_wiped_while_one_of_two_stands_still_that_goes_on_afterwards(world, database):
    """It reads on in a stream that is another one by then, and what it holds of the spool may be there twice."""
    await world.write()
    world.stream_is_whole = False
    store = world.stack.home.nats / "jetstream"
    for names in (("connectors", "counter-2"), ("connectors-2", "identity", "routing")):
        with world.fault(f"{names} stand still, the broker is wiped"):
            async with faults.standing_still(world.stack, *names):
                await world.answers_more()
                faults.before_restart(world.stack.plan.nats, lambda: shutil.rmtree(store))
                await faults.kill(world.stack, "nats")
                await world.answers_more(60)
        await world.answers_more()
    await world.is_exactly_once()


@pytest.mark.chaos_full
async def test_whoever_dies_is_followed_and_nothing_is_lost_or_doubled(world, database):
    await world.write()
    for service in SHARING:
        await world.answers_more()
        both = (service, f"{service}-2")
        with world.fault(f"both {service} die"):
            await asyncio.gather(*(ended_and_serves_again(world, replica, signal.SIGKILL) for replica in both))
    await world.answers_more()
    await world.is_exactly_once()


@pytest.mark.chaos_full
async def test_everything_is_restarted_in_turn_and_no_webhook_is_refused(world, database):
    await world.write()
    await world.answers_more()
    for service, replica in [(name, name + ending) for name in SHARING for ending in ("", "-2")]:
        with world.fault(f"restart of {replica}"):
            await ended_and_serves_again(world, replica, signal.SIGTERM)
            await until(lambda name=service: is_shared(database, name), seconds=20)
        await world.answers_more()
    await world.is_exactly_once()
    assert world.crowd.statuses.keys() <= {200, 401}
