"""The platforms' own paths, with the faults that a test asked for."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec
from aiohttp import web

from lobby_sandbox.calls import read_call
from lobby_sandbox.contract import Account, Answer, Call, Probe
from lobby_sandbox.delivery import Delivery
from lobby_sandbox.faults import Fault
from lobby_sandbox.mint import Mint
from lobby_sandbox.problems import unknown_platform
from lobby_sandbox.sent import Sent
from lobby_sandbox.stage import Stage

PURPOSE = web.RequestKey("purpose", str)
"""Why the platform was called, for the log."""


class PlatformApi:
    """What the services under test call."""

    def __init__(self, stages: Mapping[str, Stage], delivery: Callable[[], Delivery], mint: Mint) -> None:
        self._stages = stages
        self._delivery = delivery
        self._mint = mint

    def routes(self) -> list[web.RouteDef]:
        """To be added last: they take whatever is left."""
        return [web.route("*", "/{platform}/{path:.*}", self._serve)]

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        stage = self._stages.get(request.match_info["platform"])
        if stage is None:
            return unknown_platform(request.match_info["platform"])
        call = await read_call(request, stage.platform.name)
        account = stage.platform.caller(call)
        request[PURPOSE] = purpose = stage.platform.purpose(call)
        fault = stage.faults.take(None if account is None else account.account_id, purpose)
        if fault is None:
            return _response(await self._accept(request, stage, call, account))
        return await self._fail(request, stage, fault, lambda: self._accept(request, stage, call, account))

    async def _accept(self, request: web.Request, stage: Stage, call: Call, account: Account | None) -> Answer:
        """The platform's real answer; what it sent is recorded and its receipts are on their way."""
        answer = stage.platform.answer(call)
        if isinstance(answer, Probe):
            answer = answer.conclude(await self._delivery().attempt(answer.webhook))
        if answer.message_ids:
            sent = Sent(
                account_id=None if account is None else account.account_id,
                time=self._mint.now(),
                path=request.path,
                headers=dict(request.headers),
                body=call.body,
                message_ids=answer.message_ids,
            )
            stage.outbox.record(sent)
        if account is not None:
            self._delivery().follow([stage.platform.webhook(account, body) for body in answer.receipts])
        return answer

    async def _fail(
        self, request: web.Request, stage: Stage, fault: Fault, accept: Callable[[], Awaitable[Answer]]
    ) -> web.StreamResponse:
        """The answer as the fault wants it."""
        if fault.refuses:
            status = fault.http_status or 500
            answer = Answer(status, stage.platform.failure(status, fault.headers))
        else:
            answer = await accept()
        await asyncio.sleep(fault.delay_ms / 1_000)
        if fault.drop is not None:
            return _hang_up(request)
        return _response(answer, fault)


def _response(answer: Answer, fault: Fault | None = None) -> web.Response:
    status, headers = answer.status, dict(answer.headers)
    body: Any = answer.body
    if fault is not None:
        status = fault.http_status or status
        body = body if fault.body is msgspec.UNSET else fault.body
        headers |= fault.headers
    if isinstance(body, str):
        headers.setdefault("Content-Type", "text/plain; charset=utf-8")
    headers.setdefault("Content-Type", "application/json")
    return web.Response(status=status, body=_encode(body), headers=headers)


def _encode(body: Any) -> bytes:
    """Bytes and text as they are, all else as JSON."""
    if isinstance(body, bytes):
        return body
    return body.encode() if isinstance(body, str) else msgspec.json.encode(body)


def _hang_up(request: web.Request) -> web.StreamResponse:
    """The connection is gone; the response is for nobody."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=499)
