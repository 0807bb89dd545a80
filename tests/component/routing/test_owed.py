"""When a customer is owed an answer, since when, and what ends it."""

import pytest

from lobby.connectors.v1 import events_pb2 as connectors_pb2
from lobby.connectors.v1 import message_pb2
from lobby.identity.v1 import events_pb2 as identity_pb2
from lobby_common import ids
from lobby_common.times import from_proto
from tests.component.routing.conftest import TG, WA, at, names


async def test_a_first_message_opens_a_conversation_that_is_owed_since_it_was_written(routing):
    told = await routing.hear(routing.wrote(WA, "+66811111111", -5, text="price?", display_name="Noi", country="TH"))
    assert names(told) == ["Opened", "Owed"]
    found = await routing.get(WA, "+66811111111")
    assert (found.owed, from_proto(found.owed_since), found.unseen_count) == (True, at(-5), 1)
    assert (found.last_message_text, found.display_name, found.episode) == ("price?", "Noi", 1)


async def test_more_messages_keep_the_wait_of_the_oldest_and_tell_nothing(routing):
    await routing.hear(routing.wrote(WA, "a", -5))
    assert await routing.hear(routing.wrote(WA, "a", -4), routing.wrote(WA, "a", -3)) == []
    found = await routing.get(WA, "a")
    assert (from_proto(found.owed_since), found.inbound_seq) == (at(-5), 3)


async def test_the_same_message_again_changes_nothing(routing):
    message = routing.wrote(WA, "a", -5)
    await routing.hear(message)
    assert await routing.hear(message) == []
    assert (await routing.get(WA, "a")).inbound_seq == 1


async def test_the_same_message_twice_in_one_batch_counts_once(routing):
    message = routing.wrote(WA, "a", -5)
    await routing.hear(message, message)
    assert (await routing.get(WA, "a")).inbound_seq == 1


async def test_an_accepted_answer_ends_the_wait(routing):
    agent = await routing.agent()
    await routing.hear(routing.wrote(WA, "a", -5), routing.wrote(WA, "a", -4))
    (answered,) = await routing.hear(routing.sent(WA, "a", -1, agent_id=agent, seen_seq=2))
    assert from_proto(answered.owed_since) == at(-5)
    assert from_proto(answered.answer_time) == at(-1)
    assert answered.agent_id == agent
    assert not (await routing.get(WA, "a")).owed


async def test_what_the_agent_had_not_seen_stays_owed_and_a_new_wait_begins_with_it(routing):
    agent = await routing.agent()
    await routing.hear(routing.wrote(WA, "a", -5), routing.wrote(WA, "a", -2), routing.wrote(WA, "a", -1))
    told = await routing.hear(routing.sent(WA, "a", agent_id=agent, seen_seq=1))
    assert names(told) == ["Answered", "Owed"]
    assert from_proto(told[1].owed_since) == at(-2)
    assert from_proto((await routing.get(WA, "a")).owed_since) == at(-2)


async def test_an_echo_ends_the_wait_of_what_was_written_before_it(routing):
    await routing.hear(routing.wrote(WA, "a", -5), routing.wrote(WA, "a", -1))
    told = await routing.hear(routing.sent(WA, "a", -3, echo=True))
    assert names(told) == ["Answered", "Owed"]
    assert told[0].agent_id == ""
    assert from_proto((await routing.get(WA, "a")).owed_since) == at(-1)


async def test_a_bot_ends_nothing(routing):
    await routing.hear(routing.wrote(WA, "a", -5))
    assert names(await routing.hear(routing.sent(WA, "a", -3, bot=True))) == ["BotAnswered"]
    found = await routing.get(WA, "a")
    assert (found.owed, found.last_message_text) == (True, "an answer")


async def test_a_late_message_that_nobody_saw_is_owed_since_it_was_written(routing):
    agent = await routing.agent()
    await routing.hear(routing.wrote(WA, "a", -5))
    await routing.hear(routing.sent(WA, "a", -1, agent_id=agent, seen_seq=1))
    told = await routing.hear(routing.wrote(WA, "a", -9))
    assert names(told) == ["Owed"]
    assert from_proto(told[0].owed_since) == at(-9)


async def test_an_echo_that_comes_before_its_conversation_waits_for_it(routing):
    assert await routing.hear(routing.sent(WA, "a", -3, echo=True)) == []
    told = await routing.hear(routing.wrote(WA, "a", -5))
    assert names(told) == ["Opened", "Owed", "Answered"]
    assert from_proto(told[2].answer_time) == at(-3)
    assert not (await routing.get(WA, "a")).owed
    assert await routing.pool.fetchval("SELECT count(*) FROM waiting_event") == 0


