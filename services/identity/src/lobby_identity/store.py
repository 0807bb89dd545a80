"""Rows and the domain's values: every statement of `queries.sql` by a function; no decisions."""

from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from lobby_common import sql
from lobby_common.events.log import Connection
from lobby_identity.domain.graph import Edge, Record, Roots
from lobby_identity.domain.identifiers import FOREVER, ChannelUserId, ContactId, Holding, Key, WorkspaceId
from lobby_identity.domain.profile import Profile, name_key
from lobby_identity.domain.resolution import Binding, Claim, Known, Newcomer, Retirement

QUERIES = sql.load("lobby_identity")


@dataclass(frozen=True, slots=True)
class Met:
    """A channel user met before: its record, the person's canonical contact, what the record knows."""

    contact_id: ContactId
    root: ContactId
    profile: Profile


@dataclass(slots=True)
class Found:
    """What the tables say about the keys of a batch."""

    holdings: dict[Key, list[Holding]] = field(default_factory=dict)
    ages: dict[ChannelUserId, datetime] = field(default_factory=dict)
    claims: dict[Key, dict[ChannelUserId, datetime]] = field(default_factory=dict)
    met: dict[ChannelUserId, Met] = field(default_factory=dict)

    def known(self) -> Known:
        """Returns the part that decides who is who."""
        return Known(self.holdings, self.ages, self.claims)


@dataclass(frozen=True, slots=True)
class Won:
    """An identifier row that this transaction wrote."""

    key: Key
    retired_time: datetime
    claimed: bool


@dataclass(frozen=True, slots=True)
class NewLink:
    """A link to store."""

    link_id: str
    workspace_id: WorkspaceId
    contact_id: ContactId
    other_contact_id: ContactId
    evidence: str
    actor: str
    note: str
    cause_id: str
    roots: Roots
    create_time: datetime
    end_reason: str = ""


@dataclass(frozen=True, slots=True)
class StoredLink:
    """A link as stored."""

    link_id: str
    contact_id: ContactId
    other_contact_id: ContactId
    roots: Roots
    note: str
    create_time: datetime
    end_time: datetime | None
    end_reason: str


@dataclass(frozen=True, slots=True)
class Touch:
    """Where a channel user came from."""

    channel_user_id: ChannelUserId
    workspace_id: WorkspaceId
    account_id: str
    at: datetime
    source: tuple[str, str, str, str, str]
    """Type and id of the source, click id, address, headline."""


@dataclass(frozen=True, slots=True)
class IdentifierRow:
    """One address to show."""

    kind: str
    scope: str
    value: str
    channel_user_id: ChannelUserId
    platform: int
    first_seen_time: datetime
    retired_time: datetime | None


@dataclass(frozen=True, slots=True)
class ProfileRow:
    """One record of a person and what it knows."""

    root: ContactId
    contact_id: ContactId
    channel_user_id: ChannelUserId
    profile: Profile


def _key_columns(keys: Sequence[Key]) -> tuple[list[Any], list[Any], list[Any], list[Any]]:
    return (
        [key.workspace_id for key in keys],
        [key.match_key for key in keys],
        [key.kind for key in keys],
        [key.scope for key in keys],
    )


# Resolution


async def read_holdings(
    conn: Connection, keys: Sequence[Key], found: Found, *, ours: Container[tuple[Key, datetime]] = ()
) -> None:
    """`found` says what the tables now say about the keys, but for `ours`; claimed phones come with their claimants."""
    for key in keys:
        found.holdings[key] = []
    claimed: dict[Key, None] = {}
    for row in await conn.fetch(QUERIES["read_holdings"], *_key_columns(keys)):
        n, channel_user_id, first_seen_time, retired_time, *met = row
        key, until = keys[n - 1], _aware(retired_time)
        if (key, until) in ours:
            continue
        found.holdings[key].append(Holding(channel_user_id, first_seen_time, until))
        if channel_user_id is None:
            claimed[key] = None
        elif channel_user_id not in found.met:
            _meet(found, channel_user_id, *met)
    if claimed:
        await read_claims(conn, list(claimed), found)


async def read_claims(conn: Connection, keys: Sequence[Key], found: Found) -> None:
    """`found` says who claimed these phones."""
    for key in keys:
        found.claims[key] = {}
    columns = [key.workspace_id for key in keys], [key.match_key for key in keys]
    for n, claim_time, channel_user_id, *met in await conn.fetch(QUERIES["read_claimants"], *columns):
        found.claims[keys[n - 1]][channel_user_id] = claim_time
        _meet(found, channel_user_id, *met)


def _meet(
    found: Found,
    channel_user_id: ChannelUserId,
    age: datetime,
    contact_id: ContactId,
    root: ContactId,
    *profile: Any,
) -> None:
    """The columns of a channel user, in the order of the statements that read them."""
    display_name, language, country, first_entry_time, profile_time = profile
    known = Profile(display_name, language, country, first_entry_time, profile_time=profile_time)
    found.met[channel_user_id] = Met(contact_id, root, known)
    found.ages[channel_user_id] = age


