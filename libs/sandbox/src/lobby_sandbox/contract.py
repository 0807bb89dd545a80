"""What a platform is to the sandbox: the values that pass between them and the one Protocol."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol

import msgspec

from lobby_sandbox.merge import Json

Purpose = Literal["send", "setup", "other"]
"""Why a platform is called: to put a message before a customer, to change the webhook, or anything else."""


class RefusedError(Exception):
    """The sandbox's own API was asked for something that makes no sense; the message says what."""


@dataclass(frozen=True, slots=True)
class Account:
    """One bot, number or channel, as it was registered."""

    platform: str
    account_id: str
    webhook_url: str
    credentials: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Speech:
    """What a test wants a customer to do."""

    customer: str
    kind: str
    at: datetime
    text: str | None = None
    payload: Json = field(default_factory=dict)
    name: str | None = None
    language: str | None = None
    picture: bytes | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """What the platform tells about it: a webhook's body and the ids in it."""

    body: Json
    customer_id: str
    event_id: str
    message_id: str | None


@dataclass(frozen=True, slots=True)
class Webhook:
    """A request ready to be posted, signed over exactly these bytes."""

    url: str
    body: bytes
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Reply:
    """How a webhook was answered."""

    status: int | None
    """None when there was no answer."""

    text: str = ""
    """The body of the answer."""

    error: str | None = None
    """Why there was no answer."""

    retry_after: float = 0.0
    """Seconds that the receiver asked to be left alone for."""

    @property
    def accepted(self) -> bool:
        """The receiver took it."""
        return self.status is not None and 200 <= self.status < 300  # noqa: PLR2004 - the class of success

    @property
    def body(self) -> Any:
        """The body decoded if it is JSON, else its text."""
        try:
            return msgspec.json.decode(self.text)
        except msgspec.DecodeError:
            return self.text


@dataclass(frozen=True, slots=True)
class Call:
    """A request to a platform's own API."""

    method: str
    path: str
    """Below the platform's root, without a leading slash."""

    query: Mapping[str, str]
    headers: Mapping[str, str]
    """Looked up without regard to case."""

    body: Any
    """JSON, or the fields of a form; None when there is none or it cannot be read."""

    broken: bool
    """There is a body, but it is not what its content type promises."""

    base_url: str
    """Where this platform's root is, as the caller reached it."""

    @property
    def bearer(self) -> str | None:
        """The token of the Authorization header."""
        scheme, _, token = self.headers.get("Authorization", "").partition(" ")
        return token.strip() or None if scheme.lower() == "bearer" else None

    @property
    def fields(self) -> Json:
        """The body if it is an object, else nothing."""
        return self.body if isinstance(self.body, dict) else {}


@dataclass(frozen=True, slots=True)
class Answer:
    """The platform's answer to a call, and what it did because of it."""

    status: int
    body: Json | list[Any] | bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    message_ids: tuple[str, ...] = ()
    """Of the messages this call sent; empty when it sent none."""

    receipts: tuple[Json, ...] = ()
    """Bodies of the webhooks that follow, in this order."""


@dataclass(frozen=True, slots=True)
class Probe:
    """The platform first posts this to the account's webhook, then answers by what came back."""

    webhook: Webhook
    conclude: Callable[[Reply], Answer]


@dataclass(frozen=True, slots=True)
class Handshake:
    """A GET that the platform makes before it trusts a webhook address."""

    query: Mapping[str, str]
    expected: str
    """The body of a good answer."""


class Platform(Protocol):
    """One platform: builds and signs its webhooks, and answers its own API. It does no I/O."""

    name: str

    def register(self, account: Account) -> None:
        """The account is known from now on; raises RefusedError when a credential is missing."""

    def account(self, account_id: str) -> Account | None:
        """The registered account with this id."""

    def handshake(self, account: Account) -> Handshake | None:
        """What to ask the account's webhook at registration, where the platform does that."""

    def say(self, account: Account, speech: Speech) -> Event:
        """What the platform tells about this; raises RefusedError when customers cannot do it there."""

    def webhook(self, account: Account, body: Json) -> Webhook:
        """The body as this platform writes and signs it."""

    def caller(self, call: Call) -> Account | None:
        """The registered account whose token the call carries."""

    def purpose(self, call: Call) -> Purpose:
        """Why the call is made."""

    def answer(self, call: Call) -> Answer | Probe:
        """The platform's answer; what it implies is remembered."""

    def failure(self, status: int, headers: Mapping[str, str]) -> Json:
        """The body this platform would send with an error of this status."""
