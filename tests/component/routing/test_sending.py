"""An agent's answer: what refuses it, what the customer reads, and what connectors is handed."""

import pytest

from lobby.identity.v1.events_pb2 import MessageIdentified
from lobby.routing.v1.conversation_service_pb2 import NewerMessages, OutgoingAttachment
from lobby.translate.v1 import translation_pb2
from lobby_common.errors import Conflict, Invalid, NotFound, Unavailable
from tests.component.routing.conftest import TG, WA


@pytest.fixture
async def message(routing) -> MessageIdentified:
    message = routing.wrote(WA, "a", -5)
    await routing.hear(message)
    return message


@pytest.fixture
async def agent(routing) -> str:
    return await routing.agent("away", languages=["zh-Hans"])


def untranslated(routing, reason: str = "no_provider") -> None:
    routing.translate.answer = translation_pb2.Translation(
        status=translation_pb2.TRANSLATION_STATUS_UNTRANSLATED, reason=reason, source_language="zh"
    )


async def test_an_answer_takes_the_lease_and_the_conversation_and_goes_where_the_customer_wrote(
    routing, message, agent
):
    with routing.as_agent(agent):
        sent = await routing.send(WA, "a", last_seen_message_id=message.message_id, text="hi")
    (handed,) = routing.connectors.sent
    assert (handed.account_id, handed.chat, handed.agent_id, handed.seen_seq) == (WA, "a", agent, 1)
    assert (handed.text, handed.source_text, handed.language) == ("hi", "", "th")
    found = await routing.get(WA, "a")
    assert (found.agent_id, found.lease_agent_id, found.unseen_count, found.owed) == (agent, agent, 0, True)
    assert sent.text == "hi"
    # Only what the platform accepted ends the wait.
    await routing.hear(routing.sent(WA, "a", agent_id=agent, seen_seq=1, message_id=sent.message_id))
    assert not (await routing.get(WA, "a")).owed


async def test_neighbours_are_called_for_the_same_caller(routing, message, agent):
    with routing.as_agent(agent):
        await routing.send(WA, "a", last_seen_message_id=message.message_id)
    assert routing.connectors.callers[0].workspace_id == routing.workspace_id
    assert routing.connectors.callers[0].agent_id == agent


async def test_the_customer_reads_his_language_and_both_texts_are_kept(routing, message, agent):
    routing.translate.answer = translation_pb2.Translation(
        status=translation_pb2.TRANSLATION_STATUS_TRANSLATED, text="สวัสดี", language="th", source_language="zh"
    )
    with routing.as_agent(agent):
        await routing.send(WA, "a", last_seen_message_id=message.message_id, text="你好")
    (handed,) = routing.connectors.sent
    assert (handed.text, handed.source_text, handed.language) == ("สวัสดี", "你好", "th")
    (asked,) = routing.translate.asked
    assert (asked.language, asked.account_id, asked.chat, list(asked.agent_languages)) == ("", WA, "a", ["zh-Hans"])


@pytest.mark.parametrize("away", [False, True])
async def test_what_cannot_be_translated_is_refused_unless_the_original_shall_go(routing, message, agent, away):
    untranslated(routing)
    routing.translate.away = away
    with routing.as_agent(agent):
        with pytest.raises(Conflict, match="TRANSLATION_UNAVAILABLE"):
            await routing.send(WA, "a", last_seen_message_id=message.message_id, text="你好", request_id="one")
        assert routing.connectors.sent == []
        more = {"last_seen_message_id": message.message_id, "text": "你好", "request_id": "one"}
        await routing.send(WA, "a", send_original=True, **more)
    assert routing.connectors.sent[0].text == "你好"


async def test_an_answer_over_a_message_not_seen_is_refused_with_that_message(routing, message, agent):
    newer = routing.wrote(WA, "a", -1)
    await routing.hear(newer)
    with routing.as_agent(agent):
        with pytest.raises(Conflict, match="NEWER_MESSAGE") as refused:
            await routing.send(WA, "a", last_seen_message_id=message.message_id)
        assert isinstance(refused.value.detail, NewerMessages)
        assert [each.message_id for each in refused.value.detail.newer] == [newer.message_id]
        await routing.send(WA, "a", last_seen_message_id=newer.message_id)
    assert routing.connectors.sent[0].seen_seq == 2


