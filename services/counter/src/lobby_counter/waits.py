"""One wait: from the oldest unanswered message to the first human answer that the platform accepted. Pure.

A wait says of itself what it was made of: how long the platform kept the message, how long nobody had the conversation,
and who had it for how long; when it was missed, in which of three ways, and what each miss came from.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from typing import NamedTuple

from lobby_counter.business import BusinessClock


class Ending(StrEnum):
    """How a wait ended."""

    ANSWERED = "answered"
    CLOSED = "closed"


CANCELLED = frozenset(("no_answer_needed", "spam"))
"""Closes which say that nobody was to be answered."""


class Miss(StrEnum):
    """How a customer was missed; one wait may be missed in several ways, which are counted apart."""

    LATE = "late"
    LOST_WINDOW = "lost_window"
    UNANSWERED = "unanswered"


class RootCause(StrEnum):
    """What a miss came from."""

    CHANNEL_OFFLINE = "channel_offline"
    CHANNEL_SILENT = "channel_silent"
    PLATFORM_DELAY = "platform_delay"
    NOBODY_ON_DUTY = "nobody_on_duty"
    OVER_CAPACITY = "over_capacity"
    ASSIGNED_IGNORED = "assigned_ignored"
    OPENED_NOT_ANSWERED = "opened_not_answered"
    WAITING_FOR_TRANSLATION = "waiting_for_translation"
    SEND_FAILED = "send_failed"
    RULE = "rule"


class Part(StrEnum):
    """With whom a part of a wait passed."""

    PLATFORM = "platform"
    QUEUE = "queue"
    AGENT = "agent"


@dataclass(frozen=True, slots=True)
class Hold:
    """From then on an agent had the conversation, or nobody: None."""

    agent_id: str | None
    since: datetime
    pool_reason: str = ""
    """Why nobody has it: nobody_on_duty, over_capacity or rule; empty where somebody has, or it was not told."""
    by_agent_id: str | None = None
    """The agent who moved it there himself; None where a rule or a supervisor did."""


class Opened(NamedTuple):
    """An agent looked at what the customer had written."""

    agent_id: str
    time: datetime


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
    first_position: int = 0
    """Where the event that told of it first stands in its lane."""
    end_position: int | None = None
    """Where the event that ended it stands; None while it is open."""
    received_time: datetime | None = None
    """When Lobby took in the message with which it begins; None where that was not told."""
    first: bool = False
    """It is the first one of its conversation, or the first since that was closed for long."""
    holds: tuple[Hold, ...] = ()
    """Who had the conversation, in order; the first one may have had it before the wait began."""
    opened: tuple[Opened, ...] = ()
    """Which agents opened the conversation while it was open, in order."""
    bot_time: datetime | None = None
    """When a bot answered, which ended nothing."""
    window_lost_time: datetime | None = None
    """When the platform's reply window closed on it."""
    late_time: datetime | None = None
    """Answered after this it is late; None where business time never gets there, or not told yet."""
    unanswered_time: datetime | None = None
    """The close of the next business day."""

    def breach(self, miss: Miss, now: datetime) -> datetime | None:
        """Returns when the wait was missed in a way: the deadline itself, if the customer was owed beyond it."""
        until = self.end_time or now
        match miss:
            case Miss.LATE:
                return _passed(self.late_time, until)
            case Miss.UNANSWERED:
                return _passed(self.unanswered_time, until)
            case Miss.LOST_WINDOW:
                lost = self.window_lost_time
                return lost if lost is not None and lost <= until else None

    def misses(self, now: datetime) -> dict[Miss, datetime]:
        """Returns when the wait was missed, by the ways in which it was."""
        found = {miss: self.breach(miss, now) for miss in Miss}
        return {miss: at for miss, at in found.items() if at is not None}

    def is_cancelled(self) -> bool:
        """Returns whether somebody said that no answer was owed."""
        return self.close_reason in CANCELLED


def _passed(deadline: datetime | None, until: datetime) -> datetime | None:
    """Who is answered at the very deadline is answered in time."""
    return deadline if deadline is not None and deadline < until else None


