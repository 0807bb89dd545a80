"""The people that one batch touches, in memory: greetings and regroupings go in, judgements and corrections come out.

A batch is taken as it happened: first its greetings are judged by the persons known before it, then its merges and
splits correct what they change. Verdicts do not depend on that order, nor on how deliveries were cut into batches: they
are a fold over the greetings, the newest membership of each channel user, the base and the campaigns.
"""

from collections import defaultdict
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from lobby_common.ids import derive_id
from lobby_counter.domain import (
    Base,
    BaseId,
    Cause,
    CauseKind,
    ChannelUserId,
    ContactId,
    Correction,
    Entry,
    EntryId,
    Judgement,
    Placed,
    Verdict,
    correction,
    dropped,
    heirs,
    is_entry,
    judge,
    place,
    units,
)
from lobby_counter.policies import DAY, DEFAULT, Campaign, CampaignId, CounterId, Policy, campaign_at

HINT = -1
"""Version of a membership known from a message or an import only: any told by a merge or split is newer."""


@dataclass(frozen=True, slots=True)
class Greeting:
    """A valid greeting that may be an entry."""

    entry_id: EntryId
    """Of the entry of its chat that was there first: its own where there is none."""
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
    silence: timedelta | None = None
    """How long nobody had written anything in its chat; None: it is the first there, or nobody asked."""

    @property
    def order(self) -> tuple[datetime, str]:
        """Where it stands among all greetings."""
        return (self.occurred_time, self.event_id)


def first_id(account_id: str, channel_user_id: str) -> EntryId:
    """Returns the id of the entry of a channel user at an account that was there first."""
    return EntryId(derive_id(None, "entry", account_id, channel_user_id))


def again_id(first: EntryId, event_id: str) -> EntryId:
    """Returns the id that an entry of a chat that had one begins with; an earlier greeting may take it over."""
    return EntryId(derive_id(None, "entry", first, event_id))


@dataclass(frozen=True, slots=True)
class Member:
    """Whose a channel user is, as of a version."""

    channel_user_id: ChannelUserId
    contact_id: ContactId
    version: int


@dataclass(frozen=True, slots=True)
class BaseRow:
    """A channel user was known before by an import, or is not by one that was undone."""

    base_id: BaseId
    channel_user_id: ChannelUserId
    effective_from: datetime | None
    """None: only its undoing was heard of."""
    undone: bool = False


@dataclass(frozen=True, slots=True)
class Regrouping:
    """A merge or a split: the whole membership of the persons it names."""

    workspace_id: str
    cause: Cause
    version: int
    groups: tuple[tuple[ContactId, tuple[ChannelUserId, ...]], ...]


@dataclass(frozen=True, slots=True)
class First:
    """How an entry was judged first: by which person, at what time it counted, as what."""

    contact_id: ContactId
    time: datetime
    verdict: Verdict


@dataclass(slots=True)
class Book:
    """One counter: its policy, the present judgements of the entries at hand, and what the batch changed of them."""

    policy: Policy
    judgements: dict[EntryId, Judgement] = field(default_factory=dict)
    first: dict[EntryId, First] = field(default_factory=dict)
    """Of those judged for the first time."""
    changed: set[EntryId] = field(default_factory=set)
    corrections: list[Correction] = field(default_factory=list)

    def judge(
        self,
        placed: Sequence[Placed],
        base: Sequence[Base],
        *,
        contact: ContactId,
        cause: Cause,
        was: Mapping[EntryId, Entry],
    ) -> None:
        """A person's entries are judged, and what changed by it is in; `was`: those that were at hand before."""
        judged: dict[EntryId, Judgement] = {}
        for unit in units(placed, self.policy):
            judged |= judge(unit, self.policy, base, self.judgements, cause)
        taken = heirs(placed, judged, self.judgements)
        for each in placed:
            entry = each.entry
            time = was.get(entry.entry_id, entry).occurred_time
            gone = dropped(cause, taken.get(entry.entry_id))
            self._record(entry, judged.get(entry.entry_id), gone, was=time, contact=contact, cause=cause)

    def _record(
        self,
        entry: Entry,
        judged: Judgement | None,
        gone: Judgement,
        *,
        was: datetime,
        contact: ContactId,
        cause: Cause,
    ) -> None:
        """The judgement is in, and what changed by it; None: it is no entry here. `was`: when it occurred before."""
        known = self.judgements.get(entry.entry_id)
        if known is None and judged is None:
            return
        after = judged or (known if known and known.verdict is Verdict.NONE else gone)
        self.judgements[entry.entry_id] = after
        if known is None:
            self.first[entry.entry_id] = First(contact, entry.occurred_time, after.verdict)
            return
        if known != after:
            self.changed.add(entry.entry_id)
        if (made := correction(entry, was, known, after, cause)) is not None:
            self.corrections.append(made)


