"""Who gets a conversation, and what coming, going and answering change."""

import asyncio

from lobby.routing.v1 import agent_service_pb2
from lobby.routing.v1 import events_pb2 as told_pb
from lobby_common import ids
from lobby_routing.journey import describe
from tests.component.routing.conftest import LN, TG, WA, at, names


async def owners(routing, *places: tuple[str, str]) -> list[str]:
    return [(await routing.get(*place)).agent_id for place in places]


async def test_conversations_go_round_over_all_channels(routing):
    agents = [await routing.agent() for _ in range(3)]
    places = [(account, f"{account} {number}") for number in range(3) for account in (WA, TG, LN)]
    await routing.hear(*(routing.wrote(*place) for place in places[:4]))
    await routing.hear_one_by_one(*(routing.wrote(*place) for place in places[4:]))
    found = await owners(routing, *places)
    assert found == agents * 3


async def test_an_agent_gets_no_more_than_he_can_carry_and_the_rest_waits(routing):
    agent = await routing.agent(capacity=2)
    told = await routing.hear(*(routing.wrote(WA, chat) for chat in "abc"))
    assert await owners(routing, (WA, "a"), (WA, "b"), (WA, "c")) == [agent, agent, ""]
    assert names(told).count("Assigned") == 2
    (decision,) = await routing.decisions(WA, "c")
    assert (decision.agent_id, decision.strategy) == ("", "none")
    assert decision.candidates[0].excluded_because == "at_capacity"
    assert (await routing.pages(unassigned=True)).total_owed == 1


async def test_a_decision_is_recorded_only_when_the_outcome_changes(routing):
    await routing.hear_one_by_one(*(routing.wrote(WA, "a", minutes) for minutes in (-5, -4, -3)))
    agent = await routing.agent()
    await routing.hear_one_by_one(*(routing.wrote(WA, "a", minutes) for minutes in (-2, -1)))
    decisions = await routing.decisions(WA, "a")
    assert [each.agent_id for each in decisions] == ["", agent]
    assert decisions[1].strategy == "round_robin"


async def test_who_answers_takes_the_next_from_the_pool(routing):
    agent = await routing.agent(capacity=1)
    await routing.hear(routing.wrote(WA, "a", -5), routing.wrote(WA, "b", -4), routing.wrote(WA, "c", -3))
    told = await routing.hear(routing.sent(WA, "a", agent_id=agent, seen_seq=1))
    assert names(told) == ["Answered", "Assigned"]
    assert await owners(routing, (WA, "a"), (WA, "b"), (WA, "c")) == [agent, agent, ""]
    assert await routing.load(agent) == 1


async def test_who_closes_takes_the_next_from_the_pool(routing):
    agent = await routing.agent(capacity=1)
    await routing.hear(routing.wrote(WA, "a", -5), routing.wrote(WA, "b", -4))
    with routing.as_agent(agent):
        await routing.close(WA, "a")
    assert (await routing.get(WA, "b")).agent_id == agent


async def test_coming_online_drains_the_pool_in_the_order_of_urgency(routing):
    await routing.hear(
        routing.wrote(TG, "no window, waits long", -50),
        routing.wrote(WA, "closes late", -40, window=600),
        routing.wrote(WA, "closes soon", -5, window=30),
        routing.wrote(WA, "lost", -2000, window=-560),
    )
    agent = await routing.agent("offline", capacity=2)
    await routing.presence(agent, "online")
    assert (await routing.get(WA, "closes soon")).agent_id == agent
    assert (await routing.get(WA, "closes late")).agent_id == agent
    assert (await routing.get(TG, "no window, waits long")).agent_id == ""


async def test_more_capacity_drains_the_pool(routing):
    agent = await routing.agent(capacity=0)
    await routing.hear(routing.wrote(WA, "a"))
    with routing.as_owner():
        request = agent_service_pb2.UpdateAgentRequest(agent_id=agent, capacity=1)
        assert (await routing.agents.UpdateAgent(request, None)).agent.load == 1
    assert (await routing.get(WA, "a")).agent_id == agent


async def test_going_offline_gives_back_what_was_not_answered_and_keeps_the_rest(routing):
    first = await routing.agent()
    await routing.hear(routing.wrote(WA, "answered"), routing.wrote(WA, "not answered"), routing.wrote(TG, "either"))
    await routing.hear(routing.sent(WA, "answered", agent_id=first, seen_seq=1))
    second = await routing.agent(capacity=1)
    await routing.presence(first, "offline")
    found = await owners(routing, (WA, "answered"), (WA, "not answered"), (TG, "either"))
    assert found[0] == first
    assert sorted(found[1:]) == ["", second]
    assert (await routing.told(told_pb.ConversationAssigned))[-1].strategy in ("none", "round_robin")


async def test_who_is_away_keeps_his_own_and_gets_no_new_ones(routing):
    agent = await routing.agent()
    await routing.hear(routing.wrote(WA, "a"))
    await routing.presence(agent, "away")
    await routing.hear(routing.sent(WA, "a", agent_id=agent, seen_seq=1))
    await routing.hear(routing.wrote(WA, "a"), routing.wrote(WA, "b"))
    assert await owners(routing, (WA, "a"), (WA, "b")) == [agent, ""]
    (decision,) = await routing.decisions(WA, "b")
    assert decision.candidates[0].excluded_because == "away"


