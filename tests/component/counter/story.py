"""Tells the counter stories in the words of its neighbours: who wrote, who was merged, who answered."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from google.protobuf.message import Message

from lobby.connectors.v1.account_pb2 import PLATFORM_TELEGRAM, PLATFORM_WHATSAPP, Account
from lobby.connectors.v1.events_pb2 import AccountStateChanged, DeliveryChanged, MessageSent, Referral
from lobby.connectors.v1.message_pb2 import DELIVERY_FAILED
from lobby.events.v1.batch_pb2 import Event
from lobby.identity.v1.events_pb2 import (
    BaseImported,
    BaseRow,
    BaseUndone,
    ContactErased,
    ContactGroup,
    ContactMerged,
    ContactSplit,
    MessageIdentified,
)
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
from lobby.translate.v1.translation_pb2 import Translation, TranslationStatus
from lobby_common.events import Incoming
from lobby_common.ids import derive_id
from lobby_common.times import to_proto

PLATFORMS = {"WA": PLATFORM_WHATSAPP, "TG": PLATFORM_TELEGRAM}


def an_id(*name: str) -> str:
    """The id of something that a story calls by name."""
    return derive_id(None, "story", *name)


def at(clock: str) -> datetime:
    """A time on 2026-11-22 in the time zone of the scenarios, UTC+8."""
    hour, minute = clock.split(":")
    return datetime(2026, 11, 22, int(hour), int(minute), tzinfo=UTC) - timedelta(hours=8)


def _platform(account: str) -> int:
    return PLATFORMS.get(account[:2], PLATFORM_WHATSAPP)


def _key(said: Any) -> str:
    """What orders an event among its producer's: the chat, the conversation or the person."""
    match said:
        case MessageIdentified() | MessageSent() | MessageTranslated() | DeliveryChanged():
            return f"{said.account_id}/{said.chat}"
        case AccountStateChanged() | AgentPresenceChanged():
            return said.account_id if isinstance(said, AccountStateChanged) else said.agent_id
        case BaseImported() | BaseUndone():
            return said.import_id
        case ContactMerged() | ContactErased():
            return said.contact_id if isinstance(said, ContactErased) else said.group.contact_id
        case ContactSplit():
            return said.groups[0].contact_id
        case _:
            return said.conversation.conversation_id


