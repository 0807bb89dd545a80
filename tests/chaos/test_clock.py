"""A service whose clock is an hour off: ids, order, leases and figures stay what they are (row 18)."""

import os
import sys
from collections.abc import AsyncIterator
from types import SimpleNamespace

import pytest
import pytest_asyncio

from lobby_local import Stack
from lobby_local.services import SERVICES, Service
from tests.chaos.disguise import set_clock

pytestmark = [pytest.mark.chaos_full, pytest.mark.asyncio(loop_scope="session")]

HOUR = 3600.0


@pytest_asyncio.fixture(scope="module", loop_scope="session", params=["connectors", "routing", "gateway"])
async def clocks(tmp_path_factory, request) -> AsyncIterator[SimpleNamespace]:
    """A stack in which one service looks at a clock that we set."""
    clock = tmp_path_factory.mktemp("clock") / "ahead"
    set_clock(clock, 0.0)
    services = [
        Service(each.name, (sys.executable, "-m", "tests.chaos.disguise", f"lobby_{each.name}"), each.migrates)
        if each.name == request.param
        else each
        for each in SERVICES
    ]
    os.environ["CHAOS_CLOCK"] = str(clock)
    try:
        async with Stack(tmp_path_factory.mktemp("home"), port=0, services=services) as stack:
            yield SimpleNamespace(stack=stack, clock=clock)
    finally:
        del os.environ["CHAOS_CLOCK"]


@pytest.fixture
def stack(clocks):
    return clocks.stack


async def test_a_clock_that_jumps_changes_nothing_that_counts(world, clocks):
    await world.write()
    for ahead in (HOUR, -HOUR, 0.0):
        with world.fault(f"clock {ahead:+.0f} s"):
            set_clock(clocks.clock, ahead)
            await world.answers_more(60)
    await world.is_exactly_once()
