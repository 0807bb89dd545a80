"""A database that was just started is slow until it has read what every message asks for: it reads that at once."""

import asyncio
import time

import asyncpg

from lobby_common.log import get_logger
from lobby_identity.store.statements import QUERIES

_PAUSE = 10.0
_PATIENCE = 600.0
"""Seconds that reading may take."""

_LOG = get_logger("warming")


class Warmer:
    """Sees when the database was started. One at a time, whatever the number of replicas."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool
        self._started: object = None

    async def run(self) -> None:
        """Looks until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(_PAUSE)

    async def look(self) -> int:
        """What leads from addresses to people is in memory, if the database was started since. Returns blocks read."""
        async with self._pool.acquire() as conn:
            started = await conn.fetchval(QUERIES["read_start_time"])
            if started == self._started:
                return 0
            begun = time.monotonic()
            blocks: int = await conn.fetchval(QUERIES["warm_people"], timeout=_PATIENCE)
        self._started = started
        _LOG.info("people_warmed", blocks=blocks, seconds=round(time.monotonic() - begun, 1))
        return blocks
