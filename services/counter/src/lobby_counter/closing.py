"""Closes the days of sheets when they are due, one transaction a day, under the workspace's lock.

Whatever is judged before a day is closed is in it; whatever is judged afterwards, also of entries of that day, is in
the next one. So no clock decides what a day holds, and a closed day never changes.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from lobby.counter.v1.events_pb2 import SheetClosed
from lobby_common.events import EventLog, Tx
from lobby_common.events.log import Connection
from lobby_common.ids import derive_id
from lobby_common.log import get_logger
from lobby_common.postgres import AWAY, COLLIDED
from lobby_common.times import utc_now
from lobby_counter import rule_store, sheet_store, sheets, store
from lobby_counter.sheets import Change, Day, Sheet

_LOG = get_logger("closing")

_EVERY_SECONDS = 20.0
_A_MOMENT_SECONDS = 1.0
"""The longest that a transaction stands still."""
_SETTLES = timedelta(days=366)
"""How long after its last day what is found later about a sheet is still settled."""


class Closer:
    """Closes what is due. Two at once do no harm: a day of a sheet is closed once."""

    def __init__(self, log: EventLog) -> None:
        self._log = log

    async def run(self) -> None:
        """Days are closed soon after they are due, until cancelled."""
        while True:
            try:
                await self.close_due()
            except (*AWAY, *COLLIDED) as error:
                _LOG.info("sheets_wait", reason=type(error).__name__)
            await asyncio.sleep(_EVERY_SECONDS)

    async def close_due(self) -> None:
        """Every day that is due is closed; a sheet whose counter still judges what was before waits for it.

        Due by the database's clock and by this process's: one that is ahead closes no day early.
        """
        progress = True
        while progress:
            async with self._log.pool.acquire() as conn:
                due = await sheet_store.find_due(conn)
            progress = any([await self._try_to_close(*each) for each in due])

    async def _try_to_close(self, workspace_id: str, sheet_id: str) -> bool:
        """One sheet that cannot be closed keeps no other one from it. Returns whether a day was closed."""
        try:
            return await self.close_next(workspace_id, sheet_id)
        except (*AWAY, *COLLIDED):
            raise
        except Exception:  # noqa: BLE001 -- whatever is wrong with one must not hold up the others
            _LOG.exception("sheet_not_closed", sheet_id=sheet_id)
            return False

    async def close_next(self, workspace_id: str, sheet_id: str) -> bool:
        """The sheet's next day is closed; returns False where it is not due, or has to wait."""
        async with self._log.transaction() as tx:
            await store.lock_workspaces(tx.conn, [workspace_id])
            sheet = await sheet_store.lock(tx.conn, workspace_id, sheet_id)
            now = utc_now()
            if sheet is None or not _is_due(sheet, now):
                return False
            if await rule_store.is_recounted(tx.conn, workspace_id, sheet.rule.counter_id):
                return False
            changes = await sheet_store.find_changes(tx.conn, workspace_id, sheet)
            after = replace(sheet, next_day=sheet.next_day + timedelta(days=1))
            if changes or not sheet.has_ended:
                day = await _close(tx.conn, sheet, changes, now)
                await sheet_store.write_day(tx.conn, sheet_id, day)
                after = replace(after, closed_days=day.number, digest=day.digest, total=day.total)
                _tell(tx, workspace_id, sheet_id, day)
            await sheet_store.move_on(tx.conn, after, _due(after))
        return True


async def _close(conn: Connection, sheet: Sheet, changes: Sequence[Change], now: datetime) -> Day:
    """Returns the day. A large one takes longer than a transaction may stand still, or others may wait."""
    work = asyncio.ensure_future(asyncio.to_thread(sheets.close, sheet, changes, now))
    while not (await asyncio.wait({work}, timeout=_A_MOMENT_SECONDS))[0]:
        await conn.execute("SELECT")
    return work.result()


def _due(sheet: Sheet) -> datetime | None:
    over = sheet.end_day is not None and sheet.next_day > sheet.end_day + _SETTLES
    return None if over else sheet.next_close_time


def _is_due(sheet: Sheet, now: datetime) -> bool:
    due = _due(sheet)
    return due is not None and due <= now


def _tell(tx: Tx, workspace_id: str, sheet_id: str, day: Day) -> None:
    tx.tell(
        SheetClosed(sheet_id=sheet_id, number=day.number, day=day.day.isoformat(), digest=day.digest),
        workspace_id=workspace_id,
        key=workspace_id,
        event_id=derive_id(None, "sheet_closed", sheet_id, str(day.number)),
    )
