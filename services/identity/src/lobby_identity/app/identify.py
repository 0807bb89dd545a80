"""A batch of events becomes known people: one read, sorted writes, and links where the evidence is strong.

Continuing conversations cost the read alone. Everything that is written is keyed by what the events say, so applying
them again changes nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from lobby_common.errors import Unavailable
from lobby_common.events.log import Connection
from lobby_common.ids import derive_id
from lobby_identity import store
from lobby_identity.app import linking
from lobby_identity.domain import profile as profiles
from lobby_identity.domain import resolution, touches
from lobby_identity.domain.graph import Joined, NotSame, SeveralIds, TooLarge
from lobby_identity.domain.identifiers import ChannelUserId, ContactId, Holding, Key, WorkspaceId
from lobby_identity.domain.mentions import Mention
from lobby_identity.domain.profile import Hints, Profile
from lobby_identity.domain.resolution import PLATFORM_ALIAS, Binding, Bond, Plan, Sighting
from lobby_identity.domain.touches import Source, Touch
from lobby_identity.store import Found, Won, suggestions
from lobby_identity.store.suggestions import Mentioned

_ATTEMPTS = 20
"""A race is lost only to a transaction that won one: this many in a row mean a fault."""


class Heard(NamedTuple):
    """One event: who is seen, what it says of him, and where he came from."""

    sighting: Sighting
    hints: Hints
    account_id: str = ""
    source: Source | None = None
    """The ad, post or link that brought him."""
    mentions: tuple[Mention, ...] = ()
    """What he typed of himself or of somebody else, and the picture that he shows."""


class Identity(NamedTuple):
    """Whose event it is."""

    channel_user_id: ChannelUserId
    contact_id: ContactId
    """The canonical contact."""
    is_new: bool
    """The event made the channel user."""
    record_id: ContactId
    """The contact that the channel user began as."""


@dataclass(frozen=True, slots=True)
class Merge:
    """Two persons became one because of an event."""

    place: int
    """Of the event in the batch."""
    link_id: str
    evidence: str
    joined: Joined


@dataclass(frozen=True, slots=True)
class Refusal:
    """Two persons would be one, and are not: the group would be too large."""

    place: int
    link_id: str
    size: int


@dataclass(frozen=True, slots=True)
class Hold:
    """Strong evidence for two who are not the same, as somebody said or their ids say: a person decides."""

    place: int
    link_id: str
    evidence: str


@dataclass(frozen=True, slots=True)
class Change:
    """What is known of a contact changed because of an event."""

    place: int
    contact_id: ContactId
    fields: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a batch came to; `identities` in the order of the events."""

    identities: Sequence[Identity]
    merges: Sequence[Merge]
    refusals: Sequence[Refusal]
    holds: Sequence[Hold]
    changes: Sequence[Change]


async def identify(conn: Connection, heard: Sequence[Heard], *, now: datetime) -> Outcome:
    """Who is who in the batch is stored, in at most five statements where nobody has to be linked."""
    sightings = [each.sighting for each in heard]
    found = Found()
    plan = await _resolve(conn, sightings, found)
    learnt, told = _learn(heard, plan, found)
    await _save_people(conn, plan, learnt)
    if plan.claims:
        await store.insert_claims(conn, plan.claims)
    if first_touches := _first_touches(heard, plan, found):
        await store.insert_touches(conn, first_touches)
    linked = await _link(conn, sightings, plan, found, now)
    await _save_profiles(conn, heard, plan, found, learnt)
    await _note_unweighed(conn, heard, plan, found, learnt)
    roots = linked.roots if linked else {}

    def root(author: ChannelUserId) -> ContactId:
        contact_id = _contact_of(author, plan, found)
        met = found.met.get(author)
        return roots.get(contact_id, met.root if met else contact_id)

    identities = [
        Identity(author, root(author), place == born, _contact_of(author, plan, found))
        for place, (author, born) in enumerate(zip(plan.authors, _births(plan), strict=True))
    ]
    changes = [Change(place, root(author), fields) for author, (place, fields) in _changes(plan, told).items()]
    if linked is None:
        return Outcome(identities, (), (), (), changes)
    return Outcome(identities, linked.merges, linked.refusals, linked.holds, changes)


