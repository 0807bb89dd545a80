"""Makes days of what is over, a page in a transaction, under the lock of the workspace: batches go in between."""

import asyncio
import time
from datetime import UTC, datetime, timedelta

from lobby_common.events import EventLog
from lobby_common.events.log import Connection
from lobby_common.times import utc_now
from lobby_counter import figures, store
from lobby_counter.calendars import Calendar, find_zone
from lobby_counter.days import QUERIES, Mark, read_mark
from lobby_counter.store import QUERIES as OF_ROWS

_HOUR = timedelta(hours=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SETTLED = timedelta(hours=2)
"""How long an hour is over before it is made: most that changes has changed by then, and costs nothing more."""
_OLDEST = timedelta(days=3660)
"""What is older is read from the rows."""
_LONGEST = timedelta(days=31)
"""Made in one transaction, of whatever length."""
_MESSAGES = 2_000
"""Made in one transaction: batches of the workspace wait meanwhile."""
_CHATS = 5_000
"""Forgotten in one transaction."""
_PAGES = 50
"""Made of a workspace without a pause."""
_PAUSE_SECONDS = 30.0
_REST = 2.0
"""Rest per second of work while something is left: figures of long periods wait for days that an upgrade makes anew."""
_SECOND = timedelta(seconds=1)


class Days:
    """Goes over the workspaces; `messages`: about how many are made in one transaction."""

    def __init__(self, log: EventLog, *, messages: int = _MESSAGES) -> None:
        self._log = log
        self._messages = messages

    async def run(self) -> None:
        """Everything that is over is made, until cancelled."""
        while True:
            began = time.monotonic()
            is_left = await self.finish()
            await asyncio.sleep((time.monotonic() - began) * _REST if is_left else _PAUSE_SECONDS)

    async def finish(self, pages: int = _PAGES) -> bool:
        """What was over is made, of each workspace as much as leaves its batches time. Returns whether some is left."""
        is_left = False
        for (workspace_id,) in await self._log.pool.fetch(OF_ROWS["find_active_workspaces"]):
            for _ in range(pages):
                if not await self.step(workspace_id):
                    break
            else:
                is_left = True
        return is_left

    async def step(self, workspace_id: str) -> bool:
        """Some of a workspace is made; returns False where there was nothing to make.

        First what came since, then what was before, from the newest on. Where the days of the workspace begin
        otherwise now, all is made again.
        """
        now = utc_now()
        horizon = now - _SETTLED
        horizon -= (horizon - _EPOCH) % _HOUR
        beginning = await figures.find_beginning(self._log.pool, workspace_id)
        if beginning is None:
            return False
        async with self._log.transaction() as tx:
            await store.lock_workspaces(tx.conn, [workspace_id])
            calendar = await _read_calendar(tx.conn, workspace_id)
            mark = await read_mark(tx.conn, workspace_id)
            if mark is None or mark.calendar != calendar:
                await _begin(tx.conn, workspace_id, mark, calendar, horizon)
                return True
            if mark.until < horizon:
                at = await tx.conn.fetchval(QUERIES["find_next_message"], workspace_id, mark.until, self._messages)
                end = min(horizon, mark.until + _LONGEST, max(at or horizon, mark.until + _SECOND))
                await _make(tx.conn, workspace_id, mark, mark.until, end)
                return True
            oldest = max(calendar.start_of(calendar.day_of(beginning)), now - _OLDEST)
            if mark.since <= oldest:
                return False
            at = await tx.conn.fetchval(QUERIES["find_last_message"], workspace_id, mark.since, self._messages)
            start = max(oldest, mark.since - _LONGEST, min(at or oldest, mark.since - _SECOND))
            await _make(tx.conn, workspace_id, mark, start, mark.since)
            return True


async def _read_calendar(conn: Connection, workspace_id: str) -> Calendar:
    """Returns when days begin, as the gateway said last: nobody is asked."""
    [row] = await conn.fetch(QUERIES["read_calendar"], workspace_id)
    return Calendar(find_zone(row["time_zone"]), row["day_start_hour"])


async def _begin(conn: Connection, workspace_id: str, mark: Mark | None, calendar: Calendar, horizon: datetime) -> None:
    """Nothing is made, and if nothing is left of what was, days begin anew."""
    if mark is not None:
        await conn.execute(QUERIES["forget_day_mark"], workspace_id)
    if not await conn.fetch(QUERIES["forget_chat_days"], workspace_id, _CHATS):
        start = calendar.start_of(calendar.day_of(horizon))
        await conn.execute(QUERIES["begin_days"], workspace_id, calendar.zone.key, calendar.day_start_hour, start)


async def _make(conn: Connection, workspace_id: str, mark: Mark, start: datetime, end: datetime) -> None:
    """A range beside what is made is made too."""
    starts = mark.calendar.days(start, end)
    since, until = min(mark.since, start), max(mark.until, end)
    await conn.execute(QUERIES["move_day_mark"], workspace_id, since, until, starts)
    await conn.execute(QUERIES["make_chat_days"], workspace_id, start, end)
    await conn.execute(QUERIES["make_day_figures"], workspace_id, start, end)
