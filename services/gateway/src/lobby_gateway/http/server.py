"""The HTTP server inside this process: granian's embeddable one, so that one pid holds the port and leaves no child."""

import asyncio
import socket
from collections.abc import Awaitable, Callable

from granian.constants import HTTPModes, Interfaces
from granian.server.embed import Server
from starlette.types import ASGIApp

_BACKLOG = 1024
_MOST_AT_ONCE = 20_000
"""Requests and live screens that are answered at once."""


def free_port(host: str) -> int:
    """Returns a port of the host that was free just now."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
        return port


async def serve(app: ASGIApp, host: str, port: int, close: Callable[[], Awaitable[None]]) -> None:
    """The application answers on host:port until this is cancelled; then `close` runs and requests in hand end.

    `close` ends what would otherwise go on for ever: live screens.
    """
    server = Server(
        app,
        address=host,
        port=port,
        interface=Interfaces.ASGINL,
        http=HTTPModes.http1,
        backlog=_BACKLOG,
        backpressure=_MOST_AT_ONCE,
        log_enabled=False,
    )
    serving = asyncio.ensure_future(server.serve())
    try:
        await asyncio.shield(serving)
    finally:
        await close()
        server.stop()  # type: ignore[no-untyped-call]  # granian's is not annotated
        await serving
