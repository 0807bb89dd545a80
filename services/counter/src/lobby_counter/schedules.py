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


async def create_schedule(conn: Connection, who: Caller, version: Version, now: datetime) -> Schedule:
    """There is a new schedule, and open waits that it reaches into will have deadlines by it.

    Raises Invalid START_TIME_PASSED, Conflict SCHEDULE_EXISTS, Exhausted TOO_MANY_SCHEDULES.
    """
    await store.lock_workspaces(conn, [who.workspace_id])
    if version.start < now:
        raise Invalid("START_TIME_PASSED", "start_time has passed: what was measured stays as it was")
    known = await list_schedules(conn, who.workspace_id)
    if len(known) >= MOST_SCHEDULES:
        raise Exhausted("TOO_MANY_SCHEDULES", f"a workspace has {MOST_SCHEDULES} schedules at most")
    if any(each.version.start == version.start for each in known):
        raise Conflict("SCHEDULE_EXISTS", "another schedule starts at the same time")
    schedule_id = new_id()
    made = await conn.fetchval(QUERIES["insert_schedule"], schedule_id, who.workspace_id, *_columns(version), who.actor)
    await conn.execute(QUERIES["redate_waits"], who.workspace_id, version.start)
    return Schedule(schedule_id, version, made)


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
    return Schedule(row["schedule_id"], version_of(row), row["create_time"])
