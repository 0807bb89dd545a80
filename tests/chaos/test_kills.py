"""`kill -9` of every process in turn, under traffic: what was answered 200 is there exactly once, in every service."""

import pytest

from tests.chaos import faults
from tests.lobby import until

pytestmark = [pytest.mark.chaos, pytest.mark.asyncio(loop_scope="session")]

VICTIMS = ("connectors", "identity", "routing", "counter", "translate", "gateway", "nats", "postgres")


async def test_nothing_happens_and_nothing_is_missing(world):
    await world.write()
    await world.answers_more(300)
    await world.is_exactly_once()


async def test_whatever_dies_every_message_answered_200_is_there_exactly_once(world):
    await world.write()
    for victim in VICTIMS:
        with world.fault(f"kill {victim}"):
            await faults.kill(world.stack, victim)
            await until(world.serving, seconds=30)
        await world.answers_more()
    await world.is_exactly_once()


async def test_a_webhook_is_not_accepted_while_the_database_cannot_commit_it(world):
    """Connectors dies while PostgreSQL stands still: what was under way was not answered 200, or is there."""
    await world.write()
    for _ in range(2):
        with world.fault("connectors dies before a commit"):
            async with faults.standing_still(world.stack, "postgres"):
                await world.attempts_more(30)
                await faults.kill(world.stack, "connectors")
            await until(world.serving, seconds=30)
        await world.answers_more()
    await world.is_exactly_once()
