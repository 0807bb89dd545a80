"""Of people who were forgotten no digest of an address stays; ids, entries and all figures do (ADR 0015).

Off the event path, and again after a minute, an hour and a day, for something of theirs may still have been on its way.
Who writes from such an address later is somebody else, with a chat of his own.
"""

import asyncio
from collections.abc import Sequence

from lobby_common.events import EventLog
from lobby_common.events.log import Connection
from lobby_counter import store
from lobby_counter.facts import Erased
from lobby_counter.store import QUERIES

_PAUSE_SECONDS = 1.0
_AGAIN = (60.0, 3_600.0, 86_400.0)
"""Seconds to the next look."""


async def write(conn: Connection, erased: Sequence[Erased]) -> None:
    """The channel users will be forgotten."""
    await conn.execute(
        QUERIES["insert_forgetting"],
        [each.channel_user_id for each in erased],
        [each.workspace_id for each in erased],
    )


class Forgetter:
    """Forgets one channel user after the other; doing it again changes nothing."""

    def __init__(self, log: EventLog) -> None:
        self._log = log

    async def run(self) -> None:
        """Works until cancelled."""
        while True:
            if not await self.take():
                await asyncio.sleep(_PAUSE_SECONDS)

    async def take(self) -> bool:
        """Of whoever is due no digest is left. Returns whether anybody was due."""
        row = await self._log.pool.fetchrow(QUERIES["find_forgetting"])
        if row is None:
            return False
        channel_user_id, workspace_id, passes = row
        async with self._log.transaction() as tx:
            await store.lock_workspaces(tx.conn, [workspace_id])
            await tx.conn.execute(QUERIES["forget_chats"], channel_user_id)
            if passes == len(_AGAIN):
                await tx.conn.execute(QUERIES["end_forgetting"], channel_user_id)
            else:
                await tx.conn.execute(QUERIES["postpone_forgetting"], channel_user_id, _AGAIN[passes])
        return True
