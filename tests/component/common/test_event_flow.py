"""What one service tells, another applies exactly once, whatever happens on the way."""

import asyncio
import contextlib
import itertools
from datetime import UTC
from typing import ClassVar

import asyncpg
import nats
import pytest
from asyncpg.transaction import Transaction
from nats.aio.client import Client

from lobby.events.v1.batch_pb2 import Batch, Event, Segment
from lobby_common import metrics
from lobby_common.config import ServiceConfig
from lobby_common.errors import Unavailable
from lobby_common.events import publisher
from lobby_common.events.lanes import LANES
from lobby_common.events.log import QUERIES, EventLog, StoredBatch
from lobby_common.events.quarantine import Quarantine
from lobby_common.events.service import RemoteLog
from lobby_common.service import Runtime, Service, start
from tests.component.common.conftest import Recorder, heard, until


async def _nothing(runtime: Runtime) -> None:
    """A service that only has a log."""


TELLER = Service("connectors", ServiceConfig, _nothing, "")


def hearer(recorder: Recorder) -> Service:
    async def build(runtime: Runtime) -> None:
        runtime.consume(recorder, ("connectors",))

    return Service("identity", ServiceConfig, build, "")


@contextlib.asynccontextmanager
async def both(world, recorder):
    async with (
        start(TELLER, world.config("connectors")) as teller,
        start(hearer(recorder), world.config("identity", connectors_target=teller.grpc_address)) as listener,
    ):
        yield teller, listener


async def tell(runtime: Runtime, *names: str) -> None:
    async with runtime.log.transaction() as tx:
        for name in names:
            tx.tell(Event(id=name), workspace_id="w", key=name.split("-")[0], event_id=name)


def names(count: int, start: int = 0) -> list[str]:
    return [f"k{number % 50}-{number}" for number in range(start, start + count)]


async def heard_exactly(world, expected: list[str]) -> None:
    await until(lambda: _count_is(world, len(expected)))
    rows = await heard(world.admin_url)
    assert sorted(row["event_id"] for row in rows) == sorted(expected)
    for key in {row["key"] for row in rows}:
        numbers = [int(row["event_id"].split("-")[1]) for row in rows if row["key"] == key]
        assert numbers == sorted(numbers)


async def _count_is(world, count: int) -> bool:
    return len(await heard(world.admin_url)) >= count


async def test_events_arrive_once_and_in_order_within_a_key(world):
    async with both(world, Recorder()) as (teller, _):
        for start_at in range(0, 500, 50):
            await tell(teller, *names(50, start_at))
        await heard_exactly(world, names(500))


async def test_a_wiped_stream_is_refilled_from_the_log(world):
    async with both(world, Recorder()) as (teller, _):
        await tell(teller, *names(50))
        await heard_exactly(world, names(50))
        client = await nats.connect(world.broker.url())
        await client.jetstream().delete_stream("CONNECTORS")
        await client.close()
        await tell(teller, *names(50, 50))
        await heard_exactly(world, names(100))


async def test_a_gap_in_the_stream_is_read_from_the_producer(world):
    async with start(TELLER, world.config("connectors")) as teller:
        await tell(teller, *names(100))
        client = await nats.connect(world.broker.url())
        await until(lambda: _published(client, 1))
        await client.jetstream().purge_stream("CONNECTORS")
        await tell(teller, *names(100, 100))
        await until(lambda: _published(client, 2))
        await client.close()
        listener = start(hearer(Recorder()), world.config("identity", connectors_target=teller.grpc_address))
        async with listener:
            await heard_exactly(world, names(200))


async def _published(client, sequence: int) -> bool:
    with contextlib.suppress(nats.js.errors.NotFoundError):
        return (await client.jetstream().stream_info("CONNECTORS")).state.last_seq >= sequence
    return False


async def test_what_was_committed_and_never_offered_is_published_at_the_next_start(world):
    async with start(TELLER, world.config("connectors")) as teller:
        teller.log.publish_to(_Nowhere())
        await tell(teller, *names(20))
    async with both(world, Recorder()):
        await heard_exactly(world, names(20))


class _Nowhere:
    def offer(self, batches: object) -> None:
        """As if the process had died here."""


async def tell_and_die(runtime: Runtime, *names: str) -> None:
    """As a process that dies after its commit: nobody offers the batch to the publisher."""
    async with EventLog("connectors", runtime.pool).transaction() as tx:
        for name in names:
            tx.tell(Event(id=name), workspace_id="w", key=name.split("-")[0], event_id=name)


