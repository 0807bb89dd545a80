"""What agents have in the foreground, as screens say it, and what is told of it."""

import asyncio
import itertools
from datetime import timedelta

import pytest

from lobby.routing.v1 import conversation_service_pb2 as pb
from lobby.routing.v1 import events_pb2 as told_pb
from lobby_common.errors import Conflict, NotFound
from lobby_common.times import from_proto
from lobby_routing.app.attention import Idlers
from tests.component.routing.conftest import NOW, TG, WA


@pytest.fixture(autouse=True)
def now(monkeypatch):
    """The clock by which screens are heard; the test sets it, in seconds."""

    def set_to(seconds: float) -> None:
        monkeypatch.setattr("lobby_routing.app.attention.utc_now", lambda: NOW + timedelta(seconds=seconds))

    set_to(0)
    return set_to


async def focus(routing, account: str, agent: str) -> None:
    request = pb.FocusConversationRequest(conversation_id=routing.conversation_id(account, "a"), agent_id=agent)
    with routing.as_owner():
        await routing.conversations.FocusConversation(request, None)


async def blur(routing, account: str, agent: str) -> None:
    request = pb.BlurConversationRequest(conversation_id=routing.conversation_id(account, "a"), agent_id=agent)
    with routing.as_owner():
        await routing.conversations.BlurConversation(request, None)


async def handled(routing) -> list[tuple[str, float, float]]:
    return [
        (
            each.conversation.account_id,
            (from_proto(each.start_time) - NOW).total_seconds(),
            (from_proto(each.end_time) - NOW).total_seconds(),
        )
        for each in await routing.told(told_pb.ConversationHandled)
    ]


@pytest.fixture
async def agent(routing) -> str:
    await routing.hear(routing.wrote(WA, "a"), routing.wrote(TG, "a"))
    return await routing.agent()


async def test_what_was_in_the_foreground_is_told_when_it_is_not_any_more(routing, agent, now):
    await focus(routing, WA, agent)
    now(30)
    await focus(routing, TG, agent)
    now(40)
    await blur(routing, WA, agent)
    now(70)
    await blur(routing, TG, agent)
    await blur(routing, TG, agent)
    assert await handled(routing) == [(WA, 0, 30), (TG, 30, 70)]
    [told, _] = await routing.told(told_pb.ConversationHandled)
    assert told.agent_id == agent


async def test_who_is_idle_handled_it_until_he_did_something_last(routing, agent, now):
    await focus(routing, WA, agent)
    now(60)
    await focus(routing, WA, agent)
    await Idlers(routing.log).step()
    assert await handled(routing) == []
    now(181)
    for _ in range(2):
        await Idlers(routing.log).step()
    assert await handled(routing) == [(WA, 0, 60)]
    assert await routing.pool.fetch("SELECT * FROM focus") == []


@pytest.mark.parametrize("presence", ["away", "offline"])
async def test_who_steps_away_handles_nothing(routing, agent, now, presence):
    await focus(routing, WA, agent)
    now(20)
    await routing.presence(agent, presence)
    assert await handled(routing) == [(WA, 0, 20)]
    with pytest.raises(Conflict, match="AGENT_NOT_ONLINE"):
        await focus(routing, WA, agent)


async def test_several_screens_of_an_agent_at_once_make_times_that_do_not_overlap(routing, agent, now):
    for second in range(0, 300, 20):
        now(second)
        await asyncio.gather(*(focus(routing, account, agent) for account in (WA, TG, WA)))
    now(300)
    for account in (WA, TG):
        await blur(routing, account, agent)
    times = sorted(each[1:] for each in await handled(routing))
    assert all(before[1] <= after[0] for before, after in itertools.pairwise(times))
    assert sum(stop - start for start, stop in times) == 300


async def test_conversations_and_agents_of_others_are_not_found(routing, agent):
    with pytest.raises(NotFound, match="AGENT_NOT_FOUND"):
        await focus(routing, WA, routing.workspace_id)
    other = await routing.agent("away")
    with routing.as_owner():
        await routing.transfer(WA, "a", agent_id=other)
    for call, request in (
        (routing.conversations.FocusConversation, pb.FocusConversationRequest),
        (routing.conversations.BlurConversation, pb.BlurConversationRequest),
    ):
        with routing.as_agent(agent), pytest.raises(NotFound, match="CONVERSATION_NOT_FOUND"):
            await call(request(conversation_id=routing.conversation_id(WA, "a")), None)


async def wrap_up(routing, account: str, agent: str) -> None:
    request = pb.WrapUpConversationRequest(conversation_id=routing.conversation_id(account, "a"), agent_id=agent)
    with routing.as_owner():
        await routing.conversations.WrapUpConversation(request, None)


async def wrapped_up(routing) -> list[bool]:
    return [each.wrap_up for each in await routing.told(told_pb.ConversationHandled)]


async def test_who_wraps_up_handles_it_until_he_is_done(routing, agent, now):
    await focus(routing, WA, agent)
    now(30)
    await wrap_up(routing, WA, agent)
    now(300)
    await Idlers(routing.log).step()
    await wrap_up(routing, WA, agent)
    now(330)
    await blur(routing, WA, agent)
    assert await handled(routing) == [(WA, 0, 30), (WA, 30, 330)]
    assert await wrapped_up(routing) == [False, True]


async def test_a_conversation_that_was_not_in_the_foreground_may_be_wrapped_up(routing, agent, now):
    await wrap_up(routing, WA, agent)
    now(60)
    await focus(routing, TG, agent)
    now(90)
    await routing.presence(agent, "away")
    assert await handled(routing) == [(WA, 0, 60), (TG, 60, 90)]
    assert await wrapped_up(routing) == [True, False]
    with pytest.raises(Conflict, match="AGENT_NOT_ONLINE"):
        await wrap_up(routing, WA, agent)


async def test_who_forgets_to_say_that_he_is_done_wrapped_up_for_ten_minutes(routing, agent, now):
    await wrap_up(routing, WA, agent)
    now(601)
    await Idlers(routing.log).step()
    assert await handled(routing) == [(WA, 0, 600)]


async def test_only_what_he_sees_can_be_wrapped_up(routing, agent):
    with routing.as_agent(await routing.agent()), pytest.raises(NotFound):
        await routing.conversations.WrapUpConversation(
            pb.WrapUpConversationRequest(conversation_id="00000000-0000-0000-0000-000000000000"), None
        )
