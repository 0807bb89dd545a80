"""The proof of a stage can be wrong, says what is missing, and mends it."""

import asyncio
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from lobby.events.v1 import proof_service_pb2 as pb
from lobby.events.v1.proof_service_pb2_grpc import ProofServiceStub
from lobby_common import caller
from lobby_common.caller import Caller
from lobby_common.errors import Invalid, Unavailable
from lobby_common.events.auditor import Auditor, Source
from lobby_common.events.log import QUERIES
from lobby_common.events.periods import BUCKET, bucket_of
from lobby_common.events.proof import Reconciler
from lobby_common.events.service import RemoteLog
from lobby_common.rpc.client import create_channel
from lobby_common.service import start
from lobby_common.times import to_proto, utc_now
from tests.component.common.conftest import Recorder, heard, until
from tests.component.common.test_event_flow import TELLER, both, heard_exactly, hearer, names, tell

MINUTE = timedelta(minutes=1)


async def stage(runtime, *, workspace_id: str = "w", start_at=None, end=None):
    async with create_channel(runtime.grpc_address, "token") as channel:
        with caller.use(Caller(workspace_id, "owner", "", "k")):
            period = {"from": to_proto(start_at or utc_now() - MINUTE), "to": to_proto(end or utc_now() + MINUTE)}
            return (await ProofServiceStub(channel).GetStage(pb.GetStageRequest(**period))).stage


def figures(found) -> tuple[int, int, int, int, int]:
    return found.expected, found.applied, found.pending, found.quarantined, found.missing


async def test_a_stage_where_all_is_applied_is_whole_and_another_workspace_has_none_of_it(world):
    async with both(world, Recorder()) as (teller, listener):
        await tell(teller, *names(300))
        await heard_exactly(world, names(300))
        assert figures(await stage(listener)) == (300, 300, 0, 0, 0)
        assert figures(await stage(listener, workspace_id="other")) == (0, 0, 0, 0, 0)
        assert figures(await stage(listener, end=utc_now() - MINUTE / 2)) == (0, 0, 0, 0, 0)


@pytest.mark.parametrize(
    ("loss", "lost", "reason"),
    [
        ("DELETE FROM heard WHERE event_id = 'k7-7'", {"k7-7"}, "no_effect"),
        ("DELETE FROM applied_range", set(names(60)), "no_range"),
    ],
)
async def test_what_was_lost_is_named_and_mended_once(world, loss, lost, reason):
    async with both(world, Recorder()) as (teller, listener):
        await tell(teller, *names(60))
        await heard_exactly(world, names(60))
        await listener.pool.execute(loss)
        found = await stage(listener)
        assert figures(found) == (60, 60 - len(lost), 0, 0, len(lost))
        assert set(found.missing_event_ids) == lost

        async def whole() -> bool:
            return figures(await stage(listener)) == (60, 60, 0, 0, 0)

        await until(whole)
        assert sorted(row["event_id"] for row in await heard(world.admin_url)) == sorted(names(60))
        mended = await listener.pool.fetch("SELECT DISTINCT event_id, reason FROM mended_effect")
        assert {(row["event_id"], row["reason"]) for row in mended} == {(each, reason) for each in lost}


async def test_what_two_ask_for_at_once_is_mended_once(world):
    async with both(world, Recorder()) as (teller, listener):
        await tell(teller, *names(60))
        await heard_exactly(world, names(60))
        await listener.pool.execute("DELETE FROM applied_range")
        await asyncio.gather(*(stage(listener) for _ in range(5)))
        await asyncio.gather(
            *(task for task in asyncio.all_tasks() if task.get_coro().__qualname__ == "Reconciler._mend")
        )
        assert await listener.pool.fetchval("SELECT sum(count) FROM applied_range") == 60


class Whole(Recorder):
    """Its effects are all there."""

    async def mend(self, tx, events):
        return


async def test_who_mends_waits_for_another_who_mends_the_same(world):
    async with both(world, Recorder()) as (teller, listener):
        await tell(teller, *names(60))
        await heard_exactly(world, names(60))
        await listener.pool.execute("DELETE FROM applied_range")
        async with create_channel(teller.grpc_address, "token") as channel:
            auditor = Auditor(listener.log, {"connectors": Source(RemoteLog(channel), Whole())})
            found = await auditor.examine("connectors", utc_now() - MINUTE, utc_now() + MINUTE)
            places = [(each.event.lane, each.event.position) for each in found.missing]
            async with listener.pool.acquire() as conn, conn.transaction():
                await conn.execute(QUERIES["mend_alone"])
                await conn.execute(QUERIES["insert_ranges"], "connectors", *zip(*places, strict=True), 10_000)
                mending = asyncio.create_task(auditor.mend(found.missing))

                async def waits() -> bool:
                    waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
                    return mending.done() or await conn.fetchval(waiting)

                await until(waits)
            assert await mending == 60
        assert await listener.pool.fetchval("SELECT sum(count) FROM applied_range") == 60


async def test_what_is_in_quarantine_is_not_missing(world):
    async with both(world, Recorder(poison={"k3-3"})) as (teller, listener):
        await tell(teller, *names(50))
        await heard_exactly(world, [name for name in names(50) if name != "k3-3"])
        assert figures(await stage(listener)) == (50, 49, 0, 1, 0)


