"""The neighbour that identity asks: routing says what an agent may see."""

from collections.abc import Sequence
from typing import Protocol

import grpc

from lobby.routing.v1.conversation_service_pb2 import FilterVisibleRequest, FilterVisibleResponse
from lobby.routing.v1.conversation_service_pb2_grpc import ConversationServiceStub
from lobby_identity.domain.identifiers import ContactId

_MOST = 1_000


class Visibility(Protocol):
    """Says which contacts the caller, an agent, may see."""

    async def of(self, contacts: Sequence[ContactId]) -> set[ContactId]:
        """Returns those of the contacts that he may see."""


class RoutingVisibility:
    """Asks routing: an agent sees the contacts of his own and the pool's conversations."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = ConversationServiceStub(channel)

    async def of(self, contacts: Sequence[ContactId]) -> set[ContactId]:
        """Returns those of the contacts that he may see. May raise Unavailable."""
        visible: set[ContactId] = set()
        for start in range(0, len(contacts), _MOST):
            request = FilterVisibleRequest(contact_ids=contacts[start : start + _MOST])
            answer: FilterVisibleResponse = await self._stub.FilterVisible(request)
            visible.update(ContactId(each) for each in answer.contact_ids)
        return visible
