"""Gaps in a service's own log: places that were drawn and that no batch holds, as where somebody deleted its row.

The proof reads the log: what is not in it any more would not be expected of anybody. Positions have no gaps, and ids of
batches ascend in every lane; so the log is walked from its newest batch back, and in each lane a batch has to end where
the one behind it begins. What the broker's stream still holds is put back.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import astuple, dataclass, field, fields
from datetime import datetime

import asyncpg
import nats.errors
import nats.js.errors
import structlog
from nats.aio.client import Client

from lobby.events.v1.batch_pb2 import Batch
from lobby_common import metrics
from lobby_common.events.evidence import MOST_NAMED, Tally
from lobby_common.events.holes import batch_id_of
from lobby_common.events.log import QUERIES
from lobby_common.events.periods import CLOSED_AFTER, KEPT
from lobby_common.events.publisher import stream_of
from lobby_common.events.stream import StreamLost, reading
from lobby_common.postgres import AWAY
from lobby_common.times import from_proto

_LOG = structlog.get_logger("gaps")

_EVERY_SECONDS = 60.0
_WALK_ALL_SECONDS = 24 * 3600.0
"""How often all that the log keeps is walked again; in between what is new."""
_PAGE = 1_000
_REST = 12.0
"""Rest per second of work."""
_BUDGET_SECONDS = 1.0
"""How long a question walks; what is older is as it was found before."""
_BEHIND_ALL = 2**62
"""An id behind those of all batches."""
_NAMED = 100
"""Gaps that a line of the log names at most."""
_LOG_ITSELF = "log"
"""What stands for the producer in `ledger_mismatch`."""


@dataclass(frozen=True, slots=True)
class Gap:
    """Places of a lane that no batch holds."""

    lane: int
    first: int
    count: int
    told_after: datetime
    """When the batch before them was told."""
    told_before: datetime
    """When the batch behind them was told; where there is none, when it was looked."""
    after_batch_id: int
    before_batch_id: int

    def may_be_of(self, start: datetime, end: datetime) -> bool:
        """Returns whether it may have been told in a period."""
        return self.told_before >= start and self.told_after < end

    def holds_some_of(self, batch: Batch) -> bool:
        """Returns whether places of the batch lie in it."""
        end = self.first + self.count
        return any(each.lane == self.lane and self.first <= each.first < end for each in batch.segments)


@dataclass(frozen=True, slots=True)
class Edge:
    """Where a walk stands in a lane."""

    last: int
    """The next older batch has to end here."""
    told: datetime
    batch_id: int


@dataclass(slots=True)
class Walk:
    """A way through the log, from its newest batch back."""

    edges: dict[int, Edge]
    gaps: list[Gap] = field(default_factory=list)

    def pass_by(self, batch_id: int, told: datetime, segments: Sequence[tuple[int, int, int]]) -> None:
        """A batch, with lane, first position and count of its segments, is where the walk stands."""
        for lane, first, count in segments:
            edge = self.edges[lane]
            if first > edge.last:  # it was told after the walk began
                continue
            self._miss(lane, first + count, told, batch_id)
            self.edges[lane] = Edge(first - 1, told, batch_id)

    def end(self, birth: datetime) -> None:
        """There is no older batch, and none was ever dropped for its age."""
        for lane in self.edges:
            self._miss(lane, 1, birth, 0)
            self.edges[lane] = Edge(0, birth, 0)

    def _miss(self, lane: int, first: int, told: datetime, batch_id: int) -> None:
        edge = self.edges[lane]
        if first <= edge.last:
            self.gaps.append(Gap(lane, first, edge.last - first + 1, told, edge.told, batch_id, edge.batch_id))

    def is_past(self, since: datetime, known: Mapping[int, int]) -> bool:
        """Returns whether each lane is known from its end to a batch told before `since`, or to a known position."""
        return all(edge.told < since or edge.last <= known.get(lane, 0) for lane, edge in self.edges.items())


class Gaps:
    """Looks for them in one service's log, and puts back what it can."""

    def __init__(
        self, service: str, client: Client, pool: asyncpg.Pool, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._service = service
        self._client = client
        self._pool = pool
        self._clock = clock
        self._known: dict[int, int] = {}
        """Up to where each lane was found whole, or its gaps are kept."""
        self._walk_all_at = 0.0
        self._filling: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Every minute what is new is walked, every day all; until cancelled."""
        while True:
            await asyncio.sleep(_EVERY_SECONDS)
            try:
                await self.look()
            except AWAY as error:
                _LOG.info("gaps_wait", reason=type(error).__name__)

    async def look(self) -> int:
        """The gaps of the log are kept, as far as the stream cannot fill them. Returns how many places are in them."""
        whole = self._clock() >= self._walk_all_at
        known = {} if whole else self._known
        heads = await self._heads()
        walk = await self._walk(heads, heads[0].told - KEPT, known)
        await self._keep(walk.gaps, all_of_them=whole)
        self._known = {lane: edge.last for lane, edge in heads.items()}
        if whole:
            self._walk_all_at = self._clock() + _WALK_ALL_SECONDS
        gaps = await self._kept()
        if gaps:
            _LOG.warning("log_has_gaps", gaps=[(each.lane, each.first, each.count) for each in gaps[:_NAMED]])
            if await self._fill(gaps):
                return await self.look()
        count = sum(each.count for each in gaps)
        metrics.LEDGER_MISMATCH.labels(self._service, _LOG_ITSELF).set(count)
        return count

    async def prove(self, start: datetime, end: datetime) -> Tally:
        """Returns what the log lacks that may have been told in the period, of any workspace. It is filled soon."""
        walk = await self._walk(await self._heads(), start, {}, seconds=_BUDGET_SECONDS)
        older = [each for each in await self._kept() if each.first <= walk.edges[each.lane].last]
        gaps = [each for each in walk.gaps + older if each.may_be_of(start, end)]
        if gaps:
            task = asyncio.create_task(self._fill_soon(gaps))
            self._filling.add(task)
            task.add_done_callback(self._filling.discard)
        found = Tally()
        for gap in gaps:
            names = [f"{self._service}/{gap.lane}/{gap.first + n}" for n in range(min(gap.count, MOST_NAMED))]
            found.add(Tally(missing=gap.count, named=names))
        return found

    async def _heads(self) -> dict[int, Edge]:
        rows = await self._pool.fetch(QUERIES["read_edges"])
        return {row["lane"]: Edge(row["position"], row["now"], _BEHIND_ALL) for row in rows}

    async def _walk(
        self, heads: Mapping[int, Edge], since: datetime, known: Mapping[int, int], *, seconds: float | None = None
    ) -> Walk:
        """Returns what was found on the way to the log's beginning.

        It ends at what was told before `since` or is known, and where its `seconds` are over; without those it rests.
        """
        walk, oldest = Walk(dict(heads)), heads[0].told - KEPT
        began, before = self._clock(), _BEHIND_ALL
        while not walk.is_past(max(since, oldest) - CLOSED_AFTER, known):
            rows = await self._pool.fetch(QUERIES["list_places"], before, _PAGE)
            for row in rows:
                segments = list(zip(row["lanes"], row["firsts"], row["counts"], strict=True))
                walk.pass_by(row["batch_id"], row["create_time"], segments)
            if not rows:
                birth = await self._pool.fetchval(QUERIES["read_times"])
                if birth > oldest:
                    walk.end(birth)
                break
            before = rows[-1]["batch_id"]
            if seconds is None:
                await asyncio.sleep((self._clock() - began) * _REST)
                began = self._clock()
            elif self._clock() - began > seconds:
                break
        # A partition that was dropped for its age may have held one of two neighbours.
        walk.gaps = [each for each in walk.gaps if each.told_after >= oldest]
        return walk

    async def _kept(self) -> list[Gap]:
        return [Gap(**row) for row in await self._pool.fetch(QUERIES["read_gaps"])]

    async def _keep(self, gaps: Sequence[Gap], *, all_of_them: bool) -> None:
        columns = list(zip(*map(astuple, gaps), strict=True)) or [()] * len(fields(Gap))
        async with self._pool.acquire() as conn, conn.transaction():
            if all_of_them:
                await conn.execute(QUERIES["forget_gaps"])
            await conn.execute(QUERIES["write_gaps"], *columns)

    async def _fill_soon(self, gaps: Sequence[Gap]) -> None:
        try:
            await self._fill(gaps)
        except AWAY as error:
            _LOG.warning("filling_waits", reason=type(error).__name__)  # whoever asks next finds it again

    async def _fill(self, gaps: Sequence[Gap]) -> bool:
        """What the stream holds of the gaps is in the log again. Returns whether that is anything."""
        filled = False
        try:
            async for batch, data in self._find_in_stream(gaps):
                _LOG.warning("put_back", batch_id=batch.batch_id)
                lanes, firsts, counts = zip(*((s.lane, s.first, s.count) for s in batch.segments), strict=True)
                told = from_proto(batch.create_time)
                row = (batch.batch_id, told, lanes, firsts, counts, data)
                filled |= await self._pool.fetchval(QUERIES["put_back"], *row) is not None
        except (StreamLost, nats.errors.Error, nats.js.errors.Error) as error:
            _LOG.info("filling_waits", reason=type(error).__name__)
        if filled:
            self._walk_all_at = 0.0
        return filled

    async def _find_in_stream(self, gaps: Sequence[Gap]) -> AsyncIterator[tuple[Batch, bytes]]:
        """Yields the batches of the stream that hold places of a gap."""
        last = (await self._client.jetstream(timeout=5).stream_info(stream_of(self._service))).state.last_seq
        since = min(each.told_after for each in gaps) - CLOSED_AFTER
        async with reading(self._client, self._service, since) as stream:
            while (received := await stream.receive()) is not None:
                batch_id = batch_id_of(self._service, received) or 0
                if any(each.after_batch_id < batch_id < each.before_batch_id for each in gaps):
                    batch = Batch.FromString(received.data)
                    if any(each.holds_some_of(batch) for each in gaps):
                        yield batch, received.data
                if received.sequence >= last:
                    return
