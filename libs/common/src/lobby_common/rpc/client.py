"""Calls to neighbours: the caller, the trace and the deadline go along; errors come back as LobbyErrors.

UNAVAILABLE is tried again only for what may be repeated: reads, told by the verb of the method. A call has one deadline
for all its attempts.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import grpc
from google.protobuf.message import Message

from lobby_common import caller, tracing
from lobby_common.rpc.codec import from_rpc_error
from lobby_common.rpc.retries import Budget, pauses
from lobby_common.rpc.server import LARGEST_MESSAGE, METADATA_OPTIONS, time_left

_DEFAULT_SECONDS = 5.0
_REPEATABLE = ("Get", "List", "BatchGet", "Read", "Filter")

Continuation = Callable[[grpc.aio.ClientCallDetails, Message], Awaitable[Any]]


class Edge(grpc.aio.UnaryUnaryClientInterceptor):
    """Wraps every call."""

    def __init__(self, internal_token: str) -> None:
        self._token = f"Bearer {internal_token}"
        self._budget = Budget()

    async def intercept_unary_unary(  # type: ignore[override]  # the stubs are generic over messages unknown here
        self, continuation: Continuation, client_call_details: grpc.aio.ClientCallDetails, request: Message
    ) -> Message:
        """Returns the answer. Raises LobbyError."""
        end = time.monotonic() + _seconds(client_call_details)
        details = self._details(client_call_details, end)
        name = _name(details.method).rpartition("/")[2]
        left: Iterator[float] = pauses() if name.startswith(_REPEATABLE) else iter(())
        while True:
            try:
                call = await continuation(details, request)
                answer: Message = await call
            except grpc.aio.AioRpcError as error:
                pause = self._pause(error, left)
                if pause is None or time.monotonic() + pause >= end:
                    raise from_rpc_error(error) from None
                await asyncio.sleep(pause)
                details = self._details(client_call_details, end)
            else:
                self._budget.succeeded()
                return answer

    def _pause(self, error: grpc.aio.AioRpcError, left: Iterator[float]) -> float | None:
        """Returns how long to wait before the call is tried again; None where it is not."""
        if error.code() is not grpc.StatusCode.UNAVAILABLE:
            self._budget.succeeded()
            return None
        return next(left, None) if self._budget.failed() else None

    def _details(self, given: grpc.aio.ClientCallDetails, end: float) -> grpc.aio.ClientCallDetails:
        metadata = grpc.aio.Metadata(*(given.metadata or ()))
        metadata.add("authorization", self._token)
        if (who := caller.find_current()) is not None:
            for key, value in who.metadata():
                metadata.add(key, value)
        if traceparent := tracing.current():
            metadata.add("traceparent", traceparent)
        return grpc.aio.ClientCallDetails(
            method=given.method,
            timeout=end - time.monotonic(),
            metadata=metadata,
            credentials=given.credentials,
            wait_for_ready=given.wait_for_ready,
        )


def _seconds(given: grpc.aio.ClientCallDetails) -> float:
    """Returns how long a call may take: no longer than the one that it is made for."""
    left = time_left()
    timeout = given.timeout or _DEFAULT_SECONDS
    return timeout if left is None else min(timeout, left)


def _name(method: Any) -> str:
    return method.decode() if isinstance(method, bytes) else str(method)


def create_channel(target: str, internal_token: str) -> grpc.aio.Channel:
    """Returns a channel to all replicas that the target names; it finds a restarted one within a second."""
    return grpc.aio.insecure_channel(
        target,
        interceptors=[Edge(internal_token)],
        options=[
            ("grpc.lb_policy_name", "round_robin"),
            ("grpc.max_receive_message_length", LARGEST_MESSAGE),
            ("grpc.max_send_message_length", LARGEST_MESSAGE),
            ("grpc.initial_reconnect_backoff_ms", 100),
            # how long an attempt may take
            ("grpc.min_reconnect_backoff_ms", 2_000),
            ("grpc.max_reconnect_backoff_ms", 1000),
            # A replica that stands still is left out a few seconds later.
            ("grpc.keepalive_time_ms", 3_000),
            ("grpc.keepalive_timeout_ms", 4_000),
            ("grpc.keepalive_permit_without_calls", 1),
            ("grpc.http2.ping_timeout_ms", 4_000),
            ("grpc.http2.max_pings_without_data", 0),
            *METADATA_OPTIONS,
        ],
    )
