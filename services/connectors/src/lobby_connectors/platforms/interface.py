"""What a platform folder offers: a small required part, and abilities that are asked for by themselves.

Nobody asks for a platform's name: `isinstance(platform, FetchesProfiles)` says whether it can.
"""

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from aiohttp import ClientSession
from msgspec import Struct

from lobby_connectors.domain.items import Attachment, Identifier, Parsed
from lobby_connectors.domain.pacing import Pace


class Limits(Struct, frozen=True):
    """What the platform takes; data, so that nobody asks for its name."""

    text_units: int
    """Most units of one text."""
    pace: Pace
    """How fast an account may be called where its settings name no other rate."""
    fastest: int
    """Calls a second of the platform's highest tier: a setting cannot name more."""
    chat_pace: Pace | None = None
    """How fast one chat may be written to; None where the platform sets no limit."""
    utf16: bool = False
    """Units are UTF-16 code units, else characters."""
    media: frozenset[str] = frozenset()
    """Kinds of attachments."""
    attachments: int = 10
    """Most attachments of one message."""
    https_only: bool = True
    """Links to files must be https."""
    window_hours: int | None = None
    """Hours after a customer's message in which an answer is free; None where there is no limit."""

    def too_long(self, text: str) -> bool:
        """Returns whether one text is too long."""
        units = len(text.encode("utf-16-le", "surrogatepass")) // 2 if self.utf16 else len(text)
        return units > self.text_units


class Account(Struct, frozen=True):
    """What a client needs of an account."""

    account_id: str
    credentials: Mapping[str, str]
    api_base_url: str
    user_scope: str
    """Inside what its user ids are unique."""

    def __repr__(self) -> str:
        return f"Account({self.account_id!r}, …)"


class Outgoing(Struct, frozen=True):
    """A message to send."""

    message_id: str
    chat: str
    text: str
    attachments: tuple[Attachment, ...]
    retry_key: str
    """Stays the same while it is unknown whether the platform has it; where the platform knows such keys."""


class Request(Struct, frozen=True):
    """One HTTP request to a platform. Path and headers hold credentials: they are never logged."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes = b""

    def __repr__(self) -> str:
        return f"Request({self.method!r}, …)"


class Accepted(Struct, frozen=True):
    """The platform took it."""

    platform_message_id: str


class Profile(Struct, frozen=True):
    """What a platform tells about a customer on request."""

    display_name: str
    """Empty where webhooks tell it."""
    locale: str = ""
    identifiers: tuple[Identifier, ...] = ()
    picture: bytes = b""
    """A file as the platform gives it, a small one where there are several; empty where he shows none."""


@runtime_checkable
class Platform(Protocol):
    """The required part; all of it but `send` is pure."""

    name: str
    limits: Limits
    required_credentials: tuple[str, ...]
    signing_credentials: tuple[str, ...]
    """Those that `verify` looks at."""
    resends_safely: bool
    """A request may be sent again under its retry key without reaching the customer twice."""

    def verify(self, credentials: Mapping[str, str], body: bytes, signature: str) -> bool:
        """Returns whether the platform sent these bytes, compared in constant time."""

    def parse(self, body: bytes, user_scope: str) -> Parsed:
        """Returns what the body says. Raises ParseError and nothing else."""

    def address(self, credentials: Mapping[str, str]) -> str:
        """Returns the platform's own id of the account; "" where webhooks do not name it."""

    def owner(self, credentials: Mapping[str, str]) -> str:
        """Returns the platform's id of what holds the account; "" where there is none."""

    def user_scope(self, settings: Mapping[str, str], workspace_id: str) -> str:
        """Returns inside what the account's user ids are unique."""

    def render(self, account: Account, message: Outgoing) -> list[Request]:
        """Returns the requests that send the message, in order; their number depends on the message alone."""

    async def send(self, session: ClientSession, account: Account, request: Request) -> Accepted:
        """The platform took the request. Raises SendFailure and nothing else."""


@runtime_checkable
class ShakesHands(Protocol):
    """Answers the platform's GET on the webhook's address."""

    def handshake(self, credentials: Mapping[str, str], query: Mapping[str, str]) -> str | None:
        """Returns the body to answer with; None where the token is wrong."""


@runtime_checkable
class SetsWebhook(Protocol):
    """Can tell the platform where to post."""

    def complete(self, credentials: Mapping[str, str], chosen: str) -> dict[str, str]:
        """Returns the credentials with what we choose ourselves, from `chosen`, where it is absent."""

    async def set_webhook(self, session: ClientSession, account: Account, url: str) -> None:
        """The platform posts to `url` from now on. Raises SendFailure."""


@runtime_checkable
class AnswersCallbacks(Protocol):
    """Must answer a tapped button, or the customer sees it spin."""

    async def answer_callback(self, session: ClientSession, account: Account, callback_id: str) -> None:
        """The button stops spinning. Raises SendFailure."""


@runtime_checkable
class FetchesProfiles(Protocol):
    """Webhooks do not tell all of the customer; his name or picture can be asked for."""

    async def fetch_profile(self, session: ClientSession, account: Account, chat: str) -> Profile | None:
        """Returns the customer's profile, None where he does not let us see it. Raises SendFailure."""
