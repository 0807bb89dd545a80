"""The database is away under traffic: webhooks are answered with 200 all the same, and nothing is lost or doubled."""

import pytest

from tests.chaos import faults
from tests.chaos.mutations.scenes import the_spool_is_lost_while_postgres_is_away
from tests.lobby import until

pytestmark = [pytest.mark.asyncio(loop_scope="session")]


@pytest.mark.chaos
async def test_webhooks_are_accepted_while_postgres_is_away(world):
    """It died and does not come back before enough was written without it."""
    await world.write()
    with world.fault("postgres is away"):
        async with faults.away(world.stack, "postgres", world.stack.plan.postgres):
            await world.answers_more(120)
            # Where probes took them for unready nobody would send them webhooks.
            assert await world.ready("gateway")
            assert await world.ready("connectors")
            assert not await world.ready("routing")
        await until(world.serving, seconds=30)
    await world.answers_more()
    await world.is_exactly_once()


@pytest.mark.chaos_full
@pytest.mark.parametrize("left", ["nothing", "an older image"])
async def test_what_waits_in_the_spool_is_put_again_where_the_broker_lost_it(world, left):
    """One store is away, and the other loses what it took meanwhile: whoever put it there has it still."""
    await world.write()
    await the_spool_is_lost_while_postgres_is_away(world, left=left)
    await world.is_exactly_once()
