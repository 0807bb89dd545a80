"""The whole service: events over the broker, calls over gRPC. The neighbours only tell what the test says."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

import pytest
import pytest_asyncio
from google.protobuf.message import Message

from lobby.connectors.v1 import events_pb2 as connectors_pb2
from lobby.connectors.v1.account_pb2 import PLATFORM_WHATSAPP
from lobby.connectors.v1.message_service_pb2_grpc import add_MessageServiceServicer_to_server
from lobby.events.v1.event_log_service_pb2 import EventRef, ListStepsRequest
from lobby.events.v1.event_log_service_pb2_grpc import EventLogServiceStub
from lobby.identity.v1.events_pb2 import MessageIdentified
from lobby.routing.v1 import agent_service_pb2, conversation_pb2
from lobby.routing.v1 import conversation_service_pb2 as pb
from lobby.routing.v1.agent_service_pb2_grpc import AgentServiceStub
from lobby.routing.v1.conversation_service_pb2_grpc import ConversationServiceStub
from lobby.translate.v1.events_pb2 import MessageTranslated
from lobby.translate.v1.translate_service_pb2_grpc import add_TranslateServiceServicer_to_server
from lobby_common import caller, ids
from lobby_common.caller import Caller
from lobby_common.config import Secret, ServiceConfig
from lobby_common.errors import Conflict
from lobby_common.events import lane_of
from lobby_common.postgres import migrate
from lobby_common.rpc.client import create_channel
from lobby_common.service import Runtime, Service, start
from lobby_common.times import to_proto
from lobby_routing.config import RoutingConfig
from lobby_routing.main import PRODUCERS, SERVICE
from tests.component.routing.conftest import FakeConnectors, FakeTranslate, at

ACCOUNT = ids.derive_id(None, "account")


@dataclass
class Lobby:
    """Routing among neighbours."""

    neighbours: dict[str, Runtime]
    routing: Runtime
    connectors: FakeConnectors
    workspace_id: str = field(default_factory=ids.new_id)

    def __post_init__(self) -> None:
        channel = create_channel(self.routing.grpc_address, "token")
        self.conversations = ConversationServiceStub(channel)
        self.agents = AgentServiceStub(channel)
        self.log = EventLogServiceStub(channel)

    async def tell(self, producer: str, payload: Message) -> str:
        """Returns the event's id."""
        event_id = ids.new_id()
        async with self.neighbours[producer].log.transaction() as tx:
            tx.tell(
                payload,
                workspace_id=self.workspace_id,
                key=f"{payload.account_id}/{payload.chat}",
                event_id=event_id,
            )
        return event_id

    def as_owner(self):
        return caller.use(Caller(self.workspace_id, "owner"))

    async def until(
        self, condition: Callable[[conversation_pb2.Conversation], object]
    ) -> conversation_pb2.Conversation:
        """Returns the only conversation once it fulfils the condition."""

        async def look() -> conversation_pb2.Conversation | None:
            found = (await self.conversations.ListConversations(pb.ListConversationsRequest())).conversations
            return found[0] if found and condition(found[0]) else None

        return await _until(look)


async def _until(look: Callable[[], Awaitable[conversation_pb2.Conversation | None]]) -> conversation_pb2.Conversation:
    async with asyncio.timeout(20):
        while (found := await look()) is None:
            await asyncio.sleep(0.02)
        return found


@pytest_asyncio.fixture
async def lobby(database, postgres, broker) -> AsyncIterator[Lobby]:
    connectors, translate = FakeConnectors(), FakeTranslate()

    async def neighbour(runtime: Runtime) -> None:
        if runtime.name == "connectors":
            runtime.serve(add_MessageServiceServicer_to_server, connectors)
        if runtime.name == "translate":
            runtime.serve(add_TranslateServiceServicer_to_server, translate)

    def config(cls, name):
        return cls(
            database_url=Secret(postgres.url(database.name, f"lobby_{name}")),
            nats_url=Secret(broker.url(name)),
            internal_token=Secret("token"),
            linger_max_ms=10,
        )

    async with contextlib.AsyncExitStack() as stack:
        neighbours = {}
        for name in PRODUCERS:
            password = postgres.password_of(f"lobby_{name}")
            await migrate(database.admin_url, name, "", role_url=f"postgresql://x:{password}@x/x")
            service = Service(name, ServiceConfig, neighbour, "")
            neighbours[name] = await stack.enter_async_context(start(service, config(ServiceConfig, name)))
        channels = {name: create_channel(each.grpc_address, "token") for name, each in neighbours.items()}
        routing = await stack.enter_async_context(start(SERVICE, config(RoutingConfig, "routing"), channels=channels))
        yield Lobby(neighbours, routing, connectors)


