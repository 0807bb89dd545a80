"""Routing on a real database; events are handed to it as its consumer would, neighbours are faked at the gRPC edge."""

import itertools
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest_asyncio
from google.protobuf.message import Message

from lobby.connectors.v1 import account_pb2, message_pb2, message_service_pb2
from lobby.connectors.v1 import events_pb2 as connectors_pb2
from lobby.connectors.v1.message_service_pb2_grpc import MessageServiceServicer, add_MessageServiceServicer_to_server
from lobby.events.v1.batch_pb2 import Batch, Event
from lobby.identity.v1 import events_pb2 as identity_pb2
from lobby.routing.v1 import agent_service_pb2, conversation_pb2
from lobby.routing.v1 import conversation_service_pb2 as pb
from lobby.routing.v1 import events_pb2 as told_pb
from lobby.translate.v1 import events_pb2 as translate_pb2
from lobby.translate.v1 import translate_service_pb2, translation_pb2
from lobby.translate.v1.translate_service_pb2_grpc import (
    TranslateServiceServicer,
    add_TranslateServiceServicer_to_server,
)
from lobby_common import caller, ids, postgres
from lobby_common.caller import Caller
from lobby_common.errors import Unavailable
from lobby_common.events import EventLog, Incoming, Tx
from lobby_common.rpc.client import create_channel
from lobby_common.rpc.server import create_server
from lobby_common.times import to_proto, utc_now
from lobby_routing.api.agents import AgentApi
from lobby_routing.api.conversations import ConversationApi
from lobby_routing.app.erasing import Forgetter
from lobby_routing.app.sending import Sender
from lobby_routing.clients import GrpcConnectors, GrpcTranslator
from lobby_routing.events.evidence import OwnDecisions
from lobby_routing.events.hearing import Hearing

NOW = datetime.now(UTC).replace(microsecond=0)
WA, TG, LN = (ids.derive_id(None, "account", name) for name in ("WA", "TG", "LN"))
PLATFORMS = {
    WA: account_pb2.PLATFORM_WHATSAPP,
    TG: account_pb2.PLATFORM_TELEGRAM,
    LN: account_pb2.PLATFORM_LINE,
}
TOKEN = "token"  # of the fakes
_TRACE = "00-" + "1" * 32 + "-" + "2" * 16 + "-00"
_numbers = itertools.count(1)


def at(minutes: float) -> datetime:
    """Minutes ago are negative."""
    return NOW + timedelta(minutes=minutes)


class FakeConnectors(MessageServiceServicer):
    """Commits what it is given, once per request id."""

    def __init__(self) -> None:
        self.sent: list[message_service_pb2.SendMessageRequest] = []
        self.callers: list[Caller] = []
        self.away = False
        self.text = ""
        self.erased: list[message_service_pb2.EraseConversationRequest] = []
        self._answers: dict[str, message_pb2.Message] = {}

    async def SendMessage(self, request: Any, context: object) -> Any:
        if self.away:
            raise Unavailable("AWAY", "connectors is away")
        if request.request_id not in self._answers:
            self.sent.append(request)
            self.callers.append(caller.current())
            self._answers[request.request_id] = message_pb2.Message(
                message_id=ids.new_id(),
                account_id=request.account_id,
                text=request.text,
                source_text=request.source_text,
                direction=message_pb2.DIRECTION_OUTBOUND,
                delivery=message_pb2.DELIVERY_QUEUED,
            )
        return message_service_pb2.SendMessageResponse(message=self._answers[request.request_id])

    async def EraseConversation(self, request: Any, context: object) -> Any:
        if self.away:
            raise Unavailable("AWAY", "connectors is away")
        self.erased.append(request)
        self.callers.append(caller.current())
        return message_service_pb2.EraseConversationResponse()

    async def BatchGetMessages(self, request: Any, context: object) -> Any:
        told = [(each, self.text or f"text of {each}") for each in request.message_ids]
        messages = [message_pb2.Message(message_id=message_id, text=text) for message_id, text in told]
        return message_service_pb2.BatchGetMessagesResponse(messages=messages)


class FakeTranslate(TranslateServiceServicer):
    """Says that everything is in the customer's language already, unless told otherwise."""

    def __init__(self) -> None:
        self.answer = translation_pb2.Translation(
            status=translation_pb2.TRANSLATION_STATUS_SAME_LANGUAGE, language="th"
        )
        self.asked: list[translate_service_pb2.TranslateReplyRequest] = []
        self.away = False

    async def TranslateReply(self, request: Any, context: object) -> Any:
        if self.away:
            raise Unavailable("AWAY", "translate is away")
        self.asked.append(request)
        return translate_service_pb2.TranslateReplyResponse(translation=self.answer)