def _aware(retired_time: datetime) -> datetime:
    """The driver gives and takes infinity without a time zone."""
    return FOREVER if retired_time.tzinfo is None else retired_time


def _bare(retired_time: datetime) -> datetime:
    return datetime.max if retired_time == FOREVER else retired_time  # noqa: DTZ901  # the driver's infinity


async def retire(conn: Connection, retirements: Sequence[Retirement]) -> None:
    """The addresses no longer match."""
    columns = _key_columns([each.key for each in retirements])
    await conn.execute(QUERIES["retire_identifiers"], *columns, [each.retired_time for each in retirements])


async def insert_identifiers(conn: Connection, bindings: Sequence[Binding]) -> list[Won]:
    """Returns the rows that are ours now; the others belong to somebody else."""
    rows = await conn.fetch(
        QUERIES["insert_identifiers"],
        *_key_columns([each.key for each in bindings]),
        [_bare(each.retired_time) for each in bindings],
        [each.value for each in bindings],
        [each.channel_user_id for each in bindings],
        [each.platform for each in bindings],
        [each.first_seen_time for each in bindings],
    )
    return [
        Won(
            Key(row["workspace_id"], row["match_key"], row["kind"], row["scope"]),
            _aware(row["retired_time"]),
            row["claimed"],
        )
        for row in rows
    ]


async def rebind(conn: Connection, bindings: Sequence[Binding]) -> None:
    """Rows of this transaction lead to another channel user."""
    await conn.execute(
        QUERIES["rebind_identifiers"],
        *_key_columns([each.key for each in bindings]),
        [_bare(each.retired_time) for each in bindings],
        [each.channel_user_id for each in bindings],
    )


async def insert_people(conn: Connection, people: Sequence[tuple[Newcomer, Profile]]) -> None:
    """The channel users exist, each with its contact."""
    await conn.execute(
        QUERIES["insert_people"],
        [each.workspace_id for each, _ in people],
        [each.channel_user_id for each, _ in people],
        [each.contact_id for each, _ in people],
        [each.platform for each, _ in people],
        [each.first_seen_time for each, _ in people],
        *_profile_columns([profile for _, profile in people]),
    )


def _profile_columns(profiles: Sequence[Profile]) -> tuple[list[Any], ...]:
    return (
        [each.display_name for each in profiles],
        [name_key(each.display_name) for each in profiles],
        [each.language for each in profiles],
        [each.country for each in profiles],
        [each.first_entry_time for each in profiles],
        [each.profile_time for each in profiles],
    )


async def update_profiles(conn: Connection, profiles: Sequence[tuple[WorkspaceId, ContactId, Profile]]) -> None:
    """The records know what the profiles say."""
    await conn.execute(
        QUERIES["update_profiles"],
        [workspace_id for workspace_id, _, _ in profiles],
        [contact_id for _, contact_id, _ in profiles],
        *_profile_columns([profile for _, _, profile in profiles]),
    )


async def insert_claims(conn: Connection, claims: Sequence[Claim]) -> None:
    """The phones wait for their channel users."""
    await conn.execute(
        QUERIES["insert_claims"],
        [each.key.workspace_id for each in claims],
        [each.key.match_key for each in claims],
        [each.channel_user_id for each in claims],
        [each.value for each in claims],
        [each.event_id for each in claims],
        [each.at for each in claims],
    )


async def insert_touches(conn: Connection, touches: Sequence[Touch]) -> None:
    """The first touch of each channel user is the earliest known; one touch per channel user here."""
    await conn.execute(
        QUERIES["insert_touches"],
        [each.channel_user_id for each in touches],
        [each.workspace_id for each in touches],
        [each.account_id for each in touches],
        [each.at for each in touches],
        *([each.source[column] for each in touches] for column in range(5)),
    )


# The graph


async def lock_roots(conn: Connection, contacts: Iterable[ContactId]) -> list[ContactId]:
    """Returns the roots of the records, locked until the transaction or savepoint ends."""
    return [row["root_id"] for row in await conn.fetch(QUERIES["lock_roots"], list(contacts))]


async def read_records(conn: Connection, roots: Sequence[ContactId], contacts: Iterable[ContactId]) -> list[Record]:
    """Returns all records below the roots, and the named ones wherever they are."""
    return [
        Record(
            row["contact_id"],
            row["channel_user_id"],
            row["root_id"],
            row["first_seen_time"],
            row["version"],
            row["below_since"],
        )
        for row in await conn.fetch(QUERIES["read_records"], list(roots), list(contacts))
    ]


