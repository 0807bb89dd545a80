"""Who wrote: a batch of sightings, in order, against what is known, gives a plan of what to store and whom to link.

The rules (DESIGN §4): all addresses that a platform gives together are one channel user; an address belongs to one
channel user as long as it holds; addresses that lead to several channel users are evidence that those are one person.
An id of the workspace's own system that comes to somebody who is known is at first a channel user of its own, with the
same evidence: so ids that contradict each other meet where persons are joined, and only there.
The plan is a pure function, so a transaction that lost a race reads the winner's rows and plans again.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from lobby_common.ids import derive_id
from lobby_identity.domain.identifiers import (
    CRM_ID,
    FOREVER,
    Address,
    ChannelUserId,
    ContactId,
    Holding,
    Key,
    WorkspaceId,
    holding_at,
    holding_ended_by,
)

PLATFORM_ALIAS = "platform_alias"
VERIFIED_PHONE = "verified_phone"


class Sighting(NamedTuple):
    """One event that names addresses of one platform user."""

    event_id: str
    workspace_id: WorkspaceId
    at: datetime
    platform: int
    addresses: tuple[Address, ...]
    """Hold at that time."""
    retired: tuple[Address, ...] = ()
    """End at that time."""
    own_phones: tuple[Address, ...] = ()
    """Phones that the platform vouches to be his."""

    def needs(self) -> Iterable[Key]:
        """Returns what has to be known to judge it."""
        return (address.key for address in (*self.addresses, *self.retired, *self.own_phones))


@dataclass(frozen=True, slots=True)
class Known:
    """What the tables say about the keys of a batch."""

    holdings: Mapping[Key, Sequence[Holding]]
    ages: Mapping[ChannelUserId, datetime]
    """First seen time of every channel user in `holdings`."""
    claims: Mapping[Key, Mapping[ChannelUserId, datetime]] = field(default_factory=dict)
    """Who claimed a phone of the batch while nobody held it, and when last."""


class Newcomer(NamedTuple):
    """A channel user met for the first time, and the contact it begins as."""

    channel_user_id: ChannelUserId
    contact_id: ContactId
    workspace_id: WorkspaceId
    platform: int
    first_seen_time: datetime


class Binding(NamedTuple):
    """An identifier row to write."""

    key: Key
    value: str
    platform: int
    channel_user_id: ChannelUserId | None
    first_seen_time: datetime
    retired_time: datetime


class Retirement(NamedTuple):
    """A stored identifier that stops matching."""

    key: Key
    retired_time: datetime


class Claim(NamedTuple):
    """A phone that the platform vouches to be a channel user's."""

    key: Key
    value: str
    channel_user_id: ChannelUserId
    event_id: str
    at: datetime


class Bond(NamedTuple):
    """Evidence that two channel users are one person; `sighting` is the place in the batch of what showed it."""

    elder: ChannelUserId
    younger: ChannelUserId
    evidence: str
    sighting: int


@dataclass(frozen=True, slots=True)
class Plan:
    """What a batch comes to."""

    authors: Sequence[ChannelUserId]
    """Channel user of each sighting."""
    newcomers: Mapping[ChannelUserId, Newcomer]
    bindings: Sequence[Binding]
    retirements: Sequence[Retirement]
    claims: Sequence[Claim]
    bonds: Sequence[Bond]
    changed: Mapping[int, None]
    """Sightings, in order, after which a channel user met before has other addresses."""


def plan(sightings: Sequence[Sighting], known: Known) -> Plan:
    """Returns what the sightings, applied in order, make of what is known. The same input gives the same ids."""
    desk = _Desk(known)
    authors = [desk.author(place, sighting) for place, sighting in enumerate(sightings)]
    bindings, retirements = desk.differences()
    return Plan(authors, desk.newcomers, bindings, retirements, desk.claims, desk.bonds, desk.changed)


