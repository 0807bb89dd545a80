"""What agents and supervisors do with conversations."""

import asyncio

import pytest

from lobby.identity.v1.events_pb2 import MessageIdentified
from lobby.routing.v1 import conversation_service_pb2 as pb
from lobby.routing.v1 import events_pb2 as told_pb
from lobby_common import ids
from lobby_common.errors import Conflict, Invalid, NotFound, Refused
from lobby_common.times import from_proto, utc_now
from tests.component.routing.conftest import TG, WA, at


@pytest.fixture
async def pooled(routing) -> MessageIdentified:
    """A message that waits in the pool, for nobody is there."""
    message = routing.wrote(WA, "a", -5)
    await routing.hear(message)
    return message


async def test_a_claim_assigns_with_a_lease_of_two_minutes(routing, pooled):
    agent = await routing.agent("away")
    with routing.as_agent(agent):
        found = await routing.claim(WA, "a")
    assert (found.agent_id, found.lease_agent_id) == (agent, agent)
    assert 0 < (from_proto(found.lease_expire_time) - utc_now()).total_seconds() <= 120
    assert (await routing.decisions(WA, "a"))[-1].strategy == "claim"


async def test_of_two_who_claim_at_once_one_gets_it_and_the_other_hears_why_not(routing, pooled):
    agents = [await routing.agent("away") for _ in range(2)]

    async def claim(agent: str) -> object:
        with routing.as_agent(agent):
            return await routing.claim(WA, "a")

    results = await asyncio.gather(*map(claim, agents), return_exceptions=True)
    (refused,) = [each for each in results if isinstance(each, Exception)]
    assert isinstance(refused, Conflict)
    assert refused.reason == "LEASE_HELD"


async def test_a_supervisor_may_claim_for_another_once_the_lease_has_ended(routing, pooled):
    first, second = await routing.agent("away"), await routing.agent("away")
    with routing.as_owner():
        await routing.claim(WA, "a", first)
        with pytest.raises(Conflict, match="LEASE_HELD"):
            await routing.claim(WA, "a", second)
        await routing.pool.execute("UPDATE conversation SET lease_expire_time = now() - interval '1 second'")
        assert (await routing.claim(WA, "a", second)).agent_id == second


async def test_an_agent_sees_his_own_and_the_pool_and_nothing_else(routing, pooled):
    first, second = await routing.agent("away"), await routing.agent("away")
    with routing.as_owner():
        await routing.transfer(WA, "a", agent_id=first)
    await routing.hear(routing.wrote(TG, "b"))
    hidden = routing.conversation_id(WA, "a")
    with routing.as_agent(second):
        listed = await routing.conversations.ListConversations(pb.ListConversationsRequest(), None)
        assert [each.conversation_id for each in listed.conversations] == [routing.conversation_id(TG, "b")]
        assert listed.total_owed == 1
        api = routing.conversations
        for call in (
            api.GetConversation(pb.GetConversationRequest(conversation_id=hidden), None),
            api.ListDecisions(pb.ListDecisionsRequest(conversation_id=hidden), None),
            api.GetConversationChats(pb.GetConversationChatsRequest(conversation_id=hidden), None),
            routing.claim(WA, "a"),
            routing.release(WA, "a"),
            routing.transfer(WA, "a", agent_id=second),
            routing.close(WA, "a"),
            routing.reopen(WA, "a"),
            routing.seen(WA, "a", pooled.message_id),
            routing.send(WA, "a", last_seen_message_id=pooled.message_id),
        ):
            with pytest.raises(NotFound, match="CONVERSATION_NOT_FOUND"):
                await call


async def test_the_filter_leaves_what_the_agent_may_see(routing, pooled):
    first, second = await routing.agent("away"), await routing.agent("away")
    with routing.as_owner():
        await routing.transfer(WA, "a", agent_id=first)
    open_message = routing.wrote(TG, "b")
    await routing.hear(open_message)
    request = pb.FilterVisibleRequest(
        contact_ids=[pooled.contact_id, open_message.contact_id, "no id"],
        message_ids=[pooled.message_id, open_message.message_id, ids.new_id()],
    )
    with routing.as_agent(second):
        seen = await routing.conversations.FilterVisible(request, None)
    assert (seen.contact_ids, seen.message_ids) == ([open_message.contact_id], [open_message.message_id])
    with routing.as_owner():
        assert len((await routing.conversations.FilterVisible(request, None)).message_ids) == 3