async def test_what_a_process_that_is_gone_never_published_another_publishes_and_marks(world):
    async with start(TELLER, world.config("connectors")) as teller:
        await tell(teller, *names(20))
        await tell_and_die(teller, *names(20, 20))

        await until(lambda: _all_marked(teller))
        client = await nats.connect(world.broker.url())
        assert (await client.jetstream().stream_info("CONNECTORS")).state.messages == 2
        await client.close()


async def _all_marked(teller: Runtime) -> bool:
    behind = "SELECT count(*) = 0 FROM lane JOIN lane_published AS p USING (lane) WHERE p.position < lane.position"
    return await teller.pool.fetchval(behind)


async def test_marks_that_could_not_be_saved_are_saved_later(world, monkeypatch):
    """Else all that was published since is published again."""
    execute, refused = asyncpg.Pool.execute, []

    async def away_once(self, query, *arguments):
        if query == QUERIES["mark_published"] and not refused:
            refused.append(query)
            raise ConnectionError
        return await execute(self, query, *arguments)

    monkeypatch.setattr(asyncpg.Pool, "execute", away_once)
    monkeypatch.setattr(publisher.Publisher, "find_left", _nothing)
    async with start(TELLER, world.config("connectors")) as teller:
        await tell(teller, *names(20))
        await until(lambda: _all_marked(teller))
    assert refused


async def test_what_nobody_publishes_is_asked_for_after_a_silence(world, monkeypatch):
    monkeypatch.setattr("lobby_common.events.publisher._CHECK_SECONDS", 3600.0)
    monkeypatch.setattr("lobby_common.events.source._CHECK_SECONDS", 0.5)
    async with both(world, Recorder()) as (teller, _):
        await tell(teller, *names(20))
        await heard_exactly(world, names(20))
        await tell_and_die(teller, *names(20, 20))
        await heard_exactly(world, names(40))


async def test_what_nobody_publishes_is_asked_for_while_other_lanes_never_fall_silent(world, monkeypatch):
    monkeypatch.setattr("lobby_common.events.publisher._CHECK_SECONDS", 3600.0)
    monkeypatch.setattr("lobby_common.events.source._CHECK_SECONDS", 0.5)
    async with both(world, Recorder()) as (teller, _):
        await tell(teller, "k3-0")
        await heard_exactly(world, ["k3-0"])
        await tell_and_die(teller, "k2-0")
        await heard_while_another_speaks(world, teller, "k2-0")


async def heard_while_another_speaks(world, teller: Runtime, name: str) -> None:
    for number in itertools.count():
        await tell(teller, f"k1-{number}")
        await until(lambda spoken=f"k1-{number}": _is_heard(world, spoken))
        if await _is_heard(world, name):
            return
        assert number < 1000


async def _is_heard(world, name: str) -> bool:
    return name in [row["event_id"] for row in await heard(world.admin_url)]


async def test_a_cursor_that_is_ahead_skips_nothing_where_the_producer_was_away_at_the_start(world, monkeypatch):
    """As where one replica takes over another's lanes, which was behind: it was its own cursor that it had saved."""
    monkeypatch.setattr("lobby_common.events.source._CHECK_SECONDS", 0.5)
    heads = RemoteLog.heads

    async def away_at_first(self):
        if not await _is_heard(world, "k1-0"):
            raise Unavailable("AWAY", "it is being started")
        return await heads(self)

    monkeypatch.setattr(RemoteLog, "heads", away_at_first)
    async with start(TELLER, world.config("connectors")) as teller:
        await tell(teller, "k2-0")
        await until(lambda: _published(teller.nats, 1))
        admin = await asyncpg.connect(world.admin_url)
        await admin.execute("INSERT INTO identity.stream_cursor (producer, stream_sequence) VALUES ('connectors', 1)")
        await admin.close()
        async with start(hearer(Recorder()), world.config("identity", connectors_target=teller.grpc_address)):
            await heard_while_another_speaks(world, teller, "k2-0")


async def test_who_is_cancelled_while_he_commits_hands_his_batch_on_at_once(world, monkeypatch):
    monkeypatch.setattr("lobby_common.events.publisher._CHECK_SECONDS", 3600.0)
    commit, commits, may_commit = Transaction.commit, asyncio.Event(), asyncio.Event()

    async def slow(self):
        commits.set()
        await may_commit.wait()
        await commit(self)

    async with both(world, Recorder()) as (teller, _):
        monkeypatch.setattr(Transaction, "commit", slow)
        telling = asyncio.create_task(tell(teller, "k1-1"))
        await commits.wait()
        telling.cancel()
        monkeypatch.undo()
        may_commit.set()
        with pytest.raises(asyncio.CancelledError):
            await telling
        client = await nats.connect(world.broker.url())
        await until(lambda: _published(client, 1))
        await client.close()


