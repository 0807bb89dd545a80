"""A wait that is taken away by hand is named by every event that told of it, and comes back as it was."""

from datetime import timedelta
from random import Random

import pytest

from lobby_common.events import Incoming
from tests.component.counter.story import Story, at

BEGIN = at("08:00")


def tale(random: Random, story: Story) -> tuple[list[Incoming], list[list[Incoming]]]:
    """What routing tells of some conversations, and the same events by the wait that they tell of."""
    told: list[Incoming] = []
    runs: list[list[Incoming]] = []
    owed: dict[str, tuple[int, list[Incoming]]] = {}
    for minute in range(40, 100):
        user = random.choice("ABC")
        now = BEGIN + timedelta(minutes=minute)
        since, run = owed.get(user, (0, []))
        move = random.choice(("assign", "owe", "owe", "end", "end", "close"))
        if move == "assign":
            told.append(story.assigns(user, "WA1", random.choice(("ann", "bob", "")), now))
        elif move == "owe":
            since = minute if not run else since - 1
            if not run:
                runs.append(run)
            run.append(story.owes(user, "WA1", BEGIN + timedelta(minutes=since), agent="ann"))
            told.append(run[-1])
            owed[user] = (since, run)
        elif move == "close" and not run:
            told.append(story.closes(user, "WA1", now))
        elif run:
            start = BEGIN + timedelta(minutes=since)
            ends = story.ends_wait if move == "end" else None
            run.append(
                ends(user, "WA1", start, now, agent="ann") if ends else story.closes(user, "WA1", now, since=start)
            )
            told.append(run[-1])
            del owed[user]
    return told, runs


async def waits(counter):
    return {
        tuple(row.values())
        for row in await counter.pool.fetch(
            "SELECT conversation_id, owed_since, end_time, ending, end_agent_id, close_reason FROM wait"
        )
    }


async def hear(counter, random: Random, told: list[Incoming]) -> None:
    while told:
        some = random.randint(1, 9)
        await counter.hear(*told[:some])
        told = told[some:]


@pytest.mark.parametrize("seed", range(12))
async def test_exactly_the_events_of_lost_waits_are_named_and_they_come_back_in_whatever_order_they_are_found(
    counter, seed
):
    random = Random(seed)
    told, runs = tale(random, Story(f"W{seed}"))
    await hear(counter, random, told)
    assert await counter.effectless(*told) == set()
    before = await waits(counter)
    assert len(before) == len(runs)
    lost = random.sample(runs, len(runs) // 2)
    firsts = [run[0].event.id for run in lost]
    await counter.pool.execute("DELETE FROM wait WHERE wait_id = ANY ($1::uuid[])", firsts)
    assert await counter.effectless(*told) == {each.event.id for run in lost for each in run}
    half = len(told) // 2
    for _ in range(2):
        for some in (told[half:], told[:half]):  # the newest first, as the reconciler comes by
            missing = await counter.effectless(*some)
            await counter.mend(*(each for each in some if each.event.id in missing))
    assert await counter.effectless(*told) == set()
    assert await waits(counter) == before


async def test_a_conversation_that_is_lost_with_its_waits_comes_back_with_them(counter):
    random = Random(99)
    told, _ = tale(random, Story("W99"))
    await hear(counter, random, told)
    before = await waits(counter)
    await counter.pool.execute("DELETE FROM wait")
    await counter.pool.execute("DELETE FROM conversation")
    assert await counter.effectless(*told) == {each.event.id for each in told}
    await counter.mend(*told)
    assert await counter.effectless(*told) == set()
    assert await waits(counter) == before


async def test_an_open_wait_that_comes_back_is_ended_by_its_answer(counter, story):
    owed = story.owes("A", "WA1", at("09:00"))
    await counter.hear(owed)
    await counter.pool.execute("DELETE FROM wait")
    await counter.mend(owed)
    answered = story.ends_wait("A", "WA1", at("09:00"), at("09:10"), agent="ann")
    await counter.hear(answered)
    assert len(await waits(counter)) == 1
    assert await counter.effectless(owed, answered) == set()


async def test_two_who_mend_at_once_make_a_wait_once(counter, story):
    owed, answered = story.owes("A", "WA1", at("09:00")), story.ends_wait("A", "WA1", at("09:00"), at("09:10"))
    await counter.hear(owed, answered)
    before = await waits(counter)
    await counter.pool.execute("DELETE FROM wait")
    for _ in range(2):
        await counter.mend(owed, answered)
    assert await waits(counter) == before
    assert await counter.pool.fetchval("SELECT count(*) FROM wait") == 1
