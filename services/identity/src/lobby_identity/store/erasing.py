"""People who are forgotten."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from lobby_common.events.log import Connection
from lobby_identity.domain.identifiers import ChannelUserId, ContactId, WorkspaceId
from lobby_identity.store.statements import QUERIES


@dataclass(frozen=True, slots=True)
class Erased:
    """A record of which nothing personal is left."""

    contact_id: ContactId
    channel_user_id: ChannelUserId
    first_seen_time: datetime
    is_news: bool
    """It was erased just now."""


async def erase_people(
    conn: Connection, workspace_id: WorkspaceId, contacts: Collection[ContactId], now: datetime
) -> list[Erased]:
    """Nothing personal is left of the records; their roots are locked."""
    await conn.execute(QUERIES["lock_people"], workspace_id, list(contacts))
    return [
        Erased(
            ContactId(row["contact_id"]), ChannelUserId(row["channel_user_id"]), row["first_seen_time"], row["erased"]
        )
        for row in await conn.fetch(QUERIES["erase_people"], workspace_id, list(contacts), now)
    ]


async def find_erased(conn: Connection, channel_users: Collection[ChannelUserId]) -> set[ChannelUserId]:
    """Returns those of the channel users who were forgotten."""
    rows = await conn.fetch(QUERIES["find_erased"], list(channel_users))
    return {ChannelUserId(row["channel_user_id"]) for row in rows}
