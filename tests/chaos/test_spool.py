"""The database is away under traffic: webhooks are answered with 200 all the same, and nothing is lost or doubled."""

import pytest

from tests.chaos import faults
from tests.lobby import until

pytestmark = [pytest.mark.chaos, pytest.mark.asyncio(loop_scope="session")]


async def test_webhooks_are_accepted_while_postgres_is_away(world):
    """It died and does not come back before enough was written without it."""
    await world.write()
    with world.fault("postgres is away"):
        async with faults.away(world.stack, "postgres", world.stack.plan.postgres):
            await world.answers_more(120)
        await until(world.serving, seconds=30)
    await world.answers_more()
    await world.is_exactly_once()
