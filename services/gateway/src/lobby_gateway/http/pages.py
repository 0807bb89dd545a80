"""What is on the port beside the API: health, metrics, the OpenAPI document and its page."""

from functools import cache
from importlib import resources

from starlette.requests import Request
from starlette.responses import Response

from lobby_common import metrics
from lobby_common.health import Readiness
from lobby_gateway.http.responses import json_response
from lobby_gateway.openapi import document

_PAGE_POLICY = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; connect-src 'self'"


async def healthz(_: Request) -> Response:
    """The loop turns."""
    return json_response({"status": "ok"})


class Ready:
    """Answers /readyz: what is asked before work is sent here."""

    def __init__(self, readiness: Readiness) -> None:
        self._readiness = readiness

    async def __call__(self, _: Request) -> Response:
        """Returns 200 where every dependency answers, 503 otherwise, with each one's outcome."""
        report = await self._readiness.report()
        response = json_response(report)
        response.status_code = 200 if all(report.values()) else 503
        return response


async def expose(_: Request) -> Response:
    """All metrics in Prometheus' text format."""
    return Response(metrics.exposition(), media_type="text/plain; version=0.0.4")


@cache
def _document() -> Response:
    return json_response(document())


async def openapi(_: Request) -> Response:
    """The OpenAPI document."""
    return _document()


async def docs(_: Request) -> Response:
    """The page that shows the OpenAPI document; everything it needs is in it."""
    page = resources.files("lobby_gateway").joinpath("docs.html").read_bytes()
    return Response(page, media_type="text/html", headers={"content-security-policy": _PAGE_POLICY})
