"""Roll-ups hold what a recount of the rows gives, whatever happened; figures read from them are those of the rows."""

from bisect import bisect_right
from collections import Counter as Sums
from datetime import UTC, datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

import asyncpg
import pytest

from lobby_common.postgres import steps
from lobby_counter import figures
from lobby_counter.calendars import Calendar, Period
from lobby_counter.figures import Filter, Question
from tests.component.counter.story import Story, at
from tests.property.counter.histories import Says, deliveries, history

BEGIN = datetime(2026, 10, 31, 20, tzinfo=UTC)
"""So that what is told ends after clocks went back in New York."""

ROWS = """
SELECT workspace_id, occurred_time, account_id, platform, agent_id, ARRAY['', 'messages_in', 'messages_out'] AS names,
    direction AS name
FROM message
UNION ALL
SELECT e.workspace_id, e.occurred_time, e.account_id, e.platform, e.agent_id, ARRAY['new', 'repeat', 'excluded'],
    array_position(ARRAY['new', 'repeat', 'excluded'], v.verdict) - 1
FROM entry AS e
JOIN verdict AS v ON v.counter_id = e.workspace_id AND v.entry_id = e.entry_id AND v.verdict <> 'none'
"""
FIGURES = ("messages_in", "messages_out", "new", "repeat", "excluded")


async def rows(source) -> list[tuple[tuple, datetime, str]]:
    """Everything that is counted: whose it is, when it was, and which figure it is one more of."""
    return [
        (
            (
                str(row["workspace_id"]),
                str(row["account_id"]),
                row["platform"],
                row["agent_id"] and str(row["agent_id"]),
            ),
            row["occurred_time"],
            row["names"][row["name"]],
        )
        for row in await source.fetch(ROWS)
    ]


async def recount(source) -> Sums:
    """What the roll-ups are to hold."""
    sums = Sums()
    for whose, when, figure in await rows(source):
        for width in (15, 60):
            slot = when - (when - datetime(1970, 1, 1, tzinfo=UTC)) % timedelta(minutes=width)
            sums[*whose, width, slot, figure] += 1
    return sums


async def rolled_up(source) -> Sums:
    """What the roll-ups hold."""
    sums = Sums()
    for row in await source.fetch("SELECT * FROM traffic"):
        agent_id = row["agent_id"] and str(row["agent_id"])
        whose = (str(row["workspace_id"]), str(row["account_id"]), row["platform"], agent_id)
        for figure in FIGURES:
            if row[figure]:
                sums[*whose, row["width"], row["slot"], figure] = row[figure]
    return sums


def tale(random: Random, story: Story, length: int) -> list:
    """Arrivals, merges and undos, and around them agents, answers and languages: what is told, as it happened."""
    told = []
    for happening in history(random, length)[1]:
        if not isinstance(happening, Says):
            told.append(
                story.splits(happening.merge, dict(happening.groups), version=happening.version)
                if happening.split
                else story.merges(happening.merge, *happening.groups[0], version=happening.version)
            )
            continue
        user, account, when = happening.user, happening.account, BEGIN + timedelta(minutes=3.5 * happening.minute)
        hello = story.says(user, account, when, contact=happening.contact, greeting=random.random() < 0.8)
        agent = random.choice(("ann", "bob"))
        around = (
            story.translates(hello, random.choice(("pt", "th")), version=random.randint(1, 3)),
            story.assigns(user, account, agent, when + timedelta(minutes=random.randint(0, 40)), first=True),
            story.answers(user, account, when + timedelta(minutes=random.randint(1, 20)), agent=agent),
        )
        told += [hello, *(each for each in around if random.random() < 0.4)]
    return told


@pytest.mark.parametrize("seed", range(10))
async def test_roll_ups_are_a_recount_after_every_batch_and_every_mending(counter, seed):
    random = Random(seed)
    heard = []
    for batch in deliveries(random, tale(random, Story(f"W{seed}"), 25)):
        await counter.hear(*batch)
        heard += batch
        if random.random() < 0.2:
            await counter.pool.execute("DELETE FROM message WHERE random() < 0.3")
            await counter.mend(*heard)
        assert await rolled_up(counter.pool) == await recount(counter.pool)
    assert sum((await rolled_up(counter.pool)).values()) > 0


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata", "Asia/Kathmandu", "America/New_York", "Australia/Lord_Howe"])
async def test_figures_read_from_roll_ups_are_those_of_the_rows(counter, zone):
    random = Random(zone)
    story = Story(zone)
    for batch in deliveries(random, tale(random, story, 60)):
        await counter.hear(*batch)
    counted = await rows(counter.pool)
    calendar = Calendar(ZoneInfo(zone))
    for _ in range(20):
        start = BEGIN + timedelta(minutes=random.choice((1, 15, 60)) * random.randint(0, 20))
        end = start + timedelta(minutes=random.choice((1, 15, 60)) * random.randint(1, 30))
        for cuts in (calendar.days(start, end), calendar.hours(start, end), [start]):
            expected = Sums()
            for (_, account_id, _, agent_id), when, figure in counted:
                if start <= when < end:
                    expected[bisect_right(cuts, when), account_id, agent_id or "", figure] += 1
            only = Filter(story.workspace_id, story.workspace_id, None, None, None)
            period = Period(start, end, tuple(cuts))
            read = await figures.read(counter.pool, Question(only, period, frozenset(("account", "agent")), False))
            found = {
                (key.bucket, key.account_id, key.agent_id, figure): values[figure]
                for key, values in read.rows.items()
                for figure in FIGURES
                if values.get(figure)
            }
            assert found == expected
            totals = Sums()
            for key, value in expected.items():
                totals[key[-1]] += value
            assert {figure: read.totals[figure] for figure in FIGURES if read.totals[figure]} == totals


