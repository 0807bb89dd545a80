"""Reply windows that close on customers who await an answer: told also where nothing else happens any more."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta

from lobby_common.events import EventLog, Tx
from lobby_common.times import utc_now
from lobby_routing.domain.floor import Cause
from lobby_routing.events.telling import tell
from lobby_routing.store import floors
from lobby_routing.store.statements import QUERIES

_PAUSE_SECONDS = 15.0
_PAGE = 200
_GRACE = timedelta(minutes=1)
"""How long a message that kept the window open may be on its way."""


class Windows:
    """Looks for windows that have closed.

    It is the time of the closing that is told, whenever it is found; a conversation remembers that it was, in the
    transaction that tells it.
    """

    def __init__(self, log: EventLog) -> None:
        self._log = log

    async def run(self) -> None:
        """All that closed is told within a minute or two, until cancelled."""
        while True:
            while await self.step() == _PAGE:
                pass
            await asyncio.sleep(_PAUSE_SECONDS)

    async def step(self) -> int:
        """A page of what closed is told; returns how many there were."""
        rows = await self._log.pool.fetch(QUERIES["find_lost_windows"], utc_now() - _GRACE, _PAGE)
        by_workspace: dict[str, list[str]] = defaultdict(list)
        for workspace_id, conversation_id in rows:
            by_workspace[workspace_id].append(conversation_id)
        for workspace_id, conversation_ids in by_workspace.items():
            async with self._log.transaction() as tx:
                await _close(tx, workspace_id, conversation_ids)
        return len(rows)


async def _close(tx: Tx, workspace_id: str, conversation_ids: Sequence[str]) -> None:
    await floors.lock(tx.conn, [workspace_id])
    floor = await floors.enter(tx.conn, workspace_id, utc_now())
    for conversation_id in conversation_ids:
        row = await tx.conn.fetchrow(QUERIES["load_conversation"], conversation_id, workspace_id)
        if row is not None:
            floor.put(floors.conversation_of(row))
            floor.close_window(conversation_id, Cause(f"reply_window/{conversation_id}"))
    await floors.save(tx.conn, floor)
    tell(tx, floor)
