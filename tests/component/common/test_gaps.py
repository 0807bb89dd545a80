"""A batch that is taken out of a log by hand is named in the proof, and put back from the stream."""

from contextlib import asynccontextmanager
from datetime import timedelta

import asyncpg
import nats
import pytest

from lobby_common import metrics
from lobby_common.events.gaps import Gaps, Walk
from lobby_common.times import utc_now
from tests.component.common.conftest import Recorder, heard, until
from tests.component.common.test_event_flow import both, names, tell
from tests.component.common.test_proof import stage

BATCHES = 6
MINUTE = timedelta(minutes=1)
ROWS = "SELECT batch_id, create_time, lanes, firsts, counts, data FROM event_batch ORDER BY batch_id"


@asynccontextmanager
async def told(world):
    """Thirty events in six batches were told and heard; with the owner's connection to the hearer's log."""
    async with both(world, Recorder(tell_on=True)) as (teller, listener):
        for number in range(BATCHES):
            await tell(teller, *names(5, number * 50))
            await until(lambda so_far=number + 1: _has_heard(world, 5 * so_far))
        await until(lambda: _is_published(teller.nats, "IDENTITY", listener.pool))
        yield teller, listener


async def _has_heard(world, count: int) -> bool:
    return len(await heard(world.admin_url)) == count


async def _is_published(client, stream: str, pool) -> bool:
    try:
        held = (await client.jetstream().stream_info(stream)).state.messages
    except nats.js.errors.NotFoundError:
        return False
    return held >= await pool.fetchval("SELECT count(*) FROM event_batch")


async def batch_ids(pool: asyncpg.Pool) -> list[int]:
    return [row["batch_id"] for row in await pool.fetch(ROWS)]


async def take(pool: asyncpg.Pool, *numbers: int) -> int:
    """Batches are gone, by their places in the log. Returns how many events they told."""
    ids = await batch_ids(pool)
    rows = await pool.fetch(
        "DELETE FROM event_batch WHERE batch_id = ANY ($1) RETURNING counts", [ids[number] for number in numbers]
    )
    return sum(sum(row["counts"]) for row in rows)


def mismatch(service: str) -> float:
    return metrics.LEDGER_MISMATCH.labels(service, "log")._value.get()


@pytest.mark.parametrize("taken", [(0,), (2,), (-1,), (1, 2, 3), tuple(range(6))])
async def test_what_is_taken_out_of_a_log_is_missing_in_every_workspace_until_the_stream_fills_it(world, taken):
    async with told(world) as (_, listener):
        rows = await listener.pool.fetch(ROWS)
        lost = await take(listener.pool, *taken)
        found = await stage(listener, workspace_id="other")
        assert (found.expected, found.missing) == (lost, lost)
        assert len(found.missing_event_ids) == lost
        assert all(each.startswith("identity/") for each in found.missing_event_ids)

        async def filled() -> bool:
            return await listener.pool.fetch(ROWS) == rows

        await until(filled)
        assert (await stage(listener, workspace_id="other")).missing == 0
        assert len(await heard(world.admin_url)) == 5 * BATCHES


async def test_what_was_told_before_or_after_the_period_is_not_counted_in_it(world):
    async with told(world) as (_, listener):
        between = utc_now()
        await listener.pool.execute("UPDATE event_batch SET create_time = create_time - interval '2 hours'")
        await take(listener.pool, 1)
        assert (await stage(listener, start_at=between, end=between + MINUTE)).missing == 0
        assert (await stage(listener, start_at=between - 200 * MINUTE, end=between - 60 * MINUTE)).missing > 0
        assert (await stage(listener, start_at=between - 400 * MINUTE, end=between - 300 * MINUTE)).missing == 0


async def test_what_nothing_holds_any_more_stays_missing_and_is_counted(world):
    async with told(world) as (_, listener):
        gaps = Gaps("identity", listener.nats, listener.pool)
        assert await gaps.look() == 0
        await until(lambda: _purged(listener.nats, world))
        lost = await take(listener.pool, 2)
        assert await gaps.look() == 0  # what was whole is walked again once a day
        gaps = Gaps("identity", listener.nats, listener.pool)
        assert await gaps.look() == lost
        assert mismatch("identity") == lost
        assert (await stage(listener)).missing == lost


async def _purged(client, world) -> bool:
    admin = await nats.connect(world.broker.url())
    try:
        return await admin.jetstream().purge_stream("IDENTITY")
    finally:
        await admin.close()


async def test_new_batches_are_walked_without_the_old_ones(world, monkeypatch):
    async with told(world) as (teller, _):
        gaps = Gaps("connectors", teller.nats, teller.pool)
        assert await gaps.look() == 0
        walked = []
        pass_by = Walk.pass_by

        def watch(self, batch_id, *more):
            walked.append(batch_id)
            pass_by(self, batch_id, *more)

        await tell(teller, *names(5, 500))
        monkeypatch.setattr("lobby_common.events.gaps._PAGE", 1)
        monkeypatch.setattr(Walk, "pass_by", watch)
        assert await gaps.look() == 0
        assert walked == [max(await batch_ids(teller.pool))]
