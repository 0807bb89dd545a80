"""Contacts as they are shown and searched."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from lobby_common.events.log import Connection
from lobby_identity.domain.identifiers import FOREVER, ChannelUserId, ContactId, WorkspaceId
from lobby_identity.domain.profile import Profile
from lobby_identity.domain.touches import Source, Touch
from lobby_identity.store.statements import QUERIES, aware


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
            ),
        )
        for row in await conn.fetch(QUERIES["read_profiles"], workspace_id, list(contacts))
    ]


async def read_identifiers(conn: Connection, channel_users: Sequence[ChannelUserId]) -> list[IdentifierRow]:
    """Returns the addresses of these channel users, first met first."""
    rows = []
    for row in await conn.fetch(QUERIES["read_identifiers"], list(channel_users)):
        until = aware(row["retired_time"])
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


async def read_touches(conn: Connection, workspace_id: WorkspaceId, users: Sequence[ChannelUserId]) -> list[Touch]:
    """Returns the first touches of those of the channel users of whom one is known."""
    return [
        Touch(
            row["channel_user_id"],
            workspace_id,
            row["account_id"],
            row["platform"],
            row["touch_time"],
            Source(*(row[field] for field in Source._fields)),
        )
        for row in await conn.fetch(QUERIES["read_touches"], list(users))
    ]


async def find_roots_by_identifier(
    conn: Connection, workspace_id: WorkspaceId, match_keys: Sequence[str], before: str | None, limit: int
) -> list[ContactId]:
    """Returns canonical contacts that have or had one of the addresses, newest first."""
    rows = await conn.fetch(QUERIES["find_roots_by_identifier"], workspace_id, list(match_keys), before, limit)
    return [row["contact_id"] for row in rows]
