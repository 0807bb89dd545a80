"""The neighbours that routing calls: connectors for messages, translate for answers in the customer's language."""

from collections.abc import Sequence
from typing import Protocol

import grpc

from lobby.connectors.v1 import message_service_pb2 as connectors_pb2
from lobby.connectors.v1.message_pb2 import Message
from lobby.connectors.v1.message_service_pb2_grpc import MessageServiceStub
from lobby.translate.v1.translate_service_pb2 import TranslateReplyRequest, TranslateReplyResponse
from lobby.translate.v1.translate_service_pb2_grpc import TranslateServiceStub
from lobby.translate.v1.translation_pb2 import Translation


class Connectors(Protocol):
    """Messages in and out. All calls raise LobbyError."""

    async def send(self, request: connectors_pb2.SendMessageRequest) -> Message:
        """The message is committed; repeated with the same request_id it is the same message."""

    async def get_messages(self, message_ids: Sequence[str]) -> Sequence[Message]:
        """Returns the messages, leaving out unknown ones."""

    async def erase_conversation(self, request: connectors_pb2.EraseConversationRequest) -> None:
        """Nothing personal is left of the messages; repeating it changes nothing."""


class Translator(Protocol):
    """Translations of answers."""

    async def translate_reply(self, request: TranslateReplyRequest) -> Translation:
        """Returns the translation or why there is none. Raises LobbyError."""


class GrpcConnectors:
    """Connectors over gRPC."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = MessageServiceStub(channel)

    async def send(self, request: connectors_pb2.SendMessageRequest) -> Message:
        """The message is committed."""
        answer: connectors_pb2.SendMessageResponse = await self._stub.SendMessage(request)
        return answer.message

    async def get_messages(self, message_ids: Sequence[str]) -> Sequence[Message]:
        """Returns the messages, leaving out unknown ones."""
        request = connectors_pb2.BatchGetMessagesRequest(message_ids=message_ids)
        answer: connectors_pb2.BatchGetMessagesResponse = await self._stub.BatchGetMessages(request)
        return answer.messages

    async def erase_conversation(self, request: connectors_pb2.EraseConversationRequest) -> None:
        """Nothing personal is left of the messages."""
        await self._stub.EraseConversation(request)


class GrpcTranslator:
    """Translate over gRPC."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = TranslateServiceStub(channel)

    async def translate_reply(self, request: TranslateReplyRequest) -> Translation:
        """Returns the translation or why there is none."""
        answer: TranslateReplyResponse = await self._stub.TranslateReply(request)
        return answer.translation
