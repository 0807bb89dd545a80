"""Days hold what a recount of the rows gives, whatever happened after they were made; figures are those of the rows."""

from collections import Counter as Sums
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from itertools import product
from random import Random
from zoneinfo import ZoneInfo

import pytest

from lobby_counter import days
from lobby_counter.calendars import Calendar
from lobby_counter.making import Days
from tests.component.counter.story import Story, at
from tests.component.counter.test_rolled_up import recount as recount_hours
from tests.component.counter.test_rolled_up import rolled_up
from tests.component.counter.test_rolled_up import tale as told_of_people
from tests.component.counter.waiting import tale as told_of_waits

BEGIN = datetime(2026, 10, 31, 20, tzinfo=UTC)
GROUPS = ("account", "platform", "agent", "campaign", "language", "country")
ADDED = (
    "messages_in", "messages_out", "new", "repeat", "excluded", "recorded_new", "recorded_repeat", "recorded_excluded",
    "late", "lost_window", "unanswered",
)  # fmt: skip
FIRST = """
LEFT JOIN entry AS f
    ON f.channel_user_id = {0}.channel_user_id AND f.account_id = {0}.account_id AND f.again_event_id IS NULL
"""
OF_FIRST = (
    "coalesce(f.campaign_id, '') AS campaign, coalesce(f.language, '') AS language, coalesce(f.country, '') AS country"
)
OF_ENTRY = """e.account_id::text AS account, e.platform::text, coalesce(e.agent_id::text, '') AS agent,
    e.campaign_id AS campaign, e.language, e.country"""
ROWS = f"""
SELECT m.occurred_time AS at, m.account_id::text AS account, m.platform::text, coalesce(m.agent_id::text, '') AS agent,
    {OF_FIRST}, CASE m.direction WHEN 1 THEN 'messages_in' ELSE 'messages_out' END AS figure, 1 AS weight
FROM message AS m {FIRST.format("m")}
UNION ALL
SELECT e.occurred_time, {OF_ENTRY}, v.verdict, 1
FROM entry AS e JOIN verdict AS v ON v.counter_id = e.workspace_id AND v.entry_id = e.entry_id
UNION ALL
SELECT v.first_time, {OF_ENTRY}, 'recorded_' || v.first_verdict, 1
FROM entry AS e JOIN verdict AS v ON v.counter_id = e.workspace_id AND v.entry_id = e.entry_id
UNION ALL
SELECT c.from_booked_time, {OF_ENTRY}, 'recorded_' || c.from_verdict, -1
FROM entry AS e JOIN correction AS c ON c.counter_id = e.workspace_id AND c.entry_id = e.entry_id
UNION ALL
SELECT c.to_booked_time, {OF_ENTRY}, 'recorded_' || c.to_verdict, 1
FROM entry AS e JOIN correction AS c ON c.counter_id = e.workspace_id AND c.entry_id = e.entry_id
UNION ALL
SELECT w.owed_since, c.account_id::text, c.platform::text, coalesce(w.agent_id::text, ''), {OF_FIRST}, x.figure, 1
FROM wait AS w JOIN conversation AS c ON c.conversation_id = w.conversation_id {FIRST.format("c")}
CROSS JOIN LATERAL (
    VALUES ('late', w.late_time < w.end_time), ('lost_window', w.window_lost_time <= w.end_time),
        ('unanswered', w.unanswered_time < w.end_time)
) AS x (figure, is_so)
WHERE x.is_so
"""
PEOPLE = f"""
SELECT m.occurred_time AS at, m.account_id::text AS account, m.platform::text, coalesce(m.agent_id::text, '') AS agent,
    {OF_FIRST}, coalesce(u.contact_id, m.channel_user_id) AS person,
    CASE m.direction WHEN 1 THEN 'wrote' ELSE 'served' END AS figure
FROM message AS m LEFT JOIN channel_user AS u ON u.channel_user_id = m.channel_user_id {FIRST.format("m")}
WHERE m.channel_user_id IS NOT NULL AND (m.direction = 1 AND m.greeting OR m.direction = 2 AND m.human)
"""


def facets(row) -> list[tuple[int, str]]:
    return [(0, ""), *((number, row[name]) for number, name in enumerate(GROUPS, 1))]


async def recount(pool, mark: days.Mark) -> tuple[Sums, Sums, Sums]:
    """What days of a workspace are to hold, who is in them again, and what their hours are to hold."""
    figures, again, hours = Sums(), Sums(), Sums()
    for row in await pool.fetch(ROWS):
        if mark.since <= row["at"] < mark.until and row["figure"] in ADDED:
            for facet in facets(row):
                figures[*facet, day_of(mark, row["at"]), row["figure"]] += row["weight"]
                hours[*facet, hour_of(mark, row["at"]), row["figure"]] += row["weight"]
    seen, of_hours = defaultdict(set), set()
    for row in await pool.fetch(PEOPLE):
        if mark.since <= row["at"] < mark.until:
            for facet in facets(row):
                seen[*facet, row["person"], row["figure"]].add(day_of(mark, row["at"]))
                of_hours.add((*facet, hour_of(mark, row["at"]), row["figure"], row["person"]))
    hours.update(each[:-1] for each in of_hours)
    for (facet, value, _, figure), found in seen.items():
        last = None
        for day in sorted(found):
            figures[facet, value, day, figure] += 1
            if last is not None:
                again[facet, value, day, last, figure] += 1
            last = day
    return without_zeros(figures), again, without_zeros(hours)


