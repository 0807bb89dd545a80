"""Refusals as RFC 9457 problems: what callers of the HTTP interface see when something does not work."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import grpc
import msgspec
from google.protobuf import any_pb2, symbol_database
from google.protobuf.message import Message

from lobby_common.errors import (
    Conflict,
    Exhausted,
    Invalid,
    LobbyError,
    NotFound,
    Refused,
    Unauthenticated,
    Unavailable,
)
from lobby_gateway.masking import masked
from lobby_gateway.roles import Sight
from lobby_gateway.transcode import to_json

CONTENT_TYPE = "application/problem+json"
_RETRY_SECONDS = 1.0

_STATUSES: tuple[tuple[type[LobbyError], int], ...] = (
    (Invalid, 400),
    (Unauthenticated, 401),
    (Refused, 403),
    (NotFound, 404),
    (Conflict, 409),
    (Exhausted, 429),
    (Unavailable, 503),
)
_STATUS_OF_REASON = {"DEADLINE_EXCEEDED": 504, "UNIMPLEMENTED": 501}
_GRPC_CODES = frozenset(code.name for code in grpc.StatusCode)
_SAID_FOR_GRPC = {
    "DEADLINE_EXCEEDED": "the answer took too long; whether it had an effect is not known",
    "UNAVAILABLE": "a part of Lobby is away; try again",
    "UNIMPLEMENTED": "the running version does not offer this yet",
}


@dataclass(frozen=True, slots=True)
class Problem:
    """One refusal."""

    status: int
    reason: str
    """Stable, UPPER_SNAKE; programs read it."""
    detail: str
    """For people."""
    headers: Mapping[str, str] = field(default_factory=dict)
    more: Mapping[str, Any] = field(default_factory=dict)
    """Members beside the standard ones, such as `newer`."""

    def body(self, trace_id: str) -> bytes:
        """Returns the JSON text."""
        standard = {
            "status": self.status,
            "title": HTTPStatus(self.status).phrase,
            "detail": self.detail,
            "reason": self.reason,
            "trace_id": trace_id,
        }
        return msgspec.json.encode({**self.more, **standard})


def of_error(error: LobbyError, sight: Sight) -> Problem:
    """Returns the problem that tells of the error; its detail shows what the reader may see."""
    status = _STATUS_OF_REASON.get(error.reason) or next(
        (status for kind, status in _STATUSES if isinstance(error, kind)), 500
    )
    detail = _unpacked(error.detail)
    more = to_json(masked(detail, sight)) if detail is not None else {}
    return Problem(status, error.reason, _message(error), _headers(error, status), more)


def _unpacked(detail: Message | None) -> Message | None:
    """The detail as its own message; None for one that this gateway does not know."""
    if not isinstance(detail, any_pb2.Any):
        return detail
    try:
        message = symbol_database.Default().GetSymbol(detail.TypeName())()
    except KeyError:
        return None
    return message if detail.Unpack(message) else None


def _message(error: LobbyError) -> str:
    """What people read. gRPC's own words name our addresses and stay inside."""
    if error.reason in _GRPC_CODES:
        return _SAID_FOR_GRPC.get(error.reason, "something went wrong here; the trace id finds it")
    return error.message


def _headers(error: LobbyError, status: int) -> dict[str, str]:
    if status == HTTPStatus.UNAUTHORIZED:
        return {"www-authenticate": "Bearer"}
    if status in (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE):
        return retry_after(getattr(error, "retry_after", _RETRY_SECONDS))
    return {}


def retry_after(seconds: float) -> dict[str, str]:
    """Returns the header that says when to come again: whole seconds, at least one."""
    return {"retry-after": str(max(1, math.ceil(seconds)))}


def unknown_path() -> Problem:
    """Nothing is served under the path."""
    return Problem(404, "NOT_FOUND", "there is nothing under this path; /openapi.json tells what there is")


def unknown_id(reason: str) -> Problem:
    """The path names an id that nothing can have."""
    return Problem(404, reason, "there is no such thing in this workspace")


def wrong_method(allowed: list[str]) -> Problem:
    """The path is served, but not under this method."""
    methods = ", ".join(sorted(allowed))
    return Problem(405, "METHOD_NOT_ALLOWED", f"this path takes {methods}", {"allow": methods})


def no_credential() -> Problem:
    """The request carries no key."""
    detail = "send an API key as `Authorization: Bearer <key>`"
    return Problem(401, "UNAUTHENTICATED", detail, {"www-authenticate": "Bearer"})


def bad_credential() -> Problem:
    """The request carries a key that does not hold."""
    return Problem(401, "INVALID_KEY", "the key is unknown or revoked", {"www-authenticate": "Bearer"})


def not_permitted(role: str) -> Problem:
    """The role of the key does not hold the permission."""
    return Problem(403, "PERMISSION_DENIED", f"a key of role {role} may not do this")


def too_large(limit: int) -> Problem:
    """The body is over the limit."""
    return Problem(413, "BODY_TOO_LARGE", f"the body may have {limit} bytes at most")


def too_slow() -> Problem:
    """The body did not come to its end in time."""
    return Problem(408, "BODY_UNFINISHED", "the body did not come to its end in time")


def not_json() -> Problem:
    """The body is of another kind."""
    return Problem(415, "UNSUPPORTED_MEDIA_TYPE", "send the body as application/json in UTF-8")


def too_many(seconds: float) -> Problem:
    """The key has asked too often."""
    return Problem(429, "RATE_LIMITED", "this key asks too often", retry_after(seconds))


def internal() -> Problem:
    """Our own mistake."""
    return Problem(500, "INTERNAL", "something went wrong here; the trace id finds it")
