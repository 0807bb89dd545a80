"""Who was missed, in three ways that are counted apart; roll-ups of it are a recount of the waits."""

from bisect import bisect_right
from collections import Counter as Sums
from datetime import UTC, datetime, timedelta
from random import Random

import asyncpg
import pytest

from lobby_common.postgres import steps
from lobby_common.times import to_proto
from lobby_counter.deadlines import Deadlines
from lobby_counter.waits import Ending, Miss, Wait
from tests.component.counter.story import Story, at
from tests.component.counter.waiting import hear, tale

BEGIN = at("08:00")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
KINDS = tuple(Miss)


def totals_of(answer) -> tuple[int, int, int]:
    return answer.totals.late, answer.totals.lost_window, answer.totals.unanswered


async def waits(counter) -> list[tuple[Wait, str, int]]:
    """All waits as they stand, with account and platform."""
    rows = await counter.pool.fetch(
        """
        SELECT w.*, c.account_id AS account, c.platform AS network
        FROM wait AS w
        JOIN conversation AS c ON c.conversation_id = w.conversation_id
        """
    )
    return [
        (
            Wait(
                str(row["wait_id"]),
                str(row["conversation_id"]),
                row["owed_since"],
                row["agent_id"] and str(row["agent_id"]),
                row["end_time"],
                row["ending"] and Ending(row["ending"]),
                window_lost_time=row["window_lost_time"],
                late_time=row["late_time"],
                unanswered_time=row["unanswered_time"],
            ),
            str(row["account"]),
            row["network"],
        )
        for row in rows
    ]


async def rolled_up(counter) -> Sums:
    sums = Sums()
    for row in await counter.pool.fetch("SELECT * FROM missed"):
        agent_id = row["agent_id"] and str(row["agent_id"])
        for kind in KINDS:
            if row[kind]:
                sums[row["width"], row["slot"], str(row["account_id"]), row["platform"], agent_id, kind] = row[kind]
    return sums


async def recount(counter) -> Sums:
    sums = Sums()
    for wait, account_id, platform in await waits(counter):
        if wait.end_time is None:
            continue
        for kind in wait.misses(wait.end_time):
            for width in (15, 60):
                slot = wait.owed_since - (wait.owed_since - EPOCH) % timedelta(minutes=width)
                sums[width, slot, account_id, platform, wait.agent_id, kind] += 1
    return sums


async def test_a_customer_is_late_from_the_deadline_on_whether_or_not_anything_happens(counter, story, now):
    await counter.hear(story.owes("A", "WA1", at("10:00")))
    for clock, late in (("10:04", 0), ("10:05", 0), ("10:06", 1)):
        now(at(clock))
        assert totals_of(await counter.counts()) == (late, 0, 0)
    await counter.hear(story.ends_wait("A", "WA1", at("10:00"), at("10:04"), agent="ann"))
    assert totals_of(await counter.counts()) == (0, 0, 0)


async def test_a_whatsapp_customer_who_is_never_answered_is_missed_in_all_three_ways(counter, story, now):
    since = at("10:00") - timedelta(days=6)  # a Monday
    await counter.hear(story.owes("A", "WA1", since))
    await counter.hear(story.loses_window("A", "WA1", since, since + timedelta(days=1)))
    for hours, expected in ((23, (1, 0, 0)), (25, (1, 1, 0)), (37, (1, 1, 0)), (39, (1, 1, 1))):
        now(since + timedelta(hours=hours))
        assert totals_of(await counter.counts()) == expected
    answered = since + timedelta(hours=39)
    await counter.hear(story.ends_wait("A", "WA1", since, answered, agent="ann"))
    assert totals_of(await counter.counts()) == (1, 1, 1)


async def test_a_close_in_time_is_no_miss_and_hides_none(counter, story):
    await counter.hear(
        story.owes("A", "WA1", at("10:00")),
        story.owes("B", "WA1", at("10:00")),
        story.closes("A", "WA1", at("10:03"), since=at("10:00"), reason="resolved"),
        story.closes("B", "WA1", at("10:09"), since=at("10:00")),
    )
    assert totals_of(await counter.counts()) == (1, 0, 0)