class Story:
    """Events of one workspace. The same words give the same event: telling it twice is a duplicate."""

    def __init__(self, workspace: str = "W1") -> None:
        self.workspace_id = an_id("workspace", workspace)
        self._name = workspace
        self._positions = count(1)

    def id(self, kind: str, name: str) -> str:
        """The id of something of this workspace."""
        return an_id(self._name, kind, name)

    def says(
        self,
        user: str,
        account: str,
        when: datetime,
        *,
        contact: str = "",
        greeting: bool = True,
        chat: str = "",
        message: str = "",
        campaign: str = "",
        country: str = "",
        locale: str = "",
        received: datetime | None = None,
        dated: bool = False,
    ) -> Incoming:
        """A channel user wrote to an account; `dated`: the id of the message says when, as in life."""
        name = message or f"{user}@{account} {when.isoformat()}"
        said = MessageIdentified(
            message_id=derive_id(when, self._name, name) if dated else self.id("message", name),
            account_id=self.id("account", account),
            platform=_platform(account),  # type: ignore[arg-type]  # the enum's number
            chat=chat or f"chat of {user}",
            channel_user_id=self.id("user", user),
            contact_id=self.id("contact", contact or user),
            occurred_time=to_proto(when),
            received_time=to_proto(received or when),
            locale=locale,
            country=country,
            referral=Referral(source_id=campaign),
            greeting=greeting,
        )
        return self._event("identity", f"identified {name}", when, said)

    def merges(self, merge: str, into: str, users: Iterable[str], *, version: int, actor: str = "") -> Incoming:
        """Channel users became one person."""
        group = self._group(into, users)
        said = ContactMerged(merge_id=self.id("merge", merge), group=group, version=version, actor=actor)
        return self._event("identity", f"merged {merge} {version}", at("12:00"), said)

    def splits(self, merge: str, groups: dict[str, Iterable[str]], *, version: int, actor: str = "") -> Incoming:
        """A merge was undone."""
        said = ContactSplit(
            merge_id=self.id("merge", merge),
            groups=[self._group(contact, users) for contact, users in groups.items()],
            version=version,
            actor=actor,
        )
        return self._event("identity", f"split {merge} {version}", at("13:00"), said)

    def imports(
        self, row: str, user: str, effective_from: datetime | None = None, *, contact: str = "", undone: bool = False
    ) -> Incoming:
        """A channel user was imported as already known, from the beginning unless said; or that was undone."""
        told = BaseRow(
            row_id=self.id("base", row),
            channel_user_id=self.id("user", user),
            contact_id=self.id("contact", contact or user),
        )
        said: Message = BaseImported(
            import_id=self.id("import", row),
            rows=[told],
            effective_from=None if effective_from is None else to_proto(effective_from),
        )
        if undone:
            said = BaseUndone(import_id=self.id("import", row), rows=[told])
        return self._event("identity", f"{said.DESCRIPTOR.name} {row}", at("12:00"), said)

    def erases(self, contact: str, users: Iterable[str]) -> Incoming:
        """A person was forgotten."""
        contact_id = self.id("contact", contact)
        said = ContactErased(
            contact_id=contact_id, contact_ids=[contact_id], channel_user_ids=[self.id("user", user) for user in users]
        )
        return self._event("identity", f"erased {contact}", at("12:00"), said)

    def answers(
        self,
        user: str,
        account: str,
        when: datetime,
        *,
        agent: str = "",
        bot: bool = False,
        echo: bool = False,
        chat: str = "",
    ) -> Incoming:
        """The platform accepted a message to a channel user."""
        name = f"to {user}@{account} {when.isoformat()}"
        said = MessageSent(
            message_id=self.id("message", name),
            account_id=self.id("account", account),
            platform=_platform(account),  # type: ignore[arg-type]  # the enum's number
            chat=chat or f"chat of {user}",
            agent_id=self._agent(agent),
            bot=bot,
            echo=echo,
            accept_time=to_proto(when),
        )
        return self._event("connectors", f"sent {name}", when, said)

    def assigns(
        self,
        user: str,
        account: str,
        agent: str,
        when: datetime,
        *,
        first: bool = False,
        pool_reason: str = "",
        by: str = "",
    ) -> Incoming:
        """A conversation went to an agent; "" is the pool."""
        said = ConversationAssigned(
            conversation=self._conversation(user, account),
            agent_id=self._agent(agent),
            first=first,
            assign_time=to_proto(when),
            pool_reason=pool_reason,
            by_agent_id=self._agent(by),
        )
        return self._event("routing", f"assigned {user}@{account} {agent} {when.isoformat()}", when, said)

    def owes(
        self,
        user: str,
        account: str,
        since: datetime,
        *,
        agent: str = "",
        received: datetime | None = None,
        pool_reason: str = "",
    ) -> Incoming:
        """A customer awaits an answer."""
        said = ConversationOwed(
            conversation=self._conversation(user, account),
            owed_since=to_proto(since),
            agent_id=self._agent(agent),
            received_time=to_proto(received or since),
            pool_reason=pool_reason,
        )
        return self._event("routing", f"owed {user}@{account} {since.isoformat()}", since, said)

    def sees(self, user: str, account: str, agent: str, when: datetime) -> Incoming:
        """An agent opened a conversation that is owed."""
        said = ConversationSeen(
            conversation=self._conversation(user, account), agent_id=self._agent(agent), seen_time=to_proto(when)
        )
        return self._event("routing", f"seen {user}@{account} {agent} {when.isoformat()}", when, said)

    def bot_answers(self, user: str, account: str, since: datetime, when: datetime) -> Incoming:
        """A bot answered a customer who waits."""
        said = BotAnswered(
            conversation=self._conversation(user, account), owed_since=to_proto(since), answer_time=to_proto(when)
        )
        return self._event("routing", f"bot {user}@{account} {when.isoformat()}", when, said)

    def handles(
        self, user: str, account: str, agent: str, start: datetime, end: datetime, *, wrap_up: bool = False
    ) -> Incoming:
        """An agent had a conversation in the foreground, or wrapped it up."""
        said = ConversationHandled(
            conversation=self._conversation(user, account),
            agent_id=self._agent(agent),
            start_time=to_proto(start),
            end_time=to_proto(end),
            wrap_up=wrap_up,
        )
        return self._event("routing", f"handled {user}@{account} {agent} {start.isoformat()}", end, said)

    def presence(self, agent: str, presence: str, when: datetime) -> Incoming:
        """An agent came, went or stepped away."""
        said = AgentPresenceChanged(agent_id=self._agent(agent), presence=presence, presence_time=to_proto(when))
        return self._event("routing", f"presence {agent} {when.isoformat()}", when, said)

    def loses_window(self, user: str, account: str, since: datetime, when: datetime) -> Incoming:
        """The reply window closed on a wait."""
        said = ReplyWindowClosed(
            conversation=self._conversation(user, account),
            owed_since=to_proto(since),
            window_close_time=to_proto(when),
        )
        return self._event("routing", f"window {user}@{account} {when.isoformat()}", when, said)

    def fails(self, user: str, account: str, when: datetime) -> Incoming:
        """The platform did not accept an answer."""
        conversation = self._conversation(user, account)
        said = DeliveryChanged(
            message_id=self.id("message", f"failed {user}@{account} {when.isoformat()}"),
            account_id=conversation.account_id,
            chat=conversation.chat,
            conversation_id=conversation.conversation_id,
            delivery=DELIVERY_FAILED,
            change_time=to_proto(when),
        )
        return self._event("connectors", f"failed {user}@{account} {when.isoformat()}", when, said)

    def becomes(self, account: str, state: str, when: datetime) -> Incoming:
        """The state of an account changed."""
        said = AccountStateChanged(
            account_id=self.id("account", account),
            platform=_platform(account),  # type: ignore[arg-type]  # the enum's number
            state=Account.State.Value(f"STATE_{state.upper()}"),
            state_time=to_proto(when),
        )
        return self._event("connectors", f"state {account} {when.isoformat()}", when, said)

    def ends_wait(self, user: str, account: str, since: datetime, when: datetime, *, agent: str = "") -> Incoming:
        """A human answer was accepted."""
        said = ConversationAnswered(
            conversation=self._conversation(user, account),
            owed_since=to_proto(since),
            answer_time=to_proto(when),
            agent_id=self._agent(agent),
        )
        return self._event("routing", f"answered {user}@{account} {when.isoformat()}", when, said)

    def closes(
        self,
        user: str,
        account: str,
        when: datetime,
        *,
        since: datetime | None = None,
        reason: str = "no_answer_needed",
    ) -> Incoming:
        """A conversation was closed."""
        said = ConversationClosed(
            conversation=self._conversation(user, account),
            reason=reason,
            close_time=to_proto(when),
            owed_since=None if since is None else to_proto(since),
        )
        return self._event("routing", f"closed {user}@{account} {when.isoformat()}", when, said)

    def translates(
        self,
        incoming: Incoming,
        language: str,
        *,
        version: int = 1,
        customer: str = "",
        status: str = "unspecified",
        reason: str = "",
        when: datetime | None = None,
    ) -> Incoming:
        """The language of a message is known, and what became of its translation."""
        message = incoming.payload
        assert isinstance(message, MessageIdentified)
        said = MessageTranslated(
            message_id=message.message_id,
            account_id=message.account_id,
            chat=message.chat,
            language=language,
            version=version,
            customer_language=customer,
            translation=Translation(
                status=TranslationStatus.Value(f"TRANSLATION_STATUS_{status.upper()}"), reason=reason
            ),
        )
        return self._event("translate", f"translated {message.message_id} {version}", when or at("12:00"), said)

    def _agent(self, name: str) -> str:
        return self.id("agent", name) if name else ""

    def _group(self, contact: str, users: Iterable[str]) -> ContactGroup:
        return ContactGroup(
            contact_id=self.id("contact", contact), channel_user_ids=[self.id("user", user) for user in users]
        )

    def _conversation(self, user: str, account: str) -> ConversationRef:
        return ConversationRef(
            conversation_id=self.id("conversation", f"{user}@{account}"),
            account_id=self.id("account", account),
            platform=_platform(account),  # type: ignore[arg-type]  # the enum's number
            channel_user_id=self.id("user", user),
            contact_id=self.id("contact", user),
            chat=f"chat of {user}",
        )

    def _event(self, producer: str, name: str, when: datetime, said: Message) -> Incoming:
        event = Event(
            id=derive_id(when, self._name, name),
            type=said.DESCRIPTOR.full_name,
            time=to_proto(when),
            workspace_id=self.workspace_id,
            key=_key(said),
            payload=said.SerializeToString(),
        )
        return Incoming(producer, 0, next(self._positions), event, said, "")
