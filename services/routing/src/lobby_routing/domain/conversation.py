"""One channel user at one account: what he is owed, who answers him, and since when he waits.

A message of the customer is answered when its sequence number is at or below `answered_seq`, or when it was written
before the newest echo (`echo_time`). Some platforms tell only seconds: of the same moment, it was before the echo when
it came in before it. Both marks only rise, so repeats and disorder end in the same state. `owed_since` is always the
time of the oldest effective message that is not answered, or None.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from lobby_routing.domain.thanks import is_only_thanks

LEASE = timedelta(seconds=120)
"""How long an agent who claims or answers keeps others from answering."""
REOPEN = timedelta(hours=72)
"""How long after a close thanks for the answer belong to what was closed; later they begin something new."""

ERASED = "erased/"
"""How the address begins that stands for that of a customer who was forgotten; no platform has such ones."""


def erased_chat(conversation_id: str) -> str:
    """Returns the address that a conversation has when its customer was forgotten."""
    return f"{ERASED}{conversation_id}"


class Conversation(NamedTuple):
    """The state of a conversation; ids are "" where there is none.

    A tuple, not a dataclass: one is read and one is made anew for every message, and with this many fields a frozen
    dataclass takes several times as long for both.
    """

    conversation_id: str
    workspace_id: str
    account_id: str
    platform: str
    channel_user_id: str
    contact_id: str
    chat: str
    """Address to which answers go: the one from which the customer wrote last."""
    display_name: str = ""
    country: str = ""
    language: str = ""
    closed: bool = False
    episode: int = 0
    """0 before the first message, then one more at each opening."""
    agent_id: str = ""
    was_assigned: bool = False
    """Somebody was assigned before: the agent of its entry is settled."""
    answer_agent_id: str = ""
    """Who answered last."""
    answer_time: datetime | None = None
    team: str = ""
    """Only this team may have it; set by a transfer, until the next episode."""
    released_by: str = ""
    """Who gave it back; he does not get it again before the customer writes."""
    pooled: bool = False
    """The last decision found nobody."""
    answered_seq: int = 0
    echo_time: datetime | None = None
    """Time of the newest message that staff wrote in the platform's own app, and when it came in."""
    echo_received_time: datetime | None = None
    ended_by: str = ""
    """The message that ended the last wait."""
    lease_agent_id: str = ""
    lease_expire_time: datetime | None = None
    window_lost: bool = False
    """The reply window closed on the wait that is open."""
    bot_answered: bool = False
    """A bot answered in it."""
    thanks_until: datetime | None = None
    """Closed when it was answered: who only says thanks until then is owed nothing, and opens nothing."""
    # From here on: what every message changes.
    inbound_seq: int = 0
    owed_since: datetime | None = None
    inbound_time: datetime | None = None
    last_message_id: str = ""
    last_message_text: str = ""
    last_message_time: datetime | None = None
    window_close_time: datetime | None = None
    priority: int = 0

    def lost_window(self, now: datetime) -> datetime | None:
        """Returns when the reply window closed on the open wait; None where it did not, or that is known."""
        closed = self.window_close_time
        if self.owed_since is None or closed is None or self.window_lost:
            return None
        return closed if self.owed_since < closed <= now else None

    def leased_to_other(self, agent_id: str, now: datetime) -> bool:
        """Returns whether somebody else is answering now."""
        held = self.lease_expire_time is not None and self.lease_expire_time > now
        return held and self.lease_agent_id != agent_id

    def is_thanked_by(self, inbound: "Inbound") -> bool:
        """Returns whether a message only says thanks for the answer with which it was closed."""
        if not (self.closed and inbound.plain) or self.thanks_until is None:
            return False
        return inbound.occurred_time <= self.thanks_until and is_only_thanks(inbound.text_start)


_NEW_WAIT: dict[str, Any] = {"window_lost": False, "bot_answered": False}
"""What is not true of a wait that begins."""
_LOUD = Conversation._fields.index("inbound_seq")


def is_quiet(before: Conversation, after: Conversation) -> bool:
    """Returns whether nothing changed but what every message changes."""
    return before[:_LOUD] == after[:_LOUD]


@dataclass(frozen=True, slots=True)
class Inbound:
    """A message of the customer."""

    message_id: str
    chat: str
    occurred_time: datetime
    received_time: datetime
    effective: bool
    plain: bool = False
    """It is a text, and nothing else."""
    text_start: str = ""
    display_name: str = ""
    country: str = ""
    locale: str = ""
    window_close_time: datetime | None = None


@dataclass(frozen=True, slots=True)
class Outbound:
    """A message of our side that the platform accepted."""

    message_id: str
    accept_time: datetime
    received_time: datetime
    """When connectors told that it was accepted."""
    text_start: str = ""
    agent_id: str = ""
    bot: bool = False
    echo: bool = False
    seen_seq: int = 0


class Unanswered(NamedTuple):
    """An effective message that nobody answered."""

    seq: int
    occurred_time: datetime
    received_time: datetime


class Echo(NamedTuple):
    """A message that staff wrote in the platform's own app."""

    message_id: str
    accept_time: datetime
    received_time: datetime

    def covers(self, message: Unanswered) -> bool:
        """Returns whether it was written after the message."""
        return (message.occurred_time, message.received_time) <= (self.accept_time, self.received_time)