@pytest.mark.parametrize("seed", range(8))
async def test_roll_ups_and_figures_are_a_recount_of_the_waits(counter, seed, now):
    random, story = Random(seed), Story(f"W{seed}")
    told = tale(random, story, BEGIN - timedelta(days=4))
    half = len(told) // 2
    for some in (told[:half], told[half:]):
        await hear(counter, random, some)
        assert await rolled_up(counter) == await recount(counter)
        await counter.pool.execute("DELETE FROM wait WHERE random() < 0.2")
        assert await rolled_up(counter) == await recount(counter)
        missing = await counter.effectless(*told[:half])
        await counter.mend(*(each for each in told[:half] if each.event.id in missing))
        assert await rolled_up(counter) == await recount(counter)
    assert sum((await rolled_up(counter)).values()) > 0
    stand = await waits(counter)
    for _ in range(6):
        moment = BEGIN - timedelta(days=4) + timedelta(minutes=random.randint(0, 9_000))
        start = BEGIN - timedelta(days=4) + timedelta(minutes=random.choice((1, 15, 60)) * random.randint(0, 40))
        end = start + timedelta(minutes=random.choice((7, 60)) * random.randint(1, 100))
        now(moment)
        answer = await counter.counts(
            story, start=start, end=end, bucket="BUCKET_HOUR", group_by=["GROUP_BY_ACCOUNT", "GROUP_BY_AGENT"]
        )
        hours = sorted({row.bucket_start.ToDatetime(UTC) for row in answer.rows})
        expected = Sums()
        for wait, account_id, _ in stand:
            if start <= wait.owed_since < end:
                for kind in wait.misses(moment):
                    hour = hours[bisect_right(hours, wait.owed_since) - 1]
                    expected[hour, account_id, wait.agent_id or "", kind] += 1
        found = {
            (row.bucket_start.ToDatetime(UTC), row.account_id, row.agent_id, kind): getattr(row, kind)
            for row in answer.rows
            for kind in KINDS
            if getattr(row, kind)
        }
        assert found == expected
        by_language = await counter.counts(story, start=start, end=end, group_by=["GROUP_BY_LANGUAGE"])
        assert totals_of(by_language) == totals_of(answer)


async def test_waits_of_before_have_deadlines_after_a_while(counter, story):
    await counter.hear(
        story.owes("A", "WA1", at("10:00")),
        story.owes("B", "WA1", at("10:00")),
        story.ends_wait("B", "WA1", at("10:00"), at("10:09"), agent="ann"),
    )
    before = await counter.pool.fetch("SELECT * FROM wait ORDER BY wait_id")
    await counter.pool.execute("UPDATE wait SET late_time = NULL, unanswered_time = NULL, business_time = NULL")
    assert totals_of(await counter.counts()) == (0, 0, 0)
    await Deadlines(counter.log, counter.calendars).finish()
    assert await counter.pool.fetch("SELECT * FROM wait ORDER BY wait_id") == before
    assert totals_of(await counter.counts()) == (2, 0, 0)


async def test_active_repeats_are_people_who_wrote_and_are_not_new_in_the_row(counter, story):
    yesterday = at("10:00") - timedelta(days=1)
    await counter.hear(
        story.says("A", "WA1", yesterday),
        story.says("A", "WA1", at("10:00")),
        story.says("A", "WA1", at("10:01")),
        story.says("B", "WA1", at("11:00")),
        story.says("B", "WA1", at("12:00")),
        story.says("C", "WA1", at("11:00"), greeting=False),
    )
    rows = (await counter.counts(bucket="BUCKET_DAY")).rows
    assert [(row.new, row.active_repeats, row.workload) for row in rows] == [(1, 0, 1), (1, 1, 2)]
    totals = (await counter.counts(start=at("11:30"))).totals
    assert (totals.new, totals.active_repeats, totals.workload) == (0, 1, 1)
    assert (await counter.counts()).totals.workload == 2


