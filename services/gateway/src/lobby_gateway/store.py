"""Workspaces and keys in PostgreSQL."""

import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

import asyncpg

from lobby_common import sql
from lobby_common.events.log import Connection
from lobby_common.ids import new_id
from lobby_gateway import statements
from lobby_gateway.domain import Key, Principal, Workspace
from lobby_gateway.proof import Proof
from lobby_gateway.statements import Statement

QUERIES = sql.load("lobby_gateway")


async def find_workspace(conn: "Connection | asyncpg.Pool", workspace_id: str) -> Workspace | None:
    """Returns the workspace."""
    row = await conn.fetchrow(QUERIES["find_workspace"], workspace_id)
    return Workspace(**row) if row else None


async def lock_workspace(conn: Connection, workspace_id: str) -> Workspace | None:
    """Returns the workspace; until the transaction ends nobody else changes it or its keys."""
    row = await conn.fetchrow(QUERIES["lock_workspace"], workspace_id)
    return Workspace(**row) if row else None


async def find_first_workspace(conn: Connection) -> str | None:
    """Returns the id of the oldest workspace; until the transaction ends nobody else makes the first one."""
    await conn.execute(QUERIES["lock_bootstrap"])
    found: str | None = await conn.fetchval(QUERIES["find_first_workspace"])
    return found


async def add_workspace(conn: Connection, workspace: Workspace) -> None:
    """The workspace is there."""
    await conn.execute(
        QUERIES["insert_workspace"],
        workspace.workspace_id,
        workspace.display_name,
        workspace.time_zone,
        workspace.day_start_hour,
        workspace.agents_see_identifiers,
        workspace.create_time,
    )


async def save_workspace(conn: Connection, workspace: Workspace) -> None:
    """The workspace is as given."""
    await conn.execute(
        QUERIES["update_workspace"],
        workspace.workspace_id,
        workspace.display_name,
        workspace.time_zone,
        workspace.day_start_hour,
        workspace.agents_see_identifiers,
    )


async def add_key(conn: Connection, key: Key, secret_hash: bytes) -> None:
    """The key holds."""
    await conn.execute(
        QUERIES["insert_key"],
        key.key_id,
        key.workspace_id,
        secret_hash,
        key.role,
        key.agent_id,
        key.display_name,
        key.create_time,
    )


async def find_key(conn: Connection, workspace_id: str, key_id: str) -> Key | None:
    """Returns the key, revoked or not."""
    row = await conn.fetchrow(QUERIES["find_key"], workspace_id, key_id)
    return Key(**row) if row else None


async def list_keys(pool: asyncpg.Pool, workspace_id: str, after: tuple[datetime, str] | None, limit: int) -> list[Key]:
    """Returns at most `limit` keys, oldest first, those after `after`."""
    create_time, key_id = after or (None, None)
    rows = await pool.fetch(QUERIES["list_keys"], workspace_id, create_time, key_id, limit)
    return [Key(**row) for row in rows]


async def list_owner_keys(conn: Connection, workspace_id: str) -> list[str]:
    """Returns the ids of the owner keys that hold."""
    return [row["key_id"] for row in await conn.fetch(QUERIES["list_owner_keys"], workspace_id)]


async def save_revocation(conn: Connection, key: Key) -> None:
    """The key holds no longer."""
    await conn.execute(QUERIES["revoke_key"], key.key_id, key.revoke_time)


async def find_principals(pool: asyncpg.Pool, hashes: Sequence[bytes]) -> Mapping[bytes, Principal]:
    """Returns who the secrets with these hashes stand for; those that hold no longer are not there."""
    rows = await pool.fetch(QUERIES["find_principals"], list(hashes))
    return {
        bytes(row["secret_hash"]): Principal(
            workspace_id=row["workspace_id"],
            key_id=row["key_id"],
            role=row["role"],
            agent_id=row["agent_id"],
            agents_see_identifiers=row["agents_see_identifiers"],
            sheet_id=row["sheet_id"],
            link_id=row["link_id"],
            expire_time=row["expire_time"],
        )
        for row in rows
    }


async def audit(
    conn: Connection,
    *,
    workspace_id: str,
    actor: str,
    action: str,
    subject_id: str,
    detail: Mapping[str, Any],
) -> None:
    """The change is on record, in the transaction of the change."""
    await conn.execute(
        QUERIES["insert_audit_entry"], new_id(), workspace_id, actor, action, subject_id, json.dumps(detail)
    )


async def add_statement(pool: asyncpg.Pool, workspace_id: str, day: date, found: Proof) -> Statement | None:
    """The day has its statement, after the workspace's last. Returns it, None where it was there already."""
    async with pool.acquire() as conn, conn.transaction():
        await lock_workspace(conn, workspace_id)
        last = await conn.fetchrow(QUERIES["find_last_statement"], workspace_id)
        if last is not None and last["day"] >= day:
            return None
        number, digest = (1, statements.FIRST) if last is None else (last["number"] + 1, last["digest"])
        made = statements.write(workspace_id, day, found, number, digest)
        await conn.execute(
            QUERIES["insert_statement"],
            workspace_id,
            made.number,
            made.day,
            made.accepted,
            made.accounted,
            made.missed,
            made.balanced,
            made.text,
            made.digest,
        )
        return made


async def list_statements(pool: asyncpg.Pool, workspace_id: str, after: int, limit: int) -> list[Statement]:
    """Returns at most `limit` statements with a greater number, oldest first."""
    return [Statement(**row) for row in await pool.fetch(QUERIES["list_statements"], workspace_id, after, limit)]