@dataclass(slots=True)
class Ledger:
    """Working copy for one workspace and one batch. Holds every channel user and entry of every person touched."""

    books: dict[CounterId, Book]
    members: dict[ChannelUserId, Member] = field(default_factory=dict)
    entries: dict[EntryId, Entry] = field(default_factory=dict)
    campaigns: Sequence[Campaign] = ()
    base: dict[BaseId, BaseRow] = field(default_factory=dict)
    special: bool = False
    """Whether the workspace counts by more than its own counter and first greetings."""
    greetings: dict[EntryId, Greeting] = field(default_factory=dict)
    """What is to be written as first entry of a chat: new ones, and earlier greetings that replace later ones."""
    again: dict[EntryId, Greeting] = field(default_factory=dict)
    """What is to be written as a further entry of a chat: new ones, and those before which somebody wrote after all."""
    moved: dict[EntryId, Greeting] = field(default_factory=dict)
    """Earlier greetings that replace later ones as a further entry of a chat."""
    replaced: dict[EntryId, EntryId] = field(default_factory=dict)
    """First entries of chats by the entry that was the first until now, and is a further one."""
    changed_members: set[ChannelUserId] = field(default_factory=set)
    changed_base: set[BaseId] = field(default_factory=set)
    _chats: dict[tuple[ChannelUserId, str], set[EntryId]] | None = None
    """Entries by chat, where somebody asked."""

    def enter(self, greetings: Iterable[Greeting]) -> None:
        """Greetings that are entries are there; their persons are judged.

        A greeting that comes late and is earlier than the first entry of its chat and campaign takes its place under
        its id, with what was agreed of it, unless some counter counts both (that after a silence): then it keeps its
        id, and the greeting has one of its own. Where more than first entries count, `greetings` holds all of each chat
        from the earliest told on that are entries by some policy or were until now.
        """
        before = dict(self.entries)
        causes: dict[ContactId, Cause] = {}
        for greeting, arrived in self._arrivals(greetings):
            contact = self.members[greeting.channel_user_id].contact_id
            causes.setdefault(contact, Cause(CauseKind.LATE_ENTRY, arrived))
        self._judge(causes, before)

    def regroup(self, regrouping: Regrouping) -> None:
        """Members with an older membership move; the persons they leave and join are judged."""
        touched: set[ContactId] = set()
        for contact, users in regrouping.groups:
            for user in users:
                touched |= self._move(self.members.get(user), Member(user, contact, regrouping.version))
        self._judge(dict.fromkeys(touched, regrouping.cause), self.entries)

    def know(self, rows: Iterable[BaseRow], hints: Iterable[Member], cause: Cause) -> None:
        """The base is as imported or undone, whichever was heard first; the persons of its channel users are judged."""
        for hint in hints:
            self._remember(hint)
        touched: set[ContactId] = set()
        for row in rows:
            known = self.base.get(row.base_id, row)
            undone, since = known.undone or row.undone, known.effective_from or row.effective_from
            after = replace(row, undone=undone, effective_from=since)
            if self.base.get(row.base_id) == after:
                continue
            self.base[row.base_id] = after
            self.changed_base.add(row.base_id)
            if (member := self.members.get(row.channel_user_id)) is not None:
                touched.add(member.contact_id)
        self._judge(dict.fromkeys(touched, cause), self.entries)

    def recount(self, greetings: Iterable[Greeting], cause: Cause) -> None:
        """All greetings of the chats at hand that are entries are there; every person at hand is judged."""
        before = dict(self.entries)
        self._arrivals(greetings)
        self._judge(dict.fromkeys((each.contact_id for each in self.members.values()), cause), before)

    def _arrivals(self, greetings: Iterable[Greeting]) -> list[tuple[Greeting, EntryId]]:
        """Returns the greetings that make or change an entry, earliest first, each with that."""
        heard = {each.event_id: each for each in sorted(greetings, key=lambda each: each.order)}
        arrived = ((greeting, self._arrive(greeting, heard)) for greeting in heard.values())
        return [(greeting, entry_id) for greeting, entry_id in arrived if entry_id is not None]

    def _arrive(self, greeting: Greeting, heard: Mapping[str, Greeting]) -> EntryId | None:
        """Returns the entry that it makes or changes; None where it does neither. `heard`: it and others by event."""
        first = _entry(greeting, greeting.entry_id)
        if first.entry_id not in self.entries:
            # Nobody asks for the silence before the first of a chat.
            self._put(first, greeting)
            return first.entry_id
        known = next((each for each in self._chat(first) if each.event_id == greeting.event_id), None)
        if known is None:
            entry_id = self._taken(first, heard) or (self._free_id(greeting) if self._may_count(first) else None)
        else:
            settled = known.silence == greeting.silence or not any(self._before(known))
            entry_id = None if settled else known.entry_id
        if entry_id is not None:
            self._put(replace(first, entry_id=entry_id), greeting)
        return entry_id

    def _taken(self, entry: Entry, heard: Mapping[str, Greeting]) -> EntryId | None:
        """Returns the id of the first one of its chat and campaign, if it is earlier and no counter counts both."""
        campaign_id = self._campaign(entry)
        beside = (each for each in self._chat(entry) if self._campaign(each) == campaign_id)
        former = min(beside, key=lambda each: each.order, default=None)
        if former is None or former.order < entry.order:
            return None
        said = heard.get(former.event_id)
        placed = Placed(former if said is None else replace(former, silence=said.silence), campaign_id, first=False)
        return None if any(is_entry(placed, book.policy) for book in self.books.values()) else former.entry_id

    def _free_id(self, greeting: Greeting) -> EntryId:
        """Returns an id that no entry has: its greeting's, as long as no earlier one took that."""
        entry_id = again_id(greeting.entry_id, greeting.event_id)
        while entry_id in self.entries:
            entry_id = again_id(entry_id, greeting.event_id)
        return entry_id

    def _put(self, entry: Entry, greeting: Greeting) -> None:
        self._remember(Member(greeting.channel_user_id, greeting.contact_id, HINT))
        known = self.entries.get(entry.entry_id)
        first = min(self._chat(entry), key=lambda each: each.order, default=entry)
        self.entries[entry.entry_id] = entry
        self._by_chat()[entry.chat].add(entry.entry_id)
        if first.order >= entry.order or first.entry_id == entry.entry_id:
            self.greetings[entry.entry_id] = greeting
            if first.entry_id != entry.entry_id:
                self.replaced[entry.entry_id] = first.entry_id
        elif known is not None and known.event_id != entry.event_id:
            self.moved[entry.entry_id] = greeting
        else:
            self.again[entry.entry_id] = greeting

    def _may_count(self, entry: Entry) -> bool:
        """Whether some policy, now or later, makes it an entry while campaigns and messages are as they are."""
        if entry.silence is not None and entry.silence >= DAY:
            return True
        campaign = self._campaign(entry)
        return all(self._campaign(each) != campaign for each in self._before(entry))

    def _before(self, entry: Entry) -> Iterable[Entry]:
        """Returns the earlier entries of its chat."""
        return (each for each in self._chat(entry) if each.order < entry.order)

    def _chat(self, entry: Entry) -> list[Entry]:
        return [self.entries[entry_id] for entry_id in self._by_chat()[entry.chat]]

    def _by_chat(self) -> dict[tuple[ChannelUserId, str], set[EntryId]]:
        if self._chats is None:
            self._chats = defaultdict(set)
            for each in self.entries.values():
                self._chats[each.chat].add(each.entry_id)
        return self._chats

    def _campaign(self, entry: Entry) -> CampaignId | None:
        return campaign_at(self.campaigns, entry.account_id, entry.occurred_time)

    def _move(self, known: Member | None, member: Member) -> set[ContactId]:
        """The member is as of the newest version; returns the persons whose members changed."""
        if known is not None and known.version >= member.version:
            return set()
        self._remember(member)
        return {member.contact_id} if known is None else {member.contact_id, known.contact_id}

    def _remember(self, member: Member) -> None:
        known = self.members.get(member.channel_user_id)
        if known is None or known.version < member.version:
            self.members[member.channel_user_id] = member
            self.changed_members.add(member.channel_user_id)

    def _judge(self, causes: Mapping[ContactId, Cause], before: Mapping[EntryId, Entry]) -> None:
        if not causes:
            return
        base = self._base_by_contact(causes)
        for contact, entries in self._entries_by_contact(causes).items():
            cause = causes[contact]
            placed = place(entries, self.campaigns)
            for book in self.books.values():
                book.judge(placed, base.get(contact, ()), contact=contact, cause=cause, was=before)

    def _entries_by_contact(self, contacts: Container[ContactId]) -> Mapping[ContactId, Sequence[Entry]]:
        persons: dict[ContactId, list[Entry]] = defaultdict(list)
        for entry in self.entries.values():
            contact = self.members[entry.channel_user_id].contact_id
            if contact in contacts:
                persons[contact].append(entry)
        return persons

    def _base_by_contact(self, contacts: Container[ContactId]) -> Mapping[ContactId, Sequence[Base]]:
        persons: dict[ContactId, list[Base]] = defaultdict(list)
        for row in self.base.values():
            member = self.members.get(row.channel_user_id)
            if row.effective_from is None or row.undone or member is None:
                continue
            if member.contact_id in contacts:
                persons[member.contact_id].append(Base(row.base_id, row.effective_from))
        return persons


def own(counter_id: str) -> dict[CounterId, Book]:
    """Returns the books of a workspace that has only its own counter, whose id is the workspace's."""
    return {CounterId(counter_id): Book(DEFAULT)}


def _entry(greeting: Greeting, entry_id: EntryId) -> Entry:
    return Entry(
        entry_id=entry_id,
        account_id=greeting.account_id,
        platform=greeting.platform,
        channel_user_id=greeting.channel_user_id,
        event_id=greeting.event_id,
        occurred_time=greeting.occurred_time,
        silence=greeting.silence,
    )