async def test_code_that_fails_with_most_events_puts_none_into_quarantine_and_goes_on_when_it_is_mended(world):
    class Deployed(Recorder):
        """New code comes between two attempts, never within one, where few events would seem to be bad."""

        mended = False

        async def apply(self, tx, events):
            if self.mended and len(events) > 1:
                self.poison.clear()
            await super().apply(tx, events)

    recorder = Deployed(poison=set(names(30)))
    async with both(world, recorder) as (teller, listener):
        await tell(teller, *names(40))
        await until(lambda: _restarted(listener))
        assert await listener.pool.fetchval("SELECT count(*) FROM event_quarantine") == 0
        recorder.mended = True
        await heard_exactly(world, names(40))


@pytest.mark.parametrize(
    ("harm", "mending"),
    [
        ("REVOKE INSERT ON identity.heard FROM lobby_identity", "GRANT INSERT ON identity.heard TO lobby_identity"),
        ("ALTER TABLE identity.heard RENAME TO hidden", "ALTER TABLE identity.hidden RENAME TO heard"),
        ("ALTER TABLE identity.heard RENAME key TO other", "ALTER TABLE identity.heard RENAME other TO key"),
    ],
)
async def test_a_database_that_somebody_broke_is_no_fault_of_the_few_events_that_come_meanwhile(world, harm, mending):
    async with both(world, Recorder()) as (teller, listener):
        await tell(teller, *names(3))
        await heard_exactly(world, names(3))
        admin = await asyncpg.connect(world.admin_url)
        await admin.execute(harm)
        await tell(teller, *names(3, 3))
        await until(lambda: _restarted(listener))
        assert await listener.pool.fetchval("SELECT count(*) FROM event_quarantine") == 0
        await admin.execute(mending)
        await admin.close()
        await heard_exactly(world, names(6))


async def _restarted(runtime: Runtime) -> bool:
    """The consumer has given a batch up, and begun again."""
    return await runtime.pool.fetchval(
        "SELECT xact_rollback > $1 FROM pg_stat_database WHERE datname = current_database()", 2
    )


async def test_a_poison_event_goes_to_quarantine_and_its_neighbours_are_applied(world):
    async with both(world, Recorder(poison={"k3-3"})) as (teller, listener):
        await tell(teller, *names(50))
        await heard_exactly(world, [name for name in names(50) if name != "k3-3"])
        row = await listener.pool.fetchrow("SELECT event_id, reason FROM event_quarantine")
        assert (row["event_id"], row["reason"]) == ("k3-3", "ValueError: poison k3-3")


async def test_an_event_that_two_transactions_collide_over_is_tried_again(world):
    class Colliding(Recorder):
        left = 3

        async def apply(self, tx, events):
            if self.left:
                self.left -= 1
                raise asyncpg.DeadlockDetectedError("deadlock detected")
            await super().apply(tx, events)

    async with both(world, Colliding()) as (teller, listener):
        await tell(teller, *names(10))
        await heard_exactly(world, names(10))
        assert await listener.pool.fetchval("SELECT count(*) FROM event_quarantine") == 0


class Hasty(Recorder):
    """Tells of events before it fails with one of them."""

    async def apply(self, tx, events):
        for each in events:
            tx.tell(Event(), workspace_id="w", key=each.event.key, event_id=f"on-{each.event.id}")
        await super().apply(tx, events)


async def test_nobody_is_told_of_an_event_that_is_in_quarantine(world):
    async with both(world, Hasty(poison={"k3-3"})) as (teller, listener):
        await tell(teller, *names(10))
        expected = [name for name in names(10) if name != "k3-3"]
        await heard_exactly(world, expected)
        batches = await listener.pool.fetch("SELECT data FROM event_batch")
        told = [event.id for row in batches for each in Batch.FromString(row["data"]).segments for event in each.events]
        assert sorted(told) == sorted(f"on-{name}" for name in expected)


