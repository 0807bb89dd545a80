"""Holds what was told against its effects, page by page, and makes effects again that were lost.

The producers' own logs say what was told. Against each event stand the position of its lane, the range row that says it
was applied, and its effect in the service's tables, for which a witness answers.
"""

import asyncio
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby
from typing import Protocol

import structlog

from lobby.events.v1.batch_pb2 import Batch
from lobby_common import metrics
from lobby_common.events.consumer import Incoming, Witness, incoming, payload_of, types_of
from lobby_common.events.evidence import Evidence, Expected, Lack, Tally, judge, merged
from lobby_common.events.lanes import LANES, Span
from lobby_common.events.log import QUERIES, Connection, EventLog
from lobby_common.events.pace import Pace
from lobby_common.events.periods import bucket_of
from lobby_common.postgres import AWAY
from lobby_common.times import from_proto, utc_now

_LOG = structlog.get_logger("auditor")

_MOST_MENDED = 500
"""Events mended in one transaction."""
_LONGEST_RANGE = 10_000
"""Positions that one range row holds at most: one transaction of a consumer, with room to spare."""
_SKEW = timedelta(hours=1)
"""How far the clocks of producer and consumer may be apart."""


class PeriodLog(Protocol):
    """The part of a producer's log that a proof needs."""

    async def read_period(self, start: datetime, end: datetime, after: tuple[datetime, int]) -> Sequence[bytes]:
        """Returns some batches written in the period after (time, id), in that order; none at the end."""


@dataclass(frozen=True, slots=True)
class Source:
    """A log that a service has effects to show of: another's that it hears, or its own."""

    log: PeriodLog
    witness: Witness


@dataclass(frozen=True, slots=True)
class Missing:
    """An event that is missing, and why."""

    event: Incoming
    lack: Lack


@dataclass(slots=True)
class Examination:
    """What became of events of a period."""

    tallies: dict[str, Tally] = field(default_factory=dict)
    """By workspace."""
    missing: list[Missing] = field(default_factory=list)

    def add(self, other: "Examination") -> None:
        """The other period's events are counted as well."""
        for workspace_id, tally in other.tallies.items():
            self.tallies.setdefault(workspace_id, Tally()).add(tally)
        self.missing += other.missing


@dataclass(slots=True)
class Begun:
    """An examination under way, so that one that is broken off is not begun anew."""

    after: tuple[datetime, int] | None = None
    """Everything up to this batch, by time and id, was examined; None: nothing."""
    found: Examination = field(default_factory=Examination)


@dataclass(frozen=True, slots=True)
class Page:
    """The next part of a log, examined."""

    after: tuple[datetime, int]
    """Time and id of its last batch: everything told before was on this page or earlier ones."""
    found: Mapping[datetime, Examination]
    """By bucket."""


Told = list[tuple[datetime, Sequence[Incoming]]]
"""Runs of one lane in order, each with the time of its batch."""


