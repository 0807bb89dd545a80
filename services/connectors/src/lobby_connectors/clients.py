"""Calls to neighbours."""

from collections.abc import Callable

import grpc

from lobby.routing.v1 import conversation_service_pb2 as pb
from lobby.routing.v1.conversation_service_pb2_grpc import ConversationServiceStub


class Routing:
    """Knows which agent may see what. The channel is opened at the first question."""

    def __init__(self, channel: Callable[[], grpc.aio.Channel]) -> None:
        self._channel = channel

    async def may_see(self, message_id: str) -> bool:
        """Returns whether the calling agent may see the message. Raises Unavailable."""
        stub = ConversationServiceStub(self._channel())
        answer: pb.FilterVisibleResponse = await stub.FilterVisible(pb.FilterVisibleRequest(message_ids=[message_id]))
        return message_id in answer.message_ids
