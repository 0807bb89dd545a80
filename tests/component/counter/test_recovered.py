"""Messages that came long after they were written are counted apart, and can be looked at one by one."""

from collections import Counter as Sums
from datetime import timedelta
from random import Random

import pytest

from lobby_common.caller import Caller
from lobby_common.errors import Invalid
from tests.component.counter.story import Story, at

MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize(("minutes", "recovered"), [(0, 0), (9.99, 0), (10, 1), (3_000, 1)])
async def test_who_reached_us_ten_minutes_late_was_recovered(counter, story, minutes, recovered):
    await counter.hear(story.says("A", "WA1", at("10:00"), received=at("10:00") + minutes * MINUTE))
    totals = (await counter.counts()).totals
    assert (totals.messages_in, totals.new, totals.recovered) == (1, 1, recovered)
    assert len((await counter.recovered()).messages) == recovered


async def test_its_delay_is_the_platforms_and_it_is_shown_with_it(counter, story):
    await counter.hear(
        story.says("A", "WA1", at("10:00"), received=at("10:30"), campaign="ad-1"),
        story.assigns("A", "WA1", "ann", at("10:30")),
        story.owes("A", "WA1", at("10:00"), agent="ann", received=at("10:30")),
        story.ends_wait("A", "WA1", at("10:00"), at("10:31"), agent="ann"),
    )
    [message] = (await counter.recovered()).messages
    assert (message.contact_id, message.agent_id) == (story.id("contact", "A"), story.id("agent", "ann"))
    assert message.delay_seconds == 1800
    waits = (await counter.wait_figures()).totals
    assert (waits.platform_seconds, waits.agent_seconds, waits.agent_misses) == (1800, 60, 0)
    assert len((await counter.recovered(campaign_id="ad-1")).messages) == 1
    assert len((await counter.recovered(campaign_id="")).messages) == 0


async def test_told_twice_or_lost_and_found_it_is_recovered_once(counter, story):
    late = story.says("A", "WA1", at("10:00"), received=at("11:00"))
    await counter.hear(late, late)
    await counter.hear(late, replica=1)
    await counter.pool.execute("DELETE FROM message")
    assert (await counter.counts()).totals.recovered == 0
    await counter.mend(late)
    assert (await counter.counts()).totals.recovered == 1


async def test_another_workspace_and_another_agent_see_nothing(counter, story):
    await counter.hear(
        story.assigns("A", "WA1", "ann", at("09:00")), story.says("A", "WA1", at("10:00"), received=at("11:00"))
    )
    for who, found in (
        (Caller(story.workspace_id, "agent", agent_id=story.id("agent", "ann")), 1),
        (Caller(story.workspace_id, "agent", agent_id=story.id("agent", "bob")), 0),
        (Caller(Story("W2").workspace_id, "owner"), 0),
    ):
        assert len((await counter.recovered(who=who)).messages) == found
        assert (await counter.counts(who=who)).totals.recovered == found


@pytest.mark.parametrize("seed", range(4))
async def test_figures_are_a_recount_of_the_messages_behind_them_page_by_page(counter, seed, now):
    random, story = Random(seed), Story(f"W{seed}")
    expected = []
    for number in range(40):
        user, account = random.choice("ABCD"), random.choice(("WA1", "TG1"))
        when, delay = at("06:00") + number * 7 * MINUTE, random.choice((0, 5, 12, 300)) * MINUTE
        await counter.hear(story.says(user, account, when, received=when + delay))
        if random.random() < 0.2:
            await counter.hear(story.assigns(user, account, random.choice(("ann", "bob")), when))
        if delay >= 10 * MINUTE:
            expected.append((when, story.id("account", account)))
    seen, token = [], ""
    while True:
        page = await counter.recovered(story, page_size=3, page_token=token)
        seen += page.messages
        token = page.next_page_token
        if not token:
            break
    assert [(each.occurred_time.ToDatetime(at("06:00").tzinfo), each.account_id) for each in seen] == expected
    for group, key in (("ACCOUNT", "account_id"), ("AGENT", "agent_id")):
        for bucket in ("BUCKET_NONE", "BUCKET_HOUR"):
            found = await counter.counts(story, group_by=[f"GROUP_BY_{group}"], bucket=bucket)
            sums = Sums()
            for row in found.rows:
                sums[getattr(row, key)] += row.recovered
            assert +sums == Sums(getattr(each, key) for each in seen)
            assert found.totals.recovered == len(seen)
    by_campaign = await counter.counts(story, group_by=["GROUP_BY_CAMPAIGN"])
    assert sum(row.recovered for row in by_campaign.rows) == len(seen)
    hour = (await counter.counts(story, start=at("07:00"), end=at("08:00"))).totals.recovered
    assert hour == sum(at("07:00") <= when < at("08:00") for when, _ in expected)


async def test_a_period_that_ends_before_it_begins_is_refused(counter):
    with pytest.raises(Invalid):
        await counter.recovered(start=at("10:00"), end=at("09:00"))