async def test_a_message_that_comes_after_the_echo_that_answered_it_makes_one_whole_wait(routing):
    await routing.hear(routing.wrote(WA, "a", -9))
    await routing.hear(routing.sent(WA, "a", -8, echo=True), routing.sent(WA, "a", -3, echo=True))
    told = await routing.hear_one_by_one(routing.wrote(WA, "a", -5), routing.wrote(WA, "a", -4))
    assert names(told) == ["Owed", "Answered"]
    assert (from_proto(told[1].owed_since), from_proto(told[1].answer_time)) == (at(-5), at(-3))
    assert not (await routing.get(WA, "a")).owed


@pytest.mark.parametrize("echo_first", [False, True])
async def test_in_one_second_of_the_platform_what_came_in_after_the_echo_is_owed(routing, echo_first):
    before = routing.wrote(WA, "a", 0, received=at(0.001))
    after = routing.wrote(WA, "a", 0, received=at(0.009))
    echo = routing.sent(WA, "a", 0, echo=True)
    routing.clock = at(0.005)
    for each in [echo, before, after] if echo_first else [before, echo, after]:
        await routing.hear(each)
    assert (await routing.get(WA, "a")).owed
    await routing.hear(routing.sent(WA, "a", 0.1, echo=True))
    assert not (await routing.get(WA, "a")).owed


async def test_a_message_that_is_no_greeting_is_shown_but_not_owed(routing):
    await routing.hear(routing.wrote(WA, "a", -5, greeting=False, text="from our own number"))
    found = await routing.get(WA, "a")
    assert (found.owed, found.inbound_seq, found.last_message_text) == (False, 0, "from our own number")


async def test_a_new_address_of_the_customer_continues_his_conversation(routing):
    await routing.hear(routing.wrote(WA, "+66811111111", -5, user="noi"))
    told = await routing.hear(routing.wrote(WA, "TH.1001", -4, user="noi"))
    assert told == []
    assert (await routing.get(WA, "noi")).inbound_seq == 2


async def test_a_merge_moves_the_contact_and_joins_no_conversations(routing):
    await routing.hear(routing.wrote(WA, "a"), routing.wrote(TG, "b"))
    one = ids.derive_id(None, "contact", "a")
    users = [ids.derive_id(None, "user", each) for each in ("a", "b", "c")]
    await routing.hear(
        identity_pb2.ContactMerged(group=identity_pb2.ContactGroup(contact_id=one, channel_user_ids=users), version=2)
    )
    assert (await routing.get(TG, "b")).contact_id == one
    assert len((await routing.pages()).conversations) == 2
    await routing.hear(
        identity_pb2.ContactSplit(
            groups=[identity_pb2.ContactGroup(contact_id=ids.derive_id(None, "x"), channel_user_ids=users[1:2])],
            version=1,
        )
    )
    assert (await routing.get(TG, "b")).contact_id == one
    # A channel user who writes for the first time after the merge, judged before it.
    await routing.hear(routing.wrote(TG, "c"))
    assert (await routing.get(TG, "c")).contact_id == one


async def test_the_language_found_in_his_texts_wins_over_his_clients(routing):
    await routing.hear(routing.spoke(WA, "a", "zh-hant"))
    await routing.hear(routing.wrote(WA, "a", locale="en_US"), routing.wrote(WA, "b", locale="pt_br"))
    assert (await routing.get(WA, "a")).language == "zh-Hant"
    assert (await routing.get(WA, "b")).language == "pt-BR"


async def test_lists_show_the_edited_text_and_forget_the_deleted_one(routing):
    message = routing.wrote(WA, "a", text="pirce?")
    edit = connectors_pb2.MessageEdited(message_id=message.message_id, account_id=WA, chat="a", text="price?")
    # The edit comes first: connectors' stream is ahead of identity's.
    await routing.hear(edit)
    await routing.hear(message)
    assert (await routing.get(WA, "a")).last_message_text == "price?"
    await routing.hear(connectors_pb2.MessageDeleted(message_id=message.message_id, account_id=WA, chat="a"))
    found = await routing.get(WA, "a")
    assert (found.last_message_text, found.owed) == ("", True)


async def test_an_edit_that_comes_with_its_message_but_before_it_is_not_left_waiting(routing, pool):
    message = routing.wrote(WA, "a", text="pirce?")
    edit = connectors_pb2.MessageEdited(message_id=message.message_id, account_id=WA, chat="a", text="price?")
    await routing.hear(edit, message)
    assert (await routing.get(WA, "a")).last_message_text == "price?"
    assert await pool.fetchval("SELECT count(*) FROM waiting_event") == 0


async def test_what_was_left_waiting_for_a_message_that_is_there_goes_with_the_next_one(routing, pool):
    message = routing.wrote(WA, "a", text="pirce?")
    await routing.hear(message)
    edit = connectors_pb2.MessageEdited(message_id=message.message_id, account_id=WA, chat="a", text="price?")
    event = routing._incoming(edit).event
    place = (event.id, WA, "a", event.SerializeToString())
    await pool.execute("INSERT INTO waiting_event (event_id, account_id, chat, event) VALUES ($1, $2, $3, $4)", *place)
    await routing.hear(routing.wrote(WA, "a", 1, text="hello?"))
    assert await pool.fetchval("SELECT count(*) FROM waiting_event") == 0


