"""The laws of counting for any policies on the real database: disorder, two replicas, counters made at any time."""

import asyncio
from collections import Counter as Sums
from dataclasses import replace
from datetime import UTC, datetime
from random import Random

import pytest

from lobby.counter.v1.count_service_pb2 import VERDICT_EXCLUDED, VERDICT_NEW, VERDICT_REPEAT
from lobby_counter.policies import Policy
from tests.component.counter.story import Story
from tests.property.counter.histories import deliveries
from tests.property.counter.lives import ALWAYS, Event, Imported, Joined, Life, Undone, Wrote, life, policy

WORDS = {VERDICT_NEW: "new", VERDICT_REPEAT: "repeat", VERDICT_EXCLUDED: "excluded"}


def asked(rule, campaigns: dict[str, str], story: Story) -> dict:
    """The policy as CreateCounter takes it."""
    return {
        "dedupe_level": f"DEDUPE_LEVEL_{rule.dedupe_level.name}",
        "window_days": rule.window_days,
        "reentry_gap_days": rule.reentry_gap_days,
        "base_mode": f"BASE_MODE_{rule.base_mode.name}",
        "platforms": [{1: "PLATFORM_WHATSAPP", 2: "PLATFORM_TELEGRAM"}[each] for each in rule.platforms],
        "account_ids": [story.id("account", account) for account in rule.account_ids],
        "campaign_id": campaigns.get(rule.campaign_id, ""),
    }


async def told(counter, story: Story, batch: list[Event], replica: int) -> None:
    """One replica hears a batch."""
    incoming = []
    for each in batch:
        if isinstance(each, Wrote):
            if each.kind == "answer":
                incoming.append(story.answers(each.user, each.account, each.at))
            else:
                greeting = each.kind == "greeting"
                incoming.append(story.says(each.user, each.account, each.at, contact=each.contact, greeting=greeting))
        elif isinstance(each, Joined):
            incoming.append(joined(story, each))
        else:
            since = each.effective_from if isinstance(each, Imported) and each.effective_from != ALWAYS else None
            undone = isinstance(each, Undone)
            incoming.append(story.imports(each.row, each.user, since, contact=each.contact, undone=undone))
    await counter.hear(*incoming, replica=replica)


def joined(story: Story, each: Joined):
    """A merge or an undo, as identity tells it."""
    if each.split:
        return story.splits(each.merge, dict(each.persons), version=each.version)
    ((contact, users),) = each.persons
    return story.merges(each.merge, contact, users, version=each.version)


async def verdicts(counter, story: Story, counter_id: str) -> dict[str, str]:
    entries = await counter.entries(story, counter_id=counter_id, page_size=200)
    return {entry.event_id: WORDS[entry.verdict] for entry in entries}


async def ids(counter) -> dict[str, str]:
    """Of what are entries at some counter, by the event."""
    rows = await counter.pool.fetch(
        "SELECT event_id::text, entry_id::text FROM entry AS e "
        "WHERE EXISTS (SELECT FROM verdict AS v WHERE v.entry_id = e.entry_id AND v.verdict <> 'none')"
    )
    return dict(map(tuple, rows))


async def misplaced(counter) -> list:
    """Entries that are first or further ones of their chats where the earliest is the first."""
    return await counter.pool.fetch(
        "SELECT * FROM (SELECT again_event_id, event_id, row_number() OVER (PARTITION BY channel_user_id, account_id "
        "ORDER BY occurred_time, event_id) AS place FROM entry) AS e "
        "WHERE again_event_id IS DISTINCT FROM CASE WHEN place > 1 THEN event_id END"
    )


def expected(world: Life, rule, story: Story) -> dict[str, str]:
    said = {each.name: each for each in world.wrote}
    return {
        story.says(said[name].user, said[name].account, said[name].at).event.id: verdict
        for name, verdict in world.recount(rule).items()
    }


@pytest.mark.parametrize("seed", range(12))
async def test_any_delivery_to_two_replicas_gives_at_every_counter_what_a_recount_gives(
    counter, seed, now, monkeypatch
):
    now(datetime(2027, 1, 1, tzinfo=UTC))
    monkeypatch.setattr("lobby_counter.recounts._ENTRIES", 4)
    monkeypatch.setattr("lobby_counter.recounts._MESSAGES", 5)
    random = Random(seed)
    story = Story(f"W{seed}")
    world, events = life(random, 45)
    batches = deliveries(random, events)
    rules = {"": Policy()}
    campaigns: dict[str, str] = {}

    async def add_counter() -> None:
        rule = policy(random)
        if rule.campaign_id not in campaigns:
            rule = replace(rule, campaign_id=None)
        rules[await counter.make_counter(story, wait=False, **asked(rule, campaigns, story))] = rule

    known: dict[str, str] = {}
    for number, begin in enumerate(range(0, len(batches), 2)):
        await asyncio.gather(
            *(told(counter, story, batch, replica) for replica, batch in enumerate(batches[begin : begin + 2])),
            counter.recounts.step(story.workspace_id),
        )
        before, known = known, await ids(counter)
        assert {key: known[key] for key in before.keys() & known} == {key: before[key] for key in before.keys() & known}
        if number == 2:
            for each in world.campaigns:
                campaign = await counter.make_campaign(each.account_ids, each.start_time, each.end_time, story)
                campaigns[each.campaign_id] = campaign
            await add_counter()
        if number == 5:
            await add_counter()
    await add_counter()
    await counter.recounts.finish()
    assert not await misplaced(counter)
    for counter_id, rule in rules.items():
        found = await verdicts(counter, story, counter_id)
        assert found == expected(world, rule, story)
        sums = Sums(found.values())
        for view in ("VIEW_RESTATED", "VIEW_RECORDED"):
            totals = (await counter.counts(story, counter_id=counter_id, view=view)).totals
            assert (totals.new, totals.repeat, totals.excluded) == (sums["new"], sums["repeat"], sums["excluded"])
            days = (await counter.counts(story, counter_id=counter_id, bucket="BUCKET_DAY", view=view)).rows
            assert sum(row.new for row in days) == sums["new"]
