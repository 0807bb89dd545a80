"""Two replicas of a service: they share the lanes, one takes over from the other, and who was too slow cannot write."""

import asyncio
import contextlib
from datetime import timedelta

import asyncpg
import pytest

from lobby_common import leases as module
from lobby_common import metrics
from lobby_common.leases import LANE_LEASES, Leases
from lobby_common.service import Runtime, start
from tests.component.common.conftest import Recorder, until
from tests.component.common.test_event_flow import TELLER, heard_exactly, hearer, names, tell


@pytest.fixture(autouse=True)
def short_lives(monkeypatch):
    """Shorter than the real times, so that nobody waits for them; long enough for a machine that is busy."""
    monkeypatch.setattr(module, "LIFE", timedelta(seconds=2))
    monkeypatch.setattr(module, "_BEAT_SECONDS", 0.2)


def lanes_of(runtime: Runtime) -> dict[str, int]:
    return runtime.leases.held(LANE_LEASES)


async def _shares(*replicas: Runtime) -> bool:
    held = [set(lanes_of(each)) for each in replicas]
    whole = set().union(*held) == set(LANE_LEASES) and sum(map(len, held)) == len(LANE_LEASES)
    return whole and max(map(len, held)) - min(map(len, held)) <= 4


async def _epochs_are_those_of(*replicas: Runtime) -> bool:
    rows = await replicas[0].pool.fetch("SELECT DISTINCT lane, epoch FROM consumer_position")
    held: dict[str, int] = {}
    for each in replicas:
        held |= lanes_of(each)
    return {f"lane/{row['lane']}": row["epoch"] for row in rows} == held


@contextlib.asynccontextmanager
async def two(world, recorder):
    config = world.config
    async with start(TELLER, config("connectors", replica="a")) as teller, contextlib.AsyncExitStack() as others:
        target = teller.grpc_address
        made = []
        for name in ("a", "b"):
            replica = start(hearer(recorder), config("identity", connectors_target=target, replica=name))
            made.append(await others.enter_async_context(replica))
        yield teller, *made


async def test_two_replicas_share_the_lanes_and_apply_everything_once_and_in_order(world):
    async with two(world, Recorder()) as (teller, one, other):
        await until(lambda: _shares(one, other))
        for at in range(0, 600, 50):
            await tell(teller, *names(50, at))
        await heard_exactly(world, names(600))
        await until(lambda: _epochs_are_those_of(one, other))


async def test_what_a_replica_held_is_heard_by_the_other_when_it_stops(world):
    async with two(world, Recorder()) as (teller, one, other):
        async with start(
            hearer(Recorder()), world.config("identity", connectors_target=teller.grpc_address, replica="c")
        ):
            await tell(teller, *names(50))
        await tell(teller, *names(50, 50))
        await heard_exactly(world, names(100))
        await until(lambda: _shares(one, other))


async def test_who_died_is_followed_though_the_databases_clock_was_set_back_since(world):
    """As by a fail-over to a server whose clock is behind: the word that a replica gave would hold for an hour."""
    config = world.config
    async with start(TELLER, config("connectors", replica="a")) as teller:
        target = teller.grpc_address
        async with start(hearer(Recorder()), config("identity", connectors_target=target, replica="a")) as gone:
            await until(lambda: _holds_all(gone))
        admin = await asyncpg.connect(world.admin_url)
        await admin.execute("UPDATE identity.lease SET owner = 'gone'")
        await admin.execute("INSERT INTO identity.replica VALUES ('a', 'gone', now() + interval '1 hour')")
        await admin.close()
        async with start(hearer(Recorder()), config("identity", connectors_target=target, replica="b")) as other:
            await until(lambda: _holds_all(other))


