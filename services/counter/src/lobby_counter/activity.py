"""Who wrote in which hour and day: made by a task when an hour is over, so that no message pays for it.

What was made is exact for ever: messages that come late for their hour, or are handed to an agent later, mark it in
their own transaction; until it is made again its messages are read instead.
"""

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from lobby_common.events import EventLog
from lobby_common.events.log import Connection
from lobby_common.times import utc_now
from lobby_counter import store
from lobby_counter.calendars import Period, Piece
from lobby_counter.facts import Inbound
from lobby_counter.store import QUERIES

WIDTHS = (1440, 60)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)
_BEGINNING = datetime(1, 1, 1, tzinfo=UTC)
_END = datetime.max.replace(tzinfo=UTC)
_SETTLED = timedelta(hours=2)
"""How long an hour is over before it is made: later messages of it are late."""
_LATE = timedelta(hours=1)
"""Messages older than that may belong to an hour that is made; clocks of replicas differ by less than the rest."""
_HOURS = 24
"""Made in one transaction."""
_PAGES = 50
"""Made of a workspace without a pause: where very old messages come in, hours are marked as fast as they are made."""
_PAUSE_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Made:
    """What is there: hours and days before `until` but for the dirty hours."""

    until: datetime
    dirty: Collection[datetime] = ()

    def pieces(self, period: Period) -> list[Piece]:
        """Returns the parts of a period: whole days, whole hours, and what is to be read message by message (0)."""
        apart = [(hour, hour + _HOUR) for hour in self.dirty]
        return period.pieces(WIDTHS, [*apart, (self.until, _END)])


async def read_made(conn: Connection, workspace_id: str) -> Made:
    """Returns what is there of a workspace."""
    until = await conn.fetchval(QUERIES["read_activity_mark"], workspace_id)
    if until is None:
        return Made(_BEGINNING)
    return Made(until, [row[0] for row in await conn.fetch(QUERIES["read_dirty_hours"], workspace_id)])


async def note_late(conn: Connection, messages: Sequence[Inbound], now: datetime) -> None:
    """Hours that are made, and of which messages come now, are to be made again."""
    late = {
        (each.workspace_id, _slot(each.occurred_time, _HOUR)) for each in messages if each.occurred_time < now - _LATE
    }
    if late:
        rows = sorted(late)
        await conn.execute(QUERIES["mark_dirty_hours"], [row[0] for row in rows], [row[1] for row in rows])


def _slot(at: datetime, width: timedelta) -> datetime:
    return at - (at - _EPOCH) % width


class Activity:
    """Makes hours and days, a page in a transaction, under the lock of the workspace."""

    def __init__(self, log: EventLog) -> None:
        self._log = log

    async def run(self) -> None:
        """All hours that are over are made, until cancelled."""
        while True:
            await self.finish()
            await asyncio.sleep(_PAUSE_SECONDS)

    async def finish(self) -> None:
        """Hours that were over are made, of each workspace as many as leave its batches time."""
        for (workspace_id,) in await self._log.pool.fetch(QUERIES["find_active_workspaces"]):
            for _ in range(_PAGES):
                if not await self.step(workspace_id):
                    break

    async def step(self, workspace_id: str) -> bool:
        """Some hours of a workspace are made; returns False where there were none."""
        horizon = _slot(utc_now() - _SETTLED, _HOUR)
        async with self._log.transaction() as tx:
            await store.lock_workspaces(tx.conn, [workspace_id])
            made = await read_made(tx.conn, workspace_id)
            dirty = sorted(made.dirty)[:_HOURS]
            if dirty:
                await _make(tx.conn, workspace_id, dirty, made.until)
                await tx.conn.execute(QUERIES["clear_dirty_hours"], workspace_id, dirty)
                return True
            if made.until >= horizon:
                return False
            rows = await tx.conn.fetch(QUERIES["find_hours"], workspace_id, made.until, horizon, _HOURS)
            hours = [row[0] for row in rows]
            until = hours[-1] + _HOUR if len(hours) == _HOURS else horizon
            await tx.conn.execute(QUERIES["move_activity_mark"], workspace_id, until)
            await _make(tx.conn, workspace_id, hours, until, since=made.until)
            return True


async def _make(
    conn: Connection, workspace_id: str, hours: Sequence[datetime], until: datetime, since: datetime | None = None
) -> None:
    """The hours are as their messages say, and the days that are over and hold them, or ended after `since`."""
    if hours:
        await conn.execute(QUERIES["forget_activity"], workspace_id, 60, list(hours))
        await conn.execute(QUERIES["make_hours"], workspace_id, list(hours))
    days = {_slot(hour, _DAY) for hour in hours}
    if since is not None:
        days.add(_slot(since, _DAY))
    over = sorted(day for day in days if day + _DAY <= until)
    if over:
        await conn.execute(QUERIES["forget_activity"], workspace_id, 1440, over)
        await conn.execute(QUERIES["make_days"], workspace_id, over)