async def draw_versions(conn: Connection, count: int) -> list[int]:
    """Returns new versions, ascending; drawn under the roots' locks they rise with every change of a person."""
    return sorted(row["version"] for row in await conn.fetch(QUERIES["draw_versions"], count))


async def find_links(conn: Connection, link_ids: Sequence[str]) -> set[str]:
    """Returns those of the links that exist, ended or not."""
    return {row["link_id"] for row in await conn.fetch(QUERIES["find_links"], list(link_ids))}


async def insert_links(conn: Connection, links: Sequence[NewLink]) -> None:
    """The links are stored."""
    await conn.execute(
        QUERIES["insert_links"],
        [each.link_id for each in links],
        [each.workspace_id for each in links],
        [each.contact_id for each in links],
        [each.other_contact_id for each in links],
        [each.evidence for each in links],
        [each.actor for each in links],
        [each.note for each in links],
        [each.cause_id for each in links],
        [each.roots.contact_root for each in links],
        [each.roots.other_root for each in links],
        [each.roots.version for each in links],
        [each.create_time for each in links],
        [each.end_reason for each in links],
    )


async def update_records(conn: Connection, records: Sequence[Record]) -> None:
    """The pointers say what the records say."""
    await conn.execute(
        QUERIES["update_records"],
        [each.contact_id for each in records],
        [each.root for each in records],
        [each.version for each in records],
        [each.below_since for each in records],
    )


async def find_link(conn: Connection, workspace_id: WorkspaceId, link_id: str) -> StoredLink | None:
    """Returns a link of the workspace."""
    row = await conn.fetchrow(QUERIES["find_link"], workspace_id, link_id)
    if row is None:
        return None
    return StoredLink(
        row["link_id"],
        row["contact_id"],
        row["other_contact_id"],
        Roots(row["contact_root_id"], row["other_root_id"], row["version"]),
        row["note"],
        row["create_time"],
        row["end_time"],
        row["end_reason"],
    )


async def end_link(conn: Connection, link_id: str, *, at: datetime, actor: str) -> None:
    """The link no longer holds."""
    await conn.execute(QUERIES["end_link"], link_id, at, actor)


async def read_edges(conn: Connection, contacts: Sequence[ContactId]) -> list[Edge]:
    """Returns the links that hold between the records of whole groups."""
    return [
        Edge(row["link_id"], row["contact_id"], row["other_contact_id"])
        for row in await conn.fetch(QUERIES["read_edges"], list(contacts))
    ]


# What people see


async def read_profiles(conn: Connection, workspace_id: WorkspaceId, contacts: Sequence[ContactId]) -> list[ProfileRow]:
    """Returns all records of the persons to whom the contacts belong, the oldest first."""
    return [
        ProfileRow(
            row["root_id"],
            row["contact_id"],
            row["channel_user_id"],
            Profile(
                row["display_name"],
                row["language"],
                row["country"],
                row["first_entry_time"],
                tuple(row["tags"]),
            ),
        )
        for row in await conn.fetch(QUERIES["read_profiles"], workspace_id, list(contacts))
    ]


async def read_identifiers(conn: Connection, channel_users: Sequence[ChannelUserId]) -> list[IdentifierRow]:
    """Returns the addresses of these channel users, first met first."""
    rows = []
    for row in await conn.fetch(QUERIES["read_identifiers"], list(channel_users)):
        until = _aware(row["retired_time"])
        rows.append(
            IdentifierRow(
                row["kind"],
                row["scope"],
                row["value"],
                row["channel_user_id"],
                row["platform"],
                row["first_seen_time"],
                None if until == FOREVER else until,
            )
        )
    return rows


async def list_roots(conn: Connection, workspace_id: WorkspaceId, before: str | None, limit: int) -> list[ContactId]:
    """Returns canonical contacts, newest first."""
    rows = await conn.fetch(QUERIES["list_roots"], workspace_id, before, limit)
    return [row["contact_id"] for row in rows]


async def find_roots_by_identifier(
    conn: Connection, workspace_id: WorkspaceId, match_keys: Sequence[str], before: str | None, limit: int
) -> list[ContactId]:
    """Returns canonical contacts that have or had one of the addresses, newest first."""
    rows = await conn.fetch(QUERIES["find_roots_by_identifier"], workspace_id, list(match_keys), before, limit)
    return [row["contact_id"] for row in rows]


async def list_names(
    conn: Connection,
    workspace_id: WorkspaceId,
    prefix: str,
    after: tuple[str, str] | None,
    *,
    without_keys: Sequence[str],
    limit: int,
) -> list[tuple[str, str, ContactId]]:
    """Returns name key, record and canonical contact of those whose name starts with the prefix."""
    key, contact_id = after or (None, None)
    rows = await conn.fetch(QUERIES["list_names"], workspace_id, prefix, key, contact_id, list(without_keys), limit)
    return [(row["name_key"], row["contact_id"], row["root_id"]) for row in rows]
