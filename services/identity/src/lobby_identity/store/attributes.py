"""Attributes of a workspace, and values of records."""

from collections.abc import Collection, Mapping

from lobby_common import sql
from lobby_common.events.log import Connection
from lobby_identity.domain.attributes import Attribute, Held, Value
from lobby_identity.domain.identifiers import ContactId, WorkspaceId

_QUERIES = sql.load("lobby_identity", "attributes.sql")


async def insert_attribute(
    conn: Connection, workspace_id: WorkspaceId, name: str, kind: str, display_name: str
) -> None:
    """The attribute is there; one that was there stays as it was."""
    await conn.execute(_QUERIES["insert_attribute"], workspace_id, name, kind, display_name)


async def lock_definitions(conn: Connection, workspace_id: WorkspaceId) -> None:
    """The attributes of the workspace are ours to change until the transaction ends, and nobody sets values."""
    await conn.execute(_QUERIES["lock_definitions"], workspace_id)


async def share_definitions(conn: Connection, workspace_id: WorkspaceId) -> None:
    """The attributes of the workspace stay as they are until the transaction ends; asked for before any other lock."""
    await conn.execute(_QUERIES["share_definitions"], workspace_id)


async def update_attribute(
    conn: Connection, workspace_id: WorkspaceId, name: str, display_name: str
) -> Attribute | None:
    """People call the attribute so. None where there is none."""
    row = await conn.fetchrow(_QUERIES["update_attribute"], workspace_id, name, display_name)
    return None if row is None else Attribute(*row)


async def delete_attribute(conn: Connection, workspace_id: WorkspaceId, name: str) -> bool:
    """There is no such attribute any more. Returns whether there was one."""
    return await conn.fetchval(_QUERIES["delete_attribute"], workspace_id, name) is not None


async def delete_values(conn: Connection, workspace_id: WorkspaceId, name: str, limit: int) -> bool:
    """Some values of an attribute that is gone are removed. Returns whether those were all."""
    count: int = await conn.fetchval(_QUERIES["delete_values"], workspace_id, name, limit)
    return count < limit


async def insert_deleted(conn: Connection, workspace_id: WorkspaceId, name: str, actor: str) -> None:
    """Values of the attribute are still to be removed."""
    await conn.execute(_QUERIES["insert_deleted"], workspace_id, name, actor)


async def is_being_deleted(conn: Connection, workspace_id: WorkspaceId, name: str) -> bool:
    """Returns whether values of a former attribute of the name are still to be removed."""
    return bool(await conn.fetchval(_QUERIES["is_being_deleted"], workspace_id, name))


async def find_deleted(conn: Connection) -> tuple[WorkspaceId, str] | None:
    """Returns an attribute whose values are still to be removed; ours until the transaction ends."""
    row = await conn.fetchrow(_QUERIES["find_deleted"])
    return None if row is None else (WorkspaceId(row[0]), row[1])


async def end_deleted(conn: Connection, workspace_id: WorkspaceId, name: str) -> None:
    """The last value was removed."""
    await conn.execute(_QUERIES["end_deleted"], workspace_id, name)


async def list_attributes(conn: Connection, workspace_id: WorkspaceId) -> list[Attribute]:
    """Returns the attributes of the workspace, by name."""
    return [Attribute(*row) for row in await conn.fetch(_QUERIES["list_attributes"], workspace_id)]


async def read_values(conn: Connection, workspace_id: WorkspaceId, contacts: Collection[ContactId]) -> list[Held]:
    """Returns what the records have, and what was taken away from them."""
    rows = await conn.fetch(_QUERIES["read_values"], workspace_id, list(contacts))
    return [Held(ContactId(row[0]), row[1], Value(*row[2:6]), *row[6:]) for row in rows]


async def set_values(
    conn: Connection,
    workspace_id: WorkspaceId,
    contact_id: ContactId,
    values: Mapping[str, Value],
    *,
    origin: str,
    source_id: str,
) -> None:
    """The record has these values."""
    columns = [list(column) for column in zip(*values.values(), strict=True)]
    await conn.execute(_QUERIES["set_values"], workspace_id, contact_id, list(values), *columns, origin, source_id)
