"""ConversationService."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import asyncpg

from lobby.routing.v1 import conversation_service_pb2 as pb
from lobby.routing.v1.conversation_service_pb2_grpc import ConversationServiceServicer
from lobby_common import caller
from lobby_common.caller import Caller, acting_agent
from lobby_common.events import EventLog, Tx
from lobby_common.requests import answer_once
from lobby_routing.api import encoding
from lobby_routing.app import attention, conversations, reading
from lobby_routing.app.reading import Wish
from lobby_routing.app.sending import Sender
from lobby_routing.domain.floor import Cause
from lobby_routing.events.telling import platform_name
from lobby_routing.store.views import View

A = TypeVar(
    "A",
    pb.ClaimConversationResponse,
    pb.ReleaseConversationResponse,
    pb.TransferConversationResponse,
    pb.CloseConversationResponse,
    pb.ReopenConversationResponse,
)


class ConversationApi(ConversationServiceServicer):
    """The pool, who answers, and the answer."""

    def __init__(self, log: EventLog, pool: asyncpg.Pool, sender: Sender) -> None:
        self._log = log
        self._pool = pool
        self._sender = sender

    async def ListConversations(
        self, request: pb.ListConversationsRequest, context: object
    ) -> pb.ListConversationsResponse:
        """Returns a page of conversations."""
        page = await reading.list_conversations(
            self._pool, caller.current(), _wish(request), request.page_size, request.page_token
        )
        return pb.ListConversationsResponse(
            conversations=[encoding.conversation(view) for view in page.views],
            next_page_token=page.next_page_token,
            total_owed=page.total_owed,
        )

    async def GetConversation(self, request: pb.GetConversationRequest, context: object) -> pb.GetConversationResponse:
        """Returns a conversation."""
        async with self._pool.acquire() as conn:
            view = await conversations.find_visible(conn, caller.current(), request.conversation_id)
        return pb.GetConversationResponse(conversation=encoding.conversation(view))

    async def ClaimConversation(
        self, request: pb.ClaimConversationRequest, context: object
    ) -> pb.ClaimConversationResponse:
        """The agent has it, with a lease."""
        who = caller.current()
        agent_id = acting_agent(who, request.agent_id)

        async def work(tx: Tx, cause: Cause) -> View:
            return await conversations.claim(tx, who, request.conversation_id, agent_id, cause)

        return await self._once(who, request.request_id, pb.ClaimConversationResponse, work)

    async def ReleaseConversation(
        self, request: pb.ReleaseConversationRequest, context: object
    ) -> pb.ReleaseConversationResponse:
        """The agent has it no more."""
        who = caller.current()
        agent_id = acting_agent(who, request.agent_id)

        async def work(tx: Tx, cause: Cause) -> View:
            return await conversations.release(tx, who, request.conversation_id, agent_id, cause)

        return await self._once(who, request.request_id, pb.ReleaseConversationResponse, work)

    async def TransferConversation(
        self, request: pb.TransferConversationRequest, context: object
    ) -> pb.TransferConversationResponse:
        """Another agent has it, or one of the team."""
        who = caller.current()

        async def work(tx: Tx, cause: Cause) -> View:
            return await conversations.transfer(
                tx, who, request.conversation_id, cause, agent_id=request.agent_id, team=request.team
            )

        return await self._once(who, request.request_id, pb.TransferConversationResponse, work)

    async def CloseConversation(
        self, request: pb.CloseConversationRequest, context: object
    ) -> pb.CloseConversationResponse:
        """It is closed."""
        who = caller.current()
        agent_id = acting_agent(who, request.agent_id)
        reason = pb.CloseConversationRequest.Reason.Name(request.reason).removeprefix("REASON_").lower()

        async def work(tx: Tx, cause: Cause) -> View:
            return await conversations.close(tx, who, request.conversation_id, cause, agent_id=agent_id, reason=reason)

        return await self._once(who, request.request_id, pb.CloseConversationResponse, work)

    async def ReopenConversation(
        self, request: pb.ReopenConversationRequest, context: object
    ) -> pb.ReopenConversationResponse:
        """It is open."""
        who = caller.current()
        agent_id = acting_agent(who, request.agent_id)

        async def work(tx: Tx, cause: Cause) -> View:
            return await conversations.reopen(tx, who, request.conversation_id, agent_id, cause)

        return await self._once(who, request.request_id, pb.ReopenConversationResponse, work)

    async def MarkSeen(self, request: pb.MarkSeenRequest, context: object) -> pb.MarkSeenResponse:
        """The agent has seen everything up to the message."""
        who = caller.current()
        agent_id = acting_agent(who, request.agent_id)
        view = await conversations.mark_seen(self._log, who, request.conversation_id, request.message_id, agent_id)
        return pb.MarkSeenResponse(conversation=encoding.conversation(view))

    async def FocusConversation(
        self, request: pb.FocusConversationRequest, context: object
    ) -> pb.FocusConversationResponse:
        """The agent has it in the foreground."""
        who = caller.current()
        async with self._log.transaction() as tx:
            await attention.focus(tx, who, request.conversation_id, acting_agent(who, request.agent_id))
        return pb.FocusConversationResponse()

    async def WrapUpConversation(
        self, request: pb.WrapUpConversationRequest, _context: object
    ) -> pb.WrapUpConversationResponse:
        """The agent wraps the conversation up."""
        who = caller.current()
        async with self._log.transaction() as tx:
            await attention.wrap_up(tx, who, request.conversation_id, acting_agent(who, request.agent_id))
        return pb.WrapUpConversationResponse()

    async def BlurConversation(
        self, request: pb.BlurConversationRequest, context: object
    ) -> pb.BlurConversationResponse:
        """The agent does not have it in the foreground any more."""
        who = caller.current()
        async with self._log.transaction() as tx:
            await attention.blur(tx, who, request.conversation_id, acting_agent(who, request.agent_id))
        return pb.BlurConversationResponse()

    async def SendMessage(self, request: pb.SendMessageRequest, context: object) -> pb.SendMessageResponse:
        """The answer is committed."""
        who = caller.current()
        message = await self._sender.send(who, acting_agent(who, request.agent_id), request)
        return pb.SendMessageResponse(message=message)

    async def ListDecisions(self, request: pb.ListDecisionsRequest, context: object) -> pb.ListDecisionsResponse:
        """Returns why it went to whom."""
        decisions, token = await reading.list_decisions(
            self._pool, caller.current(), request.conversation_id, request.page_size, request.page_token
        )
        return pb.ListDecisionsResponse(
            decisions=[encoding.decision(each) for each in decisions], next_page_token=token
        )

    async def GetConversationChats(
        self, request: pb.GetConversationChatsRequest, context: object
    ) -> pb.GetConversationChatsResponse:
        """Returns where its messages are."""
        view, chats, languages = await reading.get_chats(self._pool, caller.current(), request.conversation_id)
        return pb.GetConversationChatsResponse(
            account_id=view.conversation.account_id,
            chats=chats,
            agent_languages=languages,
            contact_id=view.conversation.contact_id,
        )

    async def FilterVisible(self, request: pb.FilterVisibleRequest, context: object) -> pb.FilterVisibleResponse:
        """Returns what the caller may see."""
        contact_ids, message_ids = await reading.filter_visible(
            self._pool, caller.current(), request.contact_ids, request.message_ids
        )
        return pb.FilterVisibleResponse(contact_ids=contact_ids, message_ids=message_ids)

    async def _once(
        self, who: Caller, request_id: str, answer_type: type[A], work: Callable[[Tx, Cause], Awaitable[View]]
    ) -> A:
        """Returns the answer of the first call with this request id; the work and its answer are one transaction."""
        method = answer_type.DESCRIPTOR.name.removesuffix("Response")
        async with self._log.transaction() as tx:

            async def make() -> A:
                view = await work(tx, conversations.command(who, method, request_id))
                return answer_type(conversation=encoding.conversation(view))

            return await answer_once(tx, method, request_id, answer_type, make)


def _wish(request: pb.ListConversationsRequest) -> Wish:
    state = pb.ListConversationsRequest.Filter.Name(request.state).removeprefix("FILTER_").lower()
    return Wish(
        state="all" if state == "unspecified" else state,
        platform=platform_name(request.platform) if request.platform else "",
        account_id=request.account_id,
        agent_id=request.agent_id,
        unassigned=request.unassigned,
        by_recent=request.order_by == pb.ListConversationsRequest.ORDER_BY_RECENT,
    )
