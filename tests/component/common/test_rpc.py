"""Calls between services over real gRPC: errors, callers, deadlines, repeats."""

import contextlib
from dataclasses import dataclass, field

import asyncpg
import grpc
import pytest
import pytest_asyncio
from grpc_health.v1 import health_pb2, health_pb2_grpc

from lobby.events.v1 import event_log_service_pb2 as pb
from lobby.events.v1.event_log_service_pb2_grpc import (
    EventLogServiceServicer,
    EventLogServiceStub,
    add_EventLogServiceServicer_to_server,
)
from lobby_common import caller, tracing
from lobby_common.caller import Caller
from lobby_common.errors import (
    Conflict,
    Exhausted,
    Invalid,
    LobbyError,
    NotFound,
    Refused,
    Unauthenticated,
    Unavailable,
)
from lobby_common.rpc import client, retries
from lobby_common.rpc.client import create_channel
from lobby_common.rpc.codec import unpacked
from lobby_common.rpc.server import create_server, time_left
from lobby_common.service import start
from tests.component.common.test_event_flow import TELLER


@dataclass
class Fake(EventLogServiceServicer):
    """Does what the test says."""

    errors: list[Exception] = field(default_factory=list)
    asked: int = 0
    seen: list[tuple[Caller, str, float | None]] = field(default_factory=list)

    async def ReadBatches(self, request, context):
        return await self._answer(pb.ReadBatchesResponse())

    async def ListSteps(self, request, context):
        return await self._answer(pb.ListStepsResponse())

    async def _answer(self, answer):
        self.asked += 1
        self.seen.append((caller.current(), tracing.current(), time_left()))
        if self.errors:
            raise self.errors.pop(0)
        return answer


@pytest.fixture
def fake() -> Fake:
    return Fake()