@dataclass
class Routing:
    """The service under test, and what it told."""

    pool: asyncpg.Pool
    log: EventLog
    conversations: ConversationApi
    agents: AgentApi
    connectors: FakeConnectors
    translate: FakeTranslate
    workspace_id: str = field(default_factory=ids.new_id)
    hearing: Hearing = field(default_factory=Hearing)
    forgetter: Forgetter | None = None
    clock: datetime | None = None
    """When events are told; None is now."""

    # Events

    def wrote(self, account: str, chat: str, minutes: float = 0, **more: Any) -> identity_pb2.MessageIdentified:
        """A customer's message as identity tells it; his channel user and contact follow from his chat address."""
        user = more.pop("user", chat)
        window = more.pop("window", None)
        text = more.pop("text", "hello")
        event = identity_pb2.MessageIdentified(
            message_id=more.pop("message_id", None) or ids.derive_id(at(minutes), "message", str(next(_numbers))),
            account_id=account,
            platform=PLATFORMS[account],
            chat=chat,
            channel_user_id=ids.derive_id(None, "user", user),
            contact_id=more.pop("contact_id", None) or ids.derive_id(None, "contact", user),
            text_start=text,
            occurred_time=to_proto(at(minutes)),
            received_time=to_proto(more.pop("received", None) or at(minutes)),
            greeting=more.pop("greeting", True),
            **more,
        )
        if window is not None:
            event.window_close_time.CopyFrom(to_proto(at(window)))
        return event

    def conversation_id(self, account: str, chat: str) -> str:
        return ids.derive_id(None, "conversation", account, ids.derive_id(None, "user", chat))

    def sent(self, account: str, chat: str, minutes: float = 0, **more: Any) -> connectors_pb2.MessageSent:
        """An answer of an agent that the platform accepted, or with echo=True one of staff in the platform's app."""
        if not more.get("echo"):
            more.setdefault("conversation_id", self.conversation_id(account, chat))
        return connectors_pb2.MessageSent(
            message_id=more.pop("message_id", None) or ids.new_id(),
            account_id=account,
            platform=PLATFORMS[account],
            chat=chat,
            text=more.pop("text", "an answer"),
            accept_time=to_proto(at(minutes)),
            **more,
        )

    def spoke(self, account: str, chat: str, language: str) -> translate_pb2.MessageTranslated:
        return translate_pb2.MessageTranslated(
            message_id=ids.new_id(), account_id=account, chat=chat, customer_language=language
        )

    async def hear(self, *payloads: Message) -> list[Message]:
        """One batch. Returns what was told because of it."""
        events = [self._incoming(each) for each in payloads]
        async with self.log.transaction() as tx:
            await self.hearing.apply(tx, events)
            return [_decode(told.event) for told in tx.events]

    async def hear_one_by_one(self, *payloads: Message) -> list[Message]:
        return [told for each in payloads for told in await self.hear(each)]

    async def apply(self, tx: Tx, *payloads: Message) -> None:
        await self.hearing.apply(tx, [self._incoming(each) for each in payloads])

    async def told(self, kind: type[Message]) -> list[Any]:
        """All payloads of a kind told so far, in order."""
        rows = await self.pool.fetch("SELECT data FROM event_batch ORDER BY batch_id")
        events = [e for row in rows for s in Batch.FromString(row["data"]).segments for e in s.events]
        return [kind.FromString(e.payload) for e in events if e.type == kind.DESCRIPTOR.full_name]

    async def prove(self, *payloads: Message) -> set[str]:
        """Which of the messages heard, and of the assignments told, lack something; it is there afterwards."""
        heard = [self._incoming(each) for each in payloads]
        told = [self._incoming(each) for each in await self.told(told_pb.ConversationAssigned)]
        missing: set[str] = set()
        for witness, events in ((self.hearing, heard), (OwnDecisions(), told)):
            async with self.pool.acquire() as conn:
                lost = await witness.find_effectless(conn, events)
            async with self.log.transaction() as tx:
                await witness.mend(tx, [each for each in events if each.event.id in lost])
                assert not tx.events
            missing |= {each.payload.message_id for each in events if each.event.id in lost}
        return missing

    def _incoming(self, payload: Message) -> Incoming:
        event = Event(
            id=ids.derive_id(None, "event", payload.SerializeToString(deterministic=True).hex()),
            type=payload.DESCRIPTOR.full_name,
            time=to_proto(self.clock or utc_now()),
            workspace_id=self.workspace_id,
            key="key",
            payload=payload.SerializeToString(),
            traceparent=_TRACE,
        )
        return Incoming("identity", 0, 0, event, payload, _TRACE)

    # Calls

    def as_owner(self) -> Any:
        return caller.use(Caller(self.workspace_id, "owner", "", "key-1"))

    def as_agent(self, agent_id: str) -> Any:
        return caller.use(Caller(self.workspace_id, "agent", agent_id, "key-2"))

    async def agent(self, presence: str = "online", **more: Any) -> str:
        """Makes an agent and returns his id."""
        more.setdefault("display_name", f"Agent {next(_numbers)}")
        with self.as_owner():
            made = await self.agents.CreateAgent(agent_service_pb2.CreateAgentRequest(**more), None)
        if presence != "offline":
            await self.presence(made.agent.agent_id, presence)
        return made.agent.agent_id

    async def presence(self, agent_id: str, presence: str) -> conversation_pb2.Agent:
        request = agent_service_pb2.SetPresenceRequest(
            agent_id=agent_id, presence=conversation_pb2.Presence.Value(f"PRESENCE_{presence.upper()}")
        )
        with self.as_owner():
            return (await self.agents.SetPresence(request, None)).agent

    async def load(self, agent_id: str) -> int:
        with self.as_owner():
            request = agent_service_pb2.GetAgentRequest(agent_id=agent_id)
            return (await self.agents.GetAgent(request, None)).agent.load

    async def get(self, account: str, chat: str) -> conversation_pb2.Conversation:
        with self.as_owner():
            request = pb.GetConversationRequest(conversation_id=self.conversation_id(account, chat))
            return (await self.conversations.GetConversation(request, None)).conversation

    async def pages(self, **filters: Any) -> pb.ListConversationsResponse:
        with self.as_owner():
            return await self.conversations.ListConversations(pb.ListConversationsRequest(**filters), None)

    async def decisions(self, account: str, chat: str) -> list[conversation_pb2.Decision]:
        with self.as_owner():
            request = pb.ListDecisionsRequest(conversation_id=self.conversation_id(account, chat))
            return list((await self.conversations.ListDecisions(request, None)).decisions)

    async def claim(self, account: str, chat: str, agent_id: str = "", **more: Any) -> conversation_pb2.Conversation:
        request = pb.ClaimConversationRequest(
            conversation_id=self.conversation_id(account, chat), agent_id=agent_id, **more
        )
        return (await self.conversations.ClaimConversation(request, None)).conversation

    async def release(self, account: str, chat: str, agent_id: str = "") -> conversation_pb2.Conversation:
        request = pb.ReleaseConversationRequest(conversation_id=self.conversation_id(account, chat), agent_id=agent_id)
        return (await self.conversations.ReleaseConversation(request, None)).conversation

    async def transfer(self, account: str, chat: str, **to: str) -> conversation_pb2.Conversation:
        request = pb.TransferConversationRequest(conversation_id=self.conversation_id(account, chat), **to)
        return (await self.conversations.TransferConversation(request, None)).conversation

    async def close(self, account: str, chat: str, agent_id: str = "") -> conversation_pb2.Conversation:
        request = pb.CloseConversationRequest(
            conversation_id=self.conversation_id(account, chat),
            agent_id=agent_id,
            reason=pb.CloseConversationRequest.REASON_RESOLVED,
        )
        return (await self.conversations.CloseConversation(request, None)).conversation

    async def reopen(self, account: str, chat: str, agent_id: str = "") -> conversation_pb2.Conversation:
        request = pb.ReopenConversationRequest(conversation_id=self.conversation_id(account, chat), agent_id=agent_id)
        return (await self.conversations.ReopenConversation(request, None)).conversation

    async def seen(self, account: str, chat: str, message_id: str, agent_id: str = "") -> conversation_pb2.Conversation:
        request = pb.MarkSeenRequest(
            conversation_id=self.conversation_id(account, chat), message_id=message_id, agent_id=agent_id
        )
        return (await self.conversations.MarkSeen(request, None)).conversation

    async def send(self, account: str, chat: str, agent_id: str = "", **more: Any) -> message_pb2.Message:
        more.setdefault("text", "an answer")
        request = pb.SendMessageRequest(conversation_id=self.conversation_id(account, chat), agent_id=agent_id, **more)
        return (await self.conversations.SendMessage(request, None)).message