async def test_a_refusal_with_very_long_messages_fits_through_grpc(routing, message, agent):
    """A refusal travels in the trailers of a call, which hold little; the newest messages matter most."""
    newer = [routing.wrote(WA, "a", -1) for _ in range(50)]
    await routing.hear(*newer)
    routing.connectors.text = "z🙂" * 33_000
    with routing.as_agent(agent), pytest.raises(Conflict, match="NEWER_MESSAGE") as refused:
        await routing.send(WA, "a", last_seen_message_id=message.message_id)
    shown = refused.value.detail.newer
    assert [each.message_id for each in shown] == [each.message_id for each in newer[-len(shown) :]]
    assert len(shown) >= 3
    assert all(each.text.startswith("z🙂z🙂") for each in shown)
    assert refused.value.detail.ByteSize() < 32 * 1024


async def test_without_a_last_message_what_the_agent_marked_seen_counts(routing, message, agent):
    with routing.as_agent(agent):
        with pytest.raises(Conflict, match="NEWER_MESSAGE"):
            await routing.send(WA, "a")
        await routing.seen(WA, "a", message.message_id)
        await routing.send(WA, "a")
        await routing.send(WA, "a", text="and more")
    assert len(routing.connectors.sent) == 2


async def test_a_refusal_leaves_no_lease_and_no_assignment(routing, message, agent):
    with routing.as_agent(agent), pytest.raises(Conflict, match="NEWER_MESSAGE"):
        await routing.send(WA, "a")
    found = await routing.get(WA, "a")
    assert (found.agent_id, found.lease_agent_id) == ("", "")


async def test_while_a_colleague_answers_nobody_else_does(routing, message, agent):
    other = await routing.agent("away")
    with routing.as_agent(other):
        await routing.send(WA, "a", last_seen_message_id=message.message_id)
    with routing.as_agent(agent), pytest.raises(Conflict, match="LEASE_HELD"):
        await routing.send(WA, "a", last_seen_message_id=message.message_id)


async def test_the_same_request_gives_the_same_message_whatever_happened_since(routing, message, agent):
    with routing.as_agent(agent):
        more = {"last_seen_message_id": message.message_id, "request_id": "once"}
        first = await routing.send(WA, "a", **more)
        await routing.hear(routing.wrote(WA, "a"))
        assert await routing.send(WA, "a", **more) == first
    assert len(routing.connectors.sent) == 1


async def test_a_send_of_unknown_outcome_is_repeated_without_new_checks(routing, message, agent):
    more = {"last_seen_message_id": message.message_id, "request_id": "once"}
    routing.connectors.away = True
    with routing.as_agent(agent):
        with pytest.raises(Unavailable):
            await routing.send(WA, "a", **more)
        routing.connectors.away = False
        await routing.hear(routing.wrote(WA, "a"))
        await routing.send(WA, "a", **more)
    assert routing.connectors.sent[0].seen_seq == 1
    assert (await routing.get(WA, "a")).owed


@pytest.mark.parametrize("text", ["", " \n"])
async def test_an_answer_says_something(routing, message, agent, text):
    with routing.as_agent(agent), pytest.raises(Invalid, match="EMPTY_MESSAGE"):
        await routing.send(WA, "a", text=text, last_seen_message_id=message.message_id)


async def test_a_picture_alone_is_an_answer_and_needs_no_translation(routing, message, agent):
    routing.translate.away = True
    picture = OutgoingAttachment(kind="image", url="https://example.org/a.png", file_name="a.png")
    with routing.as_agent(agent):
        await routing.send(WA, "a", text="", attachments=[picture], last_seen_message_id=message.message_id)
    assert routing.connectors.sent[0].attachments[0].url == "https://example.org/a.png"


async def test_a_last_seen_message_of_another_conversation_is_not_found(routing, message, agent):
    elsewhere = routing.wrote(TG, "b")
    await routing.hear(elsewhere)
    with routing.as_agent(agent), pytest.raises(NotFound, match="MESSAGE_NOT_FOUND"):
        await routing.send(WA, "a", last_seen_message_id=elsewhere.message_id)


async def test_an_agent_may_mark_his_own_answer_seen_before_the_platform_accepted_it(routing, message, agent):
    with routing.as_agent(agent):
        sent = await routing.send(WA, "a", last_seen_message_id=message.message_id)
        assert (await routing.seen(WA, "a", sent.message_id)).unseen_count == 0


@pytest.mark.parametrize("nobody", ["no id", "\x97", "0195f000-0000-7000-8000-000000000000"])
async def test_an_agent_that_is_not_there_is_told_so_also_where_the_last_seen_message_is_named(
    routing, message, nobody
):
    with routing.as_owner(), pytest.raises(NotFound, match="AGENT_NOT_FOUND"):
        await routing.send(WA, "a", agent_id=nobody, last_seen_message_id=message.message_id)
    assert routing.connectors.sent == []
