"""Connectors with real servers, a platform played by a small web server, and routing faked at the gRPC edge."""

import asyncio
import base64
import contextlib
import dataclasses
import hashlib
import hmac
import json
import socket
from collections.abc import AsyncIterator, Callable
from typing import Any

import asyncpg
import grpc
import pytest_asyncio
from aiohttp import web

from lobby.connectors.v1 import account_service_pb2 as account_pb
from lobby.connectors.v1 import events_pb2
from lobby.connectors.v1 import ingest_service_pb2 as ingest_pb
from lobby.connectors.v1 import quarantine_service_pb2 as quarantine_pb
from lobby.connectors.v1.account_service_pb2_grpc import AccountServiceStub
from lobby.connectors.v1.ingest_service_pb2_grpc import IngestServiceStub
from lobby.connectors.v1.message_service_pb2_grpc import MessageServiceStub
from lobby.connectors.v1.quarantine_service_pb2_grpc import QuarantineServiceStub
from lobby.events.v1 import event_log_service_pb2 as log_pb
from lobby.events.v1.batch_pb2 import Batch, Event
from lobby.events.v1.event_log_service_pb2_grpc import EventLogServiceStub
from lobby.routing.v1 import conversation_service_pb2 as routing_pb
from lobby.routing.v1.conversation_service_pb2_grpc import (
    ConversationServiceServicer,
    add_ConversationServiceServicer_to_server,
)
from lobby_common.caller import Caller, use
from lobby_common.config import Secret
from lobby_common.ids import new_id
from lobby_common.rpc.client import create_channel
from lobby_common.service import Runtime, start
from lobby_connectors.config import Config
from lobby_connectors.main import SERVICE

TOKEN = "token"
CREDENTIALS = {
    "whatsapp": {
        "app_secret": "app-secret",
        "access_token": "wa-token",
        "verify_token": "verify-me",
        "phone_number_id": "106540352242922",
        "waba_id": "102290129340398",
    },
    "telegram": {"bot_token": "8765336106:token", "webhook_secret": "tg-secret"},
    "line": {"channel_secret": "line-secret", "channel_access_token": "line-token"},
}
PLATFORMS = {"whatsapp": 1, "telegram": 2, "line": 3, "zalo": 4}

_NO_SENDS = ("setWebhook", "answerCallbackQuery", "getChat", "getFile")


@dataclasses.dataclass
class Call:
    """A request that the platform got."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any


Answer = Callable[[Call], web.Response | None]


class FakePlatform:
    """Answers like the platforms, unless `answers` holds something else for the next requests."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.answers: list[Answer] = []
        self.url = ""
        self.picture = b""
        self.picture_url = ""
        self.hold: asyncio.Event | None = None
        self.held = asyncio.Event()

    async def handle(self, request: web.Request) -> web.Response:
        raw = await request.read()
        call = Call(request.method, request.path, dict(request.headers), json.loads(raw) if raw else None)
        self.calls.append(call)
        if self.hold is not None and "profile" not in call.path:
            self.held.set()
            await self.hold.wait()
        answer = self.answers.pop(0)(call) if self.answers and self.is_send(call) else self.accept(call)
        if answer is None:
            assert request.transport is not None
            request.transport.close()
            return web.Response()
        return answer

    def is_send(self, call: Call) -> bool:
        return call.method == "POST" and not call.path.endswith(_NO_SENDS)

    def accept(self, call: Call) -> web.Response:
        number = len(self.calls)
        if (told := self._customer(call)) is not None:
            return told
        if call.path.startswith("/v25.0/"):
            return web.json_response({"messages": [{"id": f"wamid.out-{number}"}]})
        if call.path.startswith("/bot"):
            return web.json_response({"ok": True, "result": {"message_id": 1000 + number}})
        return web.json_response({"sentMessages": [{"id": str(5000 + number)}]})

    def _customer(self, call: Call) -> web.Response | None:
        """What is asked of a customer, who may show a picture."""
        if call.path.startswith("/v2/bot/profile/"):
            shown = {"pictureUrl": self.picture_url or f"{self.url}/picture/u"} if self.picture else {}
            user_id = call.path.rpartition("/")[2]
            return web.json_response({"displayName": "สมชาย", "userId": user_id, "language": "th", **shown})
        if call.path.endswith("/getChat"):
            photo = {"photo": {"small_file_id": "small", "big_file_id": "big"}} if self.picture else {}
            return web.json_response({"ok": True, "result": {"id": 7, "type": "private", **photo}})
        if call.path.endswith("/getFile"):
            return web.json_response({"ok": True, "result": {"file_id": "small", "file_path": "profile/file 1.jpg"}})
        return web.Response(body=self.picture) if call.path.startswith(("/file/bot", "/picture/")) else None

    @property
    def sends(self) -> list[Call]:
        return [call for call in self.calls if self.is_send(call)]


