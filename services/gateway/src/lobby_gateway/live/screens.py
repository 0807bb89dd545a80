"""The two doors of live screens, WebSocket and SSE: both give the frames of one feed."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, suppress

import grpc
from starlette.requests import HTTPConnection, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from lobby.options.v1.options_pb2 import PERMISSION_VIEW
from lobby.routing.v1.conversation_service_pb2 import FilterVisibleRequest
from lobby.routing.v1.conversation_service_pb2_grpc import ConversationServiceStub
from lobby_common import caller
from lobby_common.errors import LobbyError
from lobby_common.log import get_logger
from lobby_gateway import problems
from lobby_gateway.domain import Principal
from lobby_gateway.http.access import Access, Denied, bearer, caller_of
from lobby_gateway.http.responses import left, new_trace_id, problem_response
from lobby_gateway.live import place
from lobby_gateway.live.feed import Ended, Feed, Frame
from lobby_gateway.live.hub import Hub
from lobby_gateway.live.items import Item
from lobby_gateway.problems import Problem
from lobby_gateway.roles import EVERYTHING

Emit = Callable[[Frame], Awaitable[None]]
_LOG = get_logger("screens")
_STARTED_WITHIN = 5.0
_VANISHED = (WebSocketDisconnect, RuntimeError, OSError)
"""What sending to, or hearing of, a client raises that is gone."""
_SSE_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
]
_COME_AGAIN_MS = 1000


class Gatekeeper:
    """What is still allowed to a screen: its key by the keyring, conversations by routing."""

    def __init__(self, access: Access, routing: grpc.aio.Channel) -> None:
        self._access = access
        self._conversations = ConversationServiceStub(routing)

    async def still_holds(self, secret: str, principal: Principal) -> bool:
        """Returns whether the key still stands for the same. Raises LobbyError."""
        return await self._access.still_holds(secret, principal)

    async def is_visible(self, principal: Principal, item: Item) -> bool:
        """Returns whether the agent may hear of the item: by its message, else by its contact. Raises LobbyError."""
        message_id, contact_id = item.ids["message_id"], item.ids["contact_id"]
        request = FilterVisibleRequest()
        if contact_id:
            request.contact_ids.append(contact_id)
        elif message_id:
            request.message_ids.append(message_id)
        else:
            return False
        with caller.use(caller_of(principal)):
            answer = await self._conversations.FilterVisible(request)
        return bool(answer.contact_ids or answer.message_ids)


class Screens:
    """Serves /v1/live and /v1/events."""

    def __init__(self, hub: Hub, feed: Feed, access: Access) -> None:
        self._hub = hub
        self._feed = feed
        self._access = access

    async def events(self, request: Request) -> Response:
        """Answers with a stream of server-sent events, or says why not."""
        try:
            if request.method != "GET":
                raise Denied(problems.wrong_method(["GET"]))
            secret, principal = await self._enter(request)
        except Denied as denied:
            return problem_response(denied.problem, new_trace_id())
        last_id = request.headers.get("last-event-id") or request.query_params.get("last_event_id", "")
        return EventStream(self._hub, self._feed, principal, secret, last_id)

    async def live(self, socket: WebSocket) -> None:
        """Serves one WebSocket until either side ends it."""
        try:
            secret, principal = await self._enter(socket)
        except Denied as denied:
            await socket.send_denial_response(problem_response(denied.problem, new_trace_id()))
            return

        async def emit(frame: Frame) -> None:
            await socket.send_text(frame.item.json(frame.id))

        with self._hub.listening(principal) as listener:
            # Listening comes first: what happens once the client knows of the connection must not be missed.
            await socket.accept()
            frames = self._feed.frames(listener, secret, socket.query_params.get("last_event_id", ""))
            try:
                await pump(frames, emit, _closed(socket))
            except Ended as ended:
                with suppress(WebSocketDisconnect, RuntimeError):
                    await socket.close(ended.code)

    async def _enter(self, connection: HTTPConnection) -> tuple[str, Principal]:
        """Returns the key and who it stands for; browsers, which cannot set headers here, name it in the query.

        Raises Denied.
        """
        secret = bearer(connection) or connection.query_params.get("access_token", "")
        try:
            principal = await self._access.enter(secret, PERMISSION_VIEW)
            async with asyncio.timeout(_STARTED_WITHIN):
                await self._hub.started.wait()
        except LobbyError as error:
            raise Denied(problems.of_error(error, EVERYTHING)) from error
        except TimeoutError:
            detail = "the event streams are away; try again"
            raise Denied(Problem(503, "STREAMS_AWAY", detail, problems.retry_after(1))) from None
        return secret, principal


class EventStream(Response):
    """Server-sent events of one screen."""

    def __init__(self, hub: Hub, feed: Feed, principal: Principal, secret: str, last_id: str) -> None:
        super().__init__()
        self._hub = hub
        self._feed = feed
        self._principal = principal
        self._secret = secret
        self._last_id = last_id

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves until either side ends it."""

        async def write(text: str) -> None:
            await send({"type": "http.response.body", "body": text.encode(), "more_body": True})

        async def emit(frame: Frame) -> None:
            await write(sse(frame))

        with self._hub.listening(self._principal) as listener:
            start = place.encode(self._hub.here)
            await send({"type": "http.response.start", "status": 200, "headers": _SSE_HEADERS})
            if not self._last_id:
                await write(f"id: {start}\n")
            await write(f"retry: {_COME_AGAIN_MS}\n\n")
            with suppress(Ended):
                await pump(self._feed.frames(listener, self._secret, self._last_id), emit, left(receive))
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def sse(frame: Frame) -> str:
    """Returns the frame as an event; a heartbeat moves the browser's last id and wakes nobody."""
    if frame.is_heartbeat:
        return f": heartbeat\nid: {frame.id}\n\n"
    return f"id: {frame.id}\ndata: {frame.item.json(frame.id)}\n\n"


async def pump(frames: AsyncIterator[Frame], emit: Emit, gone: Awaitable[None]) -> None:
    """Frames are emitted until the other side is gone. Raises Ended where this side ends it."""

    async def send_all() -> None:
        async with aclosing(frames):  # type: ignore[type-var]  # the feed's iterator is a generator
            async for frame in frames:
                await emit(frame)

    sending = asyncio.ensure_future(send_all())
    leaving = asyncio.ensure_future(gone)
    try:
        await asyncio.wait({sending, leaving}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        sending.cancel()
        leaving.cancel()
        ended, left = await asyncio.gather(sending, leaving, return_exceptions=True)
    if isinstance(ended, Ended):
        raise ended
    for error in (ended, left):
        # A client that vanished is no failure of ours; anything else is, and its screen comes again.
        if isinstance(error, Exception) and not isinstance(error, _VANISHED):
            _LOG.error("screen_failed", exc_info=error)


async def _closed(socket: WebSocket) -> None:
    """Returns when the client has closed the socket; what it says is not heard."""
    while (await socket.receive())["type"] != "websocket.disconnect":
        pass