async def test_a_customer_of_an_agent_who_is_gone_goes_to_another(routing):
    first = await routing.agent()
    await routing.hear(routing.wrote(WA, "a"))
    await routing.hear(routing.sent(WA, "a", agent_id=first, seen_seq=1))
    await routing.presence(first, "offline")
    second = await routing.agent()
    await routing.hear(routing.wrote(WA, "a"))
    assert (await routing.get(WA, "a")).agent_id == second


async def test_who_comes_back_goes_to_the_agent_who_had_him(routing):
    agents = [await routing.agent() for _ in range(3)]
    await routing.hear(*(routing.wrote(WA, chat) for chat in "abc"))
    with routing.as_agent(agents[1]):
        await routing.close(WA, "b")
    await routing.hear(routing.wrote(WA, "b"))
    assert (await routing.get(WA, "b")).agent_id == agents[1]
    assert (await routing.decisions(WA, "b"))[-1].strategy == "sticky"


async def test_the_same_person_on_another_platform_goes_to_the_agent_who_answered_him(routing):
    agents = [await routing.agent() for _ in range(3)]
    person = ids.derive_id(None, "one person")
    await routing.hear(routing.wrote(WA, "a", contact_id=person))
    await routing.hear(routing.sent(WA, "a", agent_id=agents[0], seen_seq=1))
    await routing.hear(routing.wrote(TG, "his telegram", contact_id=person))
    assert (await routing.get(TG, "his telegram")).agent_id == agents[0]


async def test_one_person_who_writes_on_two_platforms_at_once_gets_one_agent(routing):
    await routing.agent(), await routing.agent()
    person = ids.derive_id(None, "one person")
    await routing.hear(routing.wrote(WA, "a", contact_id=person), routing.wrote(TG, "b", contact_id=person))
    assert (await routing.get(WA, "a")).agent_id == (await routing.get(TG, "b")).agent_id


async def test_sticky_gives_way_to_capacity(routing):
    first = await routing.agent(capacity=1)
    await routing.hear(routing.wrote(WA, "a"))
    with routing.as_agent(first):
        await routing.close(WA, "a")
    await routing.hear(routing.wrote(WA, "b"))
    second = await routing.agent()
    await routing.hear(routing.wrote(WA, "a"))
    assert (await routing.get(WA, "a")).agent_id == second


async def test_countries_decide_where_they_are_known(routing):
    thai = await routing.agent(countries=["th"])
    await routing.hear(
        routing.wrote(WA, "from Brazil", country="BR"),
        routing.wrote(WA, "from Thailand", country="TH"),
        routing.wrote(TG, "from anywhere"),
    )
    found = await owners(routing, (WA, "from Brazil"), (WA, "from Thailand"), (TG, "from anywhere"))
    assert found == ["", thai, thai]
    (decision,) = await routing.decisions(WA, "from Brazil")
    assert decision.candidates[0].excluded_because == "country"


async def test_two_transactions_at_once_give_no_conversation_to_two_and_nobody_too_much(routing):
    agents = [await routing.agent(capacity=3) for _ in range(2)]
    batches = [[routing.wrote(WA, f"{number} {chat}") for chat in "abc"] for number in range(4)]
    await asyncio.gather(*(routing.hear(*batch) for batch in batches))
    assert [await routing.load(agent) for agent in agents] == [3, 3]
    assert (await routing.pages(unassigned=True)).total_owed == 6
    assigned = await routing.told(told_pb.ConversationAssigned)
    assert len({each.conversation.conversation_id for each in assigned}) == len(assigned) == 6


async def test_only_the_first_agent_ever_is_told_as_the_first(routing):
    first = await routing.agent()
    await routing.hear(routing.wrote(WA, "a"))
    second = await routing.agent()
    with routing.as_owner():
        await routing.transfer(WA, "a", agent_id=second)
    told = await routing.told(told_pb.ConversationAssigned)
    assert [(each.agent_id, each.first) for each in told] == [(first, True), (second, False)]


async def test_presence_is_told_once_and_holds(routing):
    agent = await routing.agent("online", languages=["zh_hans"])
    await routing.presence(agent, "online")
    told = await routing.told(told_pb.AgentPresenceChanged)
    assert [each.presence for each in told] == ["online"]


async def test_a_journey_says_what_a_message_did(routing):
    await routing.agent()
    first, second = routing.wrote(WA, "a", -2), routing.wrote(WA, "a", -1)
    await routing.hear(first, second)
    steps = await describe(routing.pool, [], first.message_id)
    assert [(each.step, each.detail) for each in steps] == [
        ("conversation_opened", ""),
        ("assigned", "round_robin"),
        ("owed", ""),
    ]
    assert [each.step for each in await describe(routing.pool, [], second.message_id)] == ["conversation_continued"]


async def test_a_pool_larger_than_a_page_is_drained_to_the_last_place(routing):
    await routing.hear(*(routing.wrote(WA, f"{number}", -number) for number in range(450)))
    agent = await routing.agent(capacity=420)
    assert await routing.load(agent) == 420
    listed = await routing.pages(unassigned=True, page_size=50)
    assert listed.total_owed == 30
    assert at(0) >= listed.conversations[0].owed_since.ToDatetime(tzinfo=at(0).tzinfo)
