"""What LINE remembers between two requests."""

from dataclasses import dataclass, field
from datetime import datetime

from lobby_sandbox.bounded import Bounded
from lobby_sandbox.media import Media
from lobby_sandbox.merge import Json
from lobby_sandbox.people import People


@dataclass(frozen=True, slots=True)
class Accepted:
    """A request that was accepted under a retry key."""

    request_id: str
    sent_messages: tuple[Json, ...]


@dataclass(slots=True)
class Memory:
    """Customers, reply tokens, retry keys and files."""

    people: People = field(default_factory=People)
    said: Bounded[tuple[str, str], str] = field(default_factory=Bounded)
    """The last message of a user to the channel of an account."""

    blocked: Bounded[str, bool] = field(default_factory=Bounded)
    """Users who are no friends: their profile is not shown."""

    reply_tokens: Bounded[str, datetime] = field(default_factory=Bounded)
    """When the unused ones were given out."""

    used_tokens: Bounded[str, bool] = field(default_factory=Bounded)
    """Reply tokens are good for one reply."""

    retry_keys: Bounded[tuple[str, str], Accepted] = field(default_factory=Bounded)
    """By channel access token and key."""

    endpoints: Bounded[str, str] = field(default_factory=Bounded)
    """Webhook addresses that channels set themselves, by channel access token."""

    media: Bounded[str, Media] = field(default_factory=Bounded)
