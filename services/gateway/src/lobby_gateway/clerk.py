"""Writes the statements of days that have ended, as soon as nothing of them is still to come."""

import asyncio
from datetime import UTC, date, datetime, time, timedelta

import asyncpg

from lobby_common import caller
from lobby_common.caller import Caller
from lobby_common.errors import LobbyError
from lobby_common.log import get_logger
from lobby_common.postgres import AWAY
from lobby_common.times import utc_now
from lobby_gateway import proof, statements, store
from lobby_gateway.proof import Services

_LOG = get_logger("clerk")

_A_DAY = timedelta(days=1)
_SETTLES_WITHIN = timedelta(minutes=15)
"""After the end of a day: what was accepted in it is applied, or is named as missing or pending."""
_PATIENCE = timedelta(days=1)
"""So long a day is waited for that has not settled; then its statement says so."""
_EVERY_SECONDS = 300.0


class Clerk:
    """Writes what is due. Two at once do no harm: a day has one statement, and a number."""

    def __init__(self, pool: asyncpg.Pool, services: Services) -> None:
        self._pool = pool
        self._services = services

    async def run(self) -> None:
        """Every workspace has a statement for every day that has ended, soon after its end; until cancelled."""
        while True:
            try:
                await self.write_due(utc_now())
            except AWAY as error:
                _LOG.info("statements_wait", reason=type(error).__name__)
            await asyncio.sleep(_EVERY_SECONDS)

    async def write_due(self, now: datetime) -> None:
        """Every workspace whose services answer has its statements up to `now`."""
        for row in await self._pool.fetch(store.QUERIES["list_workspaces"]):
            day = row["day"]
            while _end_of(day) + _SETTLES_WITHIN <= now:
                try:
                    if not await self._write(row["workspace_id"], day, now):
                        break
                except LobbyError as error:
                    _LOG.info("statement_waits", workspace_id=row["workspace_id"], reason=error.reason)
                    break
                day += _A_DAY

    async def _write(self, workspace_id: str, day: date, now: datetime) -> bool:
        """Returns whether the day's statement is there."""
        with caller.use(Caller(workspace_id, "service")):
            found = await proof.prove(self._services, _end_of(day) - _A_DAY, _end_of(day))
        if not statements.has_settled(found) and now < _end_of(day) + _PATIENCE:
            return False
        statement = await store.add_statement(self._pool, workspace_id, day, found)
        if statement is not None and not statement.balanced:
            _LOG.error("day_not_balanced", workspace_id=workspace_id, day=day.isoformat(), missed=statement.missed)
        return True


def _end_of(day: date) -> datetime:
    return datetime.combine(day, time(), UTC) + _A_DAY
