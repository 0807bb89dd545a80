"""What people do to schedules.

They are kept here, by whoever measures: a batch reads them under the workspace's lock, and never half of a change.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from lobby_common.caller import Caller
from lobby_common.errors import Conflict, Exhausted, Invalid, NotFound
from lobby_common.events.log import Connection
from lobby_common.ids import new_id
from lobby_counter import store
from lobby_counter.business import Version
from lobby_counter.store import QUERIES
from lobby_counter.wait_store import version_of

MOST_SCHEDULES = 1_000
"""Of a workspace."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """A version of when people work, as it was made."""

    schedule_id: str
    version: Version
    account_id: str | None
    """Whose it is; None: the whole workspace's."""
    create_time: datetime


async def list_schedules(conn: Connection, workspace_id: str) -> list[Schedule]:
    """Returns the schedules of a workspace, the one that starts last first."""
    rows = await conn.fetch(QUERIES["load_schedules"], [workspace_id])
    return [_schedule(row) for row in reversed(rows)]


async def get_schedule(conn: Connection, workspace_id: str, schedule_id: str) -> Schedule:
    """Returns a schedule. Raises NotFound SCHEDULE_NOT_FOUND."""
    for each in await list_schedules(conn, workspace_id):
        if each.schedule_id == schedule_id:
            return each
    raise NotFound("SCHEDULE_NOT_FOUND", "there is no such schedule in this workspace")


async def create_schedule(
    conn: Connection, who: Caller, version: Version, now: datetime, account_id: str | None
) -> Schedule:
    """There is a new schedule of an account or of the workspace, and open waits that it reaches into will follow it.

    Raises Invalid START_TIME_PASSED, Conflict SCHEDULE_EXISTS, Exhausted TOO_MANY_SCHEDULES.
    """
    await store.lock_workspaces(conn, [who.workspace_id])
    if version.start < now:
        raise Invalid("START_TIME_PASSED", "start_time has passed: what was measured stays as it was")
    known = await list_schedules(conn, who.workspace_id)
    if len(known) >= MOST_SCHEDULES:
        raise Exhausted("TOO_MANY_SCHEDULES", f"a workspace has {MOST_SCHEDULES} schedules at most")
    if any((each.version.start, each.account_id) == (version.start, account_id) for each in known):
        raise Conflict("SCHEDULE_EXISTS", "another schedule starts at the same time")
    schedule_id = new_id()
    place = (schedule_id, who.workspace_id, account_id)
    made = await conn.fetchval(QUERIES["insert_schedule"], *place, *_columns(version), who.actor)
    await conn.execute(QUERIES["redate_waits"], who.workspace_id, version.start)
    return Schedule(schedule_id, version, account_id, made)


def _columns(version: Version) -> Sequence[Any]:
    hours = version.hours
    return (
        version.start,
        hours.zone.key,
        json.dumps(hours.intervals),
        sorted(hours.holidays),
        int(version.target.total_seconds()),
    )


def _schedule(row: Any) -> Schedule:
    return Schedule(row["schedule_id"], version_of(row), row["account_id"], row["create_time"])
