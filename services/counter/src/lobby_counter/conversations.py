"""What routing tells about conversations, folded: who holds them, who was first, and the waits. Pure.

Events of one conversation come in order; the position of the last one folded in is kept, so that an event told again
changes nothing.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import ClassVar

from lobby_counter.waits import Ending, Hold, Opened, Wait

_REOPEN = timedelta(hours=72)
"""Who writes later than that after a close begins anew: his next wait is a first one again."""


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
    hold: Hold | None = None
    """Since when, and why; None where it was never assigned."""
    waited: bool = False
    """Its customer waited before."""
    close_time: datetime | None = None
    """When it was closed last."""


@dataclass(frozen=True, slots=True)
class Assigned:
    """The conversation went to an agent, or to the pool."""

    agent_id: str | None
    time: datetime
    pool_reason: str = ""
    """Why nobody has it."""
    by_agent_id: str | None = None
    """The agent who moved it there himself."""


@dataclass(frozen=True, slots=True)
class Owed:
    """The customer awaits an answer since then."""

    since: datetime
    agent_id: str | None
    received_time: datetime | None = None
    """When Lobby took in what he wrote then."""
    pool_reason: str = ""
    """Why nobody has it."""


@dataclass(frozen=True, slots=True)
class Seen:
    """An agent opened it while the customer awaited an answer."""

    agent_id: str
    time: datetime


@dataclass(frozen=True, slots=True)
class BotAnswered:
    """A bot answered him."""

    time: datetime


@dataclass(frozen=True, slots=True)
class WindowClosed:
    """The platform's reply window closed while he awaited an answer."""

    since: datetime
    time: datetime


@dataclass(frozen=True, slots=True)
class Answered:
    """A human answer was accepted."""

    since: datetime
    time: datetime
    agent_id: str | None
    ending: ClassVar = Ending.ANSWERED


@dataclass(frozen=True, slots=True)
class Closed:
    """Somebody closed the conversation; `since` is None where nothing was owed."""

    since: datetime | None
    time: datetime
    agent_id: str | None
    reason: str
    ending: ClassVar = Ending.CLOSED


Change = Assigned | Owed | Seen | BotAnswered | WindowClosed | Answered | Closed


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
            case Assigned() as assigned:
                self._assign(held, assigned)
            case Owed() as owed:
                self._owe(told, held, owed)
            case Seen() | BotAnswered() | WindowClosed() as event:
                if wait := self.open_waits.get(key):
                    self._keep(_marked(wait, event))
            case Answered() | Closed() as end:
                self._end(told, end)

    def _assign(self, conversation: Conversation, to: Assigned) -> None:
        key = conversation.conversation_id
        hold = Hold(to.agent_id, to.time, to.pool_reason, to.by_agent_id)
        if wait := self.open_waits.get(key):
            self._keep(replace(wait, agent_id=to.agent_id, holds=(*wait.holds, hold)))
        first = conversation.first_agent_id
        if to.agent_id is not None:
            self.taken.add(key)
            if first is None:
                self.first_assigned.add(key)
                first = to.agent_id
        self.known[key] = replace(conversation, agent_id=to.agent_id, first_agent_id=first, hold=hold)

    def _owe(self, told: Told, conversation: Conversation, owed: Owed) -> None:
        """A wait has begun, or the open one earlier than was known."""
        wait = self.open_waits.get(conversation.conversation_id)
        if wait is None:
            wait = replace(
                _begun(told, owed.since),
                holds=_held(conversation, owed),
                first=_is_first(conversation, owed.since),
            )
            self.known[conversation.conversation_id] = replace(conversation, waited=True)
        agent_id = owed.agent_id or conversation.agent_id
        self._keep(replace(wait, owed_since=owed.since, received_time=owed.received_time, agent_id=agent_id))

    def _keep(self, wait: Wait) -> None:
        self.open_waits[wait.conversation_id] = wait
        self.waits[wait.wait_id] = wait

    def _end(self, told: Told, change: Answered | Closed) -> None:
        """The open wait is over. One of which we did not hear before is written as it was, never dropped."""
        key = told.conversation.conversation_id
        wait = self.open_waits.pop(key, None)
        held = self.known[key]
        if wait is None and change.since is not None:
            wait = replace(_begun(told, change.since), first=_is_first(held, change.since))
        self.known[key] = replace(
            held,
            waited=held.waited or wait is not None,
            close_time=change.time if isinstance(change, Closed) else held.close_time,
        )
        if wait is not None:
            self.waits[wait.wait_id] = _ended(wait, told, change)


