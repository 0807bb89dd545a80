import pytest

from lobby.connectors.v1.message_pb2 import (
    DIRECTION_INBOUND,
    DIRECTION_OUTBOUND,
    MESSAGE_KIND_TEXT,
    Author,
    Message,
)
from lobby.connectors.v1.message_service_pb2 import BatchGetMessagesResponse, ListMessagesResponse
from lobby.events.v1.event_log_service_pb2 import EventRef, JourneyStep, ListStepsResponse
from lobby.routing.v1.conversation_service_pb2 import FilterVisibleResponse, GetConversationChatsResponse
from lobby.translate.v1.translate_service_pb2 import TranslateMessagesResponse
from lobby.translate.v1.translation_pb2 import TRANSLATION_STATUS_TRANSLATED, Translation
from lobby_common.errors import NotFound
from lobby_common.ids import new_id
from lobby_common.times import to_proto, utc_now
from tests.component.gateway.conftest import away

CHATS = "ConversationService.GetConversationChats"
LIST = "MessageService.ListMessages"
GET = "MessageService.BatchGetMessages"
TRANSLATE = "TranslateService.TranslateMessages"
VISIBLE = "ConversationService.FilterVisible"
STEPS = "EventLogService.ListSteps"


@pytest.fixture
def talk(gateway):
    """A conversation with three messages."""
    answers = gateway.neighbours.answers
    answers[CHATS] = GetConversationChatsResponse(
        account_id="a", chats=["c"], agent_languages=["zh-Hans"], contact_id="person"
    )
    answers[LIST] = ListMessagesResponse(
        messages=[
            Message(message_id="m1", direction=DIRECTION_INBOUND, text="olá", author=Author(kind="contact")),
            Message(message_id="m2", direction=DIRECTION_OUTBOUND, text="oi", source_text="你好"),
            Message(message_id="m3", direction=DIRECTION_INBOUND, kind=MESSAGE_KIND_TEXT),
        ],
        next_page_token="more",
    )
    answers[TRANSLATE] = lambda request: TranslateMessagesResponse(
        translations=[
            Translation(text=f"{each.text} in {request.language}", status=TRANSLATION_STATUS_TRANSLATED)
            for each in request.messages
        ]
    )
    return gateway


async def test_messages_come_in_the_readers_language(talk):
    status, page = await talk.ask("GET", "/v1/conversations/conv/messages?language=en&page_size=3")
    assert status == 200
    first, second, third = page["messages"]
    assert first["translation"]["text"] == "olá in en"
    assert first["translation"]["status"] == "translated"
    assert first["author"] == {"kind": "contact", "id": "person"}
    assert "translation" not in second
    assert second["source_text"] == "你好"
    assert "translation" not in third
    assert page["next_page_token"] == "more"
    assert talk.neighbours.calls[LIST][0].request.page_size == 3


async def test_the_assigned_agents_language_is_the_default(talk):
    await talk.ask("GET", "/v1/conversations/conv/messages")
    assert talk.neighbours.calls[TRANSLATE][0].request.language == "zh-Hans"


async def test_nobody_to_translate_for_means_no_translation(talk):
    talk.neighbours.answers[CHATS] = GetConversationChatsResponse(account_id="a", chats=["c"])
    _, page = await talk.ask("GET", "/v1/conversations/conv/messages")
    assert not talk.neighbours.calls[TRANSLATE]
    assert "translation" not in page["messages"][0]


@pytest.mark.parametrize("answer", [away, TranslateMessagesResponse()])
async def test_what_was_written_is_shown_when_nobody_translates(talk, answer):
    talk.neighbours.answers[TRANSLATE] = answer
    status, page = await talk.ask("GET", "/v1/conversations/conv/messages?language=en")
    assert status == 200
    assert page["messages"][0]["text"] == "olá"
    assert page["messages"][0]["translation"] == {
        "text": "",
        "language": "en",
        "provider": "",
        "status": "untranslated",
        "reason": "unavailable",
        "source_language": "",
    }


async def test_a_language_that_is_none_is_refused(talk):
    status, problem = await talk.ask("GET", "/v1/conversations/conv/messages?language=x")
    assert (status, problem["reason"]) == (400, "INVALID_FIELD")


async def test_a_conversation_that_routing_does_not_show_has_no_messages(talk):
    talk.neighbours.answers[CHATS] = NotFound("CONVERSATION_NOT_FOUND", "no")
    status, problem = await talk.ask("GET", "/v1/conversations/conv/messages", key=await talk.key("agent"))
    assert (status, problem["reason"]) == (404, "CONVERSATION_NOT_FOUND")
    assert talk.neighbours.calls[CHATS][0].caller.agent_id == "agent-1"
    assert not talk.neighbours.calls[LIST]


async def test_a_message_is_shown_to_those_who_may_see_it(gateway):
    message_id = new_id()
    gateway.neighbours.answers[GET] = BatchGetMessagesResponse(messages=[Message(message_id=message_id, text="hi")])
    gateway.neighbours.answers[VISIBLE] = FilterVisibleResponse()
    agent = await gateway.key("agent")
    status, answer = await gateway.ask("GET", f"/v1/messages/{message_id}")
    assert (status, answer["message"]["text"]) == (200, "hi")
    for path in (f"/v1/messages/{message_id}", f"/v1/messages/{message_id}/journey"):
        status, problem = await gateway.ask("GET", path, key=agent)
        assert (status, problem["reason"]) == (404, "MESSAGE_NOT_FOUND")
    gateway.neighbours.answers[VISIBLE] = FilterVisibleResponse(message_ids=[message_id])
    assert (await gateway.ask("GET", f"/v1/messages/{message_id}", key=agent))[0] == 200


@pytest.mark.parametrize("message_id", ["nothing", "019a0000-0000-7000-8000-000000000000"])
async def test_a_message_that_there_is_not_is_not_found(gateway, message_id):
    for path in ("", "/journey"):
        status, problem = await gateway.ask("GET", f"/v1/messages/{message_id}{path}")
        assert (status, problem["reason"]) == (404, "MESSAGE_NOT_FOUND")


async def test_a_journey_tells_each_services_steps_and_the_trace(gateway):
    message_id = new_id()
    gateway.neighbours.answers[GET] = BatchGetMessagesResponse(messages=[Message(message_id=message_id)])

    def steps(request):
        step = JourneyStep(service="some", step="did", time=to_proto(utc_now()), event_id=str(len(request.refs)))
        if request.refs:
            return ListStepsResponse(steps=[step])
        refs = [EventRef(service="connectors", event_id="e", position=1)]
        return ListStepsResponse(steps=[step], produced=refs, traceparent=f"00-{'a' * 32}-{'b' * 16}-00")

    gateway.neighbours.answers[STEPS] = steps
    status, answer = await gateway.ask("GET", f"/v1/messages/{message_id}/journey")
    assert status == 200
    assert [step["event_id"] for step in answer["steps"]] == ["0", "1", "1", "1", "1"]
    assert answer["trace_id"] == "a" * 32
