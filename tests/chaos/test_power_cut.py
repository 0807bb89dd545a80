"""The power goes: what a server had not flushed is gone; what was answered 200 is there all the same."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.chaos.power import Power, stack_on_disks
from tests.lobby import until

pytestmark = [pytest.mark.loop_device, pytest.mark.asyncio(loop_scope="session")]

CUTS = 2


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def power(tmp_path_factory) -> AsyncIterator[Power]:
    async with stack_on_disks(tmp_path_factory.mktemp("power")) as made:
        yield made


@pytest.fixture
def stack(power):
    return power.stack


@pytest.mark.parametrize(
    "names",
    [
        pytest.param(["nats"], marks=pytest.mark.chaos),
        pytest.param(["postgres"], marks=pytest.mark.chaos),
        pytest.param(["nats", "postgres"], marks=pytest.mark.chaos_full),
    ],
    ids="+".join,
)
async def test_nothing_that_was_answered_200_goes_with_the_power(world, power, names):
    await world.write()
    for _ in range(CUTS):
        with world.fault(f"power cut of {' and '.join(names)}"):
            await power.cut(names)
            await until(world.serving, seconds=60)
        await world.answers_more()
    await world.is_exactly_once()
