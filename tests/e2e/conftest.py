"""The whole stack, once for all end-to-end tests; each test has a workspace of its own."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import grpc
import pytest
import pytest_asyncio
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc

from lobby_gateway import admin
from lobby_local import Stack
from tests.lobby import Lobby


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A test's time does not include the start of the stack, which has deadlines of its own."""
    for item in items:
        if Path(__file__).parent in item.path.parents and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(60, func_only=True))


class Collector(trace_service_pb2_grpc.TraceServiceServicer):
    """Takes spans by OTLP, as a real collector does."""

    def __init__(self) -> None:
        self.spans: list[tuple[str, str, str, str]] = []
        """Service, span's name, trace id, parent's span id."""

    async def Export(self, request, context):
        for resource in request.resource_spans:
            service = next(
                each.value.string_value for each in resource.resource.attributes if each.key == "service.name"
            )
            for scope in resource.scope_spans:
                self.spans += [
                    (service, span.name, span.trace_id.hex(), span.parent_span_id.hex()) for span in scope.spans
                ]
        return trace_service_pb2.ExportTraceServiceResponse()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def collector() -> AsyncIterator[Collector]:
    made = Collector()
    server = grpc.aio.server()
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(made, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    made.endpoint = f"http://127.0.0.1:{port}"
    yield made
    await server.stop(None)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def stack(tmp_path_factory, collector) -> AsyncIterator[Stack]:
    """Six services, Postgres, NATS and the sandbox; every message is traced, and nobody asks too often."""
    told = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint, "LOBBY_TRACE_RATIO": "1"}
    told |= {"LOBBY_RATE_PER_SECOND": "100000", "LOBBY_RATE_BURST": "100000"}
    os.environ.update(told)
    try:
        async with Stack(tmp_path_factory.mktemp("stack"), port=0) as made:
            yield made
    finally:
        for name in told:
            del os.environ[name]


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as made:
        yield made


@pytest_asyncio.fixture(loop_scope="session")
async def lobby(stack: Stack, session: aiohttp.ClientSession) -> Lobby:
    """A fresh workspace, seen with its owner's key."""
    return await new_workspace(stack, session)


async def new_workspace(stack: Stack, session: aiohttp.ClientSession, time_zone: str = "UTC") -> Lobby:
    """Returns a new workspace, made as `lobby workspace create` makes it, but without a process of its own."""
    ready = stack.ready()
    words = ["workspace", "create", "--display-name", "Test", "--time-zone", time_zone]
    made = json.loads(await asyncio.to_thread(admin.main, words, stack.plan.environment("gateway")))
    return Lobby(session, ready.gateway_url, made["api_key"], ready.sandbox_url)
