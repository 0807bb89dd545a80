"""The gRPC server of a service: who is asking, validation, errors, deadlines, one log line and one metric per call."""

import hmac
import time
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import Any

import grpc
import protovalidate
import structlog
from google.protobuf.message import Message
from grpc_status import rpc_status

from lobby_common import caller, metrics, tracing
from lobby_common.errors import Invalid, LobbyError, Unauthenticated, Unavailable
from lobby_common.postgres import AWAY
from lobby_common.rpc.codec import to_status

Context = Any
"""grpc.aio.ServicerContext; its stubs are generic over messages that we do not know here."""

_LOG = structlog.get_logger("rpc")

LARGEST_MESSAGE = 8 * 1024 * 1024
"""Bytes of the largest gRPC message (DESIGN §2.1)."""

LARGEST_METADATA = 64 * 1024
"""Bytes of headers and trailers: what an error carries goes in the trailers, and gRPC's own limit is 8 KiB."""
METADATA_OPTIONS = [
    ("grpc.max_metadata_size", LARGEST_METADATA),
    ("grpc.absolute_max_metadata_size", LARGEST_METADATA),
]

_OPEN = ("/grpc.health.v1.Health/", "/grpc.reflection.")
"""Asked by probes and tools without our token."""

_deadline: ContextVar[float | None] = ContextVar("deadline", default=None)


def time_left() -> float | None:
    """Returns the seconds that the call in hand may still take, None where it has no deadline."""
    deadline = _deadline.get()
    return None if deadline is None else max(deadline - time.monotonic(), 0.001)


class Edge(grpc.aio.ServerInterceptor):
    """Wraps every unary call. The only place where errors become statuses."""

    def __init__(self, internal_token: str) -> None:
        self._token = f"Bearer {internal_token}".encode()

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:
        """Returns the handler wrapped; probes' handlers as they are."""
        handler = await continuation(handler_call_details)
        method = handler_call_details.method
        if handler is None or handler.unary_unary is None or method.startswith(_OPEN):
            return handler
        metadata = dict(handler_call_details.invocation_metadata)
        inner = handler.unary_unary

        async def call(request: Message, context: Context) -> Message:
            return await self._call(method, metadata, inner, request, context)

        return grpc.unary_unary_rpc_method_handler(
            call,
            request_deserializer=handler.request_deserializer,
            response_serializer=handler.response_serializer,
        )

    async def _call(
        self,
        method: str,
        metadata: dict[str, Any],
        inner: Callable[[Message, Context], Awaitable[Message]],
        request: Message,
        context: Context,
    ) -> Message:
        started = time.monotonic()
        left = context.time_remaining()
        _deadline.set(None if left is None else started + left)
        code = "OK"
        try:
            self._check_token(metadata)
            _validate(request)
            with (
                caller.use(caller.from_metadata(metadata)),
                tracing.span(method.rpartition("/")[2], metadata.get("traceparent", "")),
            ):
                return await inner(request, context)
        except LobbyError as error:
            status = to_status(error)
            code = error.reason
        except AWAY as error:
            _LOG.warning("rpc_found_database_away", method=method, error=type(error).__name__)
            status = to_status(Unavailable("DATABASE_AWAY", "the database is away for now; try again"))
            code = "DATABASE_AWAY"
        except Exception:  # noqa: BLE001  # one of the two broad ones (style §6): the unforeseen goes to the log only
            _LOG.exception("rpc_failed", method=method)
            status = to_status(LobbyError("INTERNAL", "something went wrong inside; the log has it"))
            code = "INTERNAL"
        finally:
            seconds = time.monotonic() - started
            metrics.RPCS.labels(method, code).observe(seconds)
            _LOG.info("rpc", method=method, code=code, ms=round(seconds * 1e3, 2))
        await context.abort_with_status(rpc_status.to_status(status))
        raise AssertionError("abort raises")

    def _check_token(self, metadata: dict[str, Any]) -> None:
        given = str(metadata.get("authorization", "")).encode()
        if not hmac.compare_digest(given, self._token):
            raise Unauthenticated("NOT_ONE_OF_US", "the call does not carry the services' shared token")


def _validate(request: Message) -> None:
    """Shape rules beside the fields (protovalidate). Raises Invalid INVALID_FIELD naming the first field."""
    try:
        protovalidate.validate(request)
    except protovalidate.ValidationError as error:
        first = error.to_proto().violations[0]
        path = ".".join(element.field_name for element in first.field.elements) if first.field else ""
        # Our only forbidden enum value is the unspecified one, which no caller can write: he left the field out.
        words = "is needed" if first.rule_id == "enum.not_in" else first.message
        raise Invalid("INVALID_FIELD", f"{path}: {words}") from None


def create_server(internal_token: str) -> grpc.aio.Server:
    """Returns a server without services that is not yet started."""
    return grpc.aio.server(
        interceptors=[Edge(internal_token)],
        options=[
            ("grpc.max_receive_message_length", LARGEST_MESSAGE),
            ("grpc.max_send_message_length", LARGEST_MESSAGE),
            ("grpc.so_reuseport", 0),
            # Neighbours may ask as often as their channels do whether we still move.
            ("grpc.http2.min_ping_interval_without_data_ms", 2_000),
            ("grpc.http2.max_ping_strikes", 0),
            *METADATA_OPTIONS,
        ],
    )
