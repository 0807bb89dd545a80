"""How much of their time agents spent on customers."""

from datetime import UTC, timedelta

import pytest

from lobby_common.caller import Caller
from lobby_common.errors import Invalid
from tests.component.counter.story import Story, at


async def test_time_counts_in_the_hour_in_which_it_passed(counter, story):
    await counter.hear(story.handles("A", "WA1", "ann", at("10:50"), at("11:05")))
    rows = (await counter.handling(bucket="BUCKET_HOUR")).rows
    assert [(row.bucket_start.ToDatetime(UTC), row.handle_seconds, row.conversations) for row in rows] == [
        (at("10:00"), 600, 1),
        (at("11:00"), 300, 1),
    ]
    inside = await counter.handling(start=at("10:55"), end=at("11:01"))
    assert (inside.totals.handle_seconds, inside.totals.conversations) == (360, 1)


async def test_told_again_it_counts_once(counter, story):
    told = story.handles("A", "WA1", "ann", at("10:00"), at("10:05")), story.presence("ann", "online", at("09:00"))
    for _ in range(2):
        await counter.hear(*told)
    assert (await counter.handling()).totals.handle_seconds == 300


async def test_occupancy_is_the_share_of_time_online_that_was_spent_on_customers(counter, story, now):
    now(at("12:00"))
    await counter.hear(
        story.presence("ann", "online", at("09:00")),
        story.presence("ann", "away", at("10:00")),
        story.presence("ann", "online", at("10:30")),
        story.presence("ann", "offline", at("11:00")),
        story.presence("bob", "online", at("11:00")),
        story.handles("A", "WA1", "ann", at("09:00"), at("09:30")),
        story.handles("B", "TG1", "ann", at("09:30"), at("09:45")),
    )
    rows = (await counter.handling(group_by=["GROUP_BY_AGENT"])).rows
    figures = {row.agent_id: (row.handle_seconds, row.conversations, row.online_seconds, row.occupancy) for row in rows}
    assert figures == {
        story.id("agent", "ann"): (2700, 2, 5400, 0.5),
        story.id("agent", "bob"): (0, 0, 3600, 0.0),
    }
    totals = (await counter.handling(start=at("10:45"), end=at("11:30"))).totals
    assert totals.online_seconds == 900 + 1800
    hours = (await counter.handling(bucket="BUCKET_HOUR", agent_id=story.id("agent", "ann"))).rows
    assert [row.online_seconds for row in hours] == [3600, 1800]


async def test_wrapping_up_is_handling_and_is_shown_apart(counter, story, now):
    now(at("12:00"))
    await counter.hear(
        story.presence("ann", "online", at("09:00")),
        story.presence("ann", "offline", at("10:00")),
        story.handles("A", "WA1", "ann", at("09:00"), at("09:20")),
        story.handles("A", "WA1", "ann", at("09:20"), at("09:30"), wrap_up=True),
    )
    totals = (await counter.handling()).totals
    found = (totals.handle_seconds, totals.wrap_up_seconds, totals.conversations, totals.occupancy)
    assert found == (1800, 600, 1, 0.5)
    rows = (await counter.handling(start=at("09:25"), group_by=["GROUP_BY_ACCOUNT"])).rows
    assert [(row.handle_seconds, row.wrap_up_seconds) for row in rows] == [(300, 300)]


async def test_who_is_online_is_so_for_all_accounts(counter, story):
    await counter.hear(
        story.presence("ann", "online", at("09:00")),
        story.handles("A", "WA1", "ann", at("09:00"), at("09:30")),
        story.handles("A", "TG1", "ann", at("09:30"), at("09:40")),
    )
    answer = await counter.handling(group_by=["GROUP_BY_ACCOUNT", "GROUP_BY_PLATFORM"])
    assert sorted(row.handle_seconds for row in answer.rows) == [600, 1800]
    assert not any(row.HasField("online_seconds") or row.HasField("occupancy") for row in [*answer.rows, answer.totals])
    one = await counter.handling(account_id=story.id("account", "TG1"))
    assert (one.totals.handle_seconds, one.totals.HasField("online_seconds")) == (600, False)


async def test_where_nobody_was_online_there_is_no_occupancy(counter, story):
    await counter.hear(story.owes("A", "WA1", at("10:00")))
    for bucket in ("BUCKET_NONE", "BUCKET_DAY"):
        totals = (await counter.handling(bucket=bucket)).totals
        assert (totals.handle_seconds, totals.HasField("occupancy")) == (0, False)


async def test_an_agent_sees_only_his_own(counter, story):
    await counter.hear(
        story.handles("A", "WA1", "ann", at("09:00"), at("09:30")),
        story.handles("B", "WA1", "bob", at("09:00"), at("09:10")),
        story.presence("bob", "online", at("09:00") - timedelta(days=1)),
    )
    ann = Caller(story.workspace_id, "agent", agent_id=story.id("agent", "ann"))
    for asked, found in (("", 1800), ("ann", 1800), ("bob", 0)):
        totals = (await counter.handling(who=ann, agent_id=asked and story.id("agent", asked))).totals
        assert (totals.handle_seconds, totals.online_seconds) == (found, 0)
    assert (await counter.handling(who=Caller(Story("W2").workspace_id, "owner"))).totals.handle_seconds == 0


async def test_it_cannot_be_split_by_what_only_entries_know(counter):
    with pytest.raises(Invalid, match="NOT_AVAILABLE"):
        await counter.handling(group_by=["GROUP_BY_LANGUAGE"])
