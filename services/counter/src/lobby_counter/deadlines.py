"""Deadlines of waits that have none yet, those of before, and of open ones into which a new schedule reaches."""

import asyncio

from lobby_common.events import EventLog
from lobby_counter import store, wait_store
from lobby_counter.clients import Calendars
from lobby_counter.store import QUERIES

_WAITS = 500
"""Dated in one transaction."""
_PAUSE_SECONDS = 1.0


class Deadlines:
    """Finds them, a page in a transaction, under the lock of the workspace: batches go in between."""

    def __init__(self, log: EventLog, calendars: Calendars) -> None:
        self._log = log
        self._calendars = calendars

    async def run(self) -> None:
        """All waits have deadlines, until cancelled."""
        while True:
            await self.finish()
            await asyncio.sleep(_PAUSE_SECONDS)

    async def finish(self) -> None:
        """All waits that were there have deadlines."""
        rows = await self._log.pool.fetch(QUERIES["find_undated_workspaces"])
        for (workspace_id,) in rows:
            await self._calendars.get(workspace_id)
            while await self.step(workspace_id):
                pass

    async def step(self, workspace_id: str) -> int:
        """Some waits of a workspace have deadlines; returns how many."""
        async with self._log.transaction() as tx:
            await store.lock_workspaces(tx.conn, [workspace_id])
            return await wait_store.date_waits(tx.conn, workspace_id, self._calendars.known, _WAITS)