async def test_another_workspace_sees_nothing(routing, pooled):
    agent = await routing.agent("away")
    routing.workspace_id = ids.new_id()
    assert (await routing.pages()).total_owed == 0
    with routing.as_owner():
        for call in (
            routing.get(WA, "a"),
            routing.claim(WA, "a", agent),
            routing.close(WA, "a", agent),
            routing.seen(WA, "a", pooled.message_id, agent),
            routing.send(WA, "a", agent),
            routing.transfer(WA, "a", agent_id=agent),
        ):
            with pytest.raises(NotFound):
                await call


async def test_an_id_that_is_none_names_nothing(routing):
    agent = await routing.agent("away")
    with routing.as_owner():
        for bad in ("", "x" * 65, "a/b", "\x00"):
            request = pb.GetConversationRequest(conversation_id=bad)
            with pytest.raises(NotFound, match="CONVERSATION_NOT_FOUND"):
                await routing.conversations.GetConversation(request, None)
        request = pb.ClaimConversationRequest(conversation_id="nothing", agent_id=agent)
        with pytest.raises(NotFound, match="CONVERSATION_NOT_FOUND"):
            await routing.conversations.ClaimConversation(request, None)


async def test_an_agent_acts_for_himself_and_others_name_one(routing, pooled):
    first, second = await routing.agent("away"), await routing.agent("away")
    with routing.as_agent(first), pytest.raises(Refused, match="OTHER_AGENT"):
        await routing.claim(WA, "a", second)
    with routing.as_owner(), pytest.raises(Invalid, match="AGENT_REQUIRED"):
        await routing.claim(WA, "a")
    with routing.as_owner(), pytest.raises(NotFound, match="AGENT_NOT_FOUND"):
        await routing.claim(WA, "a", ids.new_id())


async def test_a_released_conversation_goes_to_another_and_not_back_before_the_customer_writes(routing):
    first = await routing.agent()
    await routing.hear(routing.wrote(WA, "a"))
    with routing.as_agent(first):
        assert (await routing.release(WA, "a")).agent_id == ""
    await routing.presence(first, "away")
    await routing.presence(first, "online")
    assert (await routing.get(WA, "a")).agent_id == ""
    assert (await routing.decisions(WA, "a"))[-1].candidates[0].excluded_because == "released"
    assert (await routing.told(told_pb.ConversationAssigned))[-1].strategy == "release"
    await routing.hear(routing.wrote(WA, "a"))
    assert (await routing.get(WA, "a")).agent_id == first


async def test_a_released_conversation_goes_to_a_colleague_at_once(routing):
    first = await routing.agent()
    await routing.hear(routing.wrote(WA, "a"))
    second = await routing.agent()
    with routing.as_owner():
        assert (await routing.release(WA, "a", first)).agent_id == second


async def test_nobody_gives_back_what_another_has(routing):
    first = await routing.agent()
    await routing.hear(routing.wrote(WA, "a"))
    second = await routing.agent()
    with routing.as_owner():
        with pytest.raises(Conflict, match="OTHER_AGENT"):
            await routing.release(WA, "a", second)
        assert (await routing.get(WA, "a")).agent_id == first


async def test_a_lease_keeps_others_from_releasing_and_closing(routing, pooled):
    first, second = await routing.agent("away"), await routing.agent("away")
    with routing.as_owner():
        await routing.claim(WA, "a", first)
        for call in (routing.release(WA, "a", second), routing.close(WA, "a", second)):
            with pytest.raises(Conflict, match="LEASE_HELD"):
                await call


async def test_nobody_who_does_not_exist_commands(routing, pooled):
    with routing.as_owner():
        for nobody in ("nobody", "+/=-", "x" * 300, ids.new_id()):
            for call in (routing.claim, routing.release, routing.close, routing.reopen):
                with pytest.raises(NotFound, match="AGENT_NOT_FOUND"):
                    await call(WA, "a", nobody)


async def test_a_transfer_needs_one_target_that_exists(routing, pooled):
    agent = await routing.agent("away")
    with routing.as_owner():
        for target in ({}, {"agent_id": agent, "team": "sales"}):
            with pytest.raises(Invalid, match="TARGET_REQUIRED"):
                await routing.transfer(WA, "a", **target)
        for unknown in ("nobody", ids.new_id()):
            with pytest.raises(NotFound, match="AGENT_NOT_FOUND"):
                await routing.transfer(WA, "a", agent_id=unknown)


async def test_a_supervisor_transfers_from_who_is_answering(routing, pooled):
    first, second = await routing.agent("away"), await routing.agent("offline")
    with routing.as_owner():
        await routing.claim(WA, "a", first)
        found = await routing.transfer(WA, "a", agent_id=second)
    assert (found.agent_id, found.lease_agent_id) == (second, "")
    assert (await routing.decisions(WA, "a"))[-1].strategy == "transfer"


