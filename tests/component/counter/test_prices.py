"""What misses cost: for each new person who was missed the price that was in force when he came."""

from datetime import timedelta
from random import Random

import pytest

from lobby.counter.v1 import wait_service_pb2 as pb
from lobby_common.caller import Caller
from lobby_common.errors import Conflict, NotFound
from tests.component.counter.story import Story, at
from tests.component.counter.waiting import hear, tale

BEGIN = at("08:00") - timedelta(days=4)


def costs(figures: pb.WaitFigures) -> dict[str, tuple[int, int, int, int]]:
    return {
        each.currency: (each.missed_people, each.lost_people, each.missed_minor, each.lost_minor)
        for each in figures.costs
    }


async def missed(counter, story, user: str, account: str, since: str, *, answered: bool = False) -> None:
    """He is new, and waits too long."""
    await counter.hear(story.says(user, account, at(since)), story.owes(user, account, at(since)))
    if answered:
        late = at(since) + timedelta(minutes=30)
        await counter.hear(
            story.answers(user, account, late, agent="ann"),
            story.ends_wait(user, account, at(since), late, agent="ann"),
        )


async def test_without_a_price_misses_cost_people_alone(counter, story):
    await missed(counter, story, "A", "WA1", "10:00")
    totals = (await counter.wait_figures()).totals
    assert (totals.lost_new_people, costs(totals)) == (1, {})


async def test_each_new_person_costs_what_was_said_when_he_came(counter, story):
    await counter.make_price(price_minor=150, currency="USD", start_time=at("09:00"))
    await counter.make_price(price_minor=175, currency="USD", start_time=at("10:30"))
    await missed(counter, story, "early", "WA1", "08:00")
    await missed(counter, story, "A", "WA1", "10:00")
    await missed(counter, story, "B", "WA2", "10:30", answered=True)
    await counter.hear(story.says("B", "TG1", at("11:00")), story.owes("B", "TG1", at("11:00")))
    answer = await counter.wait_figures(group_by=["GROUP_BY_ACCOUNT"])
    assert costs(answer.totals) == {"": (1, 1, 0, 0), "USD": (2, 1, 325, 150)}
    rows = {row.account_id: costs(row) for row in answer.rows}
    assert rows == {
        story.id("account", "WA1"): {"": (1, 1, 0, 0), "USD": (1, 1, 150, 150)},
        story.id("account", "WA2"): {"USD": (1, 0, 175, 0)},
        story.id("account", "TG1"): {},
    }


async def test_a_campaign_has_a_price_of_its_own_and_may_have_a_currency(counter, story):
    campaign = await counter.make_campaign(["WA2"], at("09:00"), at("12:00"))
    await counter.make_price(price_minor=100, currency="USD", start_time=at("08:00"))
    await counter.make_price(price_minor=900, currency="VND", start_time=at("08:00"), campaign_id=campaign)
    await missed(counter, story, "A", "WA1", "10:00")
    await missed(counter, story, "B", "WA2", "10:00")
    await missed(counter, story, "C", "WA2", "13:00")
    assert costs((await counter.wait_figures()).totals) == {"USD": (2, 2, 200, 200), "VND": (1, 1, 900, 900)}


async def test_a_person_who_is_merged_into_another_is_paid_once(counter, story):
    await counter.make_price(price_minor=100, currency="USD", start_time=at("08:00"))
    await missed(counter, story, "A", "WA1", "10:00")
    await missed(counter, story, "B", "TG1", "11:00")
    assert costs((await counter.wait_figures()).totals)["USD"] == (2, 2, 200, 200)
    await counter.hear(story.merges("m", "A", "AB", version=2))
    assert costs((await counter.wait_figures()).totals)["USD"] == (1, 1, 100, 100)


async def test_agents_and_other_workspaces_see_no_costs(counter, story):
    await counter.make_price(price_minor=100, currency="USD", start_time=at("08:00"))
    await counter.hear(story.assigns("A", "WA1", "ann", at("09:00")))
    await missed(counter, story, "A", "WA1", "10:00")
    ann = Caller(story.workspace_id, "agent", agent_id=story.id("agent", "ann"))
    viewer, other = Caller(story.workspace_id, "viewer"), Caller(Story("W2").workspace_id, "owner")
    assert [bool(costs((await counter.wait_figures(who=who)).totals)) for who in (ann, viewer, other)] == [
        False,
        True,
        False,
    ]
    assert await counter.prices(other) == []


async def test_what_was_said_is_never_changed_and_has_one_beginning(counter, story):
    made = await counter.make_price(price_minor=100, currency="USD", start_time=at("08:00"), request_id="once")
    assert await counter.make_price(price_minor=100, currency="USD", start_time=at("08:00"), request_id="once") == made
    with pytest.raises(Conflict) as refusal:
        await counter.make_price(price_minor=200, currency="USD", start_time=at("08:00"))
    assert refusal.value.reason == "PRICE_EXISTS"
    with pytest.raises(NotFound):
        await counter.make_price(price_minor=1, currency="USD", campaign_id=story.id("campaign", "none"))
    with pytest.raises(Exception, match="never changed"):
        await counter.pool.execute("UPDATE price SET price_minor = 1")
    now = await counter.make_price(price_minor=300, currency="USD")
    assert await counter.prices() == [now, made]


@pytest.mark.parametrize("seed", range(4))
async def test_costs_are_a_recount_of_the_people_behind_them(counter, seed, now):
    random, story = Random(seed), Story(f"W{seed}")
    owner = Caller(story.workspace_id, "owner")
    changes = {BEGIN - timedelta(days=1): 100, BEGIN + timedelta(minutes=40): 70, BEGIN + timedelta(hours=9): 35}
    for start, price in changes.items():
        await counter.make_price(owner, price_minor=price, currency="USD", start_time=start)
    came = {}
    for number, user in enumerate("ABCDE"):
        came[story.id("contact", user)] = BEGIN + timedelta(minutes=20 * number)
        await counter.hear(story.says(user, random.choice(("WA1", "TG1")), BEGIN + timedelta(minutes=20 * number)))
    await hear(counter, random, tale(random, story, BEGIN + timedelta(hours=2), 90))
    entries = {each.contact_id: each.account_id for each in await counter.entries(story)}
    now(BEGIN + timedelta(days=6))
    for _ in range(6):
        start = BEGIN + timedelta(minutes=random.randint(0, 2_000))
        asked = {"start": start, "end": start + timedelta(minutes=random.randint(1, 6_000))}
        asked["period"] = random.choice((pb.WAIT_PERIOD_COHORT, pb.WAIT_PERIOD_ACTIVITY))
        rows = (await counter.waits(story, page_size=200, **asked)).waits
        people = {
            wait.contact_id
            for wait in rows
            if wait.misses and wait.kind == pb.WAIT_KIND_FIRST and wait.account_id == entries[wait.contact_id]
        }
        prices = [max((each for each in changes if each <= came[who]), default=BEGIN) for who in people]
        totals = (await counter.wait_figures(story, **asked)).totals
        found = {each.currency: (each.missed_people, each.missed_minor) for each in totals.costs}
        assert found == ({"USD": (len(people), sum(changes[each] for each in prices))} if people else {})
        assert totals.missed_new_people == len(people)
        by_day = await counter.wait_figures(story, bucket="BUCKET_DAY", time_zone="UTC", **asked)
        for row in by_day.rows:
            assert sum(each.missed_people for each in row.costs) == row.missed_new_people
            assert sum(each.lost_people for each in row.costs) == row.lost_new_people