async def test_what_is_in_quarantine_is_made_up_for_when_it_can_be(world):
    recorder = Recorder(poison={"k3-3", "k4-4"}, tell_on=True)
    async with both(world, recorder) as (teller, listener):
        await tell(teller, *names(50))
        await heard_exactly(world, [name for name in names(50) if name not in recorder.poison])
        quarantine = Quarantine(listener.log, recorder)
        assert await quarantine.try_again() == 0
        recorder.poison.remove("k3-3")
        assert await quarantine.try_again() == 1
        assert [row["event_id"] for row in await listener.pool.fetch("SELECT event_id FROM event_quarantine")] == [
            "k4-4"
        ]
        recorder.poison.clear()
        assert await quarantine.try_again() == 1
    assert sorted(row["event_id"] for row in await heard(world.admin_url)) == sorted(names(50))


async def test_what_was_in_quarantine_is_tried_again_by_the_code_of_after_a_restart(world):
    async with both(world, Recorder(poison={"k3-3"})) as (teller, _):
        await tell(teller, *names(5))
        await heard_exactly(world, [name for name in names(5) if name != "k3-3"])
    async with both(world, Recorder()):
        await until(lambda: _is_heard(world, "k3-3"))


@pytest.mark.parametrize(
    "garbage",
    [
        b"\xff no batch",
        b"",
        Batch(service="identity", batch_id=7, segments=[Segment(lane=3, first=1, count=1, events=[Event(id="x")])]),
        Batch(service="connectors", batch_id=7, segments=[Segment(lane=77, first=1, count=1, events=[Event(id="x")])]),
        Batch(service="connectors", batch_id=7, segments=[Segment(lane=3, first=1, count=900, events=[Event(id="x")])]),
        Batch(service="connectors", batch_id=7, segments=[Segment(lane=3, count=1, events=[Event(id="x")])]),
    ],
)
async def test_what_is_no_batch_of_the_producer_is_counted_and_the_rest_is_heard(world, garbage):
    counted = metrics.STREAM_GARBAGE.labels("connectors")._value.get
    async with both(world, Recorder()) as (teller, _):
        await tell(teller, *names(50))
        await heard_exactly(world, names(50))
        before = counted()
        client = await nats.connect(world.broker.url())
        data = garbage if isinstance(garbage, bytes) else garbage.SerializeToString()
        await client.jetstream().publish("lobby.connectors", data)
        await client.close()
        await tell(teller, *names(50, 50))
        await heard_exactly(world, names(100))
        assert counted() == before + 1


async def test_events_of_a_later_version_only_move_the_position(world):
    async with both(world, Recorder()) as (teller, listener):
        async with teller.log.transaction() as tx:
            tx.tell(Batch(), workspace_id="w", key="k1", event_id="k1-0")  # a type that nobody here handles
            later = Event(id="k1-1").SerializeToString() + b"\xfa\xff\x01\x03new"  # a field that nobody here knows
            tx.tell(Event.FromString(later), workspace_id="w", key="k1", event_id="k1-1")
        await heard_exactly(world, ["k1-1"])
        assert await listener.pool.fetchval("SELECT count(*) FROM event_quarantine") == 0
        assert await listener.pool.fetchval("SELECT sum(position) FROM consumer_position") == 2


async def test_positions_and_range_rows_account_for_every_event(world):
    async with both(world, Recorder()) as (teller, listener):
        for start_at in range(0, 300, 30):
            await tell(teller, *names(30, start_at))
        await heard_exactly(world, names(300))
        heads = {row["lane"]: row["position"] for row in await teller.pool.fetch("SELECT lane, position FROM lane")}
        positions = await listener.pool.fetch("SELECT lane, position FROM consumer_position")
        assert {row["lane"]: row["position"] for row in positions} == heads
        for lane in range(LANES):
            ranges = await listener.pool.fetch(
                "SELECT first, count FROM applied_range WHERE lane = $1 ORDER BY first", lane
            )
            expected = 1
            for row in ranges:
                assert row["first"] == expected
                expected += row["count"]
            assert expected == heads[lane] + 1


async def test_what_falls_with_its_transaction_is_told_to_nobody(world):
    async with both(world, Recorder()) as (teller, _):
        with pytest.raises(ZeroDivisionError):
            await _tell_and_fall(teller)
        await tell(teller, "k1-2")
        await heard_exactly(world, ["k1-2"])


async def _tell_and_fall(runtime: Runtime) -> None:
    async with runtime.log.transaction() as tx:
        tx.tell(Event(id="k1-1"), workspace_id="w", key="k1", event_id="k1-1")
        raise ZeroDivisionError


