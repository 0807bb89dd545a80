"""The database's server is gone and its standby takes over: nothing is lost where commits wait for it (row 25)."""

import contextlib

import pytest

from tests.chaos import faults
from tests.chaos.failover import pair
from tests.chaos.world import new_world
from tests.lobby import until

pytestmark = [pytest.mark.chaos_full, pytest.mark.asyncio(loop_scope="session")]

LOSES_WITHIN = 12.0
"""Seconds after which it is judged, also if it never comes to rest."""


async def test_a_standby_for_which_commits_wait_takes_over_and_nothing_is_lost(session, sandbox, tmp_path):
    (tmp_path / "crowd").mkdir()
    async with (
        pair(tmp_path, synchronous=True) as two,
        new_world(two.stack, session, sandbox, tmp_path / "crowd") as world,
    ):
        await world.write()
        await world.answers_more(100)
        async with contextlib.AsyncExitStack() as away:
            with world.fault("the standby takes over"):
                await away.enter_async_context(faults.away(world.stack, "postgres", world.stack.plan.postgres))
                await two.standby.promote()
                await until(world.serving, seconds=60)
            await world.answers_more(100)
            await world.is_exactly_once()


async def test_a_standby_that_lags_loses_what_was_accepted_and_the_checker_sees_it(session, sandbox, tmp_path):
    (tmp_path / "crowd").mkdir()
    async with (
        pair(tmp_path, synchronous=False) as two,
        new_world(two.stack, session, sandbox, tmp_path / "crowd") as world,
    ):
        await world.write()
        async with contextlib.AsyncExitStack() as away:
            with world.fault("a standby takes over that lags"):
                away.enter_context(two.line.partition())
                await world.answers_more(100)
                await away.enter_async_context(faults.away(world.stack, "postgres", world.stack.plan.postgres))
                await two.standby.promote()
                await until(world.serving, seconds=60)
            await world.answers_more()
            violations, balance = await world.judged(within=LOSES_WITHIN)
    assert "C1" in {each.invariant for each in violations}
    assert balance.lost