async def test_who_was_followed_under_his_name_lets_go_as_soon_as_he_is_fenced(world, monkeypatch):
    """Long before his next beat, and before what he believes to hold ends by itself."""
    monkeypatch.setattr(module, "LIFE", timedelta(hours=1))
    monkeypatch.setattr(module, "_BEAT_SECONDS", 3600.0)
    config = world.config
    async with start(TELLER, config("connectors", replica="a")) as teller:
        target = teller.grpc_address
        async with start(hearer(Recorder()), config("identity", connectors_target=target, replica="a")) as old:
            await until(lambda: _holds_all(old))
            async with start(hearer(Recorder()), config("identity", connectors_target=target, replica="a")) as new:
                await until(lambda: _holds_all(new))
                await tell(teller, *names(50))
                await until(lambda: _holds_nothing(old))
                await heard_exactly(world, names(50))


async def test_who_cannot_say_that_he_lives_lets_go_in_time(world, monkeypatch):
    async def away(self) -> None:
        raise ConnectionError

    async with (
        start(TELLER, world.config("connectors")) as teller,
        start(hearer(Recorder()), world.config("identity", connectors_target=teller.grpc_address)) as cut_off,
    ):
        await until(lambda: _holds_all(cut_off))
        monkeypatch.setattr(Leases, "_beat", away)
        await until(lambda: _holds_nothing(cut_off))


async def test_who_waits_for_a_lane_that_is_locked_still_says_that_he_lives(world):
    config = world.config
    async with start(TELLER, config("connectors", replica="a")) as teller:
        admin = await asyncpg.connect(world.admin_url)
        target = teller.grpc_address
        async with start(hearer(Recorder()), config("identity", connectors_target=target, replica="a")) as gone:
            await until(lambda: _holds_all(gone))
        async with admin.transaction():
            await admin.execute("SELECT FROM identity.consumer_position FOR UPDATE")
            async with start(hearer(Recorder()), config("identity", connectors_target=target, replica="b")) as other:
                expire_time = "SELECT expire_time FROM replica WHERE name = 'b'"
                first = await until(lambda: other.pool.fetchval(expire_time))

                async def lives_on() -> bool:
                    return await other.pool.fetchval(expire_time) > first + 3 * module.LIFE

                await until(lives_on)
                assert not lanes_of(other)
        await admin.close()


class Stopped(Recorder):
    """Stands still in the middle of a transaction, as a process that was stopped."""

    def __init__(self) -> None:
        super().__init__()
        self.reached = asyncio.Event()
        self.goes_on = asyncio.Event()

    async def apply(self, tx, events):
        self.reached.set()
        await self.goes_on.wait()
        await super().apply(tx, events)


async def test_a_replica_that_stood_still_for_longer_than_its_lease_cannot_write(world, monkeypatch):
    """It does not know that it lost its lanes: its clock and its beats stood still with it."""
    stopped = Stopped()
    fenced = metrics.FENCED.labels("identity")._value.get
    config = world.config
    async with start(TELLER, config("connectors", replica="a")) as teller:
        target = teller.grpc_address
        async with start(hearer(stopped), config("identity", connectors_target=target, replica="a")) as slow:
            await tell(teller, *names(50))
            await asyncio.wait_for(stopped.reached.wait(), 10)
            held = lanes_of(slow)
            _stand_still(slow, held, monkeypatch)
            async with start(hearer(Recorder()), config("identity", connectors_target=target, replica="b")) as other:
                await until(lambda: _holds_all(other))
                await heard_exactly(world, names(50))
                before = fenced()
                stopped.goes_on.set()
                await until(lambda: _grew(fenced, before))
                await tell(teller, *names(50, 50))
                await heard_exactly(world, names(100))


def _stand_still(runtime: Runtime, held: dict[str, int], monkeypatch) -> None:
    async def nothing() -> None:
        """No beat."""

    monkeypatch.setattr(runtime.leases, "_beat", nothing)
    monkeypatch.setattr(runtime.leases, "held", lambda names: {name: held[name] for name in names if name in held})


async def _holds_all(runtime: Runtime) -> bool:
    return set(lanes_of(runtime)) == set(LANE_LEASES)


