"""The whole service: events over the broker, figures over gRPC. The neighbours only tell what the test says."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest_asyncio

from lobby.counter.v1 import count_service_pb2 as pb
from lobby.counter.v1.count_service_pb2_grpc import CountServiceStub
from lobby.events.v1.event_log_service_pb2 import EventRef, ListStepsRequest
from lobby.events.v1.event_log_service_pb2_grpc import EventLogServiceStub
from lobby.gateway.v1.workspace_service_pb2 import GetWorkspaceResponse, Workspace
from lobby.gateway.v1.workspace_service_pb2_grpc import (
    WorkspaceServiceServicer,
    add_WorkspaceServiceServicer_to_server,
)
from lobby_common import caller
from lobby_common.caller import Caller
from lobby_common.config import Secret, ServiceConfig
from lobby_common.events import Incoming, lane_of
from lobby_common.postgres import migrate
from lobby_common.rpc.client import create_channel
from lobby_common.service import Runtime, Service, start
from lobby_counter.config import CounterConfig
from lobby_counter.events import PRODUCERS
from lobby_counter.main import SERVICE
from tests.component.counter.story import Story, at


class Workspaces(WorkspaceServiceServicer):
    """A gateway that knows one time zone."""

    async def GetWorkspace(self, request, context):
        who = caller.current()
        return GetWorkspaceResponse(
            workspace=Workspace(workspace_id=who.workspace_id, time_zone="Asia/Kathmandu", day_start_hour=6)
        )


async def _neighbour(runtime: Runtime) -> None:
    if runtime.name == "gateway":
        runtime.serve(add_WorkspaceServiceServicer_to_server, Workspaces())


class Lobby:
    """The counter among neighbours."""

    def __init__(self, neighbours: dict[str, Runtime], counter: Runtime) -> None:
        channel = create_channel(counter.grpc_address, "token")
        self.counts = CountServiceStub(channel)
        self.log = EventLogServiceStub(channel)
        self._neighbours = neighbours

    async def tell(self, *events: Incoming) -> None:
        """Each event is told by the service that would."""
        for each in events:
            async with self._neighbours[each.producer].log.transaction() as tx:
                tx.tell(
                    each.payload,
                    workspace_id=each.event.workspace_id,
                    key=each.event.key,
                    event_id=each.event.id,
                )

    async def figures(self, who: Caller, **request) -> pb.GetCountsResponse:
        with caller.use(who):
            return await self.counts.GetCounts(pb.GetCountsRequest(**request))


@pytest_asyncio.fixture
async def lobby(database, postgres, broker) -> AsyncIterator[Lobby]:
    def config(cls, name):
        return cls(
            database_url=Secret(postgres.url(database.name, f"lobby_{name}")),
            nats_url=Secret(broker.url(name)),
            internal_token=Secret("token"),
            linger_max_ms=10,
        )

    async with contextlib.AsyncExitStack() as stack:
        neighbours = {}
        for name in (*PRODUCERS, "gateway"):
            password = postgres.password_of(f"lobby_{name}")
            await migrate(database.admin_url, name, "", role_url=f"postgresql://x:{password}@x/x")
            service = Service(name, ServiceConfig, _neighbour, "")
            neighbours[name] = await stack.enter_async_context(start(service, config(ServiceConfig, name)))
        channels = {name: create_channel(each.grpc_address, "token") for name, each in neighbours.items()}
        counter = await stack.enter_async_context(start(SERVICE, config(CounterConfig, "counter"), channels=channels))
        yield Lobby(neighbours, counter)


async def until(condition, seconds: float = 20.0):
    async with asyncio.timeout(seconds):
        while not (result := await condition()):
            await asyncio.sleep(0.02)
    return result


async def test_events_of_four_services_become_figures_and_a_journey(lobby):
    story = Story()
    owner = Caller(story.workspace_id, "owner")
    hello = story.says("A", "WA1", at("10:00"))
    await lobby.tell(
        hello,
        story.owes("A", "WA1", at("10:00")),
        story.translates(hello, "th"),
        story.says("B", "TG1", at("10:01")),
        story.answers("A", "WA1", at("10:02"), agent="ann"),
        story.ends_wait("A", "WA1", at("10:00"), at("10:02"), agent="ann"),
    )

    async def all_counted():
        answer = await lobby.figures(owner, group_by=[pb.GROUP_BY_LANGUAGE], bucket=pb.BUCKET_DAY)
        totals = answer.totals
        done = (totals.new, totals.messages_out, totals.served, totals.waiting) == (2, 1, 1, 0)
        return answer if done and "th" in {row.language for row in answer.rows} else None

    answer = await until(all_counted)
    starts = {row.bucket_start.ToDatetime().isoformat() for row in answer.rows}
    assert starts == {"2026-11-22T00:15:00"}

    ref = EventRef(service="identity", lane=lane_of(hello.event.key), position=1, event_id=hello.event.id)
    with caller.use(owner):
        journey = await lobby.log.ListSteps(ListStepsRequest(message_id=hello.payload.message_id, refs=[ref]))
    steps = [(step.step, step.detail) for step in journey.steps if step.step != "applied"]
    assert steps == [("counted", "message_in"), ("entry_judged", "new first")]


async def test_corrections_are_booked_on_the_workspaces_days(lobby):
    story = Story()
    owner = Caller(story.workspace_id, "owner")
    await lobby.tell(story.says("A", "WA2", at("10:05")))
    await until(lambda: _has(lobby, owner, 1))
    await lobby.tell(story.says("A", "WA1", at("06:00")))
    await until(lambda: _has(lobby, owner, 2))
    with caller.use(owner):
        listed = await lobby.counts.ListEntries(pb.ListEntriesRequest())
    (made,) = listed.entries[1].corrections
    assert made.effective_day == "2026-11-22"


async def _has(lobby: Lobby, who: Caller, entries: int) -> bool:
    totals = (await lobby.figures(who)).totals
    return totals.new + totals.repeat == entries
