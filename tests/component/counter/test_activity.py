"""People who wrote are the same whether their messages are read, or the hours and days that were made of them."""

from bisect import bisect_right
from collections import defaultdict
from datetime import timedelta
from random import Random
from zoneinfo import ZoneInfo

import pytest

from lobby_counter import figures
from lobby_counter.activity import Activity
from lobby_counter.calendars import Calendar, Period
from lobby_counter.figures import Filter, Question
from tests.component.counter.story import Story, at

BEGIN = at("08:00") - timedelta(days=4)


def tale(random: Random, story: Story) -> list:
    """Messages over three days, not in order, with agents and merges in between."""
    told, version = [], 0
    for _ in range(80):
        user, account = random.choice("ABCDEFG"), random.choice(("WA1", "TG1"))
        when = BEGIN + timedelta(minutes=random.randint(0, 3 * 24 * 60))
        told.append(story.says(user, account, when, greeting=random.random() < 0.8))
        if random.random() < 0.2:
            told.append(story.assigns(user, account, random.choice(("ann", "bob")), when, first=True))
        if random.random() < 0.1:
            version += 1
            users = random.sample("ABCDEFG", 2)
            told.append(story.merges(f"m{version}", users[0], users, version=version))
    return told


async def recount(counter, period: Period, by: frozenset[str]) -> dict[tuple, int]:
    """Distinct people by bucket, account and agent, from the messages."""
    people = defaultdict(set)
    rows = await counter.pool.fetch(
        """
        SELECT m.occurred_time, m.account_id::text, coalesce(m.agent_id::text, '') AS agent_id,
            coalesce(u.contact_id, m.channel_user_id) AS person
        FROM message AS m
        LEFT JOIN channel_user AS u ON u.channel_user_id = m.channel_user_id
        WHERE m.direction = 1 AND m.greeting AND m.occurred_time >= $1 AND m.occurred_time < $2
        """,
        period.start,
        period.end,
    )
    for row in rows:
        keys = [row[f"{name}_id"] if name in by else None for name in ("account", "agent")]
        people[bisect_right(period.cuts, row["occurred_time"]), *keys].add(row["person"])
        people["total"].add(row["person"])
    return {key: len(persons) for key, persons in people.items()}


@pytest.mark.parametrize("seed", range(8))
async def test_people_who_wrote_are_a_recount_of_the_messages(counter, seed, now):
    random, story = Random(seed), Story(f"W{seed}")
    task = Activity(counter.log)
    told = tale(random, story)
    moment = BEGIN + timedelta(hours=5)
    while told:
        now(moment)
        some = random.randint(1, 30)
        await counter.hear(*told[:some])
        told = told[some:]
        moment += timedelta(hours=random.randint(1, 30))
        now(moment)
        if random.random() < 0.8:
            await task.finish()
        only = Filter(story.workspace_id, story.workspace_id, None, None, None)
        for _ in range(4):
            start = BEGIN + timedelta(minutes=random.choice((7, 60, 1440)) * random.randint(0, 3))
            end = start + timedelta(minutes=random.choice((7, 60, 1440)) * random.randint(1, 9))
            calendar = Calendar(
                ZoneInfo(random.choice(("UTC", "Asia/Shanghai", "Asia/Kathmandu"))), random.choice((0, 6))
            )
            cuts = random.choice((calendar.days(start, end), calendar.hours(start, end), [start]))
            period, by = (
                Period(start, end, tuple(cuts)),
                frozenset(random.sample(("account", "agent"), random.randint(0, 2))),
            )
            read = await figures.read(counter.pool, Question(only, period, by, False))
            found = {
                (key.bucket, key.account_id, key.agent_id): row["active"]
                for key, row in read.rows.items()
                if row.get("active")
            }
            found["total"] = read.totals["active"]
            expected = await recount(counter, period, by)
            assert found == {"total": 0} | expected
    assert await counter.pool.fetchval("SELECT count(*) FROM activity WHERE width = 1440") > 0


async def test_a_message_that_comes_late_is_read_until_its_hour_is_made_again(counter, story, now):
    yesterday = at("10:00") - timedelta(days=1)
    task = Activity(counter.log)
    await counter.hear(story.says("A", "WA1", yesterday), story.says("B", "WA1", at("10:00")))
    await task.finish()
    await counter.hear(story.says("A", "WA1", at("10:30")))
    assert (await counter.counts(start=at("09:00"))).totals.active_repeats == 1
    [dirty] = await counter.pool.fetch("SELECT * FROM activity_dirty")
    assert dirty["slot"] == at("10:00")
    await task.finish()
    assert await counter.pool.fetch("SELECT * FROM activity_dirty") == []
    assert (await counter.counts(start=at("09:00"))).totals.active_repeats == 1


async def test_two_who_make_the_same_hours_make_them_once(counter, story):
    await counter.hear(story.says("A", "WA1", at("10:00")), story.says("B", "WA1", at("10:00")))
    first, second = Activity(counter.log), Activity(counter.log)
    await first.step(story.workspace_id)
    await second.finish()
    rows = await counter.pool.fetch("SELECT width, cardinality(channel_user_ids) AS users FROM activity")
    assert [(row["width"], row["users"]) for row in rows] == [(60, 2)]
