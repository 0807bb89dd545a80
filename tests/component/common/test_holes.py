"""What a stream lost in its midst is found by counting, named, and published again; what left it by age is no loss."""

from contextlib import asynccontextmanager
from datetime import timedelta

import nats
import pytest

from lobby_common import metrics
from lobby_common.events.holes import Holes
from lobby_common.service import start
from lobby_common.times import utc_now
from tests.component.common.conftest import Recorder, until
from tests.component.common.test_event_flow import TELLER, both, heard_exactly, names, tell

LATER = timedelta(minutes=10)
BATCHES = 12


def mismatch() -> float:
    return metrics.LEDGER_MISMATCH.labels("connectors", "stream")._value.get()


@asynccontextmanager
async def stream(world):
    """The administrator's view of the stream of connectors."""
    client = await nats.connect(world.broker.url())
    try:
        yield client.jetstream()
    finally:
        await client.close()


@asynccontextmanager
async def published(world):
    """Twelve batches were told, published and marked."""
    async with start(TELLER, world.config("connectors")) as teller:
        for number in range(BATCHES):
            await tell(teller, *names(5, number * 5))
        await marked(teller)
        async with stream(world) as js:
            yield teller, Holes("connectors", teller.nats, teller.pool, teller.publisher), js


async def marked(teller) -> None:
    async def all_marked() -> bool:
        behind = "SELECT count(*) FROM lane AS l JOIN lane_published AS p USING (lane) WHERE p.position < l.position"
        return not await teller.pool.fetchval(behind)

    await until(all_marked)


async def ids(teller) -> list[int]:
    return [row[0] for row in await teller.pool.fetch("SELECT batch_id FROM event_batch ORDER BY batch_id")]


async def forgotten(js) -> None:
    """The broker takes a batch again that it has had: the time in which it drops repeats is over."""
    config = (await js.stream_info("CONNECTORS")).config
    config.duplicate_window = 0.1
    await js.update_stream(config)


async def test_a_stream_that_holds_everything_has_no_holes_and_is_read_once(world, monkeypatch):
    async with published(world) as (_, holes, _):
        assert await holes.mend(utc_now() + LATER) == []
        monkeypatch.setattr("lobby_common.events.holes.reading", None)
        assert await holes.mend(utc_now() + LATER) == []
        assert mismatch() == 0


async def test_batches_that_were_taken_out_are_named_counted_and_there_again(world):
    async with published(world) as (teller, holes, js):
        await holes.mend(utc_now() + LATER)
        lost = (await ids(teller))[3:6:2]
        await forgotten(js)
        for sequence in (4, 6):
            await js.delete_msg("CONNECTORS", sequence)
        assert await holes.mend(utc_now() + LATER) == lost
        assert mismatch() == 2
        await until(lambda: _has_no_holes(holes))
        assert (await js.stream_info("CONNECTORS")).state.messages == BATCHES
        assert mismatch() == 0


async def _has_no_holes(holes) -> bool:
    """Looks once more, and mends: the broker may still have dropped as a repeat what was published again."""
    return await holes.mend(utc_now() + LATER) == []


async def test_what_could_not_be_published_again_is_found_again(world, monkeypatch):
    async with published(world) as (teller, holes, js):
        lost = (await ids(teller))[3:4]
        await js.delete_msg("CONNECTORS", 4)

        async def fail(_: object) -> None:
            raise TimeoutError

        with monkeypatch.context() as broken:
            broken.setattr(teller.publisher, "publish_again", fail)
            with pytest.raises(TimeoutError):
                await holes.mend(utc_now() + LATER)
        assert await holes.mend(utc_now() + LATER) == lost


async def test_batches_marked_and_never_published_are_found(world):
    async with published(world) as (teller, holes, _):
        teller.log.publish_to(_Nowhere())
        await tell(teller, *names(5, 100))
        await teller.pool.execute(
            "UPDATE lane_published AS p SET position = l.position FROM lane AS l WHERE l.lane = p.lane"
        )
        teller.log.publish_to(teller.publisher)
        await tell(teller, *names(5, 200))
        await marked(teller)
        assert await holes.mend(utc_now() + LATER) == (await ids(teller))[BATCHES : BATCHES + 1]


class _Nowhere:
    def offer(self, batches: object) -> None:
        """As if they had been lost on their way."""


async def test_what_was_told_just_now_and_what_is_not_marked_is_no_hole(world):
    async with published(world) as (teller, holes, _):
        teller.log.publish_to(_Nowhere())
        await tell(teller, *names(5, 100))
        assert await holes.mend(utc_now() + LATER) == []
        teller.log.publish_to(teller.publisher)
        await marked(teller)
        assert await holes.mend(utc_now()) == []


@pytest.mark.parametrize("harm", ["purge", "delete"])
async def test_what_left_a_stream_with_all_that_is_older_is_no_hole(world, harm):
    async with published(world) as (teller, holes, js):
        await holes.mend(utc_now() + LATER)
        if harm == "purge":
            await js.purge_stream("CONNECTORS", seq=8)
        else:
            await js.delete_stream("CONNECTORS")
        await tell(teller, *names(5, 100))
        await until(lambda: _holds_last(js))
        await marked(teller)
        assert await holes.mend(utc_now() + LATER) == []


async def _holds_last(js) -> bool:
    try:
        return (await js.stream_info("CONNECTORS")).state.messages > 0
    except nats.js.errors.NotFoundError:
        return False


async def test_what_is_published_again_is_heard_once(world):
    async with both(world, Recorder()) as (teller, _), stream(world) as js:
        for number in range(BATCHES):
            await tell(teller, *names(5, number * 5))
        await heard_exactly(world, names(5 * BATCHES))
        await marked(teller)
        await forgotten(js)
        await js.delete_msg("CONNECTORS", 5)
        holes = Holes("connectors", teller.nats, teller.pool, teller.publisher)
        assert len(await holes.mend(utc_now() + LATER)) == 1
        await until(lambda: _has_no_holes(holes))
        await tell(teller, *names(5, 5 * BATCHES))
        await heard_exactly(world, names(5 * BATCHES + 5))