@pytest_asyncio.fixture
async def platform() -> AsyncIterator[FakePlatform]:
    fake = FakePlatform()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", fake.handle)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    listener = socket.create_server(("127.0.0.1", 0))
    await web.SockSite(runner, listener).start()
    fake.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    yield fake
    if fake.hold is not None:
        fake.hold.set()
    await runner.cleanup()


class FakeRouting(ConversationServiceServicer):
    """Lets an agent see what is in `visible`."""

    def __init__(self) -> None:
        self.visible: set[str] = set()

    async def FilterVisible(self, request: routing_pb.FilterVisibleRequest, context: object):
        return routing_pb.FilterVisibleResponse(
            message_ids=[each for each in request.message_ids if each in self.visible]
        )


@dataclasses.dataclass
class Connectors:
    """A running service, and what a test does with it."""

    runtime: Runtime
    channel: grpc.aio.Channel
    database_url: str
    platform: FakePlatform
    routing: FakeRouting
    caller: Caller = dataclasses.field(default_factory=lambda: Caller(new_id(), "owner", key_id="key"))

    def __post_init__(self) -> None:
        self.accounts = AccountServiceStub(self.channel)
        self.ingest = IngestServiceStub(self.channel)
        self.messages = MessageServiceStub(self.channel)
        self.quarantine = QuarantineServiceStub(self.channel)
        self.log = EventLogServiceStub(self.channel)

    async def connect(self, platform: str, **more: Any) -> str:
        """Returns the id of a new account."""
        credentials = CREDENTIALS[platform] | more.pop("credentials", {})
        with use(self.caller):
            answer = await self.accounts.CreateAccount(
                account_pb.CreateAccountRequest(
                    platform=PLATFORMS[platform],
                    display_name=platform,
                    credentials=credentials,
                    api_base_url=self.platform.url,
                    **more,
                )
            )
        return answer.account.account_id

    async def account(self, account_id: str) -> Any:
        with use(self.caller):
            return (await self.accounts.GetAccount(account_pb.GetAccountRequest(account_id=account_id))).account

    async def update(self, account_id: str, **changes: Any) -> Any:
        request = account_pb.UpdateAccountRequest(account_id=account_id, **changes)
        with use(self.caller):
            return (await self.accounts.UpdateAccount(request)).account

    async def steps(self, message_id: str) -> log_pb.ListStepsResponse:
        return await self.log.ListSteps(log_pb.ListStepsRequest(message_id=message_id))

    async def post(self, *webhooks: ingest_pb.Webhook) -> list[str]:
        """Returns the verdicts' names without prefix."""
        answer = await self.ingest.IngestWebhooks(ingest_pb.IngestWebhooksRequest(webhooks=webhooks))
        name = ingest_pb.IngestWebhooksResponse.Verdict.Name
        return [name(verdict).removeprefix("VERDICT_").lower() for verdict in answer.verdicts]

    async def shake(self, platform: str, account_id: str, query: dict[str, str]) -> str:
        """Returns the answer to a handshake."""
        request = ingest_pb.AnswerHandshakeRequest(platform=platform, account_id=account_id, query=query)
        return (await self.ingest.AnswerHandshake(request)).body

    async def list_quarantine(self, **more: Any) -> list[quarantine_pb.QuarantineItem]:
        with use(self.caller):
            return list((await self.quarantine.ListQuarantine(quarantine_pb.ListQuarantineRequest(**more))).items)

    async def retry_quarantine(self, quarantine_id: str) -> quarantine_pb.QuarantineItem:
        request = quarantine_pb.RetryQuarantineItemRequest(quarantine_id=quarantine_id)
        with use(self.caller):
            return (await self.quarantine.RetryQuarantineItem(request)).item

    async def envelopes(self) -> list[Event]:
        """Returns everything told so far, in order."""
        found: list[Event] = []
        after = 0
        while True:
            answer = await self.log.ReadBatches(log_pb.ReadBatchesRequest(after_batch_id=after, limit=1000))
            if not answer.batches:
                return found
            for raw in answer.batches:
                batch = Batch.FromString(raw)
                after = batch.batch_id
                found.extend(event for segment in batch.segments for event in segment.events)

    async def events(self) -> list[Any]:
        """Returns everything told so far, decoded, in order."""
        return [
            getattr(events_pb2, event.type.rpartition(".")[2]).FromString(event.payload)
            for event in await self.envelopes()
        ]

    async def told(self, kind: type, count: int = 1) -> list[Any]:
        """Waits until so many events of a kind were told, and returns them."""

        async def enough() -> list[Any] | None:
            found = [event for event in await self.events() if isinstance(event, kind)]
            return found if len(found) >= count else None

        return await until(enough)

    async def rows(self, query: str, *arguments: Any) -> list[asyncpg.Record]:
        connection = await asyncpg.connect(self.database_url)
        try:
            return await connection.fetch(query, *arguments)
        finally:
            await connection.close()