class Auditor:
    """Examines one service. A source of the service's own name is its own log: all of that is applied."""

    def __init__(self, log: EventLog, sources: Mapping[str, Source]) -> None:
        self._log = log
        self._types = {producer: types_of(source.witness) for producer, source in sources.items()}
        self._unread = {
            producer: {kind.DESCRIPTOR.full_name: kind() for kind in set(each.handles) - set(each.evident)}
            for producer, source in sources.items()
            for each in (source.witness,)
        }
        """Of payloads whose effects nobody looks for only the place counts."""
        self.sources = sources
        self._pace = Pace()

    async def examine(
        self,
        producer: str,
        start: datetime,
        end: datetime,
        begun: Begun | None = None,
        *,
        waits_since: datetime | None = None,
    ) -> Examination:
        """Returns what became of what the producer told in the period. Raises LobbyError while it is away.

        It goes on with what is `begun`, and leaves there how far it came. Messages go first: after each page
        it rests as its pace says, where it is told since when the oldest of what it has to do `waits_since`.
        """
        begun = begun or Begun()
        self._pace.begin()
        async for page in self.pages(producer, start, end, after=begun.after):
            for found in page.found.values():
                begun.found.add(found)
            begun.after = page.after
            if waits_since is not None:
                await asyncio.sleep(self._pace.end(waits_since, utc_now()))
                self._pace.begin()
        return begun.found

    async def pages(
        self,
        producer: str,
        start: datetime,
        end: datetime,
        workspace_id: str | None = None,
        *,
        after: tuple[datetime, int] | None = None,
    ) -> AsyncGenerator[Page, None]:
        """Examines the period page by page, the oldest first, or what comes `after` a batch of it.

        Raises LobbyError while the producer is away.
        """
        after = after or (start, 0)
        while data := await self.sources[producer].log.read_period(start, end, after):
            told: Told = []
            for each in data:
                batch = Batch.FromString(each)
                after = (from_proto(batch.create_time), batch.batch_id)
                told += ((after[0], run) for run in self._told(producer, batch, workspace_id))
            yield Page(after, await self._judge(producer, told) if told else {})

    def _told(self, producer: str, batch: Batch, workspace_id: str | None) -> Iterable[Sequence[Incoming]]:
        types, unread = self._types[producer], self._unread[producer]
        for segment in batch.segments:
            run = [
                each
                for each in incoming(types, producer, segment.lane, segment.first, segment.events, unread=unread)
                if workspace_id is None or each.event.workspace_id == workspace_id
            ]
            if run:
                yield run

    async def _judge(self, producer: str, told: Told) -> dict[datetime, Examination]:
        async with self._log.pool.acquire() as conn:
            # In this order: what a position is past has left its range row and its effect before.
            positions = await self._positions(conn, producer)
            ranges = await self._ranges(conn, producer, told)
            out = await self._quarantined(conn, told)
            unread = self._unread[producer]
            applied = [
                each
                for _, run in told
                for each in run
                if each.event.type not in unread
                and each.position <= positions.get(each.lane, 0)
                and each.event.id not in out
            ]
            witness = self.sources[producer].witness
            effectless = frozenset(await witness.find_effectless(conn, applied)) if applied else frozenset[str]()
        evidence, now = Evidence(positions, ranges, out, effectless), utc_now()
        return {
            bucket: _examined(runs, evidence, now)
            for bucket, runs in groupby(told, key=lambda each: bucket_of(each[0]))
        }

    async def _positions(self, conn: Connection, producer: str) -> dict[int, int]:
        if producer == self._log.service:
            return {lane: row["position"] for lane, row in enumerate(await conn.fetch(QUERIES["read_heads"]))}
        rows = await conn.fetch(QUERIES["read_positions"], producer, range(LANES))
        return {row["lane"]: row["position"] for row in rows}

    async def _ranges(self, conn: Connection, producer: str, told: Told) -> Mapping[int, Sequence[Span]]:
        spans: dict[int, tuple[int, int]] = {}
        for _, run in told:
            lane = run[0].lane
            low, high = spans.get(lane, (run[0].position, run[0].position))
            spans[lane] = (min(low, run[0].position), max(high, run[-1].position))
        if producer == self._log.service:
            return {lane: [Span(low, high - low + 1)] for lane, (low, high) in spans.items()}
        rows = await conn.fetch(
            QUERIES["read_ranges"],
            producer,
            list(spans),
            [low for low, _ in spans.values()],
            [high for _, high in spans.values()],
            _LONGEST_RANGE,
            told[0][0] - _SKEW,
        )
        by_lane: dict[int, list[Span]] = {lane: [] for lane in range(LANES)}
        for row in rows:
            by_lane[row["lane"]].append(Span(row["first"], row["count"]))
        return {lane: merged(each) for lane, each in by_lane.items()}

    async def _quarantined(self, conn: Connection, told: Told) -> set[str]:
        if not await conn.fetchval(QUERIES["has_quarantined"]):
            return set()  # as nearly always
        ids = [each.event.id for _, run in told for each in run]
        return {row["event_id"] for row in await conn.fetch(QUERIES["find_quarantined"], ids)}

    async def mend(self, missing: Sequence[Missing]) -> int:
        """Effects and range rows that were lost are there again. Returns how many; what is late is not touched."""
        done = 0
        for producer in self.sources:
            lost = [each for each in missing if each.event.producer == producer and each.lack is not Lack.LATE]
            lost.sort(key=lambda each: (each.event.lane, each.event.position))
            for each in lost:
                name = each.event.event.type
                if name in self._unread[producer]:
                    each.event.payload = payload_of(self._types[producer][name], each.event.event)
            for at in range(0, len(lost), _MOST_MENDED):
                some = lost[at : at + _MOST_MENDED]
                if await self._try_to_mend(producer, some):
                    done += len(some)
                else:
                    done += sum([await self._try_to_mend(producer, [each]) for each in some])
        return done

    async def _try_to_mend(self, producer: str, missing: Sequence[Missing]) -> bool:
        try:
            async with self._log.transaction() as tx:
                await tx.conn.execute(QUERIES["mend_alone"])
                await self.sources[producer].witness.mend(tx, [each.event for each in missing])
                await _note_mended(tx.conn, producer, missing)
        except AWAY:
            raise
        except Exception:  # noqa: BLE001  # one that cannot be mended must not keep its neighbours from it
            _LOG.exception("mending_failed", events=len(missing))
            return False
        for each in missing:
            metrics.EFFECTS_MENDED.labels(self._log.service, each.lack).inc()
            _LOG.warning("effect_mended", event_id=each.event.event.id, reason=each.lack)
        return True


def _examined(told: Iterable[tuple[datetime, Sequence[Incoming]]], evidence: Evidence, now: datetime) -> Examination:
    """Judges run by run; only where something of a run is not as it should be its events are judged one by one."""
    found = Examination()
    for at, run in told:
        if evidence.holds(run[0].lane, run[0].position, run[-1].position):
            accused = [each for each in run if evidence.accuses(each.event.id)] if evidence.accuses_any else []
            for workspace_id, events in groupby(run, key=lambda each: each.event.workspace_id):
                found.tallies.setdefault(workspace_id, Tally()).applied += sum(1 for _ in events)
            for each in accused:
                found.tallies[each.event.workspace_id].applied -= 1
        else:
            accused = list(run)
        if accused:
            by_id = {each.event.id: each for each in accused}
            expected = [
                Expected(each.event.id, each.event.workspace_id, each.lane, each.position, at) for each in accused
            ]
            tallies, lacks = judge(expected, evidence, now)
            found.add(Examination(tallies, [Missing(by_id[event_id], lack) for event_id, lack in lacks.items()]))
    return found


async def _note_mended(conn: Connection, producer: str, missing: Sequence[Missing]) -> None:
    rangeless = [each.event for each in missing if each.lack is Lack.NO_RANGE]
    if rangeless:
        await conn.execute(
            QUERIES["insert_ranges"],
            producer,
            [each.lane for each in rangeless],
            [each.position for each in rangeless],
            _LONGEST_RANGE,
        )
    await conn.execute(
        QUERIES["insert_mended"],
        producer,
        [each.event.event.id for each in missing],
        [each.event.event.workspace_id for each in missing],
        [each.lack.value for each in missing],
    )
