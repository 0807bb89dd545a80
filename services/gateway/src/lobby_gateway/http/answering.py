"""What all answers below /v1 have in common: a trace, a line in the log, a metric, and refusals as problems."""

import re
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from opentelemetry.trace import SpanKind
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from lobby_common import tracing
from lobby_common.errors import LobbyError
from lobby_common.log import get_logger
from lobby_gateway import metrics, problems
from lobby_gateway.descriptors import Route
from lobby_gateway.http.access import Denied
from lobby_gateway.http.responses import problem_response
from lobby_gateway.problems import Problem
from lobby_gateway.roles import EVERYTHING, Sight

T = TypeVar("T")
Found = tuple[Mapping[str, T], Mapping[str, str]]
"""What serves a path, by HTTP method, and the ids in it."""

UNROUTED = "unrouted"
_LOG = get_logger("http")
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
_TRACEPARENT = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}", re.ASCII)
_CLIENT_GONE = 499
_SERVER_ERROR = 500


@dataclass(slots=True)
class Asking:
    """One request on its way."""

    request: Request
    sight: Sight = EVERYTHING
    """Of the one who asks, once he is known: a refusal shows what he may see."""


async def answered(
    request: Request, route: str, trace_ratio: float, answer: Callable[[Asking], Awaitable[Response]]
) -> Response:
    """Returns the answer, a problem where it does not work; logs one line and counts."""
    started = time.monotonic()
    traceparent = request.headers.get("traceparent", "")
    if not _TRACEPARENT.fullmatch(traceparent):
        traceparent = tracing.new_traceparent(trace_ratio)
    with tracing.span(route, traceparent, SpanKind.SERVER) as inner:
        response = await _or_problem(Asking(request), tracing.trace_id(inner), answer)
    response.headers["x-trace-id"] = tracing.trace_id(traceparent)
    seconds = time.monotonic() - started
    metrics.REQUESTS.labels(route, response.status_code).observe(seconds)
    _LOG.info(
        "http",
        route=route,
        status=response.status_code,
        ms=round(seconds * 1e3, 2),
        trace_id=tracing.trace_id(traceparent),
    )
    return response


async def _or_problem(asking: Asking, trace_id: str, answer: Callable[[Asking], Awaitable[Response]]) -> Response:
    try:
        return await answer(asking)
    except Denied as denied:
        return problem_response(denied.problem, trace_id)
    except LobbyError as error:
        return problem_response(_told(error, asking.sight, trace_id), trace_id)
    except ClientDisconnect:
        return Response(status_code=_CLIENT_GONE)


def _told(error: LobbyError, sight: Sight, trace_id: str) -> Problem:
    """The problem that tells of the error; what nobody foresaw is in the log as well."""
    problem = problems.of_error(error, sight)
    if problem.status >= _SERVER_ERROR:
        _LOG.warning("http_failed", reason=error.reason, status=problem.status, trace_id=trace_id)
    return problem


def choose(method: str, found: Found[T] | None) -> tuple[T, Mapping[str, str]]:
    """Returns what serves the request, and the ids of the path. Raises Denied 404 or 405."""
    if found is None:
        raise Denied(problems.unknown_path())
    targets, ids = found
    if method not in targets:
        raise Denied(problems.wrong_method(list(targets)))
    return targets[method], ids


def check_ids(route: Route, ids: Mapping[str, str]) -> None:
    """Raises Denied 404 for an id that nothing can have: such a text never reaches a service."""
    for name, value in ids.items():
        if not _ID.fullmatch(value):
            raise Denied(problems.unknown_id(route.not_found_reason(name)))
