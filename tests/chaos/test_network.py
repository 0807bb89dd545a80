"""Between services and servers: nothing passes, one side is not heard, everything is late (rows 13 and 14)."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from types import SimpleNamespace

import pytest
import pytest_asyncio

from lobby_local import Stack
from lobby_local.services import SERVICES, Service
from tests.chaos.proxy import Proxy
from tests.lobby import until

pytestmark = [pytest.mark.chaos_full, pytest.mark.asyncio(loop_scope="session")]

SECONDS = 8.0


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def network(tmp_path_factory) -> AsyncIterator[SimpleNamespace]:
    """A stack whose services reach NATS and PostgreSQL through proxies."""
    disguised = [
        Service(each.name, (sys.executable, "-m", "tests.chaos.disguise", f"lobby_{each.name}"), each.migrates)
        for each in SERVICES
    ]
    stack = Stack(tmp_path_factory.mktemp("network"), port=0, services=disguised)
    proxies = {
        "nats": Proxy(lambda: stack.plan.nats.port),
        "postgres": Proxy(lambda: stack.plan.postgres.port),
    }
    for proxy in proxies.values():
        await proxy.start()
    os.environ["CHAOS_PROXIES"] = json.dumps(
        {"LOBBY_NATS_URL": proxies["nats"].port, "LOBBY_DATABASE_URL": proxies["postgres"].port}
    )
    try:
        async with stack:
            yield SimpleNamespace(stack=stack, **proxies)
    finally:
        del os.environ["CHAOS_PROXIES"]
        for proxy in proxies.values():
            await proxy.stop()


@pytest.fixture
def stack(network):
    return network.stack


@pytest.mark.parametrize("server", ["nats", "postgres"])
@pytest.mark.parametrize("harm", ["partition", "half_open"])
async def test_who_cannot_be_reached_costs_time_only(world, network, server, harm):
    await world.write()
    with world.fault(f"{harm} of {server}"):
        with getattr(getattr(network, server), harm)():
            await asyncio.sleep(SECONDS)
        await until(world.serving, seconds=60)
    await world.answers_more()
    await world.is_exactly_once()


async def test_what_comes_late_comes_once(world, network):
    await world.write()
    with world.fault("latency"), network.nats.latency(0.2, 0.1), network.postgres.latency(0.05, 0.025):
        await asyncio.sleep(SECONDS)
        await world.answers_more()
    await world.answers_more()
    await world.is_exactly_once()