async def test_what_is_published_are_the_bytes_that_were_written(world):
    """The database puts them together, and Python beside it: over some batches, lanes split by them."""

    class Outlet:
        offered: ClassVar[list[StoredBatch]] = []

        def offer(self, batches):
            self.offered += batches

    async with start(TELLER, world.config("connectors")) as teller:
        log = EventLog("connectors", teller.pool)
        log.publish_to(Outlet())
        for sizes in ((1,), (10, 300_000, 300_000, 300_000, 0), (5,) * 200):
            async with log.transaction() as tx:
                for n, size in enumerate(sizes):
                    for key in ("one", "other", "third"):
                        payload = Event(payload=bytes(size))
                        tx.tell(payload, workspace_id="w", key=key, event_id=f"{key}-{len(sizes)}-{n}")
        rows = await teller.pool.fetch("SELECT * FROM event_batch ORDER BY batch_id")
        heads = await teller.pool.fetch("SELECT lane, position FROM lane WHERE position > 0 ORDER BY lane")
    assert [each.data for each in Outlet.offered] == [row["data"] for row in rows]
    assert len(rows) > 5
    told: dict[int, list[tuple[int, str]]] = {}
    for row, offered in zip(rows, Outlet.offered, strict=True):
        batch = Batch.FromString(row["data"])
        assert (batch.service, batch.batch_id) == ("connectors", row["batch_id"])
        assert batch.create_time.ToDatetime(UTC) == row["create_time"]
        assert [(s.lane, s.first, s.count) for s in batch.segments] == list(
            zip(row["lanes"], row["firsts"], row["counts"], strict=True)
        )
        assert offered.lasts == tuple(s.first + s.count - 1 for s in batch.segments)
        for segment in batch.segments:
            told.setdefault(segment.lane, []).extend((segment.first + n, e.id) for n, e in enumerate(segment.events))
    assert {lane: [position for position, _ in events] for lane, events in told.items()} == {
        row["lane"]: list(range(1, row["position"] + 1)) for row in heads
    }
    assert sum(map(len, told.values())) == 3 * (1 + 5 + 200)


async def test_a_second_owner_with_old_positions_cannot_apply(world):
    async with both(world, Recorder()) as (teller, listener):
        await tell(teller, *names(50))
        await heard_exactly(world, names(50))
        with pytest.raises(asyncpg.PostgresError, match="position_moved"):
            await listener.pool.execute("SELECT move_positions('{connectors}', '{0}', '{1}', '{77}', '{99}', '{1}')")


class Repeater(Recorder):
    """Hears an event again without harm, as every real one does."""

    async def apply(self, tx, events):
        await tx.conn.execute("DELETE FROM heard WHERE event_id = ANY ($1)", [each.event.id for each in events])
        await super().apply(tx, events)


@pytest.mark.parametrize("by", [3, 1000])
async def test_a_position_that_somebody_set_forward_skips_nothing(world, by):
    async with both(world, Recorder()) as (teller, listener):
        await tell(teller, *names(50))
        await heard_exactly(world, names(50))
        await listener.pool.execute("UPDATE consumer_position SET position = position + $1 WHERE position > 0", by)
        await tell(teller, *names(200, 50))
        await heard_exactly(world, names(250))
        heads = await teller.pool.fetch("SELECT lane, position FROM lane ORDER BY lane")
        positions = await listener.pool.fetch("SELECT lane, position FROM consumer_position ORDER BY lane")
        assert positions == heads


async def test_a_position_that_somebody_set_back_is_heard_again(world):
    """The row's batch is the one of before: what is before it in the lane is only found from the log's start on."""
    async with both(world, Repeater()) as (teller, listener):
        for start_at in range(0, 200, 20):
            await tell(teller, *(f"k1-{number}" for number in range(start_at, start_at + 20)))
        await heard_exactly(world, [f"k1-{number}" for number in range(200)])
        await until(lambda: listener.pool.fetchval("SELECT stream_sequence > 5 FROM stream_cursor"))
        await listener.pool.execute("UPDATE consumer_position SET position = 10 WHERE position > 0")
        await tell(teller, "k1-200")

        async def caught_up() -> bool:
            return await listener.pool.fetchval("SELECT max(position) FROM consumer_position") == 201

        await until(caught_up)
        await heard_exactly(world, [f"k1-{number}" for number in range(201)])


