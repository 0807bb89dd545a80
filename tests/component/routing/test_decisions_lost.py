"""A decision that is taken away by hand is named and comes back; where none was to be made none is asked for."""

import pytest

from tests.component.routing.conftest import TG, WA, Routing


async def decided(routing: Routing):
    """Time, agent and strategy of each decision, in the order of the list."""
    return [
        (each.time.ToDatetime(), each.agent_id, each.strategy)
        for chat in ("a", "b")
        for each in await routing.decisions(WA, chat)
    ]


async def history(routing: Routing):
    """Nobody was there, somebody came, released, was given another; returns what was heard."""
    first, second = routing.wrote(WA, "a", -9), routing.wrote(WA, "b", -8)
    await routing.hear(first, second)
    ann = await routing.agent()
    with routing.as_owner():
        await routing.release(WA, "a", ann)
        await routing.claim(WA, "b", ann)
    third = routing.wrote(WA, "b", -1)
    await routing.hear(third)
    return [first, second, third]


async def test_nothing_is_missed_where_nothing_was_lost_and_no_outcome_changed(routing):
    heard = await history(routing)
    quiet = routing.wrote(WA, "b", 0, greeting=False)
    await routing.hear(quiet, routing.sent(WA, "b", 0, echo=True))
    late = routing.wrote(WA, "b", -3)  # answered before it came
    await routing.hear(late)
    assert await routing.prove(*heard, quiet, late) == set()


@pytest.mark.parametrize("loss", ["DELETE FROM decision", "DELETE FROM decision WHERE agent_id IS NULL"])
async def test_decisions_come_back_as_they_were_and_in_their_order(routing, loss):
    heard = await history(routing)
    before = await decided(routing)
    await routing.pool.execute(loss)
    assert await decided(routing) != before
    assert heard[0].message_id in await routing.prove(*heard)
    after = await decided(routing)
    assert [each[1:] for each in after] == [each[1:] for each in before]
    assert await routing.prove(*heard) == set()


async def test_two_who_mend_at_once_make_each_decision_once(routing):
    heard = await history(routing)
    count = len(await decided(routing))
    lost = [routing._incoming(each) for each in heard]
    await routing.pool.execute("DELETE FROM decision WHERE agent_id IS NULL AND message_id IS NOT NULL")
    for _ in range(2):
        async with routing.log.transaction() as tx:
            await routing.hearing.mend(tx, lost)
    assert len(await decided(routing)) == count


async def test_a_message_that_found_nobody_says_so_on_its_journey(routing):
    message = routing.wrote(TG, "a")
    await routing.hear(message)
    effects = await routing.pool.fetchval("SELECT effects FROM conversation_message")
    assert effects == "conversation_opened,pooled,owed"
