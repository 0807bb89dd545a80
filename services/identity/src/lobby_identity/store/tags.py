"""Tags of records."""

from collections.abc import Collection, Sequence
from datetime import datetime

from lobby_common import sql
from lobby_common.events.log import Connection
from lobby_identity.domain.identifiers import ContactId, WorkspaceId
from lobby_identity.domain.tags import Tag

_QUERIES = sql.load("lobby_identity", "tags.sql")


async def lock_record(conn: Connection, workspace_id: WorkspaceId, contact_id: ContactId) -> bool:
    """The record is ours to tag until the transaction ends. Returns False for somebody who was forgotten."""
    return await conn.fetchval(_QUERIES["lock_record"], workspace_id, contact_id) is not None


async def read_tags(conn: Connection, workspace_id: WorkspaceId, contacts: Collection[ContactId]) -> list[Tag]:
    """Returns all tags of the records, those that were taken away too."""
    return [
        Tag(
            ContactId(row["contact_id"]),
            row["tag"],
            row["origin"],
            row["source_id"],
            row["set_time"],
            row["setting_id"],
            frozenset(row["hidden_from"]),
        )
        for row in await conn.fetch(_QUERIES["read_tags"], workspace_id, list(contacts))
    ]


async def set_tag(conn: Connection, workspace_id: WorkspaceId, tag: Tag) -> None:
    """The record has the tag, and nobody has taken it away."""
    await conn.execute(
        _QUERIES["set_tag"], workspace_id, tag.contact_id, tag.tag, tag.origin, tag.source_id, tag.set_time
    )


async def hide_tags(
    conn: Connection,
    workspace_id: WorkspaceId,
    tag: str,
    settings: Sequence[Tag],
    *,
    hidden_from: ContactId,
    actor: str,
    now: datetime,
) -> None:
    """These settings of a tag are taken away from a record."""
    await conn.execute(
        _QUERIES["hide_tags"],
        workspace_id,
        tag,
        [each.contact_id for each in settings if not each.setting_id],
        [each.setting_id for each in settings if each.setting_id],
        hidden_from,
        actor,
        now,
    )
