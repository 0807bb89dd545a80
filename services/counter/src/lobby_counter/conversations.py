"""What routing tells about conversations, folded: who holds them, who was first, and the waits. Pure.

Events of one conversation come in order; the position of the last one folded in is kept, so that an event told again
changes nothing.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum


class Ending(StrEnum):
    """How a wait ended."""

    ANSWERED = "answered"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Conversation:
    """One channel user at one account."""

    conversation_id: str
    workspace_id: str
    account_id: str
    platform: int
    channel_user_id: str
    agent_id: str | None = None
    """Who holds it."""
    first_agent_id: str | None = None
    """Who was the first to hold it: the agent of its entry, for ever."""


@dataclass(frozen=True, slots=True)
class Wait:
    """From the oldest unanswered message to the first human answer that the platform accepted, or to the close."""

    wait_id: str
    """Id of the event that told of it first."""
    conversation_id: str
    owed_since: datetime
    agent_id: str | None = None
    """Who holds the conversation, or held it when the wait ended."""
    end_time: datetime | None = None
    ending: Ending | None = None
    end_agent_id: str | None = None
    """Who answered or closed."""
    close_reason: str = ""


@dataclass(frozen=True, slots=True)
class Assigned:
    """The conversation went to an agent, or to the pool."""

    agent_id: str | None


@dataclass(frozen=True, slots=True)
class Owed:
    """The customer awaits an answer since then."""

    since: datetime
    agent_id: str | None


@dataclass(frozen=True, slots=True)
class Answered:
    """A human answer was accepted."""

    since: datetime
    time: datetime
    agent_id: str | None


@dataclass(frozen=True, slots=True)
class Closed:
    """Somebody closed the conversation; `since` is None where nothing was owed."""

    since: datetime | None
    time: datetime
    agent_id: str | None
    reason: str


Change = Assigned | Owed | Answered | Closed


@dataclass(frozen=True, slots=True)
class Told:
    """One event of routing: what changed in which conversation, and where it stands in its lane."""

    event_id: str
    position: int
    conversation: Conversation
    """As the event names it, without agents."""
    change: Change


@dataclass(slots=True)
class Conversations:
    """The conversations that one batch touches, with their open waits."""

    known: dict[str, Conversation] = field(default_factory=dict)
    open_waits: dict[str, Wait] = field(default_factory=dict)
    positions: dict[str, int] = field(default_factory=dict)
    """Position of the last event folded in, by conversation."""
    changed: set[str] = field(default_factory=set)
    waits: dict[str, Wait] = field(default_factory=dict)
    """What is to be written."""
    first_assigned: set[str] = field(default_factory=set)
    taken: set[str] = field(default_factory=set)
    """Conversations that an agent holds since this batch: messages that nobody held become his."""

    def fold(self, told: Iterable[Told]) -> None:
        """Conversations and waits are as after the last event."""
        for each in told:
            self._fold(each)

    def _fold(self, told: Told) -> None:
        key = told.conversation.conversation_id
        if told.position <= self.positions.get(key, 0):
            return
        self.positions[key] = told.position
        self.changed.add(key)
        held = self.known.setdefault(key, told.conversation)
        match told.change:
            case Assigned(agent_id):
                self._assign(held, agent_id)
            case Owed(since, agent_id):
                open_wait = self.open_waits.get(key)
                wait_id = told.event_id if open_wait is None else open_wait.wait_id
                self._keep(Wait(wait_id, key, since, agent_id or held.agent_id))
            case Answered() | Closed() as end:
                self._end(told, end)

    def _assign(self, conversation: Conversation, agent_id: str | None) -> None:
        key = conversation.conversation_id
        if wait := self.open_waits.get(key):
            self._keep(replace(wait, agent_id=agent_id))
        first = conversation.first_agent_id
        if agent_id is not None:
            self.taken.add(key)
            if first is None:
                self.first_assigned.add(key)
                first = agent_id
        self.known[key] = replace(conversation, agent_id=agent_id, first_agent_id=first)

    def _keep(self, wait: Wait) -> None:
        self.open_waits[wait.conversation_id] = wait
        self.waits[wait.wait_id] = wait

    def _end(self, told: Told, change: Answered | Closed) -> None:
        """The open wait is over. One of which we did not hear before is written as it was, never dropped."""
        key = told.conversation.conversation_id
        wait = self.open_waits.pop(key, None)
        if wait is None and change.since is None:
            return
        wait = wait or Wait(told.event_id, key, change.since or change.time)
        self.waits[wait.wait_id] = replace(
            wait,
            owed_since=change.since or wait.owed_since,
            end_time=change.time,
            ending=Ending.ANSWERED if isinstance(change, Answered) else Ending.CLOSED,
            end_agent_id=change.agent_id,
            close_reason=change.reason if isinstance(change, Closed) else "",
        )
