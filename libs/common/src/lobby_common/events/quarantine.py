"""Events in quarantine are tried again: the code that failed may be another by now, or what it came upon.

Their positions were passed when they failed, and their neighbours applied. So they are made up for like effects that
were lost, each in a transaction of its own, in which it leaves quarantine.
"""

import asyncio
import time

import asyncpg
import structlog

from lobby.events.v1.batch_pb2 import Event
from lobby_common.events.consumer import Witness, incoming, types_of
from lobby_common.events.log import QUERIES, EventLog
from lobby_common.postgres import AWAY, UNFIT

_LOG = structlog.get_logger("quarantine")

_EVERY_SECONDS = 600.0
_REST = 12.0
"""Rest per second of work."""


class Quarantine:
    """What one service could not apply."""

    def __init__(self, log: EventLog, witness: Witness) -> None:
        self._log = log
        self._witness = witness
        self._types = types_of(witness)

    async def run(self) -> None:
        """Everything is tried at the start, as after an upgrade, and every ten minutes; until cancelled."""
        while True:
            try:
                await self.try_again()
            except (*AWAY, asyncpg.PostgresError) as error:
                _LOG.info("quarantine_waits", reason=type(error).__name__)
            await asyncio.sleep(_EVERY_SECONDS)

    async def try_again(self) -> int:
        """What can be applied by now has its effects and is in quarantine no more. Returns how many events."""
        done = 0
        for row in await self._log.pool.fetch(QUERIES["list_quarantined"]):
            began = time.monotonic()
            done += await self._try(row["event_id"])
            await asyncio.sleep((time.monotonic() - began) * _REST)
        return done

    async def _try(self, event_id: str) -> bool:
        try:
            async with self._log.transaction() as tx:
                row = await tx.conn.fetchrow(QUERIES["take_quarantined"], event_id)
                if row is None:
                    return False
                event = Event.FromString(row["event"])
                if event.type not in self._types:
                    raise LookupError(f"nobody handles {event.type} any more")  # it stays where it is
                found = list(incoming(self._types, row["producer"], row["lane"], row["position"], [event]))
                await self._witness.mend(tx, found)
        except (*AWAY, *UNFIT):
            raise
        except Exception as error:  # noqa: BLE001  # one that still cannot be applied must not keep others from it
            _LOG.warning("stays_in_quarantine", event_id=event_id, error=type(error).__name__)
            return False
        _LOG.warning("left_quarantine", event_id=event_id)
        return True