async def test_a_transfer_to_a_team_goes_to_one_of_it_or_waits_for_it(routing):
    first = await routing.agent(teams=["sales"])
    await routing.hear(routing.wrote(WA, "a"))
    with routing.as_agent(first):
        assert (await routing.transfer(WA, "a", team="support")).agent_id == ""
    await routing.agent(teams=["sales"])
    assert (await routing.get(WA, "a")).agent_id == ""
    support = await routing.agent(teams=["support"])
    assert (await routing.get(WA, "a")).agent_id == support
    candidates = {each.agent_id: each for each in (await routing.decisions(WA, "a"))[-1].candidates}
    assert candidates[first].excluded_because == "team"


async def test_closing_ends_the_wait_and_tells_since_when_it_was(routing, pooled):
    agent = await routing.agent("away")
    with routing.as_owner():
        closed = await routing.close(WA, "a", agent)
        again = await routing.close(WA, "a", agent)
    assert (closed.owed, closed.state) == (False, closed.STATE_CLOSED)
    assert again == closed
    (told,) = await routing.told(told_pb.ConversationClosed)
    assert (told.reason, told.agent_id) == ("resolved", agent)
    assert told.owed_since.seconds == at(-5).timestamp()


async def test_a_closed_conversation_is_neither_claimed_nor_transferred_nor_answered(routing, pooled):
    agent = await routing.agent("away")
    with routing.as_owner():
        await routing.close(WA, "a", agent)
        for call in (
            routing.claim(WA, "a", agent),
            routing.transfer(WA, "a", agent_id=agent),
            routing.send(WA, "a", agent, last_seen_message_id=pooled.message_id),
        ):
            with pytest.raises(Conflict, match="CONVERSATION_CLOSED"):
                await call


async def test_reopening_begins_an_episode_in_which_nothing_is_owed(routing, pooled):
    agent = await routing.agent("away")
    with routing.as_owner():
        await routing.close(WA, "a", agent)
        found = await routing.reopen(WA, "a", agent)
        assert await routing.reopen(WA, "a", agent) == found
    assert (found.episode, found.owed, found.state) == (2, False, found.STATE_OPEN)
    assert [each.episode for each in await routing.told(told_pb.ConversationOpened)] == [1, 2]


async def test_seen_is_the_agents_own_and_changes_nothing_else(routing, pooled):
    first, second = await routing.agent("away"), await routing.agent("away")
    later = routing.wrote(WA, "a", -1)
    await routing.hear(later)
    with routing.as_agent(first):
        assert (await routing.seen(WA, "a", pooled.message_id)).unseen_count == 1
        assert (await routing.seen(WA, "a", later.message_id)).unseen_count == 0
        assert (await routing.seen(WA, "a", pooled.message_id)).unseen_count == 0
    with routing.as_agent(second):
        found = (
            await routing.conversations.GetConversation(
                pb.GetConversationRequest(conversation_id=routing.conversation_id(WA, "a")), None
            )
        ).conversation
    assert (found.unseen_count, found.owed, found.agent_id) == (2, True, "")


async def test_seen_of_a_message_elsewhere_is_refused(routing, pooled):
    agent = await routing.agent("away")
    elsewhere = routing.wrote(TG, "b")
    await routing.hear(elsewhere)
    with routing.as_agent(agent):
        for message_id in (elsewhere.message_id, "nothing"):
            with pytest.raises(NotFound, match="MESSAGE_NOT_FOUND"):
                await routing.seen(WA, "a", message_id)


async def test_a_command_repeated_with_its_request_id_gives_the_first_answer(routing, pooled):
    agent = await routing.agent("away")
    with routing.as_owner():
        first = await routing.claim(WA, "a", agent, request_id="once")
        await routing.close(WA, "a", agent)
        assert await routing.claim(WA, "a", agent, request_id="once") == first


async def test_the_chats_of_a_conversation_come_with_the_languages_of_its_agent(routing):
    agent = await routing.agent(languages=["zh_hans", "EN"])
    await routing.hear(routing.wrote(WA, "+66811111111", -5, user="noi"), routing.wrote(WA, "TH.1001", -4, user="noi"))
    request = pb.GetConversationChatsRequest(conversation_id=routing.conversation_id(WA, "noi"))
    with routing.as_agent(agent):
        found = await routing.conversations.GetConversationChats(request, None)
    assert (found.account_id, list(found.chats)) == (WA, ["+66811111111", "TH.1001"])
    assert list(found.agent_languages) == ["zh-Hans", "en"]
