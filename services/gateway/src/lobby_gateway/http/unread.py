"""The rest of a body that is refused is read and dropped before the answer goes out.

A server that closes while bytes are still coming in resets the connection, and the one who sends never sees why.
"""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send

BODY_WITHIN = 15.0
"""Seconds in which a body that is wanted has to arrive."""
_MOST = 32 * 1024 * 1024
"""Bytes after which nobody is waited for any longer."""
_WITHIN = 5.0
"""Seconds for all of it."""


async def drop(receive: Callable[[], Awaitable[MutableMapping[str, Any]]]) -> None:
    """The body has come to its end, or it is longer or slower than one waits for. Keeps nothing of it."""
    total = 0
    try:
        async with asyncio.timeout(_WITHIN):
            while total <= _MOST:
                message = await receive()
                if not message.get("more_body"):
                    return
                total += len(message.get("body", b""))
    except TimeoutError:
        return


def answered_when_read(app: ASGIApp) -> ASGIApp:
    """Returns the application such that its answers wait for what is left of their request's body."""

    async def whole(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not _has_body(scope):
            await app(scope, receive, send)
            return
        left = True

        async def tracked() -> MutableMapping[str, Any]:
            nonlocal left
            message = await receive()
            left = bool(message.get("more_body"))
            return message

        async def last(message: MutableMapping[str, Any]) -> None:
            if left and message["type"] == "http.response.start":
                await drop(tracked)
            await send(message)

        await app(scope, tracked, last)

    return whole


def _has_body(scope: Scope) -> bool:
    """A GET's body is nobody's business: its answer may be an endless stream, which watches `receive` itself."""
    return scope["method"] not in ("GET", "HEAD") and any(
        (name == b"content-length" and value != b"0") or name == b"transfer-encoding"
        for name, value in scope["headers"]
    )
