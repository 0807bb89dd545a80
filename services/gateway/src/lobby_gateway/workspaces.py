"""Use-cases of workspaces and keys: load, decide, save, put on record."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import asyncpg

from lobby_common.caller import Caller
from lobby_common.errors import NotFound
from lobby_common.events.log import Connection
from lobby_common.ids import is_id, new_id
from lobby_gateway import domain, roles, store
from lobby_gateway.domain import Key, Workspace

ADMIN = "admin"
"""Who acts where the command line does."""


@dataclass(frozen=True, slots=True)
class NewOwner:
    """A workspace and the secret of an owner key, which is known only now."""

    workspace_id: str
    secret: str


async def get_workspace(conn: asyncpg.Pool, caller: Caller) -> Workspace:
    """Returns the caller's workspace. Raises NotFound."""
    return _found(await store.find_workspace(conn, caller.workspace_id))


def _found(workspace: Workspace | None) -> Workspace:
    if workspace is None:
        raise NotFound("WORKSPACE_NOT_FOUND", "the workspace is gone")
    return workspace


async def change_workspace(conn: Connection, caller: Caller, changes: Mapping[str, Any]) -> Workspace:
    """Returns the workspace with the changes. Raises Invalid INVALID_TIME_ZONE."""
    before = _found(await store.lock_workspace(conn, caller.workspace_id))
    if "time_zone" in changes:
        domain.check_time_zone(changes["time_zone"])
    after = replace(before, **changes)
    if after != before:
        await store.save_workspace(conn, after)
        await store.audit(
            conn,
            workspace_id=after.workspace_id,
            actor=caller.actor,
            action="workspace_changed",
            subject_id=after.workspace_id,
            detail=changes,
        )
    return after


async def add_key(conn: Connection, caller: Caller, key: Key, secret: str) -> None:
    """The key holds from the commit on."""
    await store.add_key(conn, key, domain.hash_of(secret))
    detail = {"role": key.role, "agent_id": key.agent_id}
    await store.audit(
        conn,
        workspace_id=key.workspace_id,
        actor=caller.actor,
        action="key_created",
        subject_id=key.key_id,
        detail=detail,
    )


async def revoke_key(conn: Connection, caller: Caller, key_id: str, at: datetime) -> Key:
    """Returns the key, revoked. Raises NotFound KEY_NOT_FOUND, Conflict LAST_OWNER_KEY."""
    await store.lock_workspace(conn, caller.workspace_id)
    before = await store.find_key(conn, caller.workspace_id, key_id) if is_id(key_id) else None
    if before is None:
        raise NotFound("KEY_NOT_FOUND", "there is no such key in this workspace")
    after = domain.revoke(before, await store.list_owner_keys(conn, caller.workspace_id), at)
    if after != before:
        await store.save_revocation(conn, after)
        await store.audit(
            conn,
            workspace_id=caller.workspace_id,
            actor=caller.actor,
            action="key_revoked",
            subject_id=key_id,
            detail={"role": after.role},
        )
    return after


async def create_workspace(conn: Connection, display_name: str, time_zone: str, secret: str, at: datetime) -> NewOwner:
    """A workspace and an owner key of it are there. Raises Invalid INVALID_TIME_ZONE."""
    workspace = Workspace(
        workspace_id=new_id(),
        display_name=display_name,
        time_zone=domain.check_time_zone(time_zone),
        day_start_hour=0,
        agents_see_identifiers=False,
        create_time=at,
    )
    await store.add_workspace(conn, workspace)
    detail = {"display_name": display_name, "time_zone": time_zone}
    await store.audit(
        conn,
        workspace_id=workspace.workspace_id,
        actor=ADMIN,
        action="workspace_created",
        subject_id=workspace.workspace_id,
        detail=detail,
    )
    return await add_owner_key(conn, workspace.workspace_id, secret, at)


async def add_owner_key(conn: Connection, workspace_id: str, secret: str, at: datetime) -> NewOwner:
    """The workspace has one more owner key."""
    key = Key(
        key_id=new_id(),
        workspace_id=workspace_id,
        role=roles.OWNER,
        agent_id="",
        display_name="bootstrap",
        create_time=at,
    )
    await store.add_key(conn, key, domain.hash_of(secret))
    await store.audit(
        conn,
        workspace_id=workspace_id,
        actor=ADMIN,
        action="key_created",
        subject_id=key.key_id,
        detail={"role": key.role},
    )
    return NewOwner(workspace_id, secret)