class _Desk:
    """The state of what is known while a batch is judged."""

    def __init__(self, known: Known) -> None:
        self._known = known
        self._holdings: dict[Key, Sequence[Holding]] = dict(known.holdings)
        self._ages: dict[ChannelUserId, datetime] = dict(known.ages)
        self._claims: dict[Key, Mapping[ChannelUserId, datetime]] = dict(known.claims)
        self._touched: dict[Key, tuple[str, int]] = {}
        self._born_with_id: set[ChannelUserId] = set()
        self.newcomers: dict[ChannelUserId, Newcomer] = {}
        self.claims: list[Claim] = []
        self.bonds: list[Bond] = []
        self.changed: dict[int, None] = {}

    def author(self, place: int, sighting: Sighting) -> ChannelUserId:
        """Returns whose sighting it is, after everything that follows from it."""
        holders: list[ChannelUserId] = []
        unheld: list[Address] = []
        for address in sighting.addresses:
            holding = holding_at(self._holdings.get(address.key, ()), sighting.at)
            if holding is not None and holding.channel_user_id is not None:
                holders.append(holding.channel_user_id)
            else:
                unheld.append(address)
        if sighting.retired:
            holders += self._former_holders(sighting)
        author = self._eldest(holders) if holders else self._newcomer(sighting, sighting.event_id)
        for holder in dict.fromkeys(holders):
            if holder != author:
                self.bonds.append(Bond(author, holder, PLATFORM_ALIAS, place))
        for address in dict.fromkeys(unheld):
            self._bind(place, sighting, self._owner(place, sighting, author, address.key), address)
        for address in sighting.retired:
            self._retire(place, sighting, author, address)
        for phone in sighting.own_phones:
            self._claim(place, sighting, author, phone)
        return author

    def _former_holders(self, sighting: Sighting) -> list[ChannelUserId]:
        ended = [holding_ended_by(self._holdings.get(address.key, ()), sighting.at) for address in sighting.retired]
        return [holding.channel_user_id for holding in ended if holding and holding.channel_user_id]

    def _eldest(self, holders: Sequence[ChannelUserId]) -> ChannelUserId:
        return min(holders, key=lambda each: (self._ages[each], each)) if len(holders) > 1 else holders[0]

    def _owner(self, place: int, sighting: Sighting, author: ChannelUserId, key: Key) -> ChannelUserId:
        """Returns whose a new address is: the author's, unless it is an id and he is known or was born with another."""
        if key.kind != CRM_ID:
            return author
        if author in self.newcomers and author not in self._born_with_id:
            self._born_with_id.add(author)
            return author
        owner = self._newcomer(sighting, born_with(sighting.event_id, key))
        self.bonds.append(Bond(author, owner, PLATFORM_ALIAS, place))
        return owner

    def _newcomer(self, sighting: Sighting, born_of_what: str) -> ChannelUserId:
        channel_user_id = born_of(born_of_what, sighting.at)
        self.newcomers[channel_user_id] = Newcomer(
            channel_user_id,
            contact_of(born_of_what, sighting.at),
            sighting.workspace_id,
            sighting.platform,
            sighting.at,
        )
        self._ages[channel_user_id] = sighting.at
        return channel_user_id

    def _bind(self, place: int, sighting: Sighting, author: ChannelUserId, address: Address) -> None:
        """The address is the author's; those who claimed it as their phone are the same person."""
        key = address.key
        before = self._holdings.get(key, ())
        held = [each for each in before if each.channel_user_id is not None]
        self._holdings[key] = [*held, Holding(author, sighting.at)]
        self._touched[key] = (address.value, sighting.platform)
        self._note_change(place, author)
        if len(held) < len(before):
            for claimant in self._claimants(key):
                if claimant != author:
                    self._bond_by_age(author, claimant, VERIFIED_PHONE, place)

    def _claimants(self, key: Key) -> list[ChannelUserId]:
        """Returns who waits for a phone's owner, first claim first; one of a former owner's time was about him."""
        ends = [each.retired_time for each in self._holdings.get(key, ()) if each.channel_user_id is not None]
        claims = self._claims.get(key, {}).items()
        waiting = [(at, claimant) for claimant, at in claims if not any(at < end < FOREVER for end in ends)]
        return [claimant for _, claimant in sorted(waiting)]

    def _retire(self, place: int, sighting: Sighting, author: ChannelUserId, address: Address) -> None:
        """The address no longer leads to its holder; one never met is remembered as the author's former one."""
        key = address.key
        if any(key == each.key for each in sighting.addresses):
            return
        before = self._holdings.get(key, ())
        holding = holding_ended_by(before, sighting.at)
        if holding is not None and holding.channel_user_id is not None:
            if holding.retired_time != FOREVER:
                return
            after = [each._replace(retired_time=sighting.at) if each is holding else each for each in before]
        elif any(each.channel_user_id == author for each in before):
            return
        else:
            after = [*before, Holding(author, sighting.at, sighting.at)]
        self._holdings[key] = after
        self._touched[key] = (address.value, sighting.platform)
        self._note_change(place, author)

    def _claim(self, place: int, sighting: Sighting, author: ChannelUserId, phone: Address) -> None:
        """The author is the person who has this phone; where nobody has it yet the claim waits for him."""
        key = phone.key
        holding = holding_at(self._holdings.get(key, ()), sighting.at)
        if holding is not None and holding.channel_user_id is not None:
            if holding.channel_user_id != author:
                self._bond_by_age(holding.channel_user_id, author, VERIFIED_PHONE, place)
            return
        claimants = self._claimants(key)
        if holding is not None and author in claimants:
            return
        others = [each for each in claimants if each != author]
        if others:
            self._bond_by_age(others[0], author, VERIFIED_PHONE, place)
        if holding is None:
            self._holdings[key] = [*self._holdings.get(key, ()), Holding(None, sighting.at)]
            self._touched[key] = (phone.value, sighting.platform)
        claims = self._claims.get(key, {})
        self._claims[key] = {**claims, author: max(sighting.at, claims.get(author, sighting.at))}
        self.claims.append(Claim(key, phone.value, author, sighting.event_id, sighting.at))
        self._note_change(place, author)

    def _bond_by_age(self, one: ChannelUserId, other: ChannelUserId, evidence: str, place: int) -> None:
        elder = self._eldest([one, other])
        self.bonds.append(Bond(elder, other if elder == one else one, evidence, place))

    def _note_change(self, place: int, author: ChannelUserId) -> None:
        if author not in self.newcomers:
            self.changed[place] = None

    def differences(self) -> tuple[list[Binding], list[Retirement]]:
        """Returns the rows to write so that the tables say what the desk says."""
        bindings: list[Binding] = []
        retirements: list[Retirement] = []
        for key, (value, platform) in self._touched.items():
            before, after = self._known.holdings.get(key, ()), self._holdings[key]
            ended = {(each.channel_user_id, each.first_seen_time) for each in before if each not in after}
            for each in after:
                if each in before:
                    continue
                if (each.channel_user_id, each.first_seen_time) in ended:
                    retirements.append(Retirement(key, each.retired_time))
                else:
                    bindings.append(_binding(key, value, platform, each))
            if _claim_was_met_and_ended(before, after):
                retirements.append(Retirement(key, max(each.retired_time for each in after)))
        bindings.sort(key=lambda each: (each.key, each.retired_time))
        retirements.sort(key=lambda each: each.key)
        return bindings, retirements


def _claim_was_met_and_ended(before: Sequence[Holding], after: Sequence[Holding]) -> bool:
    """A claimed phone got its owner and lost him in one batch: his row takes the place of the claimed one."""
    was_claimed = any(each.channel_user_id is None for each in before)
    return was_claimed and all(each.retired_time != FOREVER for each in after)


def _binding(key: Key, value: str, platform: int, holding: Holding) -> Binding:
    return Binding(key, value, platform, holding.channel_user_id, holding.first_seen_time, holding.retired_time)


def born_with(event_id: str, key: Key) -> str:
    """Returns of what the channel user of an id is born that an event names of somebody who is known."""
    return f"{event_id} {key.scope} {key.match_key}"


def born_of(event_id: str, at: datetime) -> ChannelUserId:
    """Returns the id of the channel user that an event makes, if it makes one."""
    return ChannelUserId(derive_id(at, "channel_user", event_id))


def contact_of(event_id: str, at: datetime) -> ContactId:
    """Returns the contact that the channel user begins as whom an event makes, if it makes one."""
    return ContactId(derive_id(at, "contact", event_id))
