"""The whole service: events over the broker, calls over gRPC, the engine in its process."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import asyncpg
import grpc
import pytest_asyncio

from lobby.events.v1 import event_log_service_pb2 as log_pb
from lobby.events.v1.event_log_service_pb2_grpc import EventLogServiceStub
from lobby.translate.v1 import translate_service_pb2 as pb
from lobby.translate.v1.translate_service_pb2_grpc import TranslateServiceStub
from lobby_common import caller
from lobby_common.caller import Caller
from lobby_common.config import Secret, ServiceConfig
from lobby_common.events import Incoming, lane_of
from lobby_common.postgres import migrate
from lobby_common.rpc.client import create_channel
from lobby_common.service import Runtime, Service, start
from lobby_translate.config import TranslateConfig
from lobby_translate.main import SERVICE
from tests.component.translate.conftest import Story, status_of, until

TOKEN = "token"


async def _nothing(runtime: Runtime) -> None:
    """A neighbour that only tells."""


@dataclass
class Stack:
    """Translate and its two neighbours."""

    neighbours: dict[str, Runtime]
    runtime: Runtime
    channel: grpc.aio.Channel
    admin: asyncpg.Connection

    async def tell(self, *events: Incoming) -> None:
        for producer, neighbour in self.neighbours.items():
            async with neighbour.log.transaction() as tx:
                for one in events:
                    if one.producer == producer:
                        tx.tell(
                            one.payload,
                            workspace_id=one.event.workspace_id,
                            key=one.event.key,
                            event_id=one.event.id,
                            traceparent=one.event.traceparent,
                        )

    async def message(self, message_id: str) -> asyncpg.Record | None:
        return await self.admin.fetchrow(
            "SELECT version, status, reason, provider FROM translate.message WHERE message_id = $1", message_id
        )

    async def done(self, message_id: str, status: str) -> asyncpg.Record:
        async def there():
            row = await self.message(message_id)
            return row if row and row["status"] == status else None

        return await until(there)


@pytest_asyncio.fixture
async def stack(database, postgres, broker) -> AsyncIterator[Stack]:
    def config(kind, service: str, **more: str) -> ServiceConfig:
        return kind(
            database_url=Secret(postgres.url(database.name, f"lobby_{service}")),
            nats_url=Secret(broker.url(service)),
            internal_token=Secret(TOKEN),
            linger_max_ms=10,
            **more,
        )

    async def neighbour(name: str) -> Service:
        role_url = f"postgresql://x:{postgres.password_of(f'lobby_{name}')}@x/x"
        await migrate(database.admin_url, name, "", role_url=role_url)
        return Service(name, ServiceConfig, _nothing, "")

    admin = await asyncpg.connect(database.admin_url)
    async with (
        start(await neighbour("connectors"), config(ServiceConfig, "connectors")) as connectors,
        start(await neighbour("routing"), config(ServiceConfig, "routing")) as routing,
        start(
            SERVICE,
            config(
                TranslateConfig,
                "translate",
                connectors_target=connectors.grpc_address,
                routing_target=routing.grpc_address,
            ),
        ) as runtime,
    ):
        channel = create_channel(runtime.grpc_address, TOKEN)
        yield Stack({"routing": routing, "connectors": connectors}, runtime, channel, admin)
        await channel.close()
    await admin.close()


async def test_a_message_comes_out_in_the_agent_s_language(stack):
    story = Story()
    said = story.says("Onde está o meu pacote 12345? 😊")
    await stack.tell(story.assigned("en"))
    await stack.tell(said)
    row = await stack.done(said.payload.message_id, "translated")
    assert row["provider"] == "bergamot"
    text = await stack.admin.fetchval("SELECT text FROM translate.translation")
    assert all(word in text for word in ("package", "12345", "😊"))


async def test_the_agent_s_answer_goes_back_in_the_customer_s_language(stack):
    story = Story()
    said = story.says("Onde está o meu pacote?")
    await stack.tell(said)

    async def known() -> bool:
        return await stack.message(said.payload.message_id) is not None

    await until(known)
    stub = TranslateServiceStub(stack.channel)
    with caller.use(Caller(story.workspace_id, "service")):
        answer = await stub.TranslateReply(
            pb.TranslateReplyRequest(
                text="Your order was shipped today.",
                account_id=story.account_id,
                chat=story.chat,
                agent_languages=["en"],
            )
        )
    assert status_of(answer.translation) == "translated"
    assert "pedido" in answer.translation.text


async def test_the_journey_says_what_was_done(stack):
    story = Story()
    said, silent = story.says("Quanto custa?"), story.says("")
    await stack.tell(story.assigned("zh-Hans"))
    await stack.tell(said, silent)
    await stack.done(said.payload.message_id, "translated")
    stub = EventLogServiceStub(stack.channel)

    async def steps(one: Incoming, position: int) -> list[tuple[str, str]]:
        ref = log_pb.EventRef(
            service="connectors", lane=lane_of(one.event.key), position=position, event_id=one.event.id
        )
        request = log_pb.ListStepsRequest(message_id=one.payload.message_id, refs=[ref])
        answer = await stub.ListSteps(request)
        return [(step.step, step.detail) for step in answer.steps]

    assert await steps(said, 1) == [
        ("applied", "connectors"),
        ("language_detected", "pt vote"),
        ("translated", "phrases"),
    ]
    assert await steps(silent, 2) == [("applied", "connectors"), ("no_text", "")]


async def test_what_waited_is_translated_after_a_restart(stack, database, postgres, broker):
    story = Story()
    said = story.says("Onde está o meu outro sapato agora?")
    await stack.tell(said)

    async def known() -> bool:
        return await stack.message(said.payload.message_id) is not None

    await until(known)
    await stack.admin.execute(
        "INSERT INTO translate.translation_job (message_id, target, revision, expire_time) VALUES ($1, 'en', 1, now())",
        said.payload.message_id,
    )
    row = await stack.done(said.payload.message_id, "translated")
    assert row["version"] == 2


async def test_languages_are_listed(stack):
    stub = TranslateServiceStub(stack.channel)
    with caller.use(Caller("w", "service")):
        answer = await stub.ListLanguages(pb.ListLanguagesRequest())
    pairs = {(each.source, each.target): list(each.providers) for each in answer.languages}
    assert pairs["pt", "en"] == ["phrases", "bergamot"]