def signed(
    platform: str, account_id: str, body: bytes | dict[str, Any], *, secret: str = "app-secret", **more: Any
) -> ingest_pb.Webhook:
    """Returns a webhook with a good signature; WhatsApp's under the secret."""
    raw = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
    if platform == "whatsapp":
        signature = "sha256=" + hmac.new(secret.encode(), raw, hashlib.sha256).hexdigest()
    elif platform == "line":
        signature = base64.b64encode(hmac.new(b"line-secret", raw, hashlib.sha256).digest()).decode()
    else:
        signature = "tg-secret"
    fields = {"webhook_id": new_id(), "signature": signature} | more
    return ingest_pb.Webhook(platform=platform, account_id=account_id, body=raw, **fields)


def whatsapp(*messages: dict[str, Any], field: str = "messages", key: str = "messages", **more: Any) -> dict[str, Any]:
    """Returns a body for the account of these tests."""
    number = {"display_phone_number": "15550783881", "phone_number_id": "106540352242922"}
    value = {"messaging_product": "whatsapp", "metadata": number, key: list(messages)} | more
    entry = {"id": "102290129340398", "changes": [{"field": field, "value": value}]}
    return {"object": "whatsapp_business_account", "entry": [entry]}


def text(number: int = 1, sender: str = "66811111111", body: str = "hi", at: int = 1_780_000_000) -> dict[str, Any]:
    return {"from": sender, "id": f"wamid.{number}", "timestamp": str(at), "type": "text", "text": {"body": body}}


def status(name: str, message: str, at: int = 1_780_000_100, **more: Any) -> dict[str, Any]:
    return {"id": message, "status": name, "timestamp": str(at), "recipient_id": "66811111111"} | more


async def until(condition: Callable[[], Any], seconds: float = 20.0) -> Any:
    """Waits for the condition with a deadline, as often as the loop allows."""
    async with asyncio.timeout(seconds):
        while not (result := await condition()):
            await asyncio.sleep(0.02)
    return result


@dataclasses.dataclass
class World:
    """Starts connectors, also several of them or one after the other, on one database."""

    database: Any
    broker: Any
    platform: FakePlatform
    routing: FakeRouting
    routing_channel: grpc.aio.Channel
    caller: Caller

    @contextlib.asynccontextmanager
    async def connectors(self, **settings: Any) -> AsyncIterator[Connectors]:
        config = Config(
            database_url=Secret(self.database.url),
            nats_url=Secret(self.broker.url("connectors")),
            internal_token=Secret(TOKEN),
            master_key=Secret(base64.b64encode(b"k" * 32).decode()),
            public_url="https://lobby.example",
            **{"allow_private_api_base": True, "send_timeout": 5.0} | settings,
        )
        async with start(SERVICE, config, channels={"routing": self.routing_channel}) as runtime:
            channel = create_channel(runtime.grpc_address, TOKEN)
            try:
                yield Connectors(runtime, channel, self.database.admin_url, self.platform, self.routing, self.caller)
            finally:
                await channel.close()


@pytest_asyncio.fixture
async def world(database, broker, platform) -> AsyncIterator[World]:
    connection = await asyncpg.connect(database.admin_url)
    await connection.execute(f"ALTER DATABASE {database.name} SET search_path = connectors")
    await connection.close()
    routing = FakeRouting()
    server = grpc.aio.server()
    add_ConversationServiceServicer_to_server(routing, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    channel = create_channel(f"127.0.0.1:{port}", TOKEN)
    yield World(database, broker, platform, routing, channel, Caller(new_id(), "owner", key_id="key"))
    await channel.close()
    await server.stop(None)


@pytest_asyncio.fixture
async def connectors(world) -> AsyncIterator[Connectors]:
    async with world.connectors() as running:
        yield running
