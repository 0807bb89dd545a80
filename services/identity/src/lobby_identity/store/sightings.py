"""Identifiers, channel users and their records, as batches of events need and make them."""

from collections.abc import Collection, Container, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from lobby_common.events.log import Connection
from lobby_identity.domain.identifiers import Address, ChannelUserId, ContactId, Holding, Key, WorkspaceId
from lobby_identity.domain.profile import Profile, name_key
from lobby_identity.domain.resolution import Binding, Claim, Known, Newcomer, Retirement
from lobby_identity.domain.touches import Source, Touch
from lobby_identity.store.statements import QUERIES, aware, bare


class Met(NamedTuple):
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


class Won(NamedTuple):
    """An identifier row that this transaction wrote."""

    key: Key
    retired_time: datetime
    claimed: bool


@dataclass(frozen=True, slots=True)
class Lost:
    """An identifier whose row is gone, and to whom it led."""

    address: Address
    channel_user_id: ChannelUserId
    platform: int
    first_seen_time: datetime


async def find_unknown(conn: Connection, asked: Sequence[tuple[int, Key]]) -> set[int]:
    """Returns the numbers under which a key was given that leads to no channel user with a record."""
    if not asked:
        return set()
    rows = await conn.fetch(QUERIES["find_unknown"], [n for n, _ in asked], *_key_columns([key for _, key in asked]))
    return {row["n"] for row in rows}


async def find_born(conn: Connection, channel_user_ids: Collection[ChannelUserId]) -> dict[ChannelUserId, ContactId]:
    """Returns the contacts that those channel users were born with who are there."""
    rows = await conn.fetch(QUERIES["find_born"], list(channel_user_ids))
    return {ChannelUserId(row["channel_user_id"]): ContactId(row["contact_id"]) for row in rows}


async def find_linked(conn: Connection, contact_ids: Collection[ContactId]) -> set[ContactId]:
    """Returns those of the contacts that were ever linked with another."""
    return {ContactId(row["contact_id"]) for row in await conn.fetch(QUERIES["find_linked"], list(contact_ids))}


async def restore_people(conn: Connection, people: Sequence[tuple[Newcomer, Profile]]) -> None:
    """Channel users and contacts are there, each in its person as far as links tell; who was there stays as he is."""
    await conn.execute(
        QUERIES["restore_people"],
        *_people_columns([newcomer for newcomer, _ in people]),
        *_profile_columns([profile for _, profile in people]),
    )


async def restore_identifiers(conn: Connection, lost: Sequence[Lost]) -> None:
    """Identifiers lead again to channel users who are there."""
    if lost:
        await conn.execute(
            QUERIES["restore_identifiers"],
            *_key_columns([each.address.key for each in lost]),
            [each.address.value for each in lost],
            [each.channel_user_id for each in lost],
            [each.platform for each in lost],
            [each.first_seen_time for each in lost],
        )


def _key_columns(keys: Sequence[Key]) -> tuple[list[Any], list[Any], list[Any], list[Any]]:
    return (
        [key.workspace_id for key in keys],
        [key.match_key for key in keys],
        [key.kind for key in keys],
        [key.scope for key in keys],
    )


async def read_holdings(
    conn: Connection, keys: Sequence[Key], found: Found, *, ours: Container[tuple[Key, datetime]] = ()
) -> None:
    """`found` says what the tables now say about the keys, but for `ours`; claimed phones come with their claimants."""
    for key in keys:
        found.holdings[key] = []
    claimed: dict[Key, None] = {}
    for row in await conn.fetch(QUERIES["read_holdings"], *_key_columns(keys)):
        n, channel_user_id, first_seen_time, retired_time, *met = row
        key, until = keys[n - 1], aware(retired_time)
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


async def retire(conn: Connection, retirements: Sequence[Retirement]) -> None:
    """The addresses no longer match."""
    columns = _key_columns([each.key for each in retirements])
    await conn.execute(QUERIES["retire_identifiers"], *columns, [each.retired_time for each in retirements])


async def insert_identifiers(conn: Connection, bindings: Sequence[Binding]) -> list[Won]:
    """Returns the rows that are ours now; the others belong to somebody else."""
    rows = await conn.fetch(
        QUERIES["insert_identifiers"],
        *_key_columns([each.key for each in bindings]),
        [bare(each.retired_time) for each in bindings],
        [each.value for each in bindings],
        [each.channel_user_id for each in bindings],
        [each.platform for each in bindings],
        [each.first_seen_time for each in bindings],
    )
    return [
        Won(
            Key(row["workspace_id"], row["match_key"], row["kind"], row["scope"]),
            aware(row["retired_time"]),
            row["claimed"],
        )
        for row in rows
    ]


async def rebind(conn: Connection, bindings: Sequence[Binding]) -> None:
    """Rows of this transaction lead to another channel user."""
    await conn.execute(
        QUERIES["rebind_identifiers"],
        *_key_columns([each.key for each in bindings]),
        [bare(each.retired_time) for each in bindings],
        [each.channel_user_id for each in bindings],
    )


async def insert_people(conn: Connection, people: Sequence[tuple[Newcomer, Profile]]) -> None:
    """The channel users exist, each with its contact."""
    await conn.execute(
        QUERIES["insert_people"],
        *_people_columns([newcomer for newcomer, _ in people]),
        *_profile_columns([profile for _, profile in people]),
    )


def _people_columns(people: Sequence[Newcomer]) -> tuple[list[Any], ...]:
    return (
        [each.workspace_id for each in people],
        [each.channel_user_id for each in people],
        [each.contact_id for each in people],
        [each.platform for each in people],
        [each.first_seen_time for each in people],
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
        [each.platform for each in touches],
        [each.at for each in touches],
        *([each.source[column] for each in touches] for column in range(len(Source._fields))),
    )