_KINDS = {
    kind.DESCRIPTOR.full_name: kind
    for kind in (
        told_pb.ConversationOpened,
        told_pb.ConversationAssigned,
        told_pb.ConversationOwed,
        told_pb.BotAnswered,
        told_pb.ConversationHandled,
        told_pb.ConversationSeen,
        told_pb.ReplyWindowClosed,
        told_pb.ConversationAnswered,
        told_pb.ConversationClosed,
        told_pb.ConversationErased,
        told_pb.AgentPresenceChanged,
    )
}


def _decode(event: Event) -> Message:
    return _KINDS[event.type].FromString(event.payload)


def names(told: list[Message]) -> list[str]:
    """What was told, without "Conversation"."""
    return [each.DESCRIPTOR.name.removeprefix("Conversation") for each in told]


@pytest_asyncio.fixture
async def pool(database) -> AsyncIterator[asyncpg.Pool]:
    pool = await postgres.create_pool(database.url, schema="routing", size=6)
    yield pool
    await pool.close()


@pytest_asyncio.fixture
async def routing(pool) -> AsyncIterator[Routing]:
    server = create_server(TOKEN)
    connectors, translate = FakeConnectors(), FakeTranslate()
    add_MessageServiceServicer_to_server(connectors, server)
    add_TranslateServiceServicer_to_server(translate, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    channel = create_channel(f"127.0.0.1:{port}", TOKEN)
    log = EventLog("routing", pool)
    sender = Sender(log, pool, GrpcConnectors(channel), GrpcTranslator(channel))
    made = Routing(pool, log, ConversationApi(log, pool, sender), AgentApi(log, pool), connectors, translate)
    made.forgetter = Forgetter(log, GrpcConnectors(channel))
    yield made
    await channel.close()
    await server.stop(None)
