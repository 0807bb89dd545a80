"""The same laws on the real database: disorder, duplicates, and two transactions at once."""

import asyncio
from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from lobby.counter.v1.count_service_pb2 import VERDICT_NEW
from tests.component.counter.story import Story
from tests.property.counter.histories import Happening, Says, deliveries, history

BEGIN = datetime(2026, 11, 20, tzinfo=UTC)


def _incoming(story: Story, happening: Happening):
    if isinstance(happening, Says):
        when = BEGIN + timedelta(minutes=happening.minute)
        return story.says(happening.user, happening.account, when, contact=happening.contact)
    if happening.split:
        return story.splits(happening.merge, dict(happening.groups), version=happening.version)
    ((contact, users),) = happening.groups
    return story.merges(happening.merge, contact, users, version=happening.version)


def _places(story: Story, places):
    return {(story.id("contact", min(contact)), story.id("account", account)) for contact, account in places}


@pytest.mark.parametrize("seed", range(12))
async def test_two_replicas_in_any_order_agree_with_a_recount(counter, seed):
    random = Random(seed)
    story = Story(f"W{seed}")
    world, told = history(random, 30)
    batches = [[_incoming(story, each) for each in batch] for batch in deliveries(random, told) if batch]
    while batches:
        pair = [batches.pop() for _ in range(min(2, len(batches)))]
        await asyncio.gather(*(counter.hear(*batch) for batch in pair))
    expected = world.recount()
    entries = await counter.entries(story, page_size=200)
    assert len(entries) == len(expected)
    new = {(entry.contact_id, entry.account_id) for entry in entries if entry.verdict == VERDICT_NEW}
    assert new == _places(
        story, {(world.members(user), account) for (user, account), verdict in expected.items() if verdict == "new"}
    )
    restated = await counter.new_and_repeat(story)
    assert restated == (len(new), len(expected) - len(new))
    assert await counter.new_and_repeat(story, view="VIEW_RECORDED") == restated
    messages = (await counter.counts(story)).totals.messages_in
    assert messages == len(world.said)


async def test_two_accounts_of_one_person_at_once_are_one_new(counter, story):
    when = BEGIN
    for number in range(5):
        user = f"user {number}"
        await asyncio.gather(
            counter.hear(story.says(user, "WA1", when)),
            counter.hear(story.says(user, "WA2", when + timedelta(seconds=1))),
            counter.hear(story.says(f"other {number}", "TG1", when + timedelta(seconds=2), contact=user)),
        )
    assert await counter.new_and_repeat() == (5, 10)


async def test_two_entries_at_the_same_moment_are_ordered_by_their_events(counter, story):
    events = sorted((story.says("A", account, BEGIN) for account in ("WA1", "WA2")), key=lambda each: each.event.id)
    await counter.hear_singly(*reversed(events))
    new = [entry.event_id for entry in await counter.entries() if entry.verdict == VERDICT_NEW]
    assert new == [events[0].event.id]
