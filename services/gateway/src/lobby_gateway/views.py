"""Use-cases of the composed reads: messages with their translations, one message, its journey."""

from collections.abc import Sequence
from typing import Protocol

from lobby.connectors.v1.message_pb2 import DIRECTION_INBOUND, Message
from lobby.connectors.v1.message_service_pb2 import ListMessagesRequest, ListMessagesResponse
from lobby.events.v1.event_log_service_pb2 import EventRef, ListStepsResponse
from lobby.routing.v1.conversation_service_pb2 import GetConversationChatsResponse
from lobby.translate.v1.translation_pb2 import TRANSLATION_STATUS_UNTRANSLATED, Translation
from lobby_common.caller import Caller
from lobby_common.errors import Invalid, LobbyError, NotFound
from lobby_common.ids import is_id
from lobby_gateway import journey, roles
from lobby_gateway.journey import Journey

UNAVAILABLE = "unavailable"
"""Reason of a translation that nobody could be asked for."""


class Services(Protocol):
    """What the composed reads ask. Every method raises LobbyError."""

    async def chats(self, conversation_id: str) -> GetConversationChatsResponse:
        """Returns where a conversation's messages are. Raises NotFound for one that the caller may not see."""

    async def messages(self, request: ListMessagesRequest) -> ListMessagesResponse:
        """Returns a page of messages."""

    async def find_message(self, message_id: str) -> Message | None:
        """Returns the message of the caller's workspace."""

    async def is_visible(self, message_id: str) -> bool:
        """Returns whether the calling agent may see the message."""

    async def translations(self, messages: Sequence[Message], language: str) -> Sequence[Translation]:
        """Returns a translation for each message, in order."""

    async def steps(self, service: str, message_id: str, refs: Sequence[EventRef]) -> ListStepsResponse:
        """Returns what a service did with events of a message."""


async def list_messages(
    services: Services, conversation_id: str, language: str, page_size: int, page_token: str
) -> ListMessagesResponse:
    """Returns a page of a conversation's messages in the reader's language. Raises NotFound CONVERSATION_NOT_FOUND."""
    chats = await services.chats(conversation_id)
    page = await services.messages(
        ListMessagesRequest(account_id=chats.account_id, chats=chats.chats, page_size=page_size, page_token=page_token)
    )
    for message in page.messages:
        if message.direction == DIRECTION_INBOUND:
            message.author.id = chats.contact_id
    wanted = language or next(iter(chats.agent_languages), "")
    if wanted:
        await _translate(services, [each for each in page.messages if needs_translation(each)], wanted)
    return page


def needs_translation(message: Message) -> bool:
    """Returns whether the reader sees the text in one language only: an answer that was translated shows both."""
    return bool(message.text) and not message.source_text


async def _translate(services: Services, messages: Sequence[Message], language: str) -> None:
    """Every message has its translation, or says why not: what people wrote is shown in any case."""
    if not messages:
        return
    try:
        translations = await services.translations(messages, language)
    except Invalid:
        raise
    except LobbyError:
        translations = ()
    away = Translation(language=language, status=TRANSLATION_STATUS_UNTRANSLATED, reason=UNAVAILABLE)
    for index, message in enumerate(messages):
        message.translation.CopyFrom(translations[index] if index < len(translations) else away)


async def get_message(services: Services, caller: Caller, message_id: str) -> Message:
    """Returns the message. Raises NotFound MESSAGE_NOT_FOUND, also for one that the calling agent may not see."""
    message = await services.find_message(message_id) if is_id(message_id) else None
    if message is None or (caller.role == roles.AGENT and not await services.is_visible(message_id)):
        raise NotFound("MESSAGE_NOT_FOUND", "there is no such message in this workspace")
    return message


async def get_journey(services: Services, caller: Caller, message_id: str) -> Journey:
    """Returns the message's way. Raises NotFound MESSAGE_NOT_FOUND as get_message does."""
    await get_message(services, caller, message_id)
    return await journey.draw(services.steps, message_id)