async def _resolve(conn: Connection, sightings: Sequence[Sighting], found: Found) -> Plan:
    """Returns the plan whose identifiers are stored. Where another transaction was first, its rows decide."""
    keys = list(dict.fromkeys(key for sighting in sightings for key in sighting.needs()))
    await store.read_holdings(conn, keys, found)
    unread = {phone.key for each in sightings for phone in each.own_phones} - found.claims.keys()
    if unread:
        await store.read_claims(conn, sorted(unread), found)
    ours: dict[tuple[Key, datetime], Binding] = {}
    for _ in range(_ATTEMPTS):
        plan = resolution.plan(sightings, found.known())
        if plan.retirements:
            await store.retire(conn, plan.retirements)
        wanted = {(each.key, each.retired_time): each for each in plan.bindings}
        moved = [
            each for row, each in wanted.items() if row in ours and ours[row].channel_user_id != each.channel_user_id
        ]
        if moved:
            await store.rebind(conn, moved)
        fresh = [each for row, each in wanted.items() if row not in ours]
        won = await store.insert_identifiers(conn, fresh) if fresh else []
        rows_won = {(each.key, each.retired_time) for each in won}
        ours = {row: each for row, each in wanted.items() if row in ours or row in rows_won}
        lost = list(dict.fromkeys(key for key, until in wanted if (key, until) not in ours))
        adopted = [each for each in won if each.claimed and _is_news(each, wanted, found)]
        if not lost and not adopted:
            return plan
        if lost:
            await store.read_holdings(conn, lost, found, ours=ours)
        for each in adopted:
            found.holdings[each.key].append(Holding(None, wanted[each.key, each.retired_time].first_seen_time))
            await store.read_claims(conn, [each.key], found)
    raise Unavailable("IDENTIFIERS_BUSY", "these identifiers are being taken by many at once")


def _is_news(won: Won, wanted: Mapping[tuple[Key, datetime], Binding], found: Found) -> bool:
    """The row was a claimed phone's, and its claims came after we had read."""
    is_owned = wanted[won.key, won.retired_time].channel_user_id is not None
    return is_owned and all(each.channel_user_id is not None for each in found.holdings[won.key])


def _births(plan: Plan) -> list[int]:
    """Returns for each author the place of the event that made him, -1 where he was met before."""
    first: dict[ChannelUserId, int] = {}
    for place, author in enumerate(plan.authors):
        if author in plan.newcomers:
            first.setdefault(author, place)
    return [first.get(author, -1) for author in plan.authors]


def _contact_of(channel_user_id: ChannelUserId, plan: Plan, found: Found) -> ContactId:
    newcomer = plan.newcomers.get(channel_user_id)
    return newcomer.contact_id if newcomer else found.met[channel_user_id].contact_id


Learnt = Mapping[ChannelUserId, Profile]
Told = dict[ChannelUserId, tuple[int, tuple[str, ...]]]


def _learn(heard: Sequence[Heard], plan: Plan, found: Found) -> tuple[Learnt, Told]:
    """Returns what is known of each author after the batch, and of those met before the fields that changed."""
    learnt: dict[ChannelUserId, Profile] = {}
    told: Told = {}
    for place, (author, each) in enumerate(zip(plan.authors, heard, strict=True)):
        met = found.met.get(author)
        before = learnt.get(author) or (met.profile if met else Profile())
        after = profiles.learn(before, each.hints)
        learnt[author] = after
        if after is not before and met and (fields := profiles.changed_fields(before, after)):
            told[author] = (place, tuple(dict.fromkeys((*told.get(author, (0, ()))[1], *fields))))
    return learnt, told


def _changes(plan: Plan, told: Told) -> Told:
    """Returns what neighbours hear: the changed fields of each channel user met before, and the last event's place."""
    changes = dict(told)
    for place in plan.changed:
        author = plan.authors[place]
        last, fields = changes.get(author, (place, ()))
        changes[author] = (max(last, place), tuple(dict.fromkeys((*fields, "identifiers"))))
    return changes


async def _save_people(conn: Connection, plan: Plan, learnt: Learnt) -> None:
    if plan.newcomers:
        nothing = Profile()
        people = [(each, learnt.get(each.channel_user_id, nothing)) for each in plan.newcomers.values()]
        await store.insert_people(conn, people)


