"""The whole service beside a connectors that tells and a routing that answers."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator

import grpc
import pytest_asyncio

from lobby.events.v1.batch_pb2 import Batch
from lobby.identity.v1 import contact_service_pb2 as pb
from lobby.identity.v1 import events_pb2 as told_pb
from lobby.identity.v1.contact_service_pb2_grpc import ContactServiceStub
from lobby.routing.v1.conversation_service_pb2 import FilterVisibleRequest, FilterVisibleResponse
from lobby.routing.v1.conversation_service_pb2_grpc import (
    ConversationServiceServicer,
    add_ConversationServiceServicer_to_server,
)
from lobby_common import caller, ids
from lobby_common.caller import Caller
from lobby_common.config import Secret, ServiceConfig
from lobby_common.errors import LobbyError
from lobby_common.postgres import migrate
from lobby_common.rpc.client import create_channel
from lobby_common.rpc.server import create_server
from lobby_common.service import Runtime, Service, start
from lobby_identity.config import IdentityConfig
from lobby_identity.main import SERVICE
from tests.component.identity.conftest import TG1, WA1, wrote

WORKSPACE = ids.new_id()


class FakeRouting(ConversationServiceServicer):
    """Lets the agent see what the test says."""

    visible: frozenset[str] = frozenset()

    async def FilterVisible(self, request: FilterVisibleRequest, context: object) -> FilterVisibleResponse:
        assert caller.current().agent_id == "agent-1"
        return FilterVisibleResponse(contact_ids=self.visible & set(request.contact_ids))


async def _build_nothing(runtime: Runtime) -> None:
    """A connectors that only has a log."""


@pytest_asyncio.fixture
async def routing() -> AsyncIterator[tuple[FakeRouting, str]]:
    servicer = FakeRouting()
    server = create_server("token")
    add_ConversationServiceServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    yield servicer, f"127.0.0.1:{port}"
    await server.stop(None)


@pytest_asyncio.fixture
async def teller(postgres, database, broker) -> AsyncIterator[Runtime]:
    url = postgres.url(database.name, "lobby_connectors")
    await migrate(database.admin_url, "connectors", "", role_url=url)
    config = ServiceConfig(
        database_url=Secret(url), nats_url=Secret(broker.url("connectors")), internal_token=Secret("token")
    )
    async with start(Service("connectors", ServiceConfig, _build_nothing, ""), config) as runtime:
        yield runtime


@pytest_asyncio.fixture
async def service(database, broker, teller, routing) -> AsyncIterator[Runtime]:
    config = IdentityConfig(
        database_url=Secret(database.url),
        nats_url=Secret(broker.url("identity")),
        internal_token=Secret("token"),
        connectors_target=teller.grpc_address,
        routing_target=routing[1],
        linger_max_ms=5,
    )
    async with start(SERVICE, config) as runtime:
        yield runtime


async def tell(teller: Runtime, *messages) -> None:
    async with teller.log.transaction() as tx:
        for message in messages:
            tx.tell(
                message,
                workspace_id=WORKSPACE,
                key=f"{message.account_id}/{message.chat}",
                event_id=ids.derive_id(None, message.message_id),
                traceparent="00-0123456789abcdef0123456789abcdef-0123456789abcdef-00",
            )


async def told(service: Runtime, count: int) -> list:
    async with asyncio.timeout(20):
        while True:
            rows = await service.pool.fetch("SELECT data FROM event_batch ORDER BY batch_id")
            batches = [Batch.FromString(row["data"]) for row in rows]
            events = [event for batch in batches for segment in batch.segments for event in segment.events]
            if len(events) >= count:
                return events
            await asyncio.sleep(0.02)


@contextlib.contextmanager
def role(name: str, agent_id: str = "") -> Iterator[None]:
    with caller.use(Caller(WORKSPACE, name, agent_id, "key")):
        yield


async def test_every_message_heard_is_identified_under_its_own_key_and_trace(service, teller):
    messages = [wrote(WA1, f"phone:+6681{number % 40:07}", minutes=number) for number in range(200)]
    await tell(teller, *messages[:100])
    await tell(teller, *messages[100:])
    events = await told(service, 200)
    assert len(events) == 200
    payloads = {event.cause_id: told_pb.MessageIdentified.FromString(event.payload) for event in events}
    for message in messages:
        payload = payloads[ids.derive_id(None, message.message_id)]
        assert (payload.message_id, payload.chat) == (message.message_id, message.chat)
    assert {event.key for event in events} == {f"{each.account_id}/{each.chat}" for each in messages}
    assert {event.traceparent[:35] for event in events} == {"00-0123456789abcdef0123456789abcdef"}
    assert len({each.channel_user_id for each in payloads.values()}) == 40


async def test_a_message_that_names_nobody_goes_to_quarantine_and_its_neighbours_do_not(service, teller):
    nameless = wrote(WA1, "phone:", minutes=1)
    await tell(teller, wrote(WA1, "phone:+66811111111"), nameless, wrote(WA1, "phone:+66822222222", minutes=2))
    await told(service, 2)
    async with asyncio.timeout(20):
        while not (reasons := await service.pool.fetch("SELECT reason FROM event_quarantine")):
            await asyncio.sleep(0.02)
    assert [row["reason"] for row in reasons] == ["NoIdentifier: the event names no identifier"]


async def test_contacts_are_served_and_routing_says_what_an_agent_sees(service, teller, routing):
    await tell(teller, wrote(WA1, "phone:+66811111111"), wrote(TG1, "telegram_id:7", minutes=1))
    await told(service, 2)
    channel = create_channel(service.grpc_address, "token")
    stub = ContactServiceStub(channel)
    with role("owner"):
        contacts = (await stub.ListContacts(pb.ListContactsRequest())).contacts
        assert len(contacts) == 2
        merge = pb.MergeContactsRequest(contact_id=contacts[0].contact_id, other_contact_id="no-id")
        assert await _reason(stub.MergeContacts(merge)) == "CONTACT_NOT_FOUND"
        merge.other_contact_id = contacts[0].contact_id
        assert await _reason(stub.MergeContacts(merge)) == "SAME_CONTACT"
        assert await _reason(stub.ListContacts(pb.ListContactsRequest(page_size=-1))) == "INVALID_FIELD"
    routing[0].visible = frozenset({contacts[1].contact_id})
    with role("agent", "agent-1"):
        seen = (await stub.ListContacts(pb.ListContactsRequest())).contacts
        assert [each.contact_id for each in seen] == [contacts[1].contact_id]
        hidden = pb.GetContactRequest(contact_id=contacts[0].contact_id)
        assert await _reason(stub.GetContact(hidden)) == "CONTACT_NOT_FOUND"
    await channel.close()


async def _reason(call: grpc.aio.UnaryUnaryCall) -> str:
    try:
        await call
    except LobbyError as error:
        return error.reason
    return "OK"
