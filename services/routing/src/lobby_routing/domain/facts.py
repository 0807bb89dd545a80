"""What routing tells the others, before it is encoded; each holds the state right after it became true."""

from dataclasses import dataclass
from datetime import datetime

from lobby_routing.domain.agents import Agent
from lobby_routing.domain.conversation import Conversation


@dataclass(frozen=True, slots=True)
class Opened:
    """A conversation was opened, for the first time or again."""

    conversation: Conversation


@dataclass(frozen=True, slots=True)
class Assigned:
    """A conversation went to an agent, or back to the pool."""

    conversation: Conversation
    agent_languages: tuple[str, ...]
    strategy: str
    first: bool
    pool_reason: str
    """Why nobody has it; "" where somebody has."""


@dataclass(frozen=True, slots=True)
class Owed:
    """A wait began, or is known to have begun earlier."""

    conversation: Conversation
    received_time: datetime
    """When the message came in with which it began."""
    pool_reason: str = ""
    """Why nobody has it; "" where somebody has, or nothing was decided anew."""


@dataclass(frozen=True, slots=True)
class WindowClosed:
    """The reply window closed on a wait."""

    conversation: Conversation
    owed_since: datetime
    window_close_time: datetime


@dataclass(frozen=True, slots=True)
class BotAnswered:
    """A bot answered in a wait, which goes on."""

    conversation: Conversation
    owed_since: datetime
    answer_time: datetime


@dataclass(frozen=True, slots=True)
class Answered:
    """A wait ended with a human answer."""

    conversation: Conversation
    owed_since: datetime
    answer_time: datetime
    agent_id: str
    message_id: str


@dataclass(frozen=True, slots=True)
class Closed:
    """A conversation was closed, and any wait with it."""

    conversation: Conversation
    reason: str
    agent_id: str
    owed_since: datetime | None


@dataclass(frozen=True, slots=True)
class PresenceChanged:
    """An agent came, went or stepped away."""

    agent: Agent


Fact = Opened | Assigned | Owed | WindowClosed | BotAnswered | Answered | Closed | PresenceChanged
