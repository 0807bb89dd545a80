"""A proof answers for a period of any size: what it has no time to examine is as it was found before, or is named."""

from collections.abc import Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

import asyncpg
import pytest

from lobby.events.v1.batch_pb2 import Batch, Event, Segment
from lobby_common.config import ServiceConfig
from lobby_common.errors import Unavailable
from lobby_common.events.auditor import Auditor, Source
from lobby_common.events.pace import Pace
from lobby_common.events.periods import BUCKET, KEPT, Period, bucket_of
from lobby_common.events.proof import Reconciler
from lobby_common.service import Service, start
from lobby_common.times import to_proto, utc_now
from tests.component.common.conftest import Recorder

BUCKETS, BATCHES, EVENTS = 48, 20, 250
"""Of the period, in a bucket, in a batch: 240,000 events."""
PER_BUCKET = BATCHES * EVENTS
PAGE = 10
"""Batches."""


class LongLog:
    """A producer's log of one lane, made as it is read."""

    def __init__(self, begin: datetime) -> None:
        self.begin = begin

    async def read_period(self, start: datetime, end: datetime, after: tuple[datetime, int]) -> Sequence[bytes]:
        first = max(after[1], -(-(start - self.begin) // (BUCKET / BATCHES)))
        numbers = range(first, min(first + PAGE, BUCKETS * BATCHES))
        return [self._batch(n) for n in numbers if start <= self._at(n) < end]

    def _at(self, number: int) -> datetime:
        return self.begin + number * (BUCKET / BATCHES)

    def _batch(self, number: int) -> bytes:
        begin = number * EVENTS + 1
        events = [
            Event(id=f"e{at}", type="lobby.events.v1.Event", workspace_id="w" if at % 2 else "other")
            for at in range(begin, begin + EVENTS)
        ]
        segment = Segment(lane=0, first=begin, count=EVENTS, events=events)
        return Batch(
            service="connectors", batch_id=number + 1, create_time=to_proto(self._at(number)), segments=[segment]
        ).SerializeToString()


class Slow(Recorder):
    """A witness to whom each page takes fifty seconds of a clock that nothing else moves."""

    now = 0.0
    seen = 0
    away_after = float("inf")
    """Events, after which the producer is away."""

    async def find_effectless(self, conn, events) -> set[str]:
        if self.seen >= self.away_after:
            raise Unavailable("CONNECTORS_AWAY", "away")
        self.now += 50.0
        self.seen += len(events)
        return set()


@pytest.fixture(autouse=True)
def budget(monkeypatch):
    """Twelve such pages, and four for another look: seconds of a real clock play no part."""
    monkeypatch.setattr("lobby_common.events.proof._BUDGET_SECONDS", 600.0)
    monkeypatch.setattr("lobby_common.events.proof._AGAIN_SECONDS", 200.0)


async def _nothing(runtime) -> None:
    """A service that only has tables."""


@asynccontextmanager
async def long_period(world):
    """A service that applied all of a long period four hours ago, and was there for long."""
    begin = bucket_of(utc_now()) - (BUCKETS + 2) * BUCKET
    async with start(Service("identity", ServiceConfig, _nothing, ""), world.config("identity")) as runtime:
        last = BUCKETS * PER_BUCKET
        await runtime.pool.execute("INSERT INTO consumer_position VALUES ('connectors', 0, $1, 1, 0)", last)
        await runtime.pool.execute(
            "INSERT INTO applied_range (producer, lane, first, count)"
            " SELECT 'connectors', 0, first, 5000 FROM generate_series(1, $1::int, 5000) AS first",
            last,
        )
        admin = await asyncpg.connect(world.admin_url)
        await admin.execute("UPDATE identity.migration SET run_time = $1", begin - timedelta(days=100))
        await admin.close()
        slow = Slow()
        auditor = Auditor(runtime.log, {"connectors": Source(LongLog(begin), slow)})
        yield Reconciler(runtime.log, auditor, lambda: slow.now), slow, begin, runtime


def spans(*pairs: tuple[int, int], begin: datetime) -> list[Period]:
    return [Period(begin + first * BUCKET, begin + end * BUCKET) for first, end in pairs]


async def examined_before(runtime, begin: datetime, buckets: int) -> None:
    await runtime.pool.execute(
        "INSERT INTO reconciled (producer, bucket_start, workspace_id, expected, applied, pending, quarantined,"
        " missing) SELECT 'connectors', $1::timestamptz + n * interval '5 minutes', w, size, size, 0, 0, '{}'"
        " FROM generate_series(0, $2::int - 1) AS n, (VALUES ('', $3::int), ('w', $3::int / 2)) AS t (w, size)",
        begin,
        buckets,
        PER_BUCKET,
    )


async def test_a_long_period_is_answered_within_its_budget_and_says_what_nobody_examined(world):
    async with long_period(world) as (reconciler, slow, begin, runtime):
        await examined_before(runtime, begin, 36)
        end = begin + BUCKETS * BUCKET
        answer = await reconciler.prove(begin, end, "w")
        assert slow.seen == 12 * PAGE * EVENTS, "twelve pages"
        # The sixth bucket ends with the last page; that nothing more is in it nobody knows yet.
        assert answer.unexamined == spans((41, 48), begin=begin)
        assert answer.reconciled == spans((0, 36), begin=begin)
        assert answer.reconcile_time is not None
        assert (answer.tally.expected, answer.tally.applied) == (41 * PER_BUCKET // 2, 41 * PER_BUCKET // 2)


async def test_what_questions_examined_is_kept_so_that_asking_again_comes_to_an_end(world):
    async with long_period(world) as (reconciler, slow, begin, runtime):
        await examined_before(runtime, begin, 36)
        end = begin + BUCKETS * BUCKET
        left = [(await reconciler.prove(begin, end, "w")).unexamined for _ in range(2)]
        assert left == [spans((41, 48), begin=begin), spans((46, 48), begin=begin)]
        slow.seen = 0
        answer = await reconciler.prove(begin, end, "other")
        assert slow.seen == 4 * PAGE * EVENTS + 4 * PAGE * EVENTS // 2, (
            "what is looked at again is the workspace's only"
        )
        assert answer.unexamined == []
        assert answer.reconciled == spans((0, 45), begin=begin)
        assert answer.tally.expected == 12 * PER_BUCKET // 2, "in the table the first 36 hold nothing of this workspace"


async def test_all_of_a_long_period_is_examined_where_time_allows(world, monkeypatch):
    monkeypatch.setattr("lobby_common.events.proof._BUDGET_SECONDS", 10_000.0)
    async with long_period(world) as (reconciler, slow, begin, _):
        answer = await reconciler.prove(begin, begin + BUCKETS * BUCKET, "w")
        assert (answer.unexamined, answer.reconciled) == ([], [])
        assert (answer.tally.expected, answer.tally.missing) == (BUCKETS * PER_BUCKET // 2, 0)
        assert slow.seen == BUCKETS * PER_BUCKET


async def test_the_reconciler_takes_turns_of_a_minute_and_begins_with_the_newest(world, monkeypatch):
    monkeypatch.setattr(Pace, "end", lambda *_: 0.0)
    async with long_period(world) as (reconciler, _, begin, runtime):
        for newest in (47, 46):
            assert await reconciler.reconcile("connectors", begin + BUCKETS * BUCKET + timedelta(minutes=1))
            rows = await runtime.pool.fetch("SELECT bucket_start FROM reconciled WHERE workspace_id = '' ORDER BY 1")
            assert [row["bucket_start"] for row in rows] == [begin + n * BUCKET for n in range(newest, 48)]


async def test_what_was_broken_off_is_ended_before_what_has_closed_since(world, monkeypatch):
    """Otherwise nothing would be ended where faults come, or buckets close, faster than one is examined."""
    monkeypatch.setattr(Pace, "end", lambda *_: 0.0)
    async with long_period(world) as (reconciler, slow, begin, runtime):
        slow.away_after = PAGE * EVENTS
        with pytest.raises(Unavailable):
            await reconciler.reconcile("connectors", begin + 47 * BUCKET + timedelta(minutes=1))
        slow.away_after = float("inf")
        await reconciler.reconcile("connectors", begin + 48 * BUCKET + timedelta(minutes=1))
        rows = await runtime.pool.fetch(
            "SELECT bucket_start FROM reconciled WHERE workspace_id = '' ORDER BY examine_time"
        )
        assert [row["bucket_start"] for row in rows] == [begin + n * BUCKET for n in (46, 47)]
        assert slow.seen == 2 * PER_BUCKET, "nothing twice"


async def test_what_is_older_than_the_logs_and_was_never_examined_stays_unexamined(world):
    async with long_period(world) as (reconciler, _, _, _):
        old = bucket_of(utc_now()) - KEPT - 3 * BUCKET
        answer = await reconciler.prove(old, old + BUCKET, "w")
        assert answer.unexamined == [Period(old, old + BUCKET)]