def _marked(wait: Wait, event: Seen | BotAnswered | WindowClosed) -> Wait:
    """Returns the wait with what happened in it; what happened first stays."""
    match event:
        case Seen(agent_id, time) if all(each.agent_id != agent_id for each in wait.opened):
            return replace(wait, opened=(*wait.opened, Opened(agent_id, time)))
        case BotAnswered(time) if wait.bot_time is None:
            return replace(wait, bot_time=time)
        case WindowClosed(_, time) if wait.window_lost_time is None:
            return replace(wait, window_lost_time=time)
        case _:
            return wait


def _held(conversation: Conversation, owed: Owed) -> tuple[Hold, ...]:
    """Returns who has the conversation when a wait begins."""
    hold = conversation.hold
    if hold is None or hold.agent_id != owed.agent_id:
        return (Hold(owed.agent_id, owed.since, owed.pool_reason),)
    return (replace(hold, pool_reason=owed.pool_reason or hold.pool_reason),)


def _is_first(conversation: Conversation, since: datetime) -> bool:
    closed = conversation.close_time
    return not conversation.waited or (closed is not None and since - closed > _REOPEN)


def rebuilt(lost: Iterable[Told], known: Mapping[str, Conversation], open_waits: Mapping[str, Wait]) -> list[Wait]:
    """Returns the waits that events tell of which are told by none that is there, each as far as these events know it.

    A wait whose end was told is over; another one is open, unless its conversation has an open one: then it is part of
    that, which began later than it should, or its end is among what is still to be examined. Who held the conversation
    at an end is who ended it.
    """
    held = dict(open_waits)
    begun: dict[str, Wait] = {}
    waits: dict[str, Wait] = {}
    for told in sorted(lost, key=lambda each: each.position):
        key = told.conversation.conversation_id
        match told.change:
            case Owed(since, _, received_time):
                told_of = begun.get(key) or _begun(told, since)
                begun[key] = replace(told_of, owed_since=since, received_time=received_time)
            case WindowClosed(since, time):
                begun[key] = replace(begun.get(key) or _begun(told, since), window_lost_time=time)
            case Answered() | Closed() as end if end.since is not None:
                wait = begun.pop(key, None)
                if wait is None and _is_ended_by(held.get(key), told, end.since):
                    wait = held.pop(key)
                ended = _ended(wait or _begun(told, end.since), told, end)
                waits[ended.wait_id] = replace(ended, agent_id=end.agent_id or known[key].agent_id)
            case _:
                pass
    for key, wait in begun.items():
        now = held.get(key)
        if now is None:
            waits[wait.wait_id] = replace(wait, agent_id=known[key].agent_id)
        elif wait.first_position < now.first_position and wait.owed_since >= now.owed_since:
            waits[now.wait_id] = replace(now, first_position=wait.first_position)
    return list(waits.values())


def _is_ended_by(wait: Wait | None, told: Told, since: datetime) -> bool:
    return wait is not None and wait.first_position < told.position and wait.owed_since == since


def _begun(told: Told, since: datetime) -> Wait:
    return Wait(told.event_id, told.conversation.conversation_id, since, first_position=told.position)


def _ended(wait: Wait, told: Told, change: Answered | Closed) -> Wait:
    return replace(
        wait,
        owed_since=change.since or wait.owed_since,
        end_time=change.time,
        ending=change.ending,
        end_agent_id=change.agent_id,
        close_reason=change.reason if isinstance(change, Closed) else "",
        end_position=told.position,
    )
