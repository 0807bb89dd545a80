"""What a batch of events tells the counter, in its own words."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime

from lobby_counter.conversations import Told
from lobby_counter.domain import Cause
from lobby_counter.ledger import BaseRow, Greeting, Member, Regrouping


@dataclass(frozen=True, slots=True)
class Inbound:
    """A customer wrote."""

    message_id: str
    event_id: str
    workspace_id: str
    account_id: str
    channel_user_id: str
    chat_id: str
    occurred_time: datetime
    platform: int
    greeting: bool
    recovered_time: datetime | None = None
    """When Lobby took it in, where that was so long after it was written that nothing ordinary delivered it."""


@dataclass(frozen=True, slots=True)
class Outbound:
    """The platform accepted a message to a customer; `human` is false for a bot's."""

    message_id: str
    event_id: str
    workspace_id: str
    account_id: str
    chat_id: str
    agent_id: str | None
    occurred_time: datetime
    platform: int
    human: bool


@dataclass(frozen=True, slots=True)
class Language:
    """The language of a message is known, as of a version."""

    message_id: str
    chat_id: str
    version: int
    language: str


@dataclass(frozen=True, slots=True)
class Rendered:
    """A version of a message was told that its reader can read since then, or cannot: `start` is None where he can."""

    message_id: str
    version: int
    account_id: str
    chat_id: str
    start: datetime | None
    """Since when he could not read it."""
    end: datetime | None
    """When it was there; None where it is not."""


@dataclass(frozen=True, slots=True)
class Import:
    """Channel users were imported as known before, or an import was undone; `hints`: who they were thought to be."""

    workspace_id: str
    cause: Cause
    rows: tuple[BaseRow, ...]
    hints: tuple[Member, ...] = ()


@dataclass(frozen=True, slots=True)
class Failure:
    """The platform did not accept an answer."""

    event_id: str
    conversation_id: str
    time: datetime


@dataclass(frozen=True, slots=True)
class AccountState:
    """The state of an account changed."""

    event_id: str
    workspace_id: str
    account_id: str
    time: datetime
    state: str


@dataclass(frozen=True, slots=True)
class HandledTime:
    """An agent handled a conversation."""

    event_id: str
    workspace_id: str
    agent_id: str
    conversation_id: str
    account_id: str
    platform: int
    start: datetime
    end: datetime
    wrap_up: bool


@dataclass(frozen=True, slots=True)
class Presence:
    """An agent came, went or stepped away."""

    event_id: str
    workspace_id: str
    agent_id: str
    time: datetime
    presence: str


@dataclass(frozen=True, slots=True)
class Erased:
    """A channel user was forgotten."""

    channel_user_id: str
    workspace_id: str


@dataclass(frozen=True, slots=True)
class Origin:
    """The event of a batch from which a change of figures is told."""

    event_id: str
    time: datetime
    traceparent: str


@dataclass(slots=True)
class Facts:
    """Everything that one batch tells, by kind."""

    inbound: list[Inbound] = field(default_factory=list)
    greetings: dict[str, Callable[[], Greeting]] = field(default_factory=dict)
    """By message id; made only for the few that may be entries."""
    regroupings: list[Regrouping] = field(default_factory=list)
    imports: list[Import] = field(default_factory=list)
    told: list[Told] = field(default_factory=list)
    outbound: list[Outbound] = field(default_factory=list)
    languages: list[Language] = field(default_factory=list)
    rendered: list[Rendered] = field(default_factory=list)
    """Without those that were translated at once: nobody waited for them."""
    failures: list[Failure] = field(default_factory=list)
    states: list[AccountState] = field(default_factory=list)
    handled: list[HandledTime] = field(default_factory=list)
    presences: list[Presence] = field(default_factory=list)
    erased: list[Erased] = field(default_factory=list)
    origins: dict[str, Origin] = field(default_factory=dict)
    """The first event of each workspace."""

    def messages(self) -> list[Inbound | Outbound]:
        """Returns the messages in both directions."""
        return [*self.inbound, *self.outbound]


@dataclass(slots=True)
class Change:
    """How figures of one workspace changed: which times they belong to, and how much was added to the ledger."""

    start: datetime
    end: datetime
    entries: int = 0
    corrections: int = 0


@dataclass(slots=True)
class Changes:
    """What one batch changed, by workspace."""

    by_workspace: dict[str, Change] = field(default_factory=dict)

    def note(self, workspace_id: str, at: datetime, *, entries: int = 0, corrections: int = 0) -> None:
        """Figures of this time changed."""
        change = self.by_workspace.get(workspace_id)
        if change is None:
            change = self.by_workspace[workspace_id] = Change(at, at)
        elif at < change.start:
            change.start = at
        elif at > change.end:
            change.end = at
        change.entries += entries
        change.corrections += corrections

    def items(self) -> Iterable[tuple[str, Change]]:
        """Returns the changes with their workspaces, in a fixed order."""
        return sorted(self.by_workspace.items())