def receive(conversation: Conversation, inbound: Inbound) -> Conversation:
    """The customer's message is counted, shown and, unless it is answered already, owed; a closed one is open again."""
    changes = _shown(conversation, inbound.message_id, inbound.text_start, inbound.occurred_time)
    changes |= _as_he_wrote(conversation, inbound)
    if conversation.episode == 0:
        changes["episode"] = 1
    if not inbound.effective:
        return conversation._replace(**changes)
    seq = conversation.inbound_seq + 1
    changes["inbound_seq"] = seq
    if not is_answered(conversation, Unanswered(seq, inbound.occurred_time, inbound.received_time)):
        since = conversation.owed_since
        changes["owed_since"] = inbound.occurred_time if since is None else min(since, inbound.occurred_time)
        changes["released_by"] = ""
        if since is None:
            changes |= _NEW_WAIT
        if conversation.closed:
            changes |= _next_episode(conversation)
    return conversation._replace(**changes)


def is_answered(conversation: Conversation, message: Unanswered) -> bool:
    """Returns whether an answer that is known covers the message."""
    if message.seq <= conversation.answered_seq:
        return True
    if conversation.echo_time is None or conversation.echo_received_time is None:
        return False
    return Echo("", conversation.echo_time, conversation.echo_received_time).covers(message)


def answer(
    conversation: Conversation, outbound: Outbound, unanswered: Iterable[Unanswered]
) -> tuple[Conversation, list[Unanswered]]:
    """What the answer covers is not owed any more; returns what still is.

    An agent's answer covers what he had seen, an echo all that was written before it, a bot's nothing.
    """
    changes = _shown(conversation, outbound.message_id, outbound.text_start, outbound.accept_time)
    if not outbound.bot:
        changes |= _covered(conversation, outbound)
    after = conversation._replace(**changes)
    rest = [message for message in unanswered if not is_answered(after, message)]
    since = oldest(rest)
    if since != conversation.owed_since:
        after = after._replace(owed_since=since, ended_by=outbound.message_id, **_NEW_WAIT)
    return after, rest


def oldest(unanswered: Sequence[Unanswered]) -> datetime | None:
    """Returns since when the customer waits for the first of these."""
    return min((message.occurred_time for message in unanswered), default=None)


def close(conversation: Conversation, now: datetime) -> Conversation:
    """It is closed and nothing is owed; where it was answered, thanks are awaited for a while."""
    answered = conversation.answer_time is not None or conversation.echo_time is not None
    return conversation._replace(
        closed=True,
        thanks_until=now + REOPEN if answered and conversation.owed_since is None else None,
        owed_since=None,
        answered_seq=max(conversation.answered_seq, conversation.inbound_seq),
        pooled=False,
        lease_agent_id="",
        lease_expire_time=None,
    )


def reopen(conversation: Conversation) -> Conversation:
    """A new episode has begun; nothing is owed before the customer writes."""
    return conversation._replace(**_next_episode(conversation))


def assign(conversation: Conversation, agent_id: str) -> Conversation:
    """The agent has it; a lease of somebody else is gone."""
    keeps_lease = conversation.lease_agent_id == agent_id
    return conversation._replace(
        agent_id=agent_id,
        was_assigned=True,
        released_by="",
        pooled=False,
        lease_agent_id=agent_id if keeps_lease else "",
        lease_expire_time=conversation.lease_expire_time if keeps_lease else None,
    )


def unassign(conversation: Conversation, *, released_by: str = "") -> Conversation:
    """It waits in the pool."""
    return conversation._replace(
        agent_id="",
        released_by=released_by,
        lease_agent_id="",
        lease_expire_time=None,
    )


def lease(conversation: Conversation, agent_id: str, now: datetime) -> Conversation:
    """The agent is the one who answers, for the next two minutes."""
    return conversation._replace(lease_agent_id=agent_id, lease_expire_time=now + LEASE)


def rewrite(conversation: Conversation, message_id: str, text_start: str) -> Conversation:
    """The text shown is the edited one (empty: deleted) if that message is the one shown."""
    if conversation.last_message_id != message_id:
        return conversation
    return conversation._replace(last_message_text=text_start)


def _covered(conversation: Conversation, outbound: Outbound) -> dict[str, Any]:
    if outbound.echo:
        newest = (outbound.accept_time, outbound.received_time)
        if conversation.echo_time is not None and conversation.echo_received_time is not None:
            newest = max(newest, (conversation.echo_time, conversation.echo_received_time))
        return {"echo_time": newest[0], "echo_received_time": newest[1]}
    changes: dict[str, Any] = {"answered_seq": max(conversation.answered_seq, outbound.seen_seq)}
    if conversation.answer_time is None or outbound.accept_time >= conversation.answer_time:
        changes |= {"answer_agent_id": outbound.agent_id, "answer_time": outbound.accept_time}
    return changes


def _shown(conversation: Conversation, message_id: str, text: str, at: datetime) -> dict[str, Any]:
    """The newest message, whichever side wrote it, is the one shown in lists."""
    if conversation.last_message_time is not None and at < conversation.last_message_time:
        return {}
    return {"last_message_id": message_id, "last_message_text": text, "last_message_time": at}


def _as_he_wrote(conversation: Conversation, inbound: Inbound) -> dict[str, Any]:
    """Address, name and country are those of his newest message; what it does not say stays."""
    changes: dict[str, Any] = {}
    window = inbound.window_close_time
    if window is not None and (conversation.window_close_time is None or window > conversation.window_close_time):
        changes["window_close_time"] = window
    if conversation.inbound_time is not None and inbound.occurred_time < conversation.inbound_time:
        return changes
    changes["inbound_time"] = inbound.occurred_time
    changes["chat"] = inbound.chat
    if inbound.display_name:
        changes["display_name"] = inbound.display_name
    if inbound.country:
        changes["country"] = inbound.country
    if inbound.locale and not conversation.language:
        # A client's setting is a guess until translate has read what he writes.
        changes["language"] = inbound.locale
    return changes


def _next_episode(conversation: Conversation) -> dict[str, Any]:
    return {
        "closed": False,
        "episode": conversation.episode + 1,
        "team": "",
        "released_by": "",
        "pooled": False,
    }