def day_of(mark: days.Mark, when: datetime) -> datetime:
    return mark.calendar.start_of(mark.calendar.day_of(when))


def hour_of(mark: days.Mark, when: datetime) -> datetime:
    return when - (when - day_of(mark, when)) % timedelta(hours=1)


def without_zeros(sums: Sums) -> Sums:
    return Sums({key: value for key, value in sums.items() if value})


async def made(pool) -> tuple[Sums, Sums, Sums]:
    """What they hold."""
    figures, again, hours = Sums(), Sums(), Sums()
    for found, start in ((figures, "day"), (hours, "hour")):
        for row in await pool.fetch(f"SELECT * FROM {start}_figure"):
            for figure in (*ADDED, "wrote", "served"):
                found[row["facet"], row["value"], row[start], figure] = row[figure]
    for row in await pool.fetch("SELECT * FROM day_return"):
        for figure in ("wrote", "served"):
            again[row["facet"], row["value"], row["day"], row["last_day"], figure] = row[figure]
    return without_zeros(figures), without_zeros(again), without_zeros(hours)


def tale(random: Random, story: Story, length: int) -> list:
    """People and waits of some days, as it happened, and a few messages of long before."""
    told = told_of_people(random, story, length)
    for user in "ABCDE":
        told += [
            story.says(user, "WA1", BEGIN + timedelta(hours=random.randint(-90, 60)), campaign=random.choice(("", "x")))
            for _ in range(random.randint(2, 5))
        ]
    told += told_of_waits(random, story, BEGIN, length)
    random.shuffle(told)
    return told


async def answers(counter, story: Story, **asked) -> list:
    found = await counter.counts(story, **asked)
    return [found.totals, *found.rows]


async def perhaps_make_a_campaign(counter, story: Story, seed: int) -> None:
    """In which greetings of a chat that had one are entries again."""
    if seed % 2:
        await counter.make_campaign(["WA1"], BEGIN - timedelta(hours=20), BEGIN + timedelta(hours=20), story)


@pytest.mark.parametrize("seed", range(10))
async def test_days_are_a_recount_after_everything_that_is_told(counter, seed, now, monkeypatch):
    random, story = Random(seed), Story(f"W{seed}")
    counter.source.calendar = Calendar(
        ZoneInfo(random.choice(("UTC", "Asia/Bangkok", "Asia/Kathmandu", "America/New_York"))), random.choice((0, 6))
    )
    await perhaps_make_a_campaign(counter, story, seed)
    task = Days(counter.log, messages=random.choice((1, 4, 1000)))
    told = tale(random, story, 25)
    moment = BEGIN + timedelta(hours=1)
    heard = []
    while told:
        now(moment)
        some = random.randint(1, 12)
        await counter.hear(*told[:some])
        heard += told[:some]
        told = told[some:]
        moment += timedelta(hours=random.randint(0, 9))
        now(moment)
        await task.finish(random.choice((0, 1, 3, 500)))
        if random.random() < 0.1:
            await counter.pool.execute("DELETE FROM message WHERE random() < 0.3")
            await counter.mend(*heard)
        async with counter.pool.acquire() as conn:
            mark = await days.read_mark(conn, story.workspace_id)
        if mark is not None:
            assert await made(counter.pool) == await recount(counter.pool, mark)
        assert await rolled_up(counter.pool) == await recount_hours(counter.pool)
    await task.finish(500)
    assert (await made(counter.pool))[1].total() > 0
    calendar = counter.source.calendar
    for _ in range(4):
        first = calendar.day_of(BEGIN + timedelta(days=random.randint(-3, 2)))
        start = calendar.start_of(first) + random.choice((0, 0, 1)) * timedelta(hours=3)
        end = calendar.start_of(first + timedelta(days=random.randint(1, 9))) + random.choice((0, 0, 1)) * timedelta(
            hours=5
        )
        several = [random.sample(GROUPS, random.randint(1, 3)) for _ in range(3)]
        splits = [(), *((each,) for each in GROUPS), *several]
        for by, view, bucket in product(splits, ("RESTATED", "RECORDED"), ("NONE", "DAY", "HOUR")):
            asked = {
                "start": start,
                "end": end,
                "view": f"VIEW_{view}",
                "bucket": f"BUCKET_{bucket}",
                "group_by": [f"GROUP_BY_{each.upper()}" for each in by],
            }
            if random.random() < 0.3:
                asked["agent_id"] = story.id("agent", "ann")
            if random.random() < 0.3:
                asked["account_id"] = story.id("account", "WA1")
            found = await answers(counter, story, **asked)
            with monkeypatch.context() as patch:
                patch.setattr("lobby_counter.days.read_mark", nothing)
                expected = await answers(counter, story, **asked)
            groups = {*by, *(name for name in ("agent", "account") if f"{name}_id" in asked)}
            if view == "RECORDED" and groups == {"agent"}:
                # Who was new with another agent than he wrote to is told from others by his rows only.
                for row in (*found, *expected):
                    row.ClearField("active_repeats")
                    row.ClearField("workload")
            assert found == expected, asked


