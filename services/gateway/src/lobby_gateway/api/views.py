"""MessageViewService: reads that are composed from several services."""

from collections.abc import Callable, Sequence

import grpc

from lobby.connectors.v1.message_pb2 import Message
from lobby.connectors.v1.message_service_pb2 import (
    BatchGetMessagesRequest,
    ListMessagesRequest,
    ListMessagesResponse,
)
from lobby.connectors.v1.message_service_pb2_grpc import MessageServiceStub
from lobby.events.v1.event_log_service_pb2 import EventRef, ListStepsRequest, ListStepsResponse
from lobby.events.v1.event_log_service_pb2_grpc import EventLogServiceStub
from lobby.gateway.v1 import message_view_service_pb2 as pb
from lobby.gateway.v1.message_view_service_pb2_grpc import MessageViewServiceServicer
from lobby.routing.v1.conversation_service_pb2 import (
    FilterVisibleRequest,
    GetConversationChatsRequest,
    GetConversationChatsResponse,
)
from lobby.routing.v1.conversation_service_pb2_grpc import ConversationServiceStub
from lobby.translate.v1.translate_service_pb2 import SourceText, TranslateMessagesRequest
from lobby.translate.v1.translate_service_pb2_grpc import TranslateServiceStub
from lobby.translate.v1.translation_pb2 import Translation
from lobby_common import caller, tracing
from lobby_gateway import journey, views

Channel = Callable[[str], grpc.aio.Channel]
_TRANSLATE_SECONDS = 6.0
"""Longer than others may take: texts that were never read in this language are translated now."""


class MessageViewApi(MessageViewServiceServicer):
    """Serves the composed reads."""

    def __init__(self, services: views.Services) -> None:
        self._services = services

    async def ListConversationMessages(
        self, request: pb.ListConversationMessagesRequest, context: object
    ) -> pb.ListConversationMessagesResponse:
        """Returns a page of messages."""
        page = await views.list_messages(
            self._services, request.conversation_id, request.language, request.page_size, request.page_token
        )
        return pb.ListConversationMessagesResponse(messages=page.messages, next_page_token=page.next_page_token)

    async def GetMessage(self, request: pb.GetMessageRequest, context: object) -> pb.GetMessageResponse:
        """Returns one message."""
        found = await views.get_message(self._services, caller.current(), request.message_id)
        return pb.GetMessageResponse(message=found)

    async def GetJourney(self, request: pb.GetJourneyRequest, context: object) -> pb.GetJourneyResponse:
        """Returns the way of one message."""
        drawn = await views.get_journey(self._services, caller.current(), request.message_id)
        return pb.GetJourneyResponse(steps=drawn.in_order(), trace_id=tracing.trace_id(drawn.traceparent))


class RemoteServices:
    """The services behind views.Services, asked over gRPC as the caller in hand."""

    def __init__(self, channel: Channel) -> None:
        self._messages = MessageServiceStub(channel("connectors"))
        self._conversations = ConversationServiceStub(channel("routing"))
        self._translate = TranslateServiceStub(channel("translate"))
        self._logs = {service: EventLogServiceStub(channel(service)) for service in (journey.BEGINS, *journey.HEARS)}

    async def chats(self, conversation_id: str) -> GetConversationChatsResponse:
        """Returns where a conversation's messages are."""
        request = GetConversationChatsRequest(conversation_id=conversation_id)
        found: GetConversationChatsResponse = await self._conversations.GetConversationChats(request)
        return found

    async def messages(self, request: ListMessagesRequest) -> ListMessagesResponse:
        """Returns a page of messages."""
        page: ListMessagesResponse = await self._messages.ListMessages(request)
        return page

    async def find_message(self, message_id: str) -> Message | None:
        """Returns the message of the caller's workspace."""
        answer = await self._messages.BatchGetMessages(BatchGetMessagesRequest(message_ids=[message_id]))
        return next(iter(answer.messages), None)

    async def is_visible(self, message_id: str) -> bool:
        """Returns whether the calling agent may see the message."""
        answer = await self._conversations.FilterVisible(FilterVisibleRequest(message_ids=[message_id]))
        return message_id in answer.message_ids

    async def translations(self, messages: Sequence[Message], language: str) -> Sequence[Translation]:
        """Returns a translation for each message, in order."""
        texts = [SourceText(message_id=each.message_id, text=each.text) for each in messages]
        request = TranslateMessagesRequest(messages=texts, language=language)
        answer = await self._translate.TranslateMessages(request, timeout=_TRANSLATE_SECONDS)
        found: Sequence[Translation] = answer.translations
        return found

    async def steps(self, service: str, message_id: str, refs: Sequence[EventRef]) -> ListStepsResponse:
        """Returns what a service did with events of a message."""
        request = ListStepsRequest(message_id=message_id, refs=refs)
        answer: ListStepsResponse = await self._logs[service].ListSteps(request)
        return answer
