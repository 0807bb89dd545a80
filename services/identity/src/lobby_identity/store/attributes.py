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