async def _save_profiles(conn: Connection, heard: Sequence[Heard], plan: Plan, found: Found, learnt: Learnt) -> None:
    workspaces = {author: each.sighting.workspace_id for author, each in zip(plan.authors, heard, strict=True)}
    changed = [
        (workspaces[author], met.contact_id, after)
        for author, after in learnt.items()
        if (met := found.met.get(author)) and after is not met.profile
    ]
    if changed:
        await store.update_profiles(conn, changed)


async def _note_unweighed(conn: Connection, heard: Sequence[Heard], plan: Plan, found: Found, learnt: Learnt) -> None:
    """Of whom something is known that may be compared, and what people typed: kept for the suggester."""
    mentioned: list[Mentioned] = []
    news: set[tuple[WorkspaceId, ContactId]] = set()
    for author, each in zip(plan.authors, heard, strict=True):
        met = found.met.get(author)
        if each.mentions or met is None or learnt[author] is not met.profile:
            sighting, contact_id = each.sighting, _contact_of(author, plan, found)
            news.add((sighting.workspace_id, contact_id))
            mentioned.extend(
                Mentioned(sighting.workspace_id, contact_id, mention, sighting.at) for mention in each.mentions
            )
    if mentioned:
        await suggestions.insert_mentions(conn, mentioned)
    if news:
        await suggestions.insert_unweighed(conn, news)


def _first_touches(heard: Sequence[Heard], plan: Plan, found: Found) -> list[Touch]:
    """Returns the earliest touch of each author, unless he is known to have written before."""
    by_author: dict[ChannelUserId, list[Touch]] = {}
    for author, each in zip(plan.authors, heard, strict=True):
        if each.account_id and not _wrote_before(author, each.sighting.at, plan, found):
            by_author.setdefault(author, []).append(_touch(author, each))
    return [earliest for each in by_author.values() if (earliest := touches.first(each)) is not None]


def _wrote_before(author: ChannelUserId, at: datetime, plan: Plan, found: Found) -> bool:
    if author in plan.newcomers:
        return False
    first_entry_time = found.met[author].profile.first_entry_time
    return first_entry_time is not None and first_entry_time < at


def _touch(author: ChannelUserId, heard: Heard) -> Touch:
    sighting = heard.sighting
    return Touch(
        author, sighting.workspace_id, heard.account_id, sighting.platform, sighting.at, heard.source or Source()
    )


@dataclass(frozen=True, slots=True)
class _Linked:
    merges: Sequence[Merge]
    refusals: Sequence[Refusal]
    holds: Sequence[Hold]
    roots: Mapping[ContactId, ContactId]


async def _link(
    conn: Connection, sightings: Sequence[Sighting], plan: Plan, found: Found, now: datetime
) -> _Linked | None:
    """The bonds of the plan are links; None where there is nothing to link."""
    bonds = [bond for bond in plan.bonds if not _holds_already(bond, found)]
    if not bonds:
        return None
    requests = [_request(bond, sightings[bond.sighting], plan, found) for bond in bonds]
    united = await linking.unite(conn, requests, now=now)
    merges, refusals, holds = [], [], []
    for bond, request, outcome in zip(bonds, requests, united.outcomes, strict=True):
        if isinstance(outcome, Joined):
            merges.append(Merge(bond.sighting, request.link_id, request.evidence, outcome))
        elif isinstance(outcome, TooLarge):
            refusals.append(Refusal(bond.sighting, request.link_id, outcome.size))
        elif isinstance(outcome, NotSame | SeveralIds):
            holds.append(Hold(bond.sighting, request.link_id, request.evidence))
    return _Linked(merges, refusals, holds, united.roots)


def _holds_already(bond: Bond, found: Found) -> bool:
    """Aliases come with every message: where both are one person already nothing is asked. A claim comes once."""
    one, other = found.met.get(bond.elder), found.met.get(bond.younger)
    return bond.evidence == PLATFORM_ALIAS and one is not None and other is not None and one.root == other.root


def _request(bond: Bond, sighting: Sighting, plan: Plan, found: Found) -> linking.Request:
    """The same evidence for the same two contacts is the same link: what a person undid stays undone."""
    contacts = [_contact_of(each, plan, found) for each in (bond.elder, bond.younger)]
    link_id = derive_id(None, "link", sighting.workspace_id, bond.evidence, *sorted(contacts))
    return linking.Request(
        link_id, sighting.workspace_id, contacts[0], contacts[1], bond.evidence, cause_id=sighting.event_id
    )
