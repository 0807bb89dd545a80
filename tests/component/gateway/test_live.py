import asyncio
import json
from contextlib import asynccontextmanager

import aiohttp
import nats
import pytest
import pytest_asyncio

from lobby.connectors.v1.events_pb2 import MessageReceived
from lobby.counter.v1.events_pb2 import CountChanged
from lobby.events.v1.batch_pb2 import Batch
from lobby.routing.v1.conversation_service_pb2 import FilterVisibleResponse
from lobby.routing.v1.events_pb2 import ConversationAssigned, ConversationRef
from lobby_common.times import to_proto, utc_now

PRODUCERS = ("connectors", "identity", "routing", "translate", "counter")


class Broker:
    """Publishes batches as services do."""

    def __init__(self, client, workspace_id: str) -> None:
        self.client = client
        self.workspace_id = workspace_id
        self.positions = dict.fromkeys(PRODUCERS, 0)

    async def make_streams(self) -> None:
        for service in PRODUCERS:
            await self.client.jetstream().add_stream(name=service.upper(), subjects=[f"lobby.{service}"])

    async def tell(self, service: str, *payloads, workspace_id: str = "") -> bytes:
        data = self.commit(service, *payloads, workspace_id=workspace_id)
        await self.publish(service, data)
        return data

    def commit(self, service: str, *payloads, workspace_id: str = "") -> bytes:
        """Returns a batch with the next positions, to be published whenever."""
        batch = Batch(service=service, create_time=to_proto(utc_now()))
        segment = batch.segments.add(lane=0, first=self.positions[service] + 1, count=len(payloads))
        for payload in payloads:
            self.positions[service] += 1
            segment.events.add(
                id=f"{service}-{self.positions[service]}",
                type=payload.DESCRIPTOR.full_name,
                time=to_proto(utc_now()),
                workspace_id=workspace_id or self.workspace_id,
                payload=payload.SerializeToString(),
            )
        return batch.SerializeToString()

    async def publish(self, service: str, data: bytes) -> None:
        await self.client.jetstream().publish(f"lobby.{service}", data)


@pytest_asyncio.fixture
async def bus(gateway, broker):
    client = await nats.connect(broker.url())
    bus = Broker(client, gateway.workspace_id)
    await bus.make_streams()
    yield bus
    await client.close()


@asynccontextmanager
async def screen(gateway, key: str = "", last_id: str = ""):
    """A WebSocket that is listening."""
    query = {"access_token": key or gateway.owner} | ({"last_event_id": last_id} if last_id else {})
    async with gateway.session.ws_connect(gateway.url + "/v1/live", params=query) as socket:
        yield socket


def received(number: int = 1, chat: str = "c") -> MessageReceived:
    return MessageReceived(message_id=f"m{number}", account_id="a", chat=chat, text="secret text")


def assigned(agent_id: str, conversation_id: str = "conv") -> ConversationAssigned:
    reference = ConversationRef(conversation_id=conversation_id, account_id="a", chat="c", contact_id="p")
    return ConversationAssigned(conversation=reference, agent_id=agent_id)


async def take(socket):
    return json.loads((await socket.receive(timeout=10)).data)


async def test_a_screen_hears_what_happens_without_texts(gateway, bus):
    async with screen(gateway) as socket:
        await bus.tell("connectors", received())
        message = await socket.receive(timeout=10)
        assert "secret" not in message.data
        item = json.loads(message.data)
        assert item["type"] == "message_received"
        assert item["message_id"] == "m1"
        assert item["account_id"] == "a"
        assert item["version"] == 1
        assert item["time"].endswith("Z")
        assert "contact_id" not in item


async def test_a_known_chat_brings_its_conversation(gateway, bus):
    async with screen(gateway) as socket:
        await bus.tell("routing", assigned("agent-1"))
        assert (await take(socket))["agent_id"] == "agent-1"
        await bus.tell("connectors", received(2))
        assert (await take(socket))["conversation_id"] == "conv"


async def test_another_workspace_is_never_heard(gateway, bus):
    other = await gateway.other_workspace()
    async with screen(gateway) as ours, screen(gateway, other) as theirs:
        await bus.tell("connectors", received(1))
        assert (await take(ours))["message_id"] == "m1"
        with pytest.raises(TimeoutError):
            await theirs.receive(timeout=0.3)


