"""Answers of the sandbox's own API."""

from typing import Any

import msgspec
from aiohttp import web


def json_response(body: Any, status: int = 200) -> web.Response:
    """The body as JSON."""
    return web.Response(body=msgspec.json.encode(body), status=status, content_type="application/json")


def problem(status: int, reason: str, detail: str) -> web.Response:
    """A refusal: `reason` for programs, `detail` for people."""
    return json_response({"status": status, "reason": reason, "detail": detail}, status)


def unknown_platform(name: str) -> web.Response:
    """There is no such platform here."""
    return problem(404, "UNKNOWN_PLATFORM", f"the sandbox does not play {name!r}")