async def test_a_closed_conversation_owes_nothing_until_the_customer_writes_again(routing):
    agent = await routing.agent()
    await routing.hear(routing.wrote(WA, "a", -5))
    with routing.as_agent(agent):
        closed = await routing.close(WA, "a")
    assert (closed.owed, closed.state) == (False, closed.STATE_CLOSED)
    told = await routing.hear(routing.wrote(WA, "a", -1))
    assert names(told) == ["Opened", "Assigned", "Owed"]
    found = await routing.get(WA, "a")
    assert (found.episode, found.agent_id, from_proto(found.owed_since)) == (2, agent, at(-1))


async def test_the_events_of_a_cause_have_the_same_ids_every_time(routing):
    message = routing.wrote(WA, "a")
    found = []
    for _ in range(2):
        try:
            async with routing.log.transaction() as tx:
                await routing.apply(tx, message)
                found.append([told.event.id for told in tx.events])
                raise RuntimeError("the process dies")
        except RuntimeError:
            pass
    assert found[0] == found[1]
    assert len(set(found[0])) == 2


async def test_what_follows_carries_the_trace_and_names_its_cause(routing):
    async with routing.log.transaction() as tx:
        await routing.apply(tx, routing.wrote(WA, "a"))
        events = [told.event for told in tx.events]
    assert all(event.traceparent.startswith("00-1111") for event in events)
    assert {event.cause_id for event in events} != {""}
    assert {event.key for event in events} == {routing.conversation_id(WA, "a")}


async def answered_and_closed(routing) -> str:
    """An agent answered and closed; thanks may come."""
    agent = await routing.agent()
    await routing.hear(routing.wrote(WA, "a", -10), routing.sent(WA, "a", -9, agent_id=agent, seen_seq=1))
    with routing.as_agent(agent):
        await routing.close(WA, "a")
    return agent


def thanked(routing, minutes: float = 120, **more):
    return routing.wrote(WA, "a", minutes, **{"text": "thanks 🙏", "kind": message_pb2.MESSAGE_KIND_TEXT, **more})


async def effects_of(routing, message) -> str:
    return await routing.pool.fetchval(
        "SELECT effects FROM conversation_message WHERE message_id = $1", message.message_id
    )


@pytest.mark.parametrize("text", ["thanks", "谢谢", "Muito obrigada!", "ขอบคุณค่ะ"])
async def test_thanks_for_the_answer_to_what_is_closed_open_nothing_and_are_owed_nothing(routing, text):
    await answered_and_closed(routing)
    message = thanked(routing, text=text)
    assert await routing.hear(message) == []
    found = await routing.get(WA, "a")
    assert (found.owed, found.state, found.episode) == (False, found.STATE_CLOSED, 1)
    assert (found.last_message_text, found.inbound_seq) == (text, 1)
    assert await effects_of(routing, message) == "thanked:1,conversation_continued"


async def test_thanks_may_be_said_more_than_once(routing):
    await answered_and_closed(routing)
    assert await routing.hear_one_by_one(thanked(routing), thanked(routing, 121), thanked(routing, 122)) == []


async def test_what_comes_after_thanks_is_owed(routing):
    await answered_and_closed(routing)
    told = await routing.hear_one_by_one(thanked(routing), routing.wrote(WA, "a", 121, text="when will it come?"))
    assert names(told)[0] == "Opened"
    assert from_proto((await routing.get(WA, "a")).owed_since) == at(121)


async def test_thanks_in_an_open_conversation_are_owed_an_answer(routing):
    agent = await routing.agent()
    await routing.hear(routing.wrote(WA, "a", -10), routing.sent(WA, "a", -9, agent_id=agent, seen_seq=1))
    assert "Owed" in names(await routing.hear(thanked(routing)))


async def test_thanks_that_come_days_later_begin_something_new(routing):
    await answered_and_closed(routing)
    assert names(await routing.hear(thanked(routing, 72 * 60 + 30)))[0] == "Opened"


async def test_who_was_never_answered_has_nothing_to_thank_for(routing):
    agent = await routing.agent()
    await routing.hear(routing.wrote(WA, "a", -10))
    with routing.as_agent(agent):
        await routing.close(WA, "a")
    assert "Owed" in names(await routing.hear(thanked(routing)))


async def test_a_picture_with_thanks_below_is_owed_an_answer(routing):
    await answered_and_closed(routing)
    assert "Owed" in names(await routing.hear(thanked(routing, kind=message_pb2.MESSAGE_KIND_IMAGE)))


async def test_thanks_that_are_lost_are_found_and_heard_again(routing):
    await answered_and_closed(routing)
    message = thanked(routing)
    await routing.hear(message)
    await routing.pool.execute("DELETE FROM conversation_message WHERE message_id = $1", message.message_id)
    assert await routing.prove(message) == {message.message_id}
    assert not (await routing.get(WA, "a")).owed
    assert await effects_of(routing, message) == "thanked:1,conversation_continued"
