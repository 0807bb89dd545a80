"""The whole of the public port as one ASGI application."""

from collections.abc import Sequence
from http import HTTPStatus

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from lobby_common.health import Readiness
from lobby_common.log import get_logger
from lobby_gateway import problems
from lobby_gateway.http import pages, unread
from lobby_gateway.http.exports import Exports
from lobby_gateway.http.responses import new_trace_id, problem_response
from lobby_gateway.http.rest import Rest
from lobby_gateway.live.screens import Screens
from lobby_gateway.problems import Problem
from lobby_gateway.webhooks import door

_LOG = get_logger("http")
_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


def application(
    webhooks: ASGIApp,
    rest: Rest,
    exports: Exports,
    screens: Screens,
    readiness: Readiness,
    *,
    origins: Sequence[str] = (),
) -> ASGIApp:
    """Returns the application. Webhooks go past everything else: it would cost them more than they do.

    Browsers let pages of `origins` call it.
    """
    others = unread.answered_when_read(
        Starlette(
            routes=[
                Route("/healthz", pages.healthz),
                Route("/readyz", pages.Ready(readiness).__call__),
                Route("/metrics", pages.expose),
                Route("/openapi.json", pages.openapi),
                Route("/docs", pages.docs),
                Route("/v1/events", screens.events, methods=_METHODS),
                Route("/v1/live", _no_socket, methods=_METHODS),
                WebSocketRoute("/v1/live", screens.live),
                Route("/v1/exports/{path:path}", exports.__call__, methods=_METHODS),
                Route("/v1/{path:path}", rest.__call__, methods=_METHODS),
            ],
            middleware=[_cors(origins)] if origins else [],
            exception_handlers={HTTPException: _refused, Exception: _failed},
        )
    )

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].startswith(door.PREFIX):
            await webhooks(scope, receive, send)
        else:
            await others(scope, receive, send)

    return app


def _cors(origins: Sequence[str]) -> Middleware:
    return Middleware(
        CORSMiddleware,
        allow_origins=list(origins),
        allow_methods=["GET", "POST", "PATCH", "DELETE"],
        allow_headers=["authorization", "content-type", "idempotency-key", "last-event-id", "traceparent"],
        expose_headers=["content-disposition", "retry-after", "x-trace-id"],
    )


async def _refused(_: Request, error: Exception) -> Response:
    """What the framework refuses by itself: a method that a page does not take."""
    assert isinstance(error, HTTPException)
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        allowed = (error.headers or {}).get("Allow", "GET").split(", ")
        return problem_response(problems.wrong_method(allowed), new_trace_id())
    return problem_response(problems.unknown_path(), new_trace_id())


async def _no_socket(_: Request) -> Response:
    """The address of the WebSocket, asked without one."""
    detail = "this is a WebSocket; /v1/events gives the same over plain HTTP"
    return problem_response(Problem(426, "UPGRADE_REQUIRED", detail, {"upgrade": "websocket"}), new_trace_id())


async def _failed(request: Request, error: Exception) -> Response:
    """What nobody foresaw is said to nobody outside; the log has it."""
    _LOG.error("http_broke", method=request.method, exc_info=error)
    return problem_response(problems.internal(), new_trace_id())
