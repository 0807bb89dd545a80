"""The people that one batch touches, in memory: greetings and regroupings go in, judgements and corrections come out.

A batch is taken as it happened: first its greetings are judged by the persons known before it, then its merges and
splits correct what they change. Verdicts do not depend on that order, nor on how deliveries were cut into batches: they
are a fold over the greetings and the newest membership of each channel user.
"""

from collections import defaultdict
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from lobby_counter.domain import (
    Cause,
    CauseKind,
    ChannelUserId,
    ContactId,
    Correction,
    Entry,
    EntryId,
    correction,
    judge,
)

HINT = -1
"""Version of a membership known from a message only: any told by a merge or split is newer."""


@dataclass(frozen=True, slots=True)
class Greeting:
    """A valid greeting that is, or precedes, the first one of its channel user at its account."""

    entry_id: EntryId
    event_id: str
    message_id: str
    workspace_id: str
    account_id: str
    platform: int
    channel_user_id: ChannelUserId
    contact_id: ContactId
    occurred_time: datetime
    received_time: datetime
    campaign_id: str = ""
    locale: str = ""
    country: str = ""

    @property
    def order(self) -> tuple[datetime, str]:
        """Where it stands among all greetings."""
        return (self.occurred_time, self.event_id)


@dataclass(frozen=True, slots=True)
class Member:
    """Whose a channel user is, as of a version."""

    channel_user_id: ChannelUserId
    contact_id: ContactId
    version: int


@dataclass(frozen=True, slots=True)
class Regrouping:
    """A merge or a split: the whole membership of the persons it names."""

    workspace_id: str
    cause: Cause
    version: int
    groups: tuple[tuple[ContactId, tuple[ChannelUserId, ...]], ...]


@dataclass(slots=True)
class Ledger:
    """Working copy for one workspace and one batch. Holds every channel user and entry of every person touched."""

    members: dict[ChannelUserId, Member]
    entries: dict[EntryId, Entry]
    greetings: dict[EntryId, Greeting] = field(default_factory=dict)
    """What is to be written as entry: new ones, and earlier greetings that replace later ones."""
    first_contacts: dict[EntryId, ContactId] = field(default_factory=dict)
    """The person by whom a new entry was judged first."""
    first_entries: dict[EntryId, Entry] = field(default_factory=dict)
    """New entries as they were judged first."""
    corrections: list[Correction] = field(default_factory=list)
    changed_members: set[ChannelUserId] = field(default_factory=set)
    changed_entries: set[EntryId] = field(default_factory=set)

    def enter(self, greetings: Iterable[Greeting]) -> None:
        """Each greeting that is the earliest of its channel user at its account is the entry; its persons are judged.

        A greeting that comes late and is earlier than the entry takes its place under the same entry id.
        """
        before = dict(self.entries)
        causes: dict[ContactId, Greeting] = {}
        for greeting in sorted(greetings, key=lambda each: each.order):
            known = self.entries.get(greeting.entry_id)
            if known is not None and known.order <= greeting.order:
                continue
            self._remember(Member(greeting.channel_user_id, greeting.contact_id, HINT))
            contact = self.members[greeting.channel_user_id].contact_id
            causes.setdefault(contact, greeting)
            self.greetings[greeting.entry_id] = greeting
            self.entries[greeting.entry_id] = _placed(known, greeting)
        late = {at: Cause(CauseKind.LATE_ENTRY, greeting.entry_id) for at, greeting in causes.items()}
        self._judge(late, before)

    def regroup(self, regrouping: Regrouping) -> None:
        """Channel users with an older membership move; the persons they leave and join are judged."""
        touched: set[ContactId] = set()
        for contact, users in regrouping.groups:
            for user in users:
                known = self.members.get(user)
                if known is not None and known.version >= regrouping.version:
                    continue
                touched |= {contact} if known is None else {contact, known.contact_id}
                self._remember(Member(user, contact, regrouping.version))
        self._judge(dict.fromkeys(touched, regrouping.cause), self.entries)

    def _remember(self, member: Member) -> None:
        known = self.members.get(member.channel_user_id)
        if known is None or known.version < member.version:
            self.members[member.channel_user_id] = member
            self.changed_members.add(member.channel_user_id)

    def _judge(self, causes: Mapping[ContactId, Cause], before: Mapping[EntryId, Entry]) -> None:
        for contact, entries in self._entries_by_contact(causes).items():
            for entry in judge(entries, causes[contact]):
                self._record(before.get(entry.entry_id), entry, contact, causes[contact])

    def _entries_by_contact(self, contacts: Container[ContactId]) -> Mapping[ContactId, Sequence[Entry]]:
        persons: dict[ContactId, list[Entry]] = defaultdict(list)
        for entry in self.entries.values():
            contact = self.members[entry.channel_user_id].contact_id
            if contact in contacts:
                persons[contact].append(entry)
        return persons

    def _record(self, before: Entry | None, after: Entry, contact: ContactId, cause: Cause) -> None:
        self.entries[after.entry_id] = after
        if before is None:
            self.first_contacts[after.entry_id] = contact
            self.first_entries[after.entry_id] = after
            return
        if before == after:
            return
        self.changed_entries.add(after.entry_id)
        if (made := correction(before, after, cause)) is not None:
            self.corrections.append(made)


def _placed(known: Entry | None, greeting: Greeting) -> Entry:
    if known is not None:
        return replace(known, event_id=greeting.event_id, occurred_time=greeting.occurred_time)
    return Entry(
        entry_id=greeting.entry_id,
        account_id=greeting.account_id,
        channel_user_id=greeting.channel_user_id,
        event_id=greeting.event_id,
        occurred_time=greeting.occurred_time,
    )
