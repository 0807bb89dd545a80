"""Stages of a workspace, and changes of records."""

from collections.abc import Collection
from datetime import datetime

from lobby_common import sql
from lobby_common.events.log import Connection
from lobby_common.ids import new_id
from lobby_identity.domain.identifiers import ContactId, WorkspaceId
from lobby_identity.domain.stages import LifeCycle, StageChange

_QUERIES = sql.load("lobby_identity", "stages.sql")


async def find_life_cycle(conn: Connection, workspace_id: WorkspaceId) -> LifeCycle:
    """Returns what the workspace chose, or what holds for all."""
    row = await conn.fetchrow(_QUERIES["find_life_cycle"], workspace_id)
    return LifeCycle() if row is None else LifeCycle(tuple(row["stages"]), row["purchase_stage"])


async def write_life_cycle(conn: Connection, workspace_id: WorkspaceId, life_cycle: LifeCycle) -> None:
    """The workspace has these stages."""
    await conn.execute(_QUERIES["write_life_cycle"], workspace_id, list(life_cycle.stages), life_cycle.purchase_stage)


async def insert_change(
    conn: Connection,
    workspace_id: WorkspaceId,
    contact_id: ContactId,
    stages: tuple[str, str],
    *,
    origin: str,
    source_id: str,
) -> StageChange:
    """The record moved from the first stage to the second."""
    change_id, (former, stage) = new_id(), stages
    at: datetime = await conn.fetchval(
        _QUERIES["insert_change"], change_id, workspace_id, contact_id, stage, former, origin, source_id
    )
    return StageChange(change_id, contact_id, stage, former, origin, source_id, at)


async def read_last(conn: Connection, contacts: Collection[ContactId]) -> list[StageChange]:
    """Returns the last change of each of the records that were ever moved."""
    return [StageChange(*row) for row in await conn.fetch(_QUERIES["read_last"], list(contacts))]


async def list_changes(
    conn: Connection, contacts: Collection[ContactId], after: tuple[datetime, str] | None, limit: int
) -> list[StageChange]:
    """Returns changes of the records, the newest first."""
    at, change_id = after or (None, None)
    rows = await conn.fetch(_QUERIES["list_changes"], list(contacts), at, change_id, limit)
    return [StageChange(*row) for row in rows]