async def test_a_cursor_that_is_ahead_of_what_was_applied_skips_nothing(world, monkeypatch):
    """It is a hint: what the positions lack is asked for at the start, not after a silence."""
    monkeypatch.setattr("lobby_common.events.source._CHECK_SECONDS", 3600.0)
    async with start(TELLER, world.config("connectors")) as teller:
        await tell(teller, *names(50))
        await until(lambda: _published(teller.nats, 1))
        admin = await asyncpg.connect(world.admin_url)
        await admin.execute("INSERT INTO identity.stream_cursor (producer, stream_sequence) VALUES ('connectors', 1)")
        await admin.close()
        listener = start(hearer(Recorder()), world.config("identity", connectors_target=teller.grpc_address))
        async with listener:
            await heard_exactly(world, names(50))


async def test_a_cursor_of_the_stream_before_hides_nothing_of_the_one_that_took_its_place(world, monkeypatch):
    monkeypatch.setattr("lobby_common.events.source._CHECK_SECONDS", 3600.0)
    admin = await asyncpg.connect(world.admin_url)
    await admin.execute("INSERT INTO identity.stream_cursor (producer, stream_sequence) VALUES ('connectors', 10000)")
    await admin.close()
    async with start(TELLER, world.config("connectors")) as teller:
        await tell(teller, *names(20))
        await until(lambda: _published(teller.nats, 1))
        listener = start(hearer(Recorder()), world.config("identity", connectors_target=teller.grpc_address))
        async with listener:
            await heard_exactly(world, names(20))
            await tell(teller, *names(20, 20))
            await heard_exactly(world, names(40))


async def test_a_role_reaches_nothing_but_its_own_schema(world):
    async with start(TELLER, world.config("connectors")) as teller:
        for statement in (
            "SELECT 1 FROM identity.lane",
            "CREATE TABLE connectors.mine (id int)",
            "DROP TABLE connectors.lane",
            "CREATE TABLE public.mine (id int)",
        ):
            with pytest.raises(asyncpg.PostgresError, match=r"permission denied|must be owner"):
                await teller.pool.execute(statement)


async def test_what_could_not_be_published_is_published_as_soon_as_it_can_be(world, monkeypatch):
    publish, refused = publisher.Publisher._publish, []

    async def away_once(self, batches):
        if not refused:
            refused.append(batches)
            raise nats.errors.TimeoutError
        await publish(self, batches)

    monkeypatch.setattr(publisher.Publisher, "_publish", away_once)
    monkeypatch.setattr(publisher.Publisher, "find_left", _nothing)
    async with start(TELLER, world.config("connectors")) as teller:
        await tell(teller, "k-1")
        await until(lambda: _published(teller.nats, 1))
    assert refused


async def test_what_the_publisher_has_no_room_for_is_read_from_the_table(world, monkeypatch):
    """Without whoever looks for what others left: that may be another replica, or come later."""
    monkeypatch.setattr(publisher, "_QUEUE", 3)
    monkeypatch.setattr(publisher.Publisher, "find_left", _nothing)
    async with start(TELLER, world.config("connectors")) as teller:
        await asyncio.gather(*(tell(teller, f"k-{number}") for number in range(20)))

        async def all_published() -> bool:
            return (await teller.nats.jetstream().stream_info("CONNECTORS")).state.messages == 20

        await until(all_published)


async def test_a_broker_that_takes_nothing_for_long_does_not_use_up_what_may_be_under_way(world, monkeypatch):
    """As a client that is cut off and whose buffer is full says, again and again."""
    async with start(TELLER, world.config("connectors")) as teller:
        await tell(teller, "k-1")
        await until(lambda: _published(teller.nats, 1))

        async def full(*_: object, **__: object) -> None:
            raise nats.errors.OutboundBufferLimitError

        with monkeypatch.context() as patch:
            patch.setattr(Client, "publish", full)
            for _ in range(100):
                with pytest.raises(nats.errors.OutboundBufferLimitError):
                    await teller.publisher.publish_again([1])
        async with asyncio.timeout(5):
            await teller.publisher.publish_again([1])


async def test_what_the_publisher_had_no_room_for_is_not_forgotten_where_the_table_is_away(world, monkeypatch):
    lanes_behind, asked = publisher.Publisher._lanes_behind, []

    async def away_at_first(self):
        asked.append(self)
        if len(asked) == 1:
            raise ConnectionError
        return await lanes_behind(self)

    monkeypatch.setattr(publisher, "_QUEUE", 0)
    monkeypatch.setattr(publisher.Publisher, "find_left", _nothing)
    monkeypatch.setattr(publisher.Publisher, "_lanes_behind", away_at_first)
    async with start(TELLER, world.config("connectors")) as teller:
        await tell(teller, "k-1")
        await until(lambda: _published(teller.nats, 1))
    assert len(asked) > 1
