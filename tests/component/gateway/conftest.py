"""A gateway with a real database and broker; behind it one server that plays all the other services."""

import asyncio
import base64
import dataclasses
import json
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
import asyncpg
import grpc
import pytest_asyncio
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from lobby.routing.v1.agent_service_pb2 import GetAgentResponse
from lobby.routing.v1.conversation_pb2 import Agent
from lobby_common import caller, tracing
from lobby_common.caller import Caller
from lobby_common.config import Secret
from lobby_common.errors import Unavailable
from lobby_common.rpc.client import create_channel
from lobby_common.rpc.server import create_server
from lobby_common.service import Runtime, start
from lobby_common.times import utc_now
from lobby_gateway import contract, entropy, workspaces
from lobby_gateway.config import Config
from lobby_gateway.main import SERVICE
from lobby_local import Nats
from lobby_local.ports import free_port

OTHERS = ("connectors", "identity", "routing", "counter", "translate")
TOKEN = "token"
PASSWORD = "correct horse battery"


@dataclasses.dataclass(frozen=True)
class Call:
    """One call that a fake service got."""

    request: Message
    caller: Caller
    traceparent: str


Answer = Message | Callable[[Any], Message]


class Neighbours:
    """All services at once: each RPC gives the answer set for it, and remembers what it was asked."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        self.calls: defaultdict[str, list[Call]] = defaultdict(list)

    def add_to(self, server: grpc.aio.Server) -> None:
        for module in contract.service_modules():
            for service in module.DESCRIPTOR.services_by_name.values():
                handlers = {method.name: self._handler(service.name, method) for method in service.methods}
                server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service.full_name, handlers),))

    def _handler(self, service: str, method: Any) -> grpc.RpcMethodHandler:
        name = f"{service}.{method.name}"
        response = GetMessageClass(method.output_type)

        async def answer(request: Message, context: object) -> Message:
            self.calls[name].append(Call(request, caller.find_current(), tracing.current()))
            given = self.answers.get(name, response())
            if isinstance(given, Exception):
                raise given
            result = given(request) if callable(given) else given
            return await result if asyncio.iscoroutine(result) else result

        return grpc.unary_unary_rpc_method_handler(
            answer,
            request_deserializer=GetMessageClass(method.input_type).FromString,
            response_serializer=response.SerializeToString,
        )


@dataclasses.dataclass
class Gateway:
    """A running gateway, and who may ask it."""

    runtime: Runtime
    session: aiohttp.ClientSession
    neighbours: Neighbours
    database: Any
    workspace_id: str
    owner: str

    @property
    def url(self) -> str:
        return f"http://{self.runtime.http_address}"

    async def ask(
        self, method: str, path: str, *, key: str | None = None, body: Any = None, **options: Any
    ) -> tuple[int, Any]:
        """Returns status and JSON of the answer; asks as the owner where no key is named."""
        headers = {"Authorization": f"Bearer {self.owner if key is None else key}"} | options.pop("headers", {})
        if body is not None:
            options["json"] = body
        async with self.session.request(method, self.url + path, headers=headers, **options) as response:
            text = await response.text()
            return response.status, json.loads(text) if text else None

    async def key(self, role: str, **more: Any) -> str:
        """Returns the secret of a new key."""
        if role == "agent":
            more = {"agent_id": "agent-1"} | more
        status, answer = await self.ask("POST", "/v1/keys", body={"role": role} | more)
        assert status == 200, answer
        return answer["secret"]

    async def link(self, sheet_id: str, **more: Any) -> Any:
        """Returns a new link to a sheet, with its token."""
        body = {"display_name": "Partner", "password": PASSWORD} | more
        status, answer = await self.ask("POST", f"/v1/sheets/{sheet_id}/links", body=body)
        assert status == 200, answer
        return answer

    async def open(self, token: str, password: str = "") -> tuple[int, Any]:
        """Returns what a link answers to a password, by default to the right one."""
        return await self.ask("POST", f"/v1/links/{token}:open", key="", body={"password": password or PASSWORD})

    async def partner(self, sheet_id: str) -> str:
        """Returns the secret of a partner with whom the sheet is shared."""
        status, answer = await self.open((await self.link(sheet_id))["token"])
        assert status == 200, answer
        return answer["secret"]

    async def rows(self, statement: str) -> list[Any]:
        """Returns what the gateway's tables say."""
        connection = await asyncpg.connect(self.database.url, server_settings={"search_path": "gateway"})
        try:
            return await connection.fetch(statement)
        finally:
            await connection.close()

    async def other_workspace(self) -> str:
        """Returns the owner's secret of another workspace."""
        connection = await asyncpg.connect(self.database.url, server_settings={"search_path": "gateway"})
        try:
            async with connection.transaction():
                owner = await workspaces.create_workspace(connection, "Other", "UTC", entropy.new_secret(), utc_now())
        finally:
            await connection.close()
        return owner.secret


@pytest_asyncio.fixture
async def neighbours() -> AsyncIterator[tuple[Neighbours, str]]:
    fakes = Neighbours()
    server = create_server(TOKEN)
    fakes.add_to(server)
    fakes.answers["AgentService.GetAgent"] = lambda request: GetAgentResponse(agent=Agent(agent_id=request.agent_id))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    yield fakes, f"127.0.0.1:{port}"
    await server.stop(None)


def config(database: Any, broker: Nats, **more: Any) -> Config:
    return Config(
        database_url=Secret(database.url),
        nats_url=Secret(broker.url("gateway")),
        internal_token=Secret(TOKEN),
        master_key=Secret(base64.b64encode(bytes(32)).decode()),
        # Not one of those that outgoing connections of other tests get.
        **{"rate_per_second": 10_000.0, "rate_burst": 10_000.0, "http_port": free_port()} | more,
    )


@pytest_asyncio.fixture
async def gateway(database, broker, neighbours) -> AsyncIterator[Gateway]:
    fakes, target = neighbours
    channel = create_channel(target, TOKEN)
    connection = await asyncpg.connect(database.url, server_settings={"search_path": "gateway"})
    async with connection.transaction():
        owner = await workspaces.create_workspace(connection, "Ours", "UTC", entropy.new_secret(), utc_now())
    await connection.close()
    settings = config(database, broker)
    async with (
        start(SERVICE, settings, channels=dict.fromkeys(OTHERS, channel)) as runtime,
        aiohttp.ClientSession() as session,
    ):
        await listening(runtime.http_address)
        yield Gateway(runtime, session, fakes, database, owner.workspace_id, owner.secret)
    await channel.close()


async def listening(address: str) -> None:
    """Returns when the address takes connections."""
    host, _, port = address.partition(":")
    async with asyncio.timeout(10):
        while True:
            try:
                _, writer = await asyncio.open_connection(host, int(port))
            except OSError:
                await asyncio.sleep(0.01)
            else:
                writer.close()
                await writer.wait_closed()
                return


async def until(condition: Callable[[], Any], seconds: float = 10.0) -> Any:
    """Waits for the condition with a deadline, as often as the loop allows."""
    async with asyncio.timeout(seconds):
        while not (result := condition()):
            await asyncio.sleep(0.01)
    return result


def away(*_: Any) -> Message:
    raise Unavailable("AWAY", "the service is away")