@pytest_asyncio.fixture
async def address(fake):
    server = create_server("token")
    add_EventLogServiceServicer_to_server(fake, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    yield f"127.0.0.1:{port}"
    await server.stop(0)


@contextlib.asynccontextmanager
async def stub_of(address, token="token"):
    async with create_channel(address, token) as channel:
        with caller.use(Caller("w1", "agent", "a1", "k1")):
            yield EventLogServiceStub(channel)


@pytest.mark.parametrize("cls", [Invalid, Unauthenticated, Refused, NotFound, Conflict, Unavailable])
async def test_an_error_comes_back_as_it_was_raised(fake, address, cls):
    fake.errors = [cls("SOME_REASON", "some words", detail=pb.EventRef(service="x"))] * 9
    async with stub_of(address) as stub:
        with pytest.raises(cls) as caught:
            await stub.ListSteps(pb.ListStepsRequest())
    assert (caught.value.reason, caught.value.message) == ("SOME_REASON", "some words")
    assert unpacked(caught.value.detail, pb.EventRef) == pb.EventRef(service="x")


async def test_an_error_with_a_large_detail_comes_back(fake, address):
    fake.errors = [Conflict("SOME_REASON", "some words", detail=pb.EventRef(service="x" * 32 * 1024))]
    async with stub_of(address) as stub:
        with pytest.raises(Conflict) as caught:
            await stub.ListSteps(pb.ListStepsRequest())
    assert unpacked(caught.value.detail, pb.EventRef).service == "x" * 32 * 1024


async def test_a_refusal_for_too_much_says_how_long_to_wait(fake, address):
    fake.errors = [Exhausted("SLOW_DOWN", "wait", retry_after=7.5)]
    async with stub_of(address) as stub:
        with pytest.raises(Exhausted) as caught:
            await stub.ListSteps(pb.ListStepsRequest())
    assert caught.value.retry_after == 7.5


async def test_what_nobody_foresaw_shows_nothing_of_the_inside(fake, address):
    fake.errors = [ZeroDivisionError("secret")]
    async with stub_of(address) as stub:
        with pytest.raises(LobbyError) as caught:
            await stub.ListSteps(pb.ListStepsRequest())
    assert caught.value.reason == "INTERNAL"
    assert "secret" not in caught.value.message


async def test_the_caller_the_trace_and_the_deadline_go_along(fake, address):
    traceparent = tracing.new_traceparent(0.0)
    async with stub_of(address) as stub:
        with tracing.use(traceparent):
            await stub.ListSteps(pb.ListStepsRequest(), timeout=3)
    who, trace, left = fake.seen[0]
    assert who == Caller("w1", "agent", "a1", "k1")
    assert trace == traceparent
    assert left is not None
    assert 0 < left < 3.1  # gRPC rounds what it sends upwards


async def test_without_the_services_token_nothing_is_answered(fake, address):
    async with stub_of(address, token="other") as stub:
        with pytest.raises(Unauthenticated, match="NOT_ONE_OF_US"):
            await stub.ListSteps(pb.ListStepsRequest())
    assert fake.asked == 0


async def test_a_field_that_breaks_its_rule_is_named(fake, address):
    async with stub_of(address) as stub:
        with pytest.raises(Invalid, match="limit") as caught:
            await stub.ReadBatches(pb.ReadBatchesRequest(limit=5000))
    assert caught.value.reason == "INVALID_FIELD"


async def test_a_read_is_repeated_when_the_neighbour_was_away_for_a_moment(fake, address):
    fake.errors = [Unavailable("AWAY", "away")] * 2
    async with stub_of(address) as stub:
        await stub.ReadBatches(pb.ReadBatchesRequest())
    assert fake.asked == 3


async def test_all_attempts_together_have_one_deadline(fake, address, monkeypatch):
    monkeypatch.setattr(client, "pauses", lambda: iter([0.2] * 3))
    fake.errors = [Unavailable("AWAY", "away")] * 10
    async with stub_of(address) as stub:
        with pytest.raises(Unavailable):
            await stub.ReadBatches(pb.ReadBatchesRequest(), timeout=0.5)
    first, *others = [left for _, _, left in fake.seen]
    assert len(others) in (1, 2)
    assert all(left < first - 0.2 * n + 0.1 for n, left in enumerate(others, start=1))


async def test_a_neighbour_that_stays_away_is_asked_once_each_time_until_it_answers_again(fake, address, monkeypatch):
    monkeypatch.setattr(retries, "_TOKENS", 10.0)
    async with stub_of(address) as stub:
        fake.errors = [Unavailable("AWAY", "away")] * 1000
        for _ in range(5):
            with pytest.raises(Unavailable):
                await stub.ReadBatches(pb.ReadBatchesRequest())
        asked = fake.asked
        for _ in range(5):
            with pytest.raises(Unavailable):
                await stub.ReadBatches(pb.ReadBatchesRequest())
        assert fake.asked == asked + 5
        fake.errors = []
        for _ in range(100):
            await stub.ReadBatches(pb.ReadBatchesRequest())
        fake.errors, fake.asked = [Unavailable("AWAY", "away")], 0
        await stub.ReadBatches(pb.ReadBatchesRequest())
    assert fake.asked == 2


@pytest.mark.parametrize(
    "error",
    [
        asyncpg.AdminShutdownError("terminating connection"),
        asyncpg.ReadOnlySQLTransactionError("cannot execute INSERT in a read-only transaction"),
        asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation"),
        asyncpg.DiskFullError("no space left"),
        asyncpg.InternalClientError("got result for unknown protocol state 3"),
        ConnectionRefusedError("nobody listens"),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_a_database_that_is_away_may_be_asked_again_later(fake, address, error):
    fake.errors = [error] * 2
    async with stub_of(address) as stub:
        await stub.ReadBatches(pb.ReadBatchesRequest())
        fake.errors = [error] * 9
        with pytest.raises(Unavailable, match="DATABASE_AWAY"):
            await stub.ReadBatches(pb.ReadBatchesRequest())


async def test_health_and_reflection_answer_probes_without_the_token(world):
    async with (
        start(TELLER, world.config("connectors")) as runtime,
        grpc.aio.insecure_channel(runtime.grpc_address) as channel,
    ):
        answer = await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest())
        assert answer.status == health_pb2.HealthCheckResponse.SERVING
