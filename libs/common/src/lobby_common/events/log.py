"""A service's own event log: what a transaction tells is written with its effects and leaves only after the commit."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import asyncpg
from google.protobuf.message import Message

from lobby.events.v1.batch_pb2 import Batch, Event
from lobby.events.v1.event_log_service_pb2 import EventRef
from lobby_common import sql
from lobby_common.events import packing
from lobby_common.events.packing import Piece, Told
from lobby_common.tasks import finished
from lobby_common.times import utc_now

if TYPE_CHECKING:
    from asyncpg.pool import PoolConnectionProxy

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]"
"""A connection, from the pool or not."""

QUERIES = sql.load("lobby_common.events")

_SMALL_PAGE = 512 * 1024
LARGEST_PAGE = 4 * 1024 * 1024
"""Bytes of batches that are read at once."""


@dataclass(frozen=True, slots=True)
class StoredBatch:
    """A committed batch: the bytes that are published, and where its segments stand."""

    batch_id: int
    lanes: tuple[int, ...]
    firsts: tuple[int, ...]
    lasts: tuple[int, ...]
    data: bytes


class Outlet(Protocol):
    """Takes committed batches in the order of their commits."""

    def offer(self, batches: Sequence[StoredBatch]) -> None:
        """The batches will be published."""


class Tx:
    """One transaction: effects through `conn`, events through `tell`."""

    def __init__(self, conn: Connection) -> None:
        self.conn = conn
        self.ending: tuple[str, tuple[Any, ...]] | None = None
        self._told: list[Told] = []

    def tell(
        self,
        payload: Message,
        *,
        workspace_id: str,
        key: str,
        event_id: str,
        time: datetime | None = None,
        traceparent: str = "",
        cause_id: str = "",
    ) -> None:
        """The event becomes part of this transaction's batch."""
        self._told.append(
            packing.told(
                payload,
                workspace_id=workspace_id,
                key=key,
                event_id=event_id,
                time=time or utc_now(),
                traceparent=traceparent,
                cause_id=cause_id,
            )
        )

    def end_with(self, query: str, *effects: Any) -> None:
        """The transaction's last effects are written with its batch, by one statement.

        It has the effects' parameters first, those of `write_batch` behind them, and gives what that one gives.
        """
        self.ending = (query, effects)

    def mark(self) -> int:
        """Returns how many events were told so far, for `forget`."""
        return len(self._told)

    def forget(self, mark: int) -> None:
        """What was told after `mark` is not told."""
        del self._told[mark:]

    @property
    def events(self) -> Sequence[Told]:
        """What was told so far."""
        return self._told


class EventLog:
    """The log of one service."""

    def __init__(self, service: str, pool: asyncpg.Pool) -> None:
        self.service = service
        self.pool = pool
        self._outlet: Outlet | None = None

    def publish_to(self, outlet: Outlet) -> None:
        """Committed batches go to `outlet` from now on."""
        self._outlet = outlet

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Tx]:
        """Effects and event batch are committed together, or neither; the batch is offered after the commit.

        A cancellation that comes while the commit is under way waits for both: a caller that has left must not make his
        batch come late, after those that follow it.
        """
        async with self.pool.acquire() as conn:
            transaction = conn.transaction()
            await transaction.start()
            try:
                tx = Tx(conn)
                yield tx
                stored = await self._store(tx)
            except BaseException:
                await transaction.rollback()
                raise
            await finished(self._commit(transaction, stored))

    async def _commit(self, transaction: "asyncpg.transaction.Transaction", stored: Sequence[StoredBatch]) -> None:
        await transaction.commit()
        if stored and self._outlet is not None:
            self._outlet.offer(stored)

    async def _store(self, tx: Tx) -> list[StoredBatch]:
        """What the transaction told is written, as nearly always in one batch; its last effects with the last one."""
        batches = [packing.pieces(self.service, chunk) for chunk in packing.chunks(tx.events)]
        if tx.ending is None:
            return [await _write(tx, QUERIES["write_batch"], (), each) for each in batches]
        *before, last = batches or [[]]
        stored = [await _write(tx, QUERIES["write_batch"], (), each) for each in before]
        stored.append(await _write(tx, *tx.ending, last))
        return stored if batches else []

    async def read(self, after: int, lanes: Sequence[int], limit: int, *, largest: int) -> list[bytes]:
        """Returns batches with a greater id than `after` that touch the lanes (none means all), oldest first.

        At most `limit` and `largest` bytes together, but at least one where there is one.
        """
        return _fitting(await self.pool.fetch(QUERIES["read_batches"], after, list(lanes), limit), largest)

    async def read_period(
        self,
        start: datetime,
        end: datetime,
        after: tuple[datetime, int],
        *,
        limit: int = 400,
        largest: int = _SMALL_PAGE,
    ) -> list[bytes]:
        """Returns batches written in the period after (time, id), in that order; sizes as in `read`.

        Pages are small: who examines one is to keep nothing else in his process waiting.
        """
        rows = await self.pool.fetch(QUERIES["read_period"], start, end, *after, limit)
        return _fitting(rows, largest)

    async def find_applied(self, conn: Connection, ref: EventRef) -> datetime | None:
        """Returns when this service applied the event, None where it has not."""
        at: datetime | None = await conn.fetchval(QUERIES["find_applied"], ref.service, ref.lane, ref.position)
        return at

    async def find_told(self, conn: Connection, at: datetime) -> list[tuple[EventRef, Event]]:
        """Returns the events that the transactions with this now() told."""
        found = []
        for row in await conn.fetch(QUERIES["find_batches_at"], at):
            for segment in Batch.FromString(row["data"]).segments:
                for offset, event in enumerate(segment.events):
                    ref = EventRef(
                        service=self.service,
                        lane=segment.lane,
                        position=segment.first + offset,
                        event_id=event.id,
                    )
                    found.append((ref, event))
        return found

    async def maintain(self, keep_days: int) -> None:
        """Partitions of the next days are there, those older than `keep_days` are gone, old answers are forgotten."""
        while True:
            await self.pool.execute(QUERIES["maintain_partitions"], keep_days)
            await self.pool.execute(QUERIES["forget_answers"], keep_days)
            await self.pool.execute(QUERIES["forget_reconciled"])
            await asyncio.sleep(3600)


def _fitting(rows: Iterable[asyncpg.Record], largest: int) -> list[bytes]:
    """The data of the first rows: at most `largest` bytes together, but at least one where there is one."""
    result: list[bytes] = []
    total = 0
    for row in rows:
        total += len(row["data"])
        if result and total > largest:
            break
        result.append(row["data"])
    return result


async def _write(tx: Tx, query: str, effects: tuple[Any, ...], segments: Sequence[Piece]) -> StoredBatch:
    """The batch is written, with effects before it. It may be empty."""
    row = await tx.conn.fetchrow(query, *effects, *packing.columns(segments))
    assert row is not None, "a batch is one row"
    if not segments:
        return StoredBatch(0, (), (), (), b"")
    firsts = tuple(row["firsts"])
    return StoredBatch(
        row["batch_id"],
        tuple(each.lane for each in segments),
        firsts,
        tuple(first + each.count - 1 for each, first in zip(segments, firsts, strict=True)),
        packing.encode(segments, firsts, row["batch_id"], row["at"]),
    )
