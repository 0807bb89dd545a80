"""/v1: every request is the RPC of its route, asked as the key's holder, its answer masked for him."""

import asyncio
import re
import time
from collections.abc import Mapping

from opentelemetry.trace import SpanKind
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from lobby_common import caller, tracing
from lobby_common.errors import Invalid, LobbyError
from lobby_common.ids import derive_id
from lobby_common.log import get_logger
from lobby_gateway import metrics, problems
from lobby_gateway.clients import Rpcs
from lobby_gateway.descriptors import Route, router
from lobby_gateway.domain import Principal
from lobby_gateway.http import unread
from lobby_gateway.http.access import Access, Denied, bearer, caller_of, check_sheet
from lobby_gateway.http.responses import json_response, problem_response
from lobby_gateway.masking import masked
from lobby_gateway.problems import Problem
from lobby_gateway.roles import EVERYTHING, Sight
from lobby_gateway.transcode import request_of, to_json

_LOG = get_logger("http")

LARGEST_BODY = 1024 * 1024
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
_TRACEPARENT = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}", re.ASCII)
_LONGEST_REQUEST_ID = 128
_REQUEST_ID = re.compile(rf"[!-~]{{1,{_LONGEST_REQUEST_ID}}}", re.ASCII)
_UNROUTED = "unrouted"
_CLIENT_GONE = 499
_SERVER_ERROR = 500


class Rest:
    """Answers everything below /v1 that the contracts offer."""

    def __init__(self, access: Access, rpcs: Rpcs, *, trace_ratio: float) -> None:
        self._access = access
        self._rpcs = rpcs
        self._router = router()
        self._trace_ratio = trace_ratio

    async def __call__(self, request: Request) -> Response:
        """Returns the answer, a problem where it does not work; logs one line and counts."""
        started = time.monotonic()
        traceparent = request.headers.get("traceparent", "")
        if not _TRACEPARENT.fullmatch(traceparent):
            traceparent = tracing.new_traceparent(self._trace_ratio)
        found = self._router.find(request.url.path)
        name = _UNROUTED if found is None else f"{request.method} {_path_of(found[0])}"
        with tracing.span(name, traceparent, SpanKind.SERVER) as inner:
            response = await self._answer(request, found, tracing.trace_id(inner))
        response.headers["x-trace-id"] = tracing.trace_id(traceparent)
        seconds = time.monotonic() - started
        metrics.REQUESTS.labels(name, response.status_code).observe(seconds)
        _LOG.info(
            "http",
            route=name,
            status=response.status_code,
            ms=round(seconds * 1e3, 2),
            trace_id=tracing.trace_id(traceparent),
        )
        return response

    async def _answer(
        self, request: Request, found: tuple[Mapping[str, Route], Mapping[str, str]] | None, trace_id: str
    ) -> Response:
        sight = EVERYTHING
        try:
            route, ids = _choose(request.method, found)
            principal = await self._access.enter(bearer(request), route.permission)
            sight = principal.sight
            _check_ids(route, ids)
            check_sheet(principal, ids, route.not_found_reason("sheet_id"))
            return await self._ask(route, ids, request, principal)
        except Denied as denied:
            return problem_response(denied.problem, trace_id)
        except LobbyError as error:
            return problem_response(_told(error, sight, trace_id), trace_id)
        except ClientDisconnect:
            return Response(status_code=_CLIENT_GONE)

    async def _ask(self, route: Route, ids: Mapping[str, str], request: Request, principal: Principal) -> Response:
        body = await _body(request) if route.takes_body else b""
        message = request_of(route, ids, request.scope["query_string"], body)
        _fill_request_id(message, route, ids, request.headers.get("idempotency-key"))
        with caller.use(caller_of(principal)):
            answer = await self._rpcs.call(route, message)
        return json_response(to_json(masked(answer, principal.sight)))


def _told(error: LobbyError, sight: Sight, trace_id: str) -> Problem:
    """The problem that tells of the error; what nobody foresaw is in the log as well."""
    problem = problems.of_error(error, sight)
    if problem.status >= _SERVER_ERROR:
        _LOG.warning("http_failed", reason=error.reason, status=problem.status, trace_id=trace_id)
    return problem


def _path_of(targets: Mapping[str, Route]) -> str:
    return next(iter(targets.values())).template.text


def _choose(
    method: str, found: tuple[Mapping[str, Route], Mapping[str, str]] | None
) -> tuple[Route, Mapping[str, str]]:
    """Returns the route and the ids of the path. Raises Denied 404 or 405."""
    if found is None:
        raise Denied(problems.unknown_path())
    targets, ids = found
    if method not in targets:
        raise Denied(problems.wrong_method(list(targets)))
    return targets[method], ids


def _check_ids(route: Route, ids: Mapping[str, str]) -> None:
    """Raises Denied 404 for an id that nothing can have: such a text never reaches a service."""
    for name, value in ids.items():
        if not _ID.fullmatch(value):
            raise Denied(problems.unknown_id(route.not_found_reason(name)))


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
