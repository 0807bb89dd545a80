"""Everything is restarted as an operator does it, one after the other (row 5)."""

import signal

import pytest

from tests.chaos import faults
from tests.lobby import until

pytestmark = [pytest.mark.chaos_full, pytest.mark.asyncio(loop_scope="session")]

ORDER = ("postgres", "nats", "connectors", "identity", "routing", "counter", "translate", "gateway")


async def test_a_rolling_restart_loses_nothing(world):
    await world.write()
    for name in ORDER:
        with world.fault(f"restart of {name}"):
            await faults.kill(world.stack, name, signal.SIGINT if name == "postgres" else signal.SIGTERM)
            await until(world.serving, seconds=60)
        await world.answers_more()
    await world.is_exactly_once()