async def nothing(*_):
    return None


async def test_the_task_knows_whether_something_is_left_to_make(counter, story):
    await counter.hear(story.says("A", "WA1", at("02:00")), story.says("B", "WA1", at("09:00")))
    task = Days(counter.log, messages=1)
    assert await task.finish(1)
    assert not await task.finish()
    assert not await task.finish()


async def test_days_that_begin_otherwise_are_made_again(counter, story):
    await counter.hear(story.says("A", "WA1", at("02:00")), story.says("B", "WA1", at("09:00")))
    task = Days(counter.log)
    await task.finish()
    first = await counter.pool.fetch("SELECT DISTINCT day FROM day_figure")
    counter.calendars._asked.clear()
    counter.source.calendar = Calendar(ZoneInfo("Asia/Shanghai"), 6)
    await counter.calendars.get(story.workspace_id)
    await task.finish()
    again = await counter.pool.fetch("SELECT DISTINCT day FROM day_figure ORDER BY day")
    assert [row["day"] for row in first] == [at("00:00")]
    assert [row["day"] for row in again] == [at("06:00") - timedelta(days=1), at("06:00")]
    assert (await counter.counts(start=at("06:00") - timedelta(days=1), bucket="BUCKET_DAY")).totals.new == 2


async def test_hours_begin_with_days(counter, story):
    counter.source.calendar = Calendar(ZoneInfo("Asia/Kathmandu"))
    await counter.hear(story.says("A", "WA1", at("02:20")), story.says("B", "WA1", at("02:00")))
    await Days(counter.log).finish()
    found = await counter.counts(start=at("02:00"), end=at("03:00"), bucket="BUCKET_HOUR", time_zone="Asia/Kathmandu")
    assert [(row.bucket_start.ToDatetime(UTC), row.new) for row in found.rows] == [(at("01:15"), 1), (at("02:15"), 1)]
    made = await counter.pool.fetch("SELECT hour, new FROM hour_figure WHERE facet = 0 ORDER BY hour")
    assert [tuple(row) for row in made] == [(at("01:15"), 1), (at("02:15"), 1)]


async def test_who_is_in_the_made_part_of_an_hour_is_not_counted_again(counter, story, now):
    counter.source.calendar = Calendar(ZoneInfo("Asia/Kathmandu"))
    now(at("21:05"))
    await counter.hear(
        story.says("C", "WA1", at("16:00")),
        story.says("A", "WA1", at("18:50")),
        story.says("A", "WA1", at("19:10")),
        story.says("B", "WA1", at("19:05")),
        story.says("C", "WA1", at("19:06")),
    )
    await Days(counter.log).finish()
    asked = {"start": at("00:00"), "end": at("20:00"), "bucket": "BUCKET_HOUR", "time_zone": "Asia/Kathmandu"}
    assert await counter.pool.fetchval("SELECT until FROM day_mark") == at("19:00")
    found = await counter.counts(**asked)
    assert [(row.bucket_start.ToDatetime(UTC), row.new, row.active_repeats) for row in found.rows] == [
        (at("15:15"), 1, 0),
        (at("18:15"), 2, 1),
    ]
    assert (found.totals.new, found.totals.active_repeats) == (3, 0)


async def test_whoever_begins_days_begins_hours(counter, story):
    await counter.hear(story.says("A", "WA1", at("02:20")))
    await Days(counter.log).finish()
    mark = await counter.pool.fetchrow("DELETE FROM day_mark RETURNING workspace_id, time_zone, day_start_hour, since")
    await counter.pool.execute(days.QUERIES["begin_days"], *mark)
    assert await counter.pool.fetchval("SELECT count(*) FROM hour_figure") == 0


async def test_what_is_older_than_days_reach_is_read_from_its_rows(counter, story):
    await counter.hear(story.says("A", "WA1", datetime(1999, 5, 1, tzinfo=UTC)), story.says("A", "TG1", at("09:00")))
    await Days(counter.log).finish(500)
    assert await counter.pool.fetchval("SELECT min(day) FROM day_figure") == at("00:00")
    totals = (await counter.counts()).totals
    assert (totals.new, totals.repeat, totals.active_repeats, totals.messages_in) == (1, 1, 0, 2)