async def test_an_agent_hears_of_his_own_and_of_the_pool_only(gateway, bus):
    gateway.neighbours.answers["ConversationService.FilterVisible"] = FilterVisibleResponse()
    key = await gateway.key("agent", agent_id="agent-1")
    async with screen(gateway, key) as socket:
        await bus.tell("routing", assigned("agent-2", "theirs"))
        await bus.tell("connectors", received(1, "another chat"))
        await bus.tell("routing", assigned("", "pool"))
        await bus.tell("routing", assigned("agent-1", "his"))
        await bus.tell("counter", CountChanged(entries=1))
        items = [await take(socket) for _ in range(3)]
    assert {item.get("conversation_id") for item in items} == {"pool", "his", None}


async def test_an_agent_hears_what_routing_says_he_may_see(gateway, bus):
    gateway.neighbours.answers["ConversationService.FilterVisible"] = lambda request: FilterVisibleResponse(
        message_ids=[each for each in request.message_ids if each == "m2"]
    )
    key = await gateway.key("agent")
    async with screen(gateway, key) as socket:
        await bus.tell("connectors", received(1), received(2))
        assert (await take(socket))["message_id"] == "m2"
    call = gateway.neighbours.calls["ConversationService.FilterVisible"][0]
    assert (call.caller.role, call.caller.agent_id) == ("agent", "agent-1")


async def test_a_screen_that_comes_back_gets_what_it_missed(gateway, bus):
    async with screen(gateway) as socket:
        await bus.tell("connectors", received(1), received(2))
        first = await take(socket)
    await bus.tell("routing", assigned("agent-1"))
    await bus.tell("connectors", received(3))
    async with screen(gateway, last_id=first["id"]) as socket:
        items = [await take(socket) for _ in range(3)]
        assert [item.get("message_id", item["type"]) for item in items] == ["m2", "conversation_assigned", "m3"]
        await bus.tell("connectors", received(4))
        assert (await take(socket))["message_id"] == "m4"
    assert len({item["id"] for item in [first, *items]}) == 4
    async with screen(gateway, last_id=items[1]["id"]) as socket:
        assert [(await take(socket))["message_id"] for _ in range(2)] == ["m3", "m4"]


@pytest.mark.parametrize("order", [[1, 0], [0, 1, 0]], ids=["in another order", "once more"])
async def test_what_the_stream_has_in_another_order_or_once_more_brings_resync(gateway, bus, order):
    """A publisher says again what a broker that failed may have lost, or replicas publish side by side."""
    async with screen(gateway) as socket:
        await bus.tell("connectors", received(1))
        first = await take(socket)
        batches = [bus.commit("connectors", received(number)) for number in (2, 3)]
        for each in order:
            await bus.publish("connectors", batches[each])
        assert [(await take(socket))["message_id"] for _ in range(2)] == ["m2", "m3"]
    async with screen(gateway, last_id=first["id"]) as socket:
        assert (await take(socket))["type"] == "resync"


@pytest.mark.parametrize("last_id", ["nonsense", "", "AAAA"])
async def test_an_id_that_is_none_of_ours_brings_resync(gateway, bus, last_id):
    async with screen(gateway, last_id=last_id or "+/=") as socket:
        assert (await take(socket))["type"] == "resync"
        await bus.tell("connectors", received(1))
        assert (await take(socket))["message_id"] == "m1"


async def test_what_the_streams_hold_no_longer_brings_resync(gateway, bus):
    async with screen(gateway) as socket:
        await bus.tell("connectors", received(1))
        first = await take(socket)
    for number in range(2, 5):
        await bus.tell("connectors", received(number))
    await bus.client.jetstream().purge_stream("CONNECTORS", keep=1)
    async with screen(gateway, last_id=first["id"]) as socket:
        assert (await take(socket))["type"] == "resync"


async def test_a_stream_that_is_made_anew_brings_resync_and_nothing_twice(gateway, bus):
    async with screen(gateway) as socket:
        told = await bus.tell("connectors", received(1))
        assert (await take(socket))["message_id"] == "m1"
        await bus.client.jetstream().delete_stream("CONNECTORS")
        await bus.client.jetstream().add_stream(name="CONNECTORS", subjects=["lobby.connectors"])
        await bus.publish("connectors", told)
        await bus.tell("connectors", received(2))
        assert (await take(socket))["type"] == "resync"
        assert (await take(socket))["message_id"] == "m2"


