"""What the counter hears and tells.

Running twice is harmless: see `app.apply`. What comes before its subject waits in a table: an agent or a language for
its entry, an answer for the person of its chat, a membership for its channel user's first message.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache, partial
from typing import Any

from google.protobuf.message import Message

from lobby.connectors.v1.account_pb2 import Account
from lobby.connectors.v1.events_pb2 import AccountStateChanged, DeliveryChanged, MessageSent
from lobby.connectors.v1.message_pb2 import DELIVERY_FAILED
from lobby.counter.v1.events_pb2 import CountChanged
from lobby.events.v1.batch_pb2 import Event
from lobby.identity.v1.events_pb2 import (
    BaseImported,
    BaseUndone,
    ContactErased,
    ContactGroup,
    ContactMerged,
    ContactSplit,
    MessageIdentified,
)
from lobby.identity.v1.events_pb2 import BaseRow as EventBaseRow
from lobby.routing.v1.events_pb2 import (
    AgentPresenceChanged,
    BotAnswered,
    ConversationAnswered,
    ConversationAssigned,
    ConversationClosed,
    ConversationHandled,
    ConversationOwed,
    ConversationRef,
    ConversationSeen,
    ReplyWindowClosed,
)
from lobby.translate.v1.events_pb2 import MessageTranslated
from lobby.translate.v1.translation_pb2 import TRANSLATION_STATUS_UNSPECIFIED, TRANSLATION_STATUS_UNTRANSLATED
from lobby_common.events import Incoming, Tx
from lobby_common.events.log import Connection
from lobby_common.ids import derive_id, time_of
from lobby_common.times import from_proto, to_proto, utc_now
from lobby_counter import app, conversations, store, wait_store
from lobby_counter.clients import Calendars
from lobby_counter.conversations import Answered, Assigned, Change, Closed, Conversation, Owed, Seen, Told, WindowClosed
from lobby_counter.domain import BaseId, Cause, CauseKind, ChannelUserId, ContactId
from lobby_counter.facts import (
    AccountState,
    Changes,
    Erased,
    Facts,
    Failure,
    HandledTime,
    Import,
    Inbound,
    Language,
    Origin,
    Outbound,
    Presence,
    Rendered,
)
from lobby_counter.facts import Change as FiguresChange
from lobby_counter.judging import PRECISION
from lobby_counter.ledger import HINT, BaseRow, Greeting, Member, Regrouping, first_id
from lobby_counter.recovered import RECOVERED_SECONDS

PRODUCERS = ("connectors", "identity", "routing", "translate")

_BEGINNING = datetime(1, 1, 2, tzinfo=UTC)
"""A day after the first that there is, which databases may call the beginning of time."""
_CHATS_REMEMBERED = 16_384
"""A message brings its chat here several times, from several services, and seldom only one message comes."""
_SOON = timedelta(seconds=30)
"""Within that after a message was written something is told of its language, unless translate is away."""
_EPOCH = datetime(1970, 1, 2, tzinfo=UTC)
"""Ids of messages without a time of their own say less."""
_NOTHING_TO_AWAIT = frozenset(("undetermined", "same_language", "no_provider", "unsupported_pair", "too_long"))
"""Why a text has no translation and none is to come."""
_LONGEST_WORD = 200
"""Campaign ids and the like are cut: nobody vouches for what an ad puts there."""


class CounterEvents:
    """Applies batches to the ledger."""

    handles: tuple[type[Message], ...] = (
        MessageIdentified,
        ContactMerged,
        ContactSplit,
        BaseImported,
        BaseUndone,
        ContactErased,
        MessageSent,
        ConversationAssigned,
        ConversationOwed,
        ConversationSeen,
        BotAnswered,
        ReplyWindowClosed,
        ConversationAnswered,
        ConversationClosed,
        MessageTranslated,
        DeliveryChanged,
        AccountStateChanged,
        ConversationHandled,
        AgentPresenceChanged,
    )
    evident: tuple[type[Message], ...] = (
        MessageIdentified,
        MessageSent,
        ConversationAssigned,
        ConversationOwed,
        ReplyWindowClosed,
        ConversationAnswered,
        ConversationClosed,
    )

    def __init__(self, calendars: Calendars) -> None:
        self._calendars = calendars

    async def apply(self, tx: Tx, events: Sequence[Incoming]) -> None:
        """The effects of all events are in the transaction, and what they changed is told once per workspace."""
        await self._apply(tx, read(events), whole=False)

    async def _apply(self, tx: Tx, facts: Facts, *, whole: bool) -> None:
        self._calendars.see(facts.origins)
        changes = await app.apply(tx.conn, facts, self._calendars.known, utc_now(), whole=whole)
        _tell(tx, changes, facts)

    async def find_effectless(self, conn: Connection, events: Sequence[Incoming]) -> Collection[str]:
        """Returns the events whose messages are not counted, or whose entries, conversations or waits are gone."""
        facts = read(events)
        return await store.find_uncounted(conn, facts) | await wait_store.find_unfollowed(conn, facts.told)

    async def mend(self, tx: Tx, events: Sequence[Incoming]) -> None:
        """Lost messages are counted anew, and their roll-ups made of them: a lost row leaves its roll-up behind.

        Waits that are gone are there again.
        """
        facts = read(events)
        await store.lock_workspaces(tx.conn, facts.origins)
        lost = await store.find_uncounted(tx.conn, facts)
        messages = [each.message_id for each in facts.inbound if each.event_id in lost]
        messages += [each.message_id for each in facts.outbound if each.event_id in lost]
        await store.forget_unjudged(tx.conn, [each for each in facts.inbound if each.event_id in lost])
        await store.forget_messages(tx.conn, messages)
        await self._apply(tx, facts, whole=True)
        await store.roll_up_traffic(tx.conn, messages)
        waitless = await wait_store.find_unfollowed(tx.conn, facts.told)
        lost_waits = [each for each in facts.told if each.event_id in waitless]
        await wait_store.restore_waits(tx.conn, lost_waits, self._calendars.known)


def read(events: Sequence[Incoming]) -> Facts:
    """Returns what the events tell, in their order."""
    facts = Facts()
    for incoming in events:
        event = incoming.event
        if event.workspace_id not in facts.origins:
            facts.origins[event.workspace_id] = Origin(event.id, from_proto(event.time), incoming.traceparent)
        _READERS[type(incoming.payload)](facts, incoming, incoming.payload)
    return facts


def _tell(tx: Tx, changes: Changes, facts: Facts) -> None:
    for workspace_id, change in changes.items():
        origin = facts.origins[workspace_id]
        event_id = derive_id(origin.time, "count_changed", workspace_id, origin.event_id)
        cause = {"cause_id": origin.event_id, "traceparent": origin.traceparent}
        tell_change(tx, workspace_id, change, event_id=event_id, **cause)


def tell_change(
    tx: Tx, workspace_id: str, change: FiguresChange, *, event_id: str, cause_id: str, traceparent: str = ""
) -> None:
    """It is told how figures of the workspace changed."""
    times: dict[str, Any] = {"from": to_proto(change.start), "to": to_proto(change.end + PRECISION)}
    tx.tell(
        CountChanged(entries=change.entries, corrections=change.corrections, **times),
        workspace_id=workspace_id,
        key=workspace_id,
        event_id=event_id,
        traceparent=traceparent,
        cause_id=cause_id,
    )


@lru_cache(_CHATS_REMEMBERED)
def chat_id(account_id: str, chat: str) -> str:
    """Returns what stands for a chat address here; the address may be a phone number."""
    return derive_id(None, "chat", account_id, chat)


def _word(text: str) -> str:
    return text.replace("\x00", "")[:_LONGEST_WORD]


def _read_identified(facts: Facts, incoming: Incoming, said: MessageIdentified) -> None:
    event = incoming.event
    occurred_time = from_proto(said.occurred_time)
    facts.inbound.append(
        Inbound(
            said.message_id,
            event.id,
            event.workspace_id,
            said.account_id,
            said.channel_user_id,
            chat_id(said.account_id, said.chat),
            occurred_time,
            said.platform,
            said.greeting,
            _recovered_time(said),
        )
    )
    if said.greeting:
        facts.greetings[said.message_id] = partial(_greeting, event, said, occurred_time)


def _recovered_time(said: MessageIdentified) -> datetime | None:
    late = said.received_time.seconds - said.occurred_time.seconds >= RECOVERED_SECONDS
    return from_proto(said.received_time) if late else None


def _greeting(event: Event, said: MessageIdentified, occurred_time: datetime) -> Greeting:
    return Greeting(
        entry_id=first_id(said.account_id, said.channel_user_id),
        event_id=event.id,
        message_id=said.message_id,
        workspace_id=event.workspace_id,
        account_id=said.account_id,
        platform=said.platform,
        channel_user_id=ChannelUserId(said.channel_user_id),
        contact_id=ContactId(said.contact_id),
        occurred_time=occurred_time,
        received_time=from_proto(said.received_time),
        campaign_id=_word(said.referral.source_id),
        locale=_word(said.locale),
        country=_word(said.country),
    )


def _group(group: ContactGroup) -> tuple[ContactId, tuple[ChannelUserId, ...]]:
    return (ContactId(group.contact_id), tuple(ChannelUserId(each) for each in group.channel_user_ids))


def _read_merged(facts: Facts, incoming: Incoming, said: ContactMerged) -> None:
    cause = Cause(CauseKind.MERGE, said.merge_id, _word(said.actor))
    facts.regroupings.append(Regrouping(incoming.event.workspace_id, cause, said.version, (_group(said.group),)))


def _read_split(facts: Facts, incoming: Incoming, said: ContactSplit) -> None:
    cause = Cause(CauseKind.SPLIT, said.merge_id, _word(said.actor))
    groups = tuple(_group(group) for group in said.groups)
    facts.regroupings.append(Regrouping(incoming.event.workspace_id, cause, said.version, groups))


def _read_imported(facts: Facts, incoming: Incoming, said: BaseImported) -> None:
    since = from_proto(said.effective_from) if said.HasField("effective_from") else _BEGINNING
    _import(facts, incoming, Cause(CauseKind.IMPORT, said.import_id), said.rows, since)


def _read_undone(facts: Facts, incoming: Incoming, said: BaseUndone) -> None:
    _import(facts, incoming, Cause(CauseKind.IMPORT, said.import_id, _word(said.actor)), said.rows, None)


def _import(
    facts: Facts, incoming: Incoming, cause: Cause, told: Iterable[EventBaseRow], since: datetime | None
) -> None:
    """`since` is None where it was undone."""
    rows, hints = [], []
    for each in told:
        user = ChannelUserId(each.channel_user_id)
        rows.append(BaseRow(BaseId(each.row_id), user, since, undone=since is None))
        if each.contact_id:
            hints.append(Member(user, ContactId(each.contact_id), HINT))
    facts.imports.append(Import(incoming.event.workspace_id, cause, tuple(rows), tuple(hints)))


def _read_sent(facts: Facts, incoming: Incoming, said: MessageSent) -> None:
    facts.outbound.append(
        Outbound(
            said.message_id,
            incoming.event.id,
            incoming.event.workspace_id,
            said.account_id,
            chat_id(said.account_id, said.chat),
            said.agent_id or None,
            from_proto(said.accept_time),
            said.platform,
            human=not said.bot,
        )
    )


def _read_translated(facts: Facts, incoming: Incoming, said: MessageTranslated) -> None:
    known = said.language not in ("", "und")
    language = said.language if known else said.customer_language
    chat = chat_id(said.account_id, said.chat)
    if language:
        facts.languages.append(Language(said.message_id, chat, said.version, _word(language)))
    if said.version > 1 or said.translation.status == TRANSLATION_STATUS_UNTRANSLATED or _is_late(incoming, said):
        _read_rendered(facts, incoming, said, chat)


def _is_late(incoming: Incoming, said: MessageTranslated) -> bool:
    """Returns whether nobody told anything of the message for a while after it was written, which its id says."""
    written = time_of(said.message_id)
    return _EPOCH < written < from_proto(incoming.event.time) - _SOON


def _read_rendered(facts: Facts, incoming: Incoming, said: MessageTranslated, chat: str) -> None:
    """Where translate was away it could not be read since it was written; else since it was told that it cannot be."""
    told = from_proto(incoming.event.time)
    status, reason = said.translation.status, said.translation.reason
    awaited = status == TRANSLATION_STATUS_UNTRANSLATED and reason not in _NOTHING_TO_AWAIT
    late = said.version == 1 and _is_late(incoming, said)
    if not awaited and status == TRANSLATION_STATUS_UNSPECIFIED and said.version > 1:
        return
    start = time_of(said.message_id) if late else told if awaited else None
    end = None if awaited else told
    if start is not None or said.version > 1:
        facts.rendered.append(Rendered(said.message_id, said.version, said.account_id, chat, start, end))


def _read_assigned(facts: Facts, incoming: Incoming, said: ConversationAssigned) -> None:
    time = from_proto(said.assign_time if said.HasField("assign_time") else incoming.event.time)
    change = Assigned(said.agent_id or None, time, _word(said.pool_reason), said.by_agent_id or None)
    _tell_of(facts, incoming, said.conversation, change)


def _read_owed(facts: Facts, incoming: Incoming, said: ConversationOwed) -> None:
    received_time = from_proto(said.received_time) if said.HasField("received_time") else None
    change = Owed(from_proto(said.owed_since), said.agent_id or None, received_time, _word(said.pool_reason))
    _tell_of(facts, incoming, said.conversation, change)


def _read_seen(facts: Facts, incoming: Incoming, said: ConversationSeen) -> None:
    _tell_of(facts, incoming, said.conversation, Seen(said.agent_id, from_proto(said.seen_time)))


def _read_bot(facts: Facts, incoming: Incoming, said: BotAnswered) -> None:
    _tell_of(facts, incoming, said.conversation, conversations.BotAnswered(from_proto(said.answer_time)))


def _read_window_closed(facts: Facts, incoming: Incoming, said: ReplyWindowClosed) -> None:
    change = WindowClosed(from_proto(said.owed_since), from_proto(said.window_close_time))
    _tell_of(facts, incoming, said.conversation, change)


def _read_answered(facts: Facts, incoming: Incoming, said: ConversationAnswered) -> None:
    change = Answered(from_proto(said.owed_since), from_proto(said.answer_time), said.agent_id or None)
    _tell_of(facts, incoming, said.conversation, change)


def _read_closed(facts: Facts, incoming: Incoming, said: ConversationClosed) -> None:
    since = from_proto(said.owed_since) if said.HasField("owed_since") else None
    change = Closed(since, from_proto(said.close_time), said.agent_id or None, _word(said.reason))
    _tell_of(facts, incoming, said.conversation, change)


def _read_delivery(facts: Facts, incoming: Incoming, said: DeliveryChanged) -> None:
    if said.delivery == DELIVERY_FAILED and said.conversation_id:
        facts.failures.append(Failure(incoming.event.id, said.conversation_id, from_proto(said.change_time)))


def _read_state(facts: Facts, incoming: Incoming, said: AccountStateChanged) -> None:
    state = Account.State.Name(said.state).removeprefix("STATE_").lower()
    event = incoming.event
    facts.states.append(AccountState(event.id, event.workspace_id, said.account_id, from_proto(said.state_time), state))


def _read_handled(facts: Facts, incoming: Incoming, said: ConversationHandled) -> None:
    event, ref = incoming.event, said.conversation
    start, end = from_proto(said.start_time), from_proto(said.end_time)
    who = (event.id, event.workspace_id, said.agent_id)
    facts.handled.append(HandledTime(*who, ref.conversation_id, ref.account_id, ref.platform, start, end, said.wrap_up))


def _read_presence(facts: Facts, incoming: Incoming, said: AgentPresenceChanged) -> None:
    event = incoming.event
    time = from_proto(said.presence_time)
    facts.presences.append(Presence(event.id, event.workspace_id, said.agent_id, time, _word(said.presence)))


def _read_erased(facts: Facts, incoming: Incoming, said: ContactErased) -> None:
    workspace_id = incoming.event.workspace_id
    facts.erased += [Erased(channel_user_id, workspace_id) for channel_user_id in said.channel_user_ids]


def _tell_of(facts: Facts, incoming: Incoming, ref: ConversationRef, change: Change) -> None:
    conversation = Conversation(
        ref.conversation_id, incoming.event.workspace_id, ref.account_id, ref.platform, ref.channel_user_id
    )
    facts.told.append(Told(incoming.event.id, incoming.position, conversation, change))


_READERS: dict[type[Message], Callable[[Facts, Incoming, Any], None]] = {
    MessageIdentified: _read_identified,
    ContactMerged: _read_merged,
    BaseImported: _read_imported,
    BaseUndone: _read_undone,
    ContactErased: _read_erased,
    ContactSplit: _read_split,
    MessageSent: _read_sent,
    ConversationAssigned: _read_assigned,
    ConversationOwed: _read_owed,
    ConversationSeen: _read_seen,
    BotAnswered: _read_bot,
    ReplyWindowClosed: _read_window_closed,
    ConversationAnswered: _read_answered,
    ConversationClosed: _read_closed,
    MessageTranslated: _read_translated,
    DeliveryChanged: _read_delivery,
    AccountStateChanged: _read_state,
    ConversationHandled: _read_handled,
    AgentPresenceChanged: _read_presence,
}