async def test_a_person_on_two_platforms_is_one_active_repeat(counter, story):
    await counter.hear(
        story.says("A", "WA1", at("09:00")),
        story.says("B", "TG1", at("09:01")),
        story.merges("m", "A", "AB", version=1),
    )
    await counter.hear(story.says("A", "WA1", at("10:00")), story.says("B", "TG1", at("10:01")))
    answer = await counter.counts(start=at("09:30"), group_by=["GROUP_BY_PLATFORM"])
    assert [row.active_repeats for row in answer.rows] == [1, 1]
    assert answer.totals.active_repeats == 1
    split = (await counter.counts(start=at("09:30"), group_by=["GROUP_BY_LANGUAGE"])).totals
    assert split.active_repeats == 1


async def test_an_agent_has_his_own_workload(counter, story):
    await counter.hear(
        story.says("A", "WA1", at("09:00")),
        story.assigns("A", "WA1", "ann", at("09:00"), first=True),
        story.says("B", "WA1", at("09:00")),
        story.assigns("B", "WA1", "bob", at("09:00"), first=True),
    )
    await counter.hear(story.says("A", "WA1", at("10:00")))
    ann = await counter.counts(start=at("09:30"), agent_id=story.id("agent", "ann"))
    assert (ann.totals.active_repeats, ann.totals.workload) == (1, 1)
    assert (await counter.counts(start=at("09:30"), agent_id=story.id("agent", "bob"))).totals.workload == 0


async def test_circumstances_told_twice_are_on_record_once(counter, story):
    failed, state = story.fails("A", "WA1", at("10:02")), story.becomes("WA1", "logged_out", at("10:03"))
    for _ in range(2):
        await counter.hear(failed, state)
    assert failed.payload.change_time == to_proto(at("10:02"))
    [row] = await counter.pool.fetch("SELECT * FROM send_failure")
    assert (row["fail_time"], str(row["conversation_id"])) == (at("10:02"), story.id("conversation", "A@WA1"))
    [row] = await counter.pool.fetch("SELECT * FROM account_state")
    assert (row["state"], row["state_time"]) == ("logged_out", at("10:03"))


PLACES = """
SELECT w.wait_id FROM wait AS w JOIN conversation AS c ON c.conversation_id = w.conversation_id
WHERE (w.channel_user_id, w.account_id, w.platform)
    IS DISTINCT FROM (c.channel_user_id, c.account_id, c.platform)
"""
EARLIER = """
INSERT INTO conversation (conversation_id, workspace_id, account_id, channel_user_id, position, platform)
SELECT md5('c' || n)::uuid, md5('w')::uuid, md5('a' || n % 3)::uuid, md5('u' || n)::uuid, n, n % 2
FROM generate_series(1, 9) AS n;
INSERT INTO wait (wait_id, conversation_id, workspace_id, owed_since, end_time, ending, late_time)
SELECT md5('w' || n || {0})::uuid, md5('c' || n)::uuid, md5('w')::uuid, now(), now() + interval '1 hour', 'answered',
    now()
FROM generate_series(1, 9) AS n;
"""


async def test_waits_of_before_and_of_code_of_before_know_their_place(database):
    texts = {name: text for name, text in steps("lobby_counter") if not name.startswith("common/")}
    connection = await asyncpg.connect(database.admin_url, server_settings={"search_path": "earlier"})
    await connection.execute("CREATE SCHEMA earlier")
    for name, text in texts.items():
        if "wait_places" in name:
            await connection.execute(EARLIER.format(1))
            missed = await connection.fetch("SELECT * FROM missed ORDER BY width, slot, account_id")
        await connection.execute(text)
    assert await connection.fetch("SELECT * FROM missed ORDER BY width, slot, account_id") == missed
    await connection.execute(EARLIER.split(";")[1].format(2))
    assert await connection.fetchval("SELECT count(*) FROM wait") == 18
    assert await connection.fetch(PLACES) == []
    await connection.close()


async def test_waits_know_their_place(counter, story):
    await counter.hear(story.owes("A", "WA1", at("10:00")), story.owes("B", "TG1", at("10:01")))
    await counter.hear(story.ends_wait("A", "WA1", at("10:00"), at("10:09")))
    assert await counter.pool.fetchval("SELECT count(*) FROM wait WHERE account_id IS NOT NULL") == 2
    assert await counter.pool.fetch(PLACES) == []