async def test_what_never_comes_through_the_stream_brings_resync(gateway, bus):
    async with screen(gateway) as socket:
        await bus.tell("connectors", received(1))
        assert (await take(socket))["message_id"] == "m1"
        bus.positions["connectors"] += 1
        await bus.tell("connectors", received(3))
        assert [(await take(socket))["type"] for _ in range(2)] == ["resync", "message_received"]


async def test_what_two_replicas_published_in_turns_is_shown_in_order_without_resync(gateway, bus):
    async with screen(gateway) as socket:
        await bus.tell("connectors", received(1))
        assert (await take(socket))["message_id"] == "m1"
        bus.positions["connectors"] += 1
        await bus.tell("connectors", received(3))
        bus.positions["connectors"] -= 2
        await bus.tell("connectors", received(2))
        assert [(await take(socket))["message_id"] for _ in range(2)] == ["m2", "m3"]


async def test_server_sent_events_give_the_same_items(gateway, bus):
    headers = {"Authorization": f"Bearer {gateway.owner}"}
    async with gateway.session.get(gateway.url + "/v1/events", headers=headers) as response:
        assert response.status == 200
        assert response.content_type == "text/event-stream"
        await bus.tell("connectors", received(1), received(2))
        first = await event(response)
    async with gateway.session.get(
        gateway.url + "/v1/events", headers=headers | {"Last-Event-ID": first["id"]}
    ) as response:
        second = await event(response)
    assert (first["message_id"], second["message_id"]) == ("m1", "m2")


async def event(response: aiohttp.ClientResponse):
    """The next event; its id line says the same as its data."""
    last_id = ""
    async with asyncio.timeout(10):
        async for line in response.content:
            text = line.decode().rstrip("\n")
            if text.startswith("id: "):
                last_id = text[4:]
            if text.startswith("data: "):
                item = json.loads(text[6:])
                assert item["id"] == last_id
                return item
    raise AssertionError("the stream ended")


async def test_a_revoked_key_ends_its_screens_within_five_seconds(gateway, bus):
    _, made = await gateway.ask("POST", "/v1/keys", body={"role": "viewer"})
    async with screen(gateway, made["secret"]) as socket:
        status, _ = await gateway.ask("DELETE", f"/v1/keys/{made['key']['key_id']}")
        assert status == 200
        message = await socket.receive(timeout=5)
        assert message.type == aiohttp.WSMsgType.CLOSE
        assert message.data == 4001


async def test_a_key_revoked_here_gives_its_screens_nothing_more(gateway, bus):
    _, made = await gateway.ask("POST", "/v1/keys", body={"role": "viewer"})
    headers = {"Authorization": f"Bearer {made['secret']}"}
    async with (
        screen(gateway, made["secret"]) as socket,
        screen(gateway) as others,
        gateway.session.get(gateway.url + "/v1/events", headers=headers) as stream,
    ):
        await bus.tell("connectors", received(1))
        assert (await take(socket))["message_id"] == (await event(stream))["message_id"] == "m1"
        assert (await take(others))["message_id"] == "m1"
        await gateway.ask("DELETE", f"/v1/keys/{made['key']['key_id']}")
        await bus.tell("connectors", received(2))
        assert (await take(others))["message_id"] == "m2"
        assert (await socket.receive(timeout=10)).data == 4001
        assert b"m2" not in await stream.content.read()


@pytest.mark.parametrize("path", ["/v1/live", "/v1/events"])
async def test_a_screen_needs_a_key_that_may_look(gateway, path):
    partner = await gateway.key("partner")
    upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    headers = upgrade | {"Sec-WebSocket-Key": "x3JJHMbDL1EzLkh9GBhXDw=="} if path == "/v1/live" else {}
    for key, status in (("", 401), ("lobby_nobody", 401), (partner, 403)):
        async with gateway.session.get(gateway.url + path, params={"access_token": key}, headers=headers) as response:
            assert response.status == status


@pytest.mark.parametrize(("method", "path", "expected"), [("POST", "/v1/events", 405), ("GET", "/v1/live", 426)])
async def test_a_screen_is_opened_in_its_own_way_only(gateway, method, path, expected):
    status, problem = await gateway.ask(method, path)
    assert (status, problem["status"]) == (expected, expected)