async def test_recorded_figures_are_not_those_of_the_roll_ups(counter, story):
    await counter.hear(story.says("A", "WA1", at("10:00")), story.says("B", "WA2", at("10:01")))
    await counter.hear(story.merges("m", "A", ["A", "B"], version=1))
    recorded = (await counter.counts(view="VIEW_RECORDED", group_by=["GROUP_BY_ACCOUNT"])).rows
    assert [(row.new, row.repeat, row.messages_in) for row in recorded] in (
        [(1, 0, 1), (0, 1, 1)],
        [(0, 1, 1), (1, 0, 1)],
    )
    await counter.pool.execute("UPDATE traffic SET new = 7")
    totals = (await counter.counts(view="VIEW_RECORDED")).totals
    assert (totals.new, totals.repeat, totals.messages_in) == (1, 1, 2)


async def test_verdicts_written_past_the_service_are_rolled_up_too(counter, story):
    await counter.hear(*(story.says(user, "WA1", at("10:00")) for user in "ABCDE"), story.says("A", "WA2", at("10:01")))
    for statement in (
        "UPDATE verdict SET verdict = 'excluded', reason = 'base', repeat_of = entry_id WHERE verdict = 'new'",
        "UPDATE entry SET occurred_time = occurred_time + interval '50 minutes', agent_id = account_id",
        "DELETE FROM verdict WHERE verdict = 'repeat'",
        "INSERT INTO verdict SELECT account_id, entry_id, NULL, entry_id, now(), now(), 'new', 'new', '' FROM entry",
    ):
        await counter.pool.execute(statement)
        assert await rolled_up(counter.pool) == await recount(counter.pool)
    totals = (await counter.counts()).totals
    assert (totals.new, totals.repeat, totals.excluded) == (0, 0, 5)


async def test_mending_puts_right_what_roll_ups_of_lost_messages_say(counter, story):
    hello = story.says("A", "WA1", at("10:00"))
    await counter.hear(hello, story.says("B", "WA1", at("10:20")), story.answers("A", "WA1", at("10:40")))
    await counter.pool.execute("DELETE FROM message WHERE message_id = $1", hello.payload.message_id)
    await counter.pool.execute(
        "UPDATE traffic SET messages_in = 9, messages_out = 9, new = 9 WHERE width = 60 OR slot = $1", at("10:00")
    )
    await counter.mend(hello)
    assert await rolled_up(counter.pool) == await recount(counter.pool)


async def test_a_verdict_that_was_lost_alone_is_given_again(counter, story):
    hello = story.says("A", "WA1", at("10:00"))
    await counter.hear(hello, story.translates(hello, "pt"), story.says("B", "WA1", at("10:20")))
    before = await counter.counts(group_by=["GROUP_BY_LANGUAGE"])
    await counter.pool.execute(
        "DELETE FROM verdict WHERE entry_id = (SELECT entry_id FROM entry WHERE language = 'pt')"
    )
    assert await counter.effectless(hello) == {hello.event.id}
    await counter.mend(hello)
    assert await counter.effectless(hello) == set()
    assert await counter.counts(group_by=["GROUP_BY_LANGUAGE"]) == before
    assert await rolled_up(counter.pool) == await recount(counter.pool)
    await counter.hear(story.says("A", "WA1", at("11:00")))
    assert (await counter.counts()).totals.messages_in == 3


async def test_what_was_counted_before_hours_were_kept_is_in_them(database):
    texts = [text for name, text in steps("lobby_counter") if not name.startswith("common/")]
    connection = await asyncpg.connect(database.admin_url, server_settings={"search_path": "earlier"})
    await connection.execute("CREATE SCHEMA earlier")
    await connection.execute(texts[0])
    await connection.execute(_EARLIER)
    for text in texts[1:]:
        await connection.execute(text)
    assert await rolled_up(connection) == await recount(connection)
    assert sum((await rolled_up(connection)).values()) == 2 * (40 + 16)
    await connection.close()


_EARLIER = """
INSERT INTO message (
    message_id, event_id, workspace_id, account_id, agent_id, occurred_time, platform, direction, human, greeting
)
SELECT
    gen_random_uuid(), gen_random_uuid(), md5((n % 2)::text)::uuid, md5((n % 3)::text)::uuid,
    CASE WHEN n % 5 > 0 THEN md5((n % 5)::text)::uuid END,
    '2026-11-22 08:00:00+00'::timestamptz + n * interval '7 minutes', n % 2, 1 + n % 2, true, true
FROM generate_series(1, 40) AS n;
INSERT INTO traffic (workspace_id, slot, account_id, platform, agent_id, messages_in, messages_out)
SELECT
    workspace_id, date_bin('15 minutes', occurred_time, '2026-01-01 00:00:00+00'), account_id, platform, agent_id,
    count(*) FILTER (WHERE direction = 1), count(*) FILTER (WHERE direction = 2)
FROM message
GROUP BY 1, 2, 3, 4, 5;
INSERT INTO entry (
    entry_id, workspace_id, account_id, channel_user_id, event_id, message_id, agent_id, occurred_time, received_time,
    platform
)
SELECT
    message_id, workspace_id, account_id, message_id, event_id, message_id, agent_id, occurred_time, occurred_time,
    platform
FROM message
LIMIT 16;
INSERT INTO verdict (
    counter_id, entry_id, repeat_of, judged_contact_id, first_time, first_verdict, verdict, reason
)
SELECT
    workspace_id, entry_id, CASE WHEN platform = 1 THEN entry_id END, entry_id, occurred_time, 'new',
    CASE WHEN platform = 1 THEN 'repeat' ELSE 'new' END, 'first'
FROM entry;
"""