def wrote(minutes: float) -> MessageIdentified:
    return MessageIdentified(
        message_id=ids.new_id(),
        account_id=ACCOUNT,
        platform=PLATFORM_WHATSAPP,
        chat="+66811111111",
        channel_user_id=ids.derive_id(None, "user"),
        contact_id=ids.derive_id(None, "contact"),
        text_start="price?",
        occurred_time=to_proto(at(minutes)),
        greeting=True,
    )


async def test_a_message_is_given_to_an_agent_answered_and_no_longer_owed(lobby):
    with lobby.as_owner():
        made = await lobby.agents.CreateAgent(agent_service_pb2.CreateAgentRequest(display_name="Noi"))
        agent_id = made.agent.agent_id
        await lobby.agents.SetPresence(
            agent_service_pb2.SetPresenceRequest(agent_id=agent_id, presence=conversation_pb2.PRESENCE_ONLINE)
        )
        first, second = wrote(-5), wrote(-4)
        event_id = await lobby.tell("identity", first)
        await lobby.tell(
            "translate",
            MessageTranslated(message_id=first.message_id, account_id=ACCOUNT, chat=first.chat, customer_language="th"),
        )
        found = await lobby.until(lambda each: each.owed and each.language == "th")
        assert found.agent_id == agent_id

        await lobby.tell("identity", second)
        answer = pb.SendMessageRequest(
            conversation_id=found.conversation_id,
            text="100",
            agent_id=agent_id,
            last_seen_message_id=first.message_id,
            request_id="once",
        )
        await lobby.until(lambda each: each.inbound_seq == 2)
        with pytest.raises(Conflict, match="NEWER_MESSAGE") as refused:
            await lobby.conversations.SendMessage(answer)
        newer = pb.NewerMessages.FromString(refused.value.detail.value)
        assert [each.message_id for each in newer.newer] == [second.message_id]
        answer.last_seen_message_id = second.message_id
        sent = (await lobby.conversations.SendMessage(answer)).message
        await lobby.tell(
            "connectors",
            connectors_pb2.MessageSent(
                message_id=sent.message_id,
                account_id=ACCOUNT,
                platform=PLATFORM_WHATSAPP,
                chat=first.chat,
                conversation_id=found.conversation_id,
                agent_id=agent_id,
                text="100",
                accept_time=to_proto(at(0)),
                seen_seq=lobby.connectors.sent[0].seen_seq,
            ),
        )
        answered = await lobby.until(lambda each: not each.owed)
        assert (answered.agent_id, answered.last_message_text, answered.unseen_count) == (agent_id, "100", 0)

        lane = lane_of(f"{ACCOUNT}/{first.chat}")
        ref = EventRef(service="identity", lane=lane, position=1, event_id=event_id)
        journey = await lobby.log.ListSteps(ListStepsRequest(message_id=first.message_id, refs=[ref]))
    steps = [each.step for each in journey.steps]
    assert steps == ["applied", "conversation_opened", "assigned", "owed"]
    assert len(journey.produced) == 3


async def test_events_that_cannot_be_applied_go_to_quarantine_and_their_neighbours_live(lobby):
    bad = wrote(-5)
    bad.channel_user_id = "no id"
    await lobby.tell("identity", bad)
    await lobby.tell("identity", wrote(-4))
    with lobby.as_owner():
        found = await lobby.until(lambda each: each.owed)
    assert found.inbound_seq == 1
    assert await lobby.routing.pool.fetchval("SELECT count(*) FROM event_quarantine") == 1
