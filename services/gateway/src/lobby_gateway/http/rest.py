"""/v1: every request is the RPC of its route, asked as the key's holder, its answer masked for him."""

import asyncio
import re
from collections.abc import Mapping
from functools import partial

from starlette.requests import Request
from starlette.responses import Response

from lobby_common import caller
from lobby_common.errors import Invalid
from lobby_common.ids import derive_id
from lobby_gateway import problems
from lobby_gateway.clients import Rpcs
from lobby_gateway.descriptors import Route, router
from lobby_gateway.domain import Principal
from lobby_gateway.http import unread
from lobby_gateway.http.access import Access, Denied, bearer, caller_of, check_sheet
from lobby_gateway.http.answering import UNROUTED, Asking, Found, answered, check_ids, choose
from lobby_gateway.http.recording import Recorder
from lobby_gateway.http.responses import json_response
from lobby_gateway.masking import masked
from lobby_gateway.transcode import request_of, to_json

LARGEST_BODY = 1024 * 1024
_LONGEST_REQUEST_ID = 128
_REQUEST_ID = re.compile(rf"[!-~]{{1,{_LONGEST_REQUEST_ID}}}", re.ASCII)


class Rest:
    """Answers everything below /v1 that the contracts offer."""

    def __init__(self, access: Access, rpcs: Rpcs, recorder: Recorder, *, trace_ratio: float) -> None:
        self._access = access
        self._rpcs = rpcs
        self._recorder = recorder
        self._router = router()
        self._trace_ratio = trace_ratio

    async def __call__(self, request: Request) -> Response:
        """Returns the answer, a problem where it does not work."""
        found = self._router.find(request.url.path)
        name = UNROUTED if found is None else f"{request.method} {_path_of(found[0])}"
        return await answered(request, name, self._trace_ratio, partial(self._answer, found))

    async def _answer(self, found: Found[Route] | None, asking: Asking) -> Response:
        route, ids = choose(asking.request.method, found)
        principal = await self._access.enter(bearer(asking.request), route.permission)
        asking.sight = principal.sight
        check_ids(route, ids)
        check_sheet(principal, ids, route.not_found_reason("sheet_id"))
        return await self._ask(route, ids, asking.request, principal)

    async def _ask(self, route: Route, ids: Mapping[str, str], request: Request, principal: Principal) -> Response:
        body = await _body(request) if route.takes_body else b""
        message = request_of(route, ids, request.scope["query_string"], body)
        _fill_request_id(message, route, ids, request.headers.get("idempotency-key"))
        with caller.use(caller_of(principal)):
            ask = partial(self._rpcs.call, route, message)
            answer = await (self._recorder.record(route, ids, principal, ask) if route.audited else ask())
        return json_response(to_json(masked(answer, principal.sight)))


def _path_of(targets: Mapping[str, Route]) -> str:
    return next(iter(targets.values())).template.text


async def _body(request: Request) -> bytes:
    """Returns the body. Raises Denied 408 for one too slow, 413 over the limit, 415 for another kind than JSON."""
    try:
        async with asyncio.timeout(unread.BODY_WITHIN):
            body = await _read(request)
    except TimeoutError:
        raise Denied(problems.too_slow()) from None
    if body and not _is_json(request.headers.get("content-type", "application/json")):
        raise Denied(problems.not_json())
    return body


async def _read(request: Request) -> bytes:
    """Returns the body. Raises Denied 413 over the limit."""
    chunks = []
    total = 0
    async for chunk in request.stream():
        total += len(chunk)
        if total > LARGEST_BODY:
            raise Denied(problems.too_large(LARGEST_BODY))
        chunks.append(chunk)
    return b"".join(chunks)


def _is_json(content_type: str) -> bool:
    kind, *parameters = (part.strip().lower() for part in content_type.split(";"))
    is_json = kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json"))
    charsets = [part.removeprefix("charset=").strip('"') for part in parameters if part.startswith("charset=")]
    return is_json and all(charset in ("utf-8", "utf8") for charset in charsets)


def _fill_request_id(message: object, route: Route, ids: Mapping[str, str], key: str | None) -> None:
    """The Idempotency-Key of a POST is the request's id, where the body names none. Raises Invalid.

    It holds for what the path names: used again for another conversation it is another request, whose answer to the
    customer must not be lost.
    """
    if route.verb != "POST" or "request_id" not in route.request.DESCRIPTOR.fields_by_name:
        return
    if key is not None and not _REQUEST_ID.fullmatch(key):
        raise Invalid("INVALID_IDEMPOTENCY_KEY", "Idempotency-Key takes 1 to 128 visible ASCII characters")
    request_id = getattr(message, "request_id", "") or key or ""
    if ids and 0 < len(request_id) <= _LONGEST_REQUEST_ID:
        request_id = derive_id(None, *ids.values(), request_id)
    setattr(message, "request_id", request_id)  # noqa: B010  # the field is known by the descriptor alone
