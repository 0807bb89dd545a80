"""A person who was forgotten goes out of a service's own log, off the event path.

Batches keep their ids, places, lanes and events, so that everything that is proved from them stays proved; what the
contracts call personal is empty in them. The log is looked through three times, the last time a day later, because
others may still have been telling of him while he was forgotten. A pass that dies goes on where it was. The broker's
copy is not changed: it goes with the stream's retention.
"""

import asyncio
import time
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from lobby.events.v1.batch_pb2 import Batch, Event
from lobby_common.events.log import QUERIES, Connection, EventLog
from lobby_common.events.redaction import Whose, digest_of, redact
from lobby_common.ids import new_id

_PAUSE = 1.0
_REST = 4.0
"""Rest per second of work: messages go first."""
_PAGE = 10
_WINDOW = timedelta(hours=1)
"""Of the log at once."""
_AGAIN = (timedelta(minutes=1), timedelta(days=1))
_OVERLAP = timedelta(minutes=10)
"""How long before the end of one pass a transaction may have begun whose batch it did not see."""


async def order(
    conn: Connection,
    workspace_id: str,
    needle: str,
    *,
    marks: Collection[str],
    since: datetime,
    message_ids: Collection[str] | None = None,
    keys: Collection[str] = (),
    until: datetime | None = None,
) -> None:
    """In this transaction it is settled that events which speak of somebody, told since then, hold nothing personal.

    `needle` is an id that they hold. Where others are spoken of under it too, `message_ids` are the messages that are
    his, and `keys` those of his other events, as far as they were told `until` then (absent: now). `marks` are ids by
    which answers to commands are known to be about him.
    """
    await conn.execute(
        QUERIES["order_erasure"],
        new_id(),
        workspace_id,
        needle,
        None if message_ids is None else sorted(message_ids),
        sorted(map(digest_of, keys)),
        sorted(marks),
        since,
        until,
    )


@dataclass(frozen=True, slots=True)
class _Order:
    """What is to be taken out, and how far that is."""

    erasure_id: str
    workspace_id: str
    whose: Whose
    marks: list[str]
    told_time: datetime
    batch_id: int
    passes: int
    now: datetime

    @property
    def needle(self) -> bytes:
        """What is looked for before anything is decoded."""
        return self.whose.needle.encode()


class Eraser:
    """Takes orders one after the other."""

    def __init__(self, log: EventLog) -> None:
        self._log = log

    async def run(self) -> None:
        """Works until cancelled."""
        while True:
            began = time.monotonic()
            worked = await self.take()
            await asyncio.sleep((time.monotonic() - began) * _REST if worked else _PAUSE)

    async def take(self) -> bool:
        """A part of what is due is done. Returns whether anything was due."""
        async with self._log.pool.acquire() as conn, conn.transaction():
            due = await _find_due(conn)
            if due is None:
                return False
            until = min(due.told_time + _WINDOW, due.now)
            page = await conn.fetch(QUERIES["find_batches_with"], due.told_time, until, due.batch_id, due.needle, _PAGE)
            for row in page:
                batch = Batch.FromString(row["data"])
                if redact(batch, due.whose):
                    data = batch.SerializeToString()
                    await conn.execute(QUERIES["rewrite_batch"], row["create_time"], row["batch_id"], data)
            if len(page) == _PAGE:
                await _move(conn, due, page[-1]["create_time"], page[-1]["batch_id"])
            elif until < due.now:
                await _move(conn, due, until, 0)
            else:
                await self._finish(conn, due)
        return True

    async def _finish(self, conn: Connection, due: _Order) -> None:
        """The log was looked through: what else the service keeps of events and answers follows."""
        await _clean_quarantine(conn, due)
        await conn.execute(QUERIES["empty_answers"], due.workspace_id, due.marks)
        if due.passes == len(_AGAIN):
            await conn.execute(QUERIES["end_erasure"], due.erasure_id)
        else:
            again = _AGAIN[due.passes]
            await conn.execute(QUERIES["repeat_erasure"], due.erasure_id, due.now - _OVERLAP, due.now + again)


async def _find_due(conn: Connection) -> _Order | None:
    row = await conn.fetchrow(QUERIES["find_due_erasure"])
    if row is None:
        return None
    ids = row["message_ids"]
    whose = Whose(
        row["needle"], None if ids is None else frozenset(ids), frozenset(row["key_digests"]), row["until_time"]
    )
    return _Order(
        row["erasure_id"],
        row["workspace_id"],
        whose,
        row["marks"],
        row["told_time"],
        row["batch_id"],
        row["passes"],
        row["now"],
    )


async def _move(conn: Connection, due: _Order, told_time: datetime, batch_id: int) -> None:
    await conn.execute(QUERIES["move_erasure"], due.erasure_id, told_time, batch_id)


async def _clean_quarantine(conn: Connection, due: _Order) -> None:
    for row in await conn.fetch(QUERIES["find_quarantined_with"], due.workspace_id, due.needle):
        batch = Batch()
        batch.segments.add().events.append(Event.FromString(row["event"]))
        if redact(batch, due.whose):
            event = batch.segments[0].events[0].SerializeToString()
            await conn.execute(QUERIES["rewrite_quarantined"], row["event_id"], event)
