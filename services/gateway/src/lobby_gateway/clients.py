"""Calls to the services behind the gateway, itself included: there is one path for all RPCs."""

from collections.abc import Mapping, Sequence
from typing import Any

import grpc
from google.protobuf.message import Message

from lobby.connectors.v1.ingest_service_pb2 import AnswerHandshakeRequest, IngestWebhooksRequest, Webhook
from lobby.connectors.v1.ingest_service_pb2_grpc import IngestServiceStub
from lobby_common.rpc.client import create_channel
from lobby_common.service import Runtime
from lobby_gateway.descriptors import Route

_RPC_SECONDS = 10.0
_INGEST_SECONDS = 5.0


class Neighbours:
    """Channels to all services; the gateway's own leads back into this process."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._own: grpc.aio.Channel | None = None

    def channel(self, service: str) -> grpc.aio.Channel:
        """Returns the channel to a service. ConfigError names the variable where its address is missing."""
        if service != self._runtime.name:
            return self._runtime.channel(service)
        if self._own is None:
            port = self._runtime.grpc_address.rpartition(":")[2]
            token = self._runtime.config.internal_token.reveal()
            self._own = create_channel(f"127.0.0.1:{port}", token)
            self._runtime.on_stop(self._own.close)
        return self._own


class Rpcs:
    """Calls the RPC of a route."""

    def __init__(self, neighbours: Neighbours) -> None:
        self._neighbours = neighbours
        self._calls: dict[str, Any] = {}

    async def call(self, route: Route, request: Message) -> Message:
        """Returns the response. Raises LobbyError. The caller and the trace in hand go along."""
        call = self._calls.get(route.path)
        if call is None:
            call = self._calls[route.path] = self._neighbours.channel(route.service).unary_unary(
                route.path,
                request_serializer=route.request.SerializeToString,
                response_deserializer=route.response.FromString,
            )
        response: Message = await call(request, timeout=_RPC_SECONDS)
        return response


class Connectors:
    """Where webhooks go."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = IngestServiceStub(channel)

    async def ingest(self, webhooks: Sequence[Webhook]) -> Sequence[int]:
        """Returns a verdict for each webhook. Raises LobbyError."""
        request = IngestWebhooksRequest(webhooks=webhooks)
        response = await self._stub.IngestWebhooks(request, timeout=_INGEST_SECONDS)
        verdicts: Sequence[int] = response.verdicts
        return verdicts

    async def answer(self, platform: str, account_id: str, query: Mapping[str, str]) -> str:
        """Returns what answers a platform's handshake. Raises LobbyError."""
        request = AnswerHandshakeRequest(platform=platform, account_id=account_id, query=query)
        response = await self._stub.AnswerHandshake(request, timeout=_INGEST_SECONDS)
        body: str = response.body
        return body
