"""What misses came from: found for waits that are over a moment after they ended, and again when more is known."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from lobby_common import sql
from lobby_common.events import EventLog
from lobby_common.events.log import Connection
from lobby_counter import store, wait_store
from lobby_counter.business import BusinessClock, Clocks
from lobby_counter.clients import Calendars
from lobby_counter.wait_store import whole_wait
from lobby_counter.waits import Circumstances, Miss, RootCause, Wait, root_cause

QUERIES = sql.load("lobby_counter", "waits.sql")

_WAITS = 500
"""Explained in one transaction."""
_PAUSE_SECONDS = 1.0

AccountOf = Callable[[Wait], str]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What happened around some waits."""

    failures: dict[str, list[datetime]]
    states: dict[str, list[tuple[datetime, str]]]
    untranslated: dict[str, list[tuple[datetime, datetime | None]]]

    def of(self, conversation_id: str, account_id: str) -> Circumstances:
        """Returns the circumstances of the waits of a conversation."""
        return Circumstances(
            self.failures.get(conversation_id, ()),
            self.states.get(account_id, ()),
            self.untranslated.get(conversation_id, ()),
        )


async def read_surroundings(
    conn: Connection, conversation_ids: Iterable[str], account_ids: Iterable[str]
) -> Surroundings:
    """Returns what happened in the conversations and to the accounts."""
    wanted = list(set(conversation_ids))
    failures: dict[str, list[datetime]] = defaultdict(list)
    for conversation_id, at in await conn.fetch(QUERIES["read_failures"], wanted):
        failures[conversation_id].append(at)
    untranslated: dict[str, list[tuple[datetime, datetime | None]]] = defaultdict(list)
    for conversation_id, start, end in await conn.fetch(QUERIES["read_untranslated"], wanted):
        untranslated[conversation_id].append((start, end))
    states: dict[str, list[tuple[datetime, str]]] = defaultdict(list)
    for account_id, at, state in await conn.fetch(QUERIES["read_states"], list(set(account_ids))):
        states[account_id].append((at, state))
    return Surroundings(failures, states, untranslated)


def causes(wait: Wait, now: datetime, around: Circumstances, clock: BusinessClock) -> dict[Miss, RootCause]:
    """Returns what each miss of the wait came from, one cause each."""
    return {miss: root_cause(wait, breach, around, clock) for miss, breach in wait.misses(now).items()}


class Explaining:
    """A page in a transaction, under the lock of the workspace, so that no batch tells more in between."""

    def __init__(self, log: EventLog, calendars: Calendars) -> None:
        self._log = log
        self._calendars = calendars

    async def run(self) -> None:
        """All misses have causes, until cancelled."""
        while True:
            await self.finish()
            await asyncio.sleep(_PAUSE_SECONDS)

    async def finish(self) -> None:
        """All misses that were there have causes."""
        rows = await self._log.pool.fetch(QUERIES["find_unexplained_workspaces"])
        for (workspace_id,) in rows:
            while await self.step(workspace_id):
                pass

    async def step(self, workspace_id: str) -> int:
        """Some waits of a workspace are explained; returns how many."""
        async with self._log.transaction() as tx:
            await store.lock_workspaces(tx.conn, [workspace_id])
            rows = await tx.conn.fetch(QUERIES["find_unexplained"], workspace_id, _WAITS)
            if rows:
                clocks = await wait_store.load_clocks(tx.conn, [workspace_id], self._calendars.known)
                waits = [(whole_wait(row), row["at_account_id"]) for row in rows]
                await _explain(tx.conn, waits, clocks[workspace_id])
            return len(rows)


async def _explain(conn: Connection, waits: Sequence[tuple[Wait, str]], clocks: Clocks) -> None:
    around = await read_surroundings(
        conn, (wait.conversation_id for wait, _ in waits), (account_id for _, account_id in waits)
    )
    found = [
        causes(
            wait,
            wait.end_time or wait.owed_since,
            around.of(wait.conversation_id, account_id),
            clocks.of(account_id),
        )
        for wait, account_id in waits
    ]
    await conn.execute(
        QUERIES["explain_waits"],
        [wait.wait_id for wait, _ in waits],
        [each.get(Miss.LATE) for each in found],
        [each.get(Miss.LOST_WINDOW) for each in found],
        [each.get(Miss.UNANSWERED) for each in found],
    )
