"""What Telegram remembers between two requests."""

from dataclasses import dataclass, field

from lobby_sandbox.bounded import Bounded
from lobby_sandbox.media import Media
from lobby_sandbox.people import People

Thread = tuple[str, int]
"""A bot's token and the id of a chat."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What the bot itself asked for with setWebhook."""

    url: str = ""
    secret: str = ""
    allowed_updates: tuple[str, ...] = ()
    max_connections: int = 40


@dataclass(slots=True)
class Memory:
    """Customers, the last messages with them, files, and the bots' settings."""

    people: People = field(default_factory=People)
    said: Bounded[Thread, int] = field(default_factory=Bounded)
    """The customer's last message."""

    sent: Bounded[Thread, int] = field(default_factory=Bounded)
    """The bot's last message."""

    blocked: Bounded[Thread, bool] = field(default_factory=Bounded)
    """Customers who want to hear nothing more."""

    media: Bounded[str, Media] = field(default_factory=Bounded)
    webhooks: Bounded[str, Settings] = field(default_factory=Bounded)
    """By token: a bot may set its webhook before anybody registers it here."""

    def settings(self, token: str) -> Settings:
        """What the bot asked for; nothing if it never did."""
        return self.webhooks.get(token) or Settings()