def dated(wait: Wait, clock: BusinessClock) -> Wait:
    """The wait has the deadlines that follow from its beginning."""
    since = wait.owed_since
    return replace(
        wait,
        late_time=clock.after(since, clock.target(since)),
        unanswered_time=clock.close_of_next_day(since),
    )


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of a wait, and with whom it passed."""

    part: Part
    start: datetime
    end: datetime
    agent_id: str | None = None
    """Who had the conversation; None but for agents."""
    pool_reason: str = ""
    """Why nobody had it."""


def segments(wait: Wait, until: datetime) -> list[Segment]:
    """Returns what the wait is made of up to an instant, without gaps: the platform first, then whoever had it.

    Of a wait of which nobody told who had it, who has it or had it at its end did.
    """
    start = wait.owed_since
    taken_in = min(max(wait.received_time or start, start), until)
    found = [Segment(Part.PLATFORM, start, taken_in)] if taken_in > start else []
    for each in _held(wait.holds or (Hold(wait.agent_id, start),), taken_in, until):
        last = found[-1] if found else None
        if last is not None and (last.part, last.agent_id) == (each.part, each.agent_id):
            found[-1] = replace(last, end=each.end, pool_reason=each.pool_reason or last.pool_reason)
        else:
            found.append(each)
    return found


def _held(holds: Sequence[Hold], start: datetime, end: datetime) -> Iterator[Segment]:
    """Before the first one nobody had it."""
    first = holds[0].since
    moments = [start, *(min(max(each.since, start), end) for each in holds), end]
    owners: list[Hold] = [Hold(None, first), *holds]
    for owner, (since, until) in zip(owners, pairwise(moments), strict=True):
        if since < until:
            part = Part.QUEUE if owner.agent_id is None else Part.AGENT
            yield Segment(part, since, until, owner.agent_id, owner.pool_reason)


_MILLISECOND = timedelta(milliseconds=1)
"""As exactly as ids tell when a message was written."""


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What else happened that may be the reason of a miss."""

    failures: Sequence[datetime] = ()
    """When answers in the conversation were not accepted by the platform."""
    states: Sequence[tuple[datetime, str]] = ()
    """What the account's state changed to, in order."""
    untranslated: Sequence[tuple[datetime, datetime | None]] = ()
    """From when to when a translation for an agent was awaited that had not come; None: it still is."""

    def unread(self, segment: "Segment", owed_since: datetime) -> list[tuple[datetime, datetime]]:
        """Returns when in a segment a text that the wait is about could not be read, in order and without overlaps."""
        start, end = segment.start, segment.end
        about = [(since, until or end) for since, until in self.untranslated if since > owed_since - _MILLISECOND]
        found: list[tuple[datetime, datetime]] = []
        for since, until in sorted((max(since, start), min(until, end)) for since, until in about):
            begin = max(since, found[-1][1]) if found else since
            if begin < until:
                found.append((begin, until))
        return found

    def state(self, at: datetime) -> str:
        """Returns the account's state at an instant; "" where it is not known."""
        told = [state for since, state in self.states if since <= at]
        return told[-1] if told else ""

    def failed(self, start: datetime, end: datetime) -> bool:
        """Returns whether an answer failed in [start, end]."""
        return any(start <= at <= end for at in self.failures)


_OFFLINE = frozenset(("bad_credentials", "logged_out", "disabled", "transient_disconnect", "unknown_error"))
_POOLED = {each.value: each for each in (RootCause.NOBODY_ON_DUTY, RootCause.OVER_CAPACITY)}


def root_cause(wait: Wait, breach: datetime, around: Circumstances, clock: BusinessClock) -> RootCause:
    """Returns what a miss came from.

    An answer that failed, an account that could not send, else whatever took most of the business time until then.
    """
    if around.failed(wait.owed_since, breach):
        return RootCause.SEND_FAILED
    if around.state(breach) in _OFFLINE:
        return RootCause.CHANNEL_OFFLINE
    longest = _longest(_read_and_unread(wait, breach, around), clock)
    if longest is None:
        return RootCause.RULE
    segment = longest.segment
    match segment.part:
        case Part.PLATFORM:
            return _platform_cause(segment, around)
        case Part.QUEUE:
            return _POOLED.get(segment.pool_reason, RootCause.RULE)
        case Part.AGENT:
            return RootCause.WAITING_FOR_TRANSLATION if longest.unread else _agent_cause(wait, segment, breach)


def _agent_cause(wait: Wait, segment: Segment, breach: datetime) -> RootCause:
    opened = any(each.agent_id == segment.agent_id and each.time <= breach for each in wait.opened)
    return RootCause.OPENED_NOT_ANSWERED if opened else RootCause.ASSIGNED_IGNORED


class _Share(NamedTuple):
    """What of a segment an agent could read, or could not: pieces of time."""

    segment: Segment
    unread: bool
    pieces: list[tuple[datetime, datetime]]


def _read_and_unread(wait: Wait, until: datetime, around: Circumstances) -> list[_Share]:
    """Nobody but an agent waits for a translation: of all else it does not matter whether it could be read."""
    found = []
    for each in segments(wait, until):
        unread = around.unread(each, wait.owed_since) if each.part is Part.AGENT else []
        edges = [each.start, *(edge for piece in unread for edge in piece), each.end]
        found.append(_Share(each, False, list(zip(edges[::2], edges[1::2], strict=True))))
        found.append(_Share(each, True, unread))
    return found


def _longest(shares: Sequence[_Share], clock: BusinessClock) -> _Share | None:
    def worked(share: _Share) -> timedelta:
        return sum((clock.elapsed(start, end) for start, end in share.pieces), timedelta())

    return max(shares, key=worked, default=None)


def _platform_cause(segment: Segment, around: Circumstances) -> RootCause:
    states = [around.state(segment.start), *(state for at, state in around.states if segment.start < at < segment.end)]
    if any(state in _OFFLINE for state in states):
        return RootCause.CHANNEL_OFFLINE
    return RootCause.CHANNEL_SILENT if "silent" in states else RootCause.PLATFORM_DELAY


@dataclass(frozen=True, slots=True)
class AgentMiss:
    """An assignment that came to nothing on an agent; somebody else may have saved the conversation."""

    agent_id: str
    since: datetime
    """When he was given it, or when the wait began that he had it at."""
    time: datetime
    """When it was taken from him, or when his time was over."""


def agent_misses(wait: Wait, now: datetime, clock: BusinessClock) -> list[AgentMiss]:
    """Returns the assignments that ended without an answer: taken away while owed, or kept for longer than the target.

    Who gave it back or handed it on himself has missed nothing, as long as he did so in time.
    """
    if not wait.holds:
        return []
    until = wait.end_time or now
    movers = {each.since: each.by_agent_id for each in wait.holds}
    found = []
    for each in segments(wait, until):
        if each.agent_id is None:
            continue
        timeout = clock.after(each.start, clock.target(each.start))
        if timeout is not None and timeout < each.end:
            found.append(AgentMiss(each.agent_id, each.start, timeout))
        elif each.end < until and movers.get(each.end) != each.agent_id:
            found.append(AgentMiss(each.agent_id, each.start, each.end))
    return found
