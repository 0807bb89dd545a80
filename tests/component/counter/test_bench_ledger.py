"""The ledger that `make bench-figures` measures holds what the service would have left of the same entries."""

from collections import Counter as Sums
from datetime import UTC, datetime, timedelta

from lobby_counter import days
from lobby_counter.making import Days
from tests.bench import ledger
from tests.component.counter.story import Story
from tests.component.counter.test_days import made
from tests.component.counter.test_days import recount as recount_days
from tests.component.counter.test_rolled_up import recount, rolled_up

END = datetime(2026, 11, 22, 12, tzinfo=UTC)


async def test_roll_ups_of_the_ledger_are_a_recount_of_its_rows(counter, database):
    await ledger.fill(database.admin_url, 500, 9, END)
    assert await rolled_up(counter.pool) == await recount(counter.pool)
    async with counter.pool.acquire() as conn:
        mark = await days.read_mark(conn, ledger.WORKSPACE)
    assert await made(counter.pool) == await recount_days(counter.pool, mark)
    before = await made(counter.pool)
    await Days(counter.log).finish(500)
    assert await made(counter.pool) == before
    missed = await counter.pool.fetch("SELECT width, sum(late)::int AS late FROM missed GROUP BY width")
    late = await counter.pool.fetchval("SELECT count(*) FROM wait WHERE late_time < end_time")
    assert {row["width"]: row["late"] for row in missed} == {15: late, 60: late}


async def test_its_entries_are_judged_by_the_rule(counter, database):
    await ledger.fill(database.admin_url, 500, 9, END)
    story = Story()
    story.workspace_id = ledger.WORKSPACE
    totals = (await counter.counts(story, start=END - timedelta(days=10), end=END)).totals
    people: Sums[str] = Sums()
    for (person,) in await counter.pool.fetch(
        "SELECT u.contact_id::text FROM entry AS e JOIN channel_user AS u ON u.channel_user_id = e.channel_user_id"
    ):
        people[person] += 1
    assert totals.new == len(people)
    assert totals.repeat == people.total() - len(people) > 0