@asynccontextmanager
async def behind(world):
    """The teller told fifty; the listener exists and has heard nothing."""
    async with start(TELLER, world.config("connectors")) as teller:
        config = world.config("identity", connectors_target=teller.grpc_address)
        async with start(TELLER.__class__("identity", type(config), _nothing, ""), config) as listener:
            await tell(teller, *names(50))
            async with create_channel(teller.grpc_address, "token") as channel:
                yield Auditor(listener.log, {"connectors": Source(RemoteLog(channel), Recorder())}), listener


async def _nothing(runtime) -> None:
    """A service that only has a log."""


async def test_what_was_told_just_now_is_to_come_and_later_it_is_missing_and_not_mended(world, monkeypatch):
    async with behind(world) as (auditor, _):
        found = await auditor.examine("connectors", utc_now() - MINUTE, utc_now() + MINUTE)
        assert (found.tallies["w"].pending, found.tallies["w"].missing) == (50, 0)
        monkeypatch.setattr("lobby_common.events.auditor.utc_now", lambda: utc_now() + 2 * MINUTE)
        found = await auditor.examine("connectors", utc_now() - MINUTE, utc_now() + MINUTE)
        assert (found.tallies["w"].pending, found.tallies["w"].missing) == (0, 50)
        assert await auditor.mend(found.missing) == 0


async def test_the_reconciler_mends_closed_buckets_and_keeps_what_it_found(world):
    async with both(world, Recorder()) as (teller, listener):
        await tell(teller, *names(40))
        await heard_exactly(world, names(40))
        await listener.pool.execute("DELETE FROM heard WHERE event_id = 'k5-5'")
        async with create_channel(teller.grpc_address, "token") as channel:
            auditor = Auditor(listener.log, {"connectors": Source(RemoteLog(channel), Recorder())})
            reconciler = Reconciler(listener.log, auditor)
            later = bucket_of(utc_now()) + 2 * BUCKET
            for _ in range(2):
                await reconciler.reconcile("connectors", later)
            rows = await listener.pool.fetch(
                "SELECT workspace_id, expected, applied, missing FROM reconciled WHERE expected > 0 ORDER BY 1"
            )
            assert [tuple(row.values()) for row in rows] == [("", 40, 40, []), ("w", 40, 40, [])]
            assert len(await listener.pool.fetch("SELECT FROM mended_effect")) == 1
        assert len(await heard(world.admin_url)) == 40


class Failing:
    """A log that gives a batch at a time, and breaks off once after some."""

    def __init__(self, log: RemoteLog, after: int) -> None:
        self._log = log
        self._left = after
        self.asked: list[int] = []

    async def read_period(self, start, end, after):
        if self._left == 0:
            self._left = -1
            raise Unavailable("AWAY", "it breaks off")
        self._left -= 1
        self.asked.append(after[1])
        return (await self._log.read_period(start, end, after))[:1]


async def test_an_examination_that_breaks_off_goes_on_where_it_was(world):
    async with both(world, Recorder()) as (teller, listener):
        for number in range(6):
            await tell(teller, *names(5, number * 5))
        await heard_exactly(world, names(30))
        async with create_channel(teller.grpc_address, "token") as channel:
            log = Failing(RemoteLog(channel), after=4)
            reconciler = Reconciler(listener.log, Auditor(listener.log, {"connectors": Source(log, Recorder())}))
            later = bucket_of(utc_now()) + 2 * BUCKET
            with pytest.raises(Unavailable):
                await reconciler.reconcile("connectors", later)
            await reconciler.reconcile("connectors", later)
        rows = await listener.pool.fetch("SELECT expected, applied FROM reconciled WHERE workspace_id = 'w'")
        assert [tuple(row) for row in rows] == [(30, 30)]
        read = [batch_id for batch_id in log.asked if batch_id]
        assert len(read) == len(set(read)), "no batch was read twice"


async def test_without_its_producer_there_is_no_proof(world):
    async with start(TELLER, world.config("connectors")) as teller:
        address = teller.grpc_address
    async with start(hearer(Recorder()), world.config("identity", connectors_target=address)) as listener:
        with pytest.raises(Unavailable):
            await stage(listener)


async def test_a_period_that_ends_before_it_begins_is_refused(world):
    async with both(world, Recorder()) as (_, listener):
        with pytest.raises(Invalid, match="INVALID_PERIOD"):
            await stage(listener, start_at=utc_now(), end=utc_now() - MINUTE)


async def test_of_old_buckets_all_that_was_missing_counts_though_only_the_first_were_named(world):
    async with both(world, Recorder()) as (_, listener):
        old = bucket_of(utc_now()) - timedelta(days=40)
        for workspace_id in ("", "w"):
            await listener.pool.execute(
                "INSERT INTO reconciled (producer, bucket_start, workspace_id, expected, applied, pending, quarantined,"
                " missing) VALUES ('connectors', $1, $2, 5, 2, 0, 0, '{a}')",
                old,
                workspace_id,
            )
        found = await stage(listener, start_at=old, end=old + BUCKET)
        assert figures(found) == (5, 2, 0, 0, 3)
        assert found.missing_event_ids == ["a"]
