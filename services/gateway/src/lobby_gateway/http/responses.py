"""How answers are written."""

import msgspec
from starlette.responses import Response
from starlette.types import Receive

from lobby_common import tracing
from lobby_gateway import problems
from lobby_gateway.problems import Problem


def json_response(value: object) -> Response:
    """Returns the value as JSON."""
    return Response(msgspec.json.encode(value), media_type="application/json")


def problem_response(problem: Problem, trace_id: str) -> Response:
    """Returns the problem as HTTP says it."""
    return Response(
        problem.body(trace_id),
        status_code=problem.status,
        headers=dict(problem.headers),
        media_type=problems.CONTENT_TYPE,
    )


def new_trace_id() -> str:
    """Returns a trace id for a refusal that belongs to no trace."""
    return tracing.trace_id(tracing.new_traceparent(0))


async def left(receive: Receive) -> None:
    """Returns when the client has left."""
    while (await receive())["type"] != "http.disconnect":
        pass