async def _holds_nothing(runtime: Runtime) -> bool:
    return not lanes_of(runtime)


async def _grew(read, before: float) -> bool:
    return read() > before


async def test_a_process_that_begins_under_the_same_name_takes_over_at_once_and_the_older_one_holds_nothing(world):
    config = world.config("connectors", replica="a")
    async with start(TELLER, config) as old:
        old.leases.share(["work"])
        await old.leases.prepare()
        await until(lambda: _holds(old, "work"))
        (before,) = old.leases.held(["work"]).values()
        async with start(TELLER, config) as new:
            new.leases.share(["work"])
            await until(lambda: _holds(new, "work"))
            assert new.leases.held(["work"])["work"] > before
            await until(lambda: _holds_not(old, "work"))
        await until(lambda: _holds(old, "work"))


async def _holds(runtime: Runtime, name: str) -> bool:
    return bool(runtime.leases.held([name]))


async def _holds_not(runtime: Runtime, name: str) -> bool:
    return not runtime.leases.held([name])


async def test_nothing_is_taken_from_a_replica_that_lives(world):
    """Two that see each other late, as where a third is gone, may want the same."""
    async with start(TELLER, world.config("connectors", replica="a")) as teller:
        one, other = (Leases(teller.pool, name) for name in ("x", "y"))
        for each in (one, other):
            each.share(["work"])
            await each.prepare()
        await one._beat()
        assert one.held(["work"])
        assert await other._take(["work"]) == {}
        await teller.pool.execute("UPDATE replica SET expire_time = clock_timestamp() WHERE name = 'x'")
        assert await other._take(["work"]) == {"work": one.held(["work"])["work"] + 1}


async def test_lonely_work_is_done_by_one_replica_and_goes_on_in_another(world):
    running: list[str] = []

    def service(name: str):
        async def work() -> None:
            running.append(name)
            try:
                await asyncio.Event().wait()
            finally:
                running.remove(name)

        async def build(runtime: Runtime) -> None:
            runtime.alone("work", work)

        return type(TELLER)("connectors", type(world.config("connectors")), build, "")

    async with contextlib.AsyncExitStack() as stack:
        for name in ("a", "b"):
            await stack.enter_async_context(start(service(name), world.config("connectors", replica=name)))
        await until(lambda: _is(running, 1))
        first = running[0]
        await stack.aclose()
    async with start(service("c"), world.config("connectors", replica="c")):
        await until(lambda: _is(running, 1))
        assert running[0] != first


async def _is(running: list[str], count: int) -> bool:
    return len(running) == count


@pytest.fixture
async def schema(world):
    connection = await asyncpg.connect(world.admin_url, server_settings={"search_path": "connectors"})
    yield connection
    await connection.close()


async def mark(schema: asyncpg.Connection, spans: str, last: int, batch_id: int) -> tuple[int, int]:
    await schema.execute(
        "SELECT mark_published('{7}', $1, ARRAY[$2::bigint], ARRAY[$3::bigint])", [spans], last, batch_id
    )
    row = await schema.fetchrow("SELECT position, batch_id, ahead FROM lane_published WHERE lane = 7")
    return row["position"], row["batch_id"]


async def test_a_mark_rises_only_where_nothing_is_missing(schema):
    assert await mark(schema, "{[1,3]}", 3, 10) == (3, 10)
    assert await mark(schema, "{[6,9]}", 9, 14) == (3, 10)
    assert await mark(schema, "{[5,5],[12,12]}", 12, 17) == (3, 10)
    assert await mark(schema, "{[4,4]}", 4, 11) == (9, 11)
    assert await mark(schema, "{[10,11]}", 11, 16) == (12, 16)
    assert await mark(schema, "{[2,6]}", 6, 12) == (12, 16)
    assert await schema.fetchval("SELECT isempty(ahead) FROM lane_published WHERE lane = 7")
