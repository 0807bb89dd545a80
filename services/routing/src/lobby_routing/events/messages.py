"""Events about messages of conversations: what the customer wrote, what our side sent, what was edited or deleted.

One batch is loaded with a few statements whatever its size, decided in memory, and saved with a few more.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from lobby.connectors.v1.events_pb2 import MessageDeleted, MessageEdited, MessageSent
from lobby.connectors.v1.message_pb2 import MESSAGE_KIND_TEXT
from lobby.events.v1.batch_pb2 import Event
from lobby.identity.v1.events_pb2 import MessageIdentified
from lobby_common.events.log import Connection, Tx
from lobby_common.ids import derive_id
from lobby_common.times import from_proto
from lobby_routing.domain.agents import OFFLINE
from lobby_routing.domain.conversation import Conversation, Inbound, Outbound
from lobby_routing.domain.floor import Cause, Floor
from lobby_routing.domain.languages import canonical
from lobby_routing.events.telling import platform_name, tell
from lobby_routing.store import floors
from lobby_routing.store.floors import conversation_of
from lobby_routing.store.statements import QUERIES

_SHOWN = 200
"""Characters of a message that lists show."""

About = MessageIdentified | MessageSent | MessageEdited | MessageDeleted
"""What happens to messages of a conversation."""
ABOUT = (MessageIdentified, MessageSent, MessageEdited, MessageDeleted)
_KINDS = {kind.DESCRIPTOR.full_name: kind for kind in ABOUT}


class Heard:
    """An event about a message."""

    __slots__ = ("conversation_id", "event", "payload", "place", "traceparent")

    def __init__(self, event: Event, payload: About, traceparent: str) -> None:
        self.event = event
        self.payload = payload
        self.traceparent = traceparent
        self.place = (payload.account_id, payload.chat)
        """The chat in which the message stands."""
        self.conversation_id = _named_conversation(payload)
        """The conversation that the event itself names, "" where only the chat tells it."""

    def cause(self) -> Cause:
        """Returns why what follows happens."""
        return Cause(self.event.id, self.event.id, self.traceparent, self.payload.message_id)


def conversation_id_of(payload: MessageIdentified) -> str:
    """Returns the id of the conversation of a channel user at an account: one for ever."""
    return derive_id(None, "conversation", payload.account_id, payload.channel_user_id)


def _named_conversation(payload: About) -> str:
    if isinstance(payload, MessageIdentified):
        return conversation_id_of(payload)
    return payload.conversation_id if isinstance(payload, MessageSent) else ""


class Messages:
    """One batch of events about messages."""

    def __init__(self, conn: Connection, now: datetime) -> None:
        self._conn = conn
        self._now = now
        self._known: set[str] = set()
        """Messages that were applied before, or earlier in this batch."""
        self._bound: dict[tuple[str, str], str] = {}
        """Conversations of the chats in this batch, "" where there is none."""
        self._awaited: set[tuple[str, str]] = set()
        self._newly_bound: dict[tuple[str, str], datetime] = {}
        self._early: list[Heard] = []
        self._floor: Floor

    async def apply(self, tx: Tx, heard: Sequence[Heard]) -> None:
        """Conversations are as after all of them, and what changed is told."""
        self._floor = Floor(
            self._now,
            await floors.load_rosters(self._conn, sorted({each.event.workspace_id for each in heard})),
        )
        await self._load(heard)
        await self._load_ends(heard)
        for each in heard:
            self._apply(each)
        early, self._early = self._early, []
        for each in early:  # its subject may have come later in this very batch
            self._apply(each)
        await self._apply_waiting()
        await floors.drain(self._conn, self._floor)
        await floors.save(self._conn, self._floor)
        await self._save_chats()
        await self._save_early()
        tell(tx, self._floor)

    async def _load(self, heard: Sequence[Heard]) -> None:
        rows = await self._conn.fetch(
            QUERIES["load_for_messages"],
            [each.conversation_id or None for each in heard],
            [each.payload.account_id for each in heard],
            [each.payload.chat for each in heard],
            [each.payload.message_id for each in heard],
        )
        strangers: dict[str, Heard] = {}
        for each, row in zip(heard, rows, strict=True):
            known, bound, awaited, conversation_id = row[:4]
            if known:
                self._known.add(each.payload.message_id)
            if awaited:
                self._awaited.add(each.place)
            self._bound.setdefault(each.place, bound)
            if conversation_id is not None and conversation_id not in self._floor.conversations:
                self._floor.put(conversation_of(row, offset=3))
            if isinstance(each.payload, MessageIdentified) and self._needs_agent(each):
                strangers.setdefault(each.conversation_id, each)
        if strangers:
            await self._load_people(strangers)

    def _needs_agent(self, each: Heard) -> bool:
        """Returns whether somebody may have to be found for the writer."""
        conversation = self._floor.conversations.get(each.conversation_id)
        if conversation is None or conversation.closed:
            return True
        roster = self._floor.rosters[conversation.workspace_id]
        holder = roster.find(conversation.agent_id)
        return roster.has_room() and (holder is None or holder.presence == OFFLINE)

    async def _load_people(self, strangers: Mapping[str, Heard]) -> None:
        """Those who write for the first time have a conversation, and whom each person knows is known."""
        users, contacts, platforms = [], [], []
        for each in strangers.values():
            payload = each.payload
            assert isinstance(payload, MessageIdentified)
            known = self._floor.conversations.get(each.conversation_id)
            users.append(payload.channel_user_id)
            contacts.append(payload.contact_id if known is None else known.contact_id)
            platforms.append(platform_name(payload.platform))
        rows = await self._conn.fetch(QUERIES["load_people"], users, contacts, platforms)
        for (conversation_id, each), (contact_id, agent_id, priority) in zip(strangers.items(), rows, strict=True):
            if agent_id:
                self._floor.acquaintances[conversation_id] = agent_id
            if conversation_id not in self._floor.conversations:
                self._floor.conversations[conversation_id] = _blank(each, contact_id, priority)

    async def _load_ends(self, heard: Iterable[Heard]) -> None:
        answered: dict[str, Conversation] = {}
        late: dict[str, datetime] = {}
        for each in heard:
            conversation = self._find(each)
            if conversation is None or conversation.episode == 0:
                continue
            if isinstance(each.payload, MessageSent):
                answered[conversation.conversation_id] = conversation
            elif isinstance(each.payload, MessageIdentified) and conversation.echo_time is not None:
                occurred = from_proto(each.payload.occurred_time)
                if occurred <= conversation.echo_time:
                    since = late.get(conversation.conversation_id, occurred)
                    late[conversation.conversation_id] = min(since, occurred)
        if answered or late:
            await floors.load_ends(self._conn, self._floor, list(answered.values()), list(late.items()))

    def _find(self, each: Heard) -> Conversation | None:
        conversation_id = each.conversation_id or self._bound.get(each.place, "")
        found = self._floor.conversations.get(conversation_id)
        if found is None and each.conversation_id:
            found = self._floor.conversations.get(self._bound.get(each.place, ""))
        return found

    def _apply(self, each: Heard) -> bool:
        """Returns whether the event had its subject; where it had not it waits."""
        if isinstance(each.payload, MessageIdentified):
            self._receive(each, each.payload)
            return True
        conversation = self._find(each)
        if conversation is None or conversation.episode == 0:
            self._early.append(each)
            return False
        if isinstance(each.payload, MessageSent):
            self._floor.send(conversation.conversation_id, _outbound(each.event, each.payload), each.cause())
            self._known.add(each.payload.message_id)
            return True
        if each.payload.message_id not in self._known:
            self._early.append(each)
            return False
        text = _shown(each.payload.text) if isinstance(each.payload, MessageEdited) else ""
        self._floor.rewrite(conversation.conversation_id, each.payload.message_id, text)
        return True

    def _receive(self, each: Heard, payload: MessageIdentified) -> None:
        conversation_id = each.conversation_id
        if self._bound.get(each.place) != conversation_id:
            self._bound[each.place] = conversation_id
            self._newly_bound[each.place] = from_proto(payload.occurred_time)
        if payload.message_id in self._known:
            return
        self._known.add(payload.message_id)
        self._floor.receive(conversation_id, _inbound(payload), each.cause())

    async def _apply_waiting(self) -> None:
        """What waited for these chats has its effect now, as far as its subject is there."""
        places = [place for place in self._awaited if self._bound.get(place)]
        if not places:
            return
        rows = await self._conn.fetch(
            QUERIES["load_waiting"], [account_id for account_id, _ in places], [chat for _, chat in places]
        )
        waiting = [_thaw(row["event"]) for row in rows]
        message_ids = [each.payload.message_id for each in waiting]
        self._known |= {row["message_id"] for row in await self._conn.fetch(QUERIES["find_known"], message_ids)}
        await self._load_ends(waiting)
        early = len(self._early)
        applied = [each.event.id for each in waiting if self._apply(each)]
        del self._early[early:]
        if applied:
            await self._conn.execute(QUERIES["delete_waiting"], applied)

    async def _save_chats(self) -> None:
        if self._newly_bound:
            places = sorted(self._newly_bound)
            await self._conn.execute(
                QUERIES["save_chats"],
                [account_id for account_id, _ in places],
                [chat for _, chat in places],
                [self._bound[place] for place in places],
                [self._newly_bound[place] for place in places],
            )

    async def _save_early(self) -> None:
        if self._early:
            await self._conn.execute(
                QUERIES["save_waiting"],
                [each.event.id for each in self._early],
                [each.payload.account_id for each in self._early],
                [each.payload.chat for each in self._early],
                [each.event.SerializeToString() for each in self._early],
            )


def _blank(each: Heard, contact_id: str, priority: int) -> Conversation:
    """Returns the conversation before its first message."""
    payload = each.payload
    assert isinstance(payload, MessageIdentified)
    return Conversation(
        conversation_id=each.conversation_id,
        workspace_id=each.event.workspace_id,
        account_id=payload.account_id,
        platform=platform_name(payload.platform),
        channel_user_id=payload.channel_user_id,
        contact_id=contact_id,
        chat=payload.chat,
        priority=priority,
    )


def _inbound(payload: MessageIdentified) -> Inbound:
    return Inbound(
        message_id=payload.message_id,
        chat=payload.chat,
        occurred_time=from_proto(payload.occurred_time),
        received_time=from_proto(payload.received_time),
        effective=payload.greeting,
        plain=payload.kind == MESSAGE_KIND_TEXT,
        text_start=_shown(payload.text_start),
        display_name=_shown(payload.display_name),
        country=payload.country.upper(),
        locale=canonical(payload.locale),
        window_close_time=from_proto(payload.window_close_time) if payload.HasField("window_close_time") else None,
    )


def _outbound(event: Event, payload: MessageSent) -> Outbound:
    return Outbound(
        message_id=payload.message_id,
        accept_time=from_proto(payload.accept_time),
        received_time=from_proto(event.time),
        text_start=_shown(payload.text),
        agent_id=payload.agent_id,
        bot=payload.bot,
        echo=payload.echo,
        seen_seq=payload.seen_seq,
    )


def _shown(text: str) -> str:
    """Returns the start of a text as lists show it; PostgreSQL keeps no NUL."""
    return text[:_SHOWN].replace("\x00", "\ufffd")


def _thaw(data: bytes) -> Heard:
    event = Event.FromString(data)
    payload = _KINDS[event.type].FromString(event.payload)
    return Heard(event, payload, event.traceparent)
