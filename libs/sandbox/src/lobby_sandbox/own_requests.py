"""What the sandbox's own API is asked, checked and in the sandbox's words."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar
from urllib.parse import urlsplit

import msgspec

from lobby_sandbox.contract import Account, RefusedError, Speech
from lobby_sandbox.faults import Fault
from lobby_sandbox.merge import Json

T = TypeVar("T")
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=128)]

_CAPITAL = re.compile(r"(?<=[a-z0-9])([A-Z])")
# Unix seconds of the year 2286; what is greater was meant in milliseconds.
_LATEST = 10_000_000_000


class Register(msgspec.Struct, kw_only=True):
    """`POST /{platform}/accounts`."""

    account_id: Name
    webhook_url: str
    credentials: dict[str, str | int | None]


class Say(msgspec.Struct, kw_only=True):
    """`POST /{platform}/customers/{customer}/say`."""

    account_id: Name
    text: str | None = None
    kind: Name = "text"
    payload: dict[str, Any] | str | None = None
    time: str | float | int | None = None
    name: str | None = None
    language: str | None = None
    picture: bytes | None = None
    """A file, in base64: what the platform shows of the customer from now on."""


class PlanFaults(msgspec.Struct, kw_only=True):
    """`POST /{platform}/faults`."""

    next: list[Fault]
    account_id: Name | None = None


def decode(body: bytes, as_type: type[T]) -> T:
    """The request in this body, in snake_case or camelCase; raises RefusedError with the reason."""
    try:
        return msgspec.convert(_snake_case(msgspec.json.decode(body)), as_type)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RefusedError(str(error) or "the body is not JSON") from None


def account_of(platform: str, request: Register) -> Account:
    """The account to register."""
    try:
        url = urlsplit(request.webhook_url)
    except ValueError:
        url = urlsplit("")
    if url.scheme not in {"http", "https"} or not url.netloc:
        raise RefusedError("webhook_url must be an http or https address")
    credentials = {name: str(value) for name, value in request.credentials.items() if value is not None}
    return Account(platform, request.account_id, request.webhook_url, credentials)


def speech_of(customer: str, request: Say, now: datetime) -> Speech:
    """What the customer is to say."""
    payload = _payload_of(request)
    if request.kind == "text" and request.text is None and not payload:
        raise RefusedError("text is missing (another kind, or a payload, would do as well)")
    return Speech(
        customer=customer,
        kind=request.kind,
        at=now if request.time is None else moment_of(request.time),
        text=request.text,
        payload=payload,
        name=request.name or None,
        language=request.language or None,
        picture=request.picture or None,
    )


def moment_of(time: str | float) -> datetime:
    """The moment that RFC 3339 text or Unix seconds name; raises RefusedError."""
    try:
        moment = datetime.fromisoformat(time) if isinstance(time, str) else datetime.fromtimestamp(time, UTC)
    except (ValueError, OverflowError, OSError):
        raise RefusedError(f"time must be RFC 3339 or Unix seconds, not {time!r}") from None
    if moment.tzinfo is None:
        raise RefusedError("time needs an offset, such as Z")
    if not 0 <= moment.timestamp() < _LATEST:
        raise RefusedError("time must lie between 1970 and 2286; numbers are seconds")
    return moment.astimezone(UTC)


def _payload_of(request: Say) -> Json:
    """The payload as an object; text alone is the parameter of a start or the data of a button."""
    if isinstance(request.payload, str):
        if request.kind == "start":
            return {"payload": request.payload}
        if request.kind in {"button", "postback", "callback"}:
            return {"data": request.payload}
        raise RefusedError("payload must be an object for this kind")
    return request.payload or {}


def _snake_case(value: Any) -> Any:
    """The object with its own names, those of its credentials and of its faults in snake_case.

    A payload stays as it is: its names are the platform's.
    """
    if not isinstance(value, dict):
        return value
    named = {_snake(name): inner for name, inner in value.items()}
    if isinstance(credentials := named.get("credentials"), dict):
        named["credentials"] = {_snake(name): inner for name, inner in credentials.items()}
    if isinstance(faults := named.get("next"), list):
        named["next"] = [_snake_names(fault) for fault in faults]
    return named


def _snake_names(value: Any) -> Any:
    return {_snake(name): inner for name, inner in value.items()} if isinstance(value, Mapping) else value


def _snake(name: str) -> str:
    return _CAPITAL.sub(r"_\1", name).lower()
