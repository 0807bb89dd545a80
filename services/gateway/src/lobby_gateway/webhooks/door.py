"""GET and POST of /webhooks/{platform}/{account_id}, as a bare ASGI application.

A framework around it would cost as much as all that is done here: a bench of the whole machine feels every 10 µs.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from typing import Any, Protocol

from opentelemetry.trace import SpanKind

from lobby.connectors.v1.ingest_service_pb2 import Webhook
from lobby_common import tracing
from lobby_common.errors import LobbyError
from lobby_common.ids import is_id, new_id
from lobby_common.times import to_proto, utc_now
from lobby_gateway import metrics, problems
from lobby_gateway.http import unread
from lobby_gateway.http.responses import new_trace_id
from lobby_gateway.problems import Problem
from lobby_gateway.roles import EVERYTHING
from lobby_gateway.transcode.decode import parse_query
from lobby_gateway.webhooks.batcher import Batcher, Verdict
from lobby_gateway.webhooks.signatures import HEADERS, signature

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

PREFIX = "/webhooks/"
LARGEST_BODY = 3 * 1024 * 1024

_ACCEPTED_START = {"type": "http.response.start", "status": 200, "headers": []}
_ACCEPTED_BODY = {"type": "http.response.body", "body": b""}

_UNKNOWN = Problem(404, "ACCOUNT_NOT_FOUND", "no account is connected under this address")
_REFUSALS: Mapping[int, Problem] = {
    Verdict.VERDICT_BAD_SIGNATURE: Problem(401, "BAD_SIGNATURE", "the signature does not fit the body"),
    Verdict.VERDICT_UNKNOWN_ACCOUNT: _UNKNOWN,
    Verdict.VERDICT_UNAVAILABLE: Problem(
        503, "NOT_DURABLE", "the webhook is not kept; send it again", problems.retry_after(1)
    ),
}
_OUTCOMES: Mapping[int, str] = {number: name.removeprefix("VERDICT_").lower() for name, number in Verdict.items()}


class Unfinished(Exception):
    """The body is not there as a whole."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.reason)
        self.problem = problem


class Handshakes(Protocol):
    """Answers the GET with which a platform makes sure of an address."""

    async def answer(self, platform: str, account_id: str, query: Mapping[str, str]) -> str:
        """Returns the body to answer with. Raises LobbyError."""


class Door:
    """Serves everything below /webhooks/."""

    def __init__(self, batcher: Batcher, handshakes: Handshakes, *, trace_ratio: float) -> None:
        self._batcher = batcher
        self._handshakes = handshakes
        self._trace_ratio = trace_ratio

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        platform, _, account_id = scope["path"][len(PREFIX) :].partition("/")
        if platform not in HEADERS or not is_id(account_id):
            await unread.drop(receive)
            await _refuse(send, _UNKNOWN)
        elif scope["method"] == "POST":
            await self._post(platform, account_id, scope, receive, send)
        elif scope["method"] == "GET":
            await self._get(platform, account_id, scope, send)
        else:
            await unread.drop(receive)
            await _refuse(send, problems.wrong_method(["GET", "POST"]))

    async def _post(self, platform: str, account_id: str, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            body = await _read(receive, scope["headers"])
        except Unfinished as unfinished:
            await _refuse(send, unfinished.problem)
            return
        traceparent = tracing.new_traceparent(self._trace_ratio)
        webhook = Webhook(
            webhook_id=new_id(),
            platform=platform,
            account_id=account_id,
            body=body,
            signature=signature(platform, scope["headers"]),
            received_time=to_proto(utc_now()),
            traceparent=traceparent,
        )
        if tracing.is_sampled(traceparent):
            with tracing.span("webhook", traceparent, SpanKind.SERVER) as inner:
                webhook.traceparent = inner
                verdict = await self._batcher.submit(webhook, len(body))
        else:
            verdict = await self._batcher.submit(webhook, len(body))
        metrics.WEBHOOKS[_OUTCOMES.get(verdict, "unavailable")].inc()
        if verdict == Verdict.VERDICT_ACCEPTED:
            await send(_ACCEPTED_START)
            await send(_ACCEPTED_BODY)
        else:
            await _refuse(send, _REFUSALS.get(verdict, _REFUSALS[Verdict.VERDICT_UNAVAILABLE]), webhook.traceparent)

    async def _get(self, platform: str, account_id: str, scope: Scope, send: Send) -> None:
        try:
            query = dict(parse_query(scope["query_string"]))
            body = await self._handshakes.answer(platform, account_id, query)
        except LobbyError as error:
            await _refuse(send, problems.of_error(error, EVERYTHING))
            return
        # text/plain and nosniff: the body repeats what the asker sent.
        headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"x-content-type-options", b"nosniff")]
        await _respond(send, 200, headers, body.encode())


async def _read(receive: Receive, headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Returns the whole body. Raises Unfinished where it is over the limit or does not come to its end.

    Half a body is never passed on: a platform that signs by a token alone would make it look genuine.
    """
    message = await receive()
    body: bytes = message.get("body", b"")
    # Servers tell the end of a body by one message more; asking for it costs as much as the rest of the reading.
    if message.get("more_body") and len(body) != _length(headers):
        try:
            async with asyncio.timeout(unread.BODY_WITHIN):
                return await _read_on(receive, body)
        except TimeoutError:
            raise Unfinished(problems.too_slow()) from None
    if message["type"] == "http.disconnect":
        raise Unfinished(problems.too_slow())
    if len(body) > LARGEST_BODY:
        raise Unfinished(problems.too_large(LARGEST_BODY))
    return body


def _length(headers: Iterable[tuple[bytes, bytes]]) -> int | None:
    """Returns how long the body is as its sender says, None where he does not say it."""
    said = next((value for name, value in headers if name == b"content-length"), b"")
    return int(said) if said.isdigit() else None


async def _read_on(receive: Receive, start: bytes) -> bytes:
    chunks = [start]
    total = len(start)
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Unfinished(problems.too_slow())
        chunks.append(message.get("body", b""))
        total += len(chunks[-1])
        if total > LARGEST_BODY:
            chunks.clear()
            if message.get("more_body"):
                await unread.drop(receive)
            raise Unfinished(problems.too_large(LARGEST_BODY))
        if not message.get("more_body"):
            return b"".join(chunks)


async def _refuse(send: Send, problem: Problem, traceparent: str = "") -> None:
    headers = [(name.encode(), value.encode()) for name, value in problem.headers.items()]
    headers.append((b"content-type", problems.CONTENT_TYPE.encode()))
    trace_id = tracing.trace_id(traceparent) if traceparent else new_trace_id()
    await _respond(send, problem.status, headers, problem.body(trace_id))


async def _respond(send: Send, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
