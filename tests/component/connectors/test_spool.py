"""While the database is away webhooks go to the broker and are answered with 200; later they are stored in order."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import asyncpg
import nats
import pytest

from lobby.connectors.v1 import events_pb2 as pb
from lobby.connectors.v1.ingest_service_pb2 import IngestWebhooksRequest
from lobby.events.v1 import proof_service_pb2 as proof_pb
from lobby.events.v1.proof_service_pb2_grpc import ProofServiceStub
from lobby_common.caller import use
from lobby_common.ids import new_id
from lobby_common.times import from_proto, to_proto, utc_now
from lobby_connectors import spool as module
from lobby_connectors.app.ingest import Ingest
from tests.component.connectors.conftest import Connectors, signed, text, until, whatsapp

ROLE = "lobby_connectors"


@contextlib.asynccontextmanager
async def database_away(connectors: Connectors) -> AsyncIterator[None]:
    """The service is thrown out of the database and not let in again."""
    admin = await asyncpg.connect(connectors.database_url)
    await admin.execute(f"ALTER ROLE {ROLE} CONNECTION LIMIT 0")
    try:
        await admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = $1", ROLE)
        yield
    finally:
        await admin.execute(f"ALTER ROLE {ROLE} CONNECTION LIMIT -1")
        await admin.close()


@contextlib.asynccontextmanager
async def database_only_reads(connectors: Connectors) -> AsyncIterator[None]:
    """As a primary that is being replaced, or one whose administrator says so."""
    admin = await asyncpg.connect(connectors.database_url)
    await admin.execute(f"ALTER ROLE {ROLE} SET default_transaction_read_only = on")
    try:
        await admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = $1", ROLE)
        yield
    finally:
        await admin.execute(f"ALTER ROLE {ROLE} RESET default_transaction_read_only")
        await admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = $1", ROLE)
        await admin.close()


async def spooled(world) -> int:
    client = await nats.connect(world.broker.url())
    try:
        return (await client.jetstream().stream_info("SPOOL")).state.messages
    except nats.js.errors.NotFoundError:
        return 0
    finally:
        await client.close()


async def nothing_waits(world) -> bool:
    return await spooled(world) == 0


async def texts(connectors: Connectors) -> list[str]:
    return [event.text for event in await connectors.events() if isinstance(event, pb.MessageReceived)]


async def send(connectors: Connectors, account: str, *numbers: int) -> list[str]:
    """One webhook after the other, from one customer."""
    verdicts = []
    for number in numbers:
        webhook = signed("whatsapp", account, whatsapp(text(number, body=f"text {number}")))
        verdicts += await connectors.post(webhook)
    return verdicts


async def test_webhooks_are_accepted_without_the_database_and_stored_in_order_when_it_is_back(world, connectors):
    account = await connectors.connect("whatsapp")
    assert await send(connectors, account, 1) == ["accepted"]
    async with database_away(connectors):
        assert await send(connectors, account, *range(2, 12)) == ["accepted"] * 10
        assert await spooled(world) == 10
    assert await send(connectors, account, *range(12, 20)) == ["accepted"] * 8
    await until(lambda: _has(connectors, 19))
    await until(lambda: nothing_waits(world))
    assert await send(connectors, account, 20) == ["accepted"]
    await until(lambda: _has(connectors, 20))
    assert await texts(connectors) == [f"text {number}" for number in range(1, 21)]
    rows = await connectors.rows("SELECT n_said, n_new, n_duplicate FROM raw_webhook")
    assert [tuple(row) for row in rows] == [(1, 1, 0)] * 20


async def test_a_database_that_only_reads_is_as_good_as_away(connectors):
    account = await connectors.connect("whatsapp")
    assert await send(connectors, account, 1) == ["accepted"]
    async with database_only_reads(connectors):
        assert await send(connectors, account, 2, 3) == ["accepted"] * 2
    await until(lambda: _has(connectors, 3))
    assert await texts(connectors) == ["text 1", "text 2", "text 3"]


async def _has(connectors: Connectors, count: int) -> bool:
    return len(await texts(connectors)) >= count


async def test_a_wrong_signature_and_an_unknown_account_are_not_spooled(world, connectors):
    account = await connectors.connect("whatsapp")
    await send(connectors, account, 1)
    async with database_away(connectors):
        await send(connectors, account, 2)
        wrong = signed("whatsapp", account, whatsapp(text(3)), signature="sha256=" + "0" * 64)
        unknown = signed("whatsapp", new_id(), whatsapp(text(4)))
        # Whether that account exists, or has got a new secret, only the database knows: the platform is to ask again.
        assert await connectors.post(wrong, unknown) == ["unavailable", "unavailable"]
        assert await spooled(world) == 1
    await until(lambda: _has(connectors, 2))


async def test_what_is_taken_out_of_the_spool_twice_is_there_once(world, connectors):
    """As if the process had died between the commit and the purge."""
    account = await connectors.connect("whatsapp")
    webhook = signed("whatsapp", account, whatsapp(text(1)))
    data = IngestWebhooksRequest(webhooks=[webhook]).SerializeToString()
    client = await nats.connect(world.broker.url())
    for _ in range(2):
        await client.jetstream().publish("spool.connectors", data)
    await client.close()
    await until(lambda: nothing_waits(world))
    assert await texts(connectors) == ["hi"]
    assert [tuple(row) for row in await connectors.rows("SELECT n_new, n_duplicate FROM raw_webhook")] == [(1, 0)]


async def test_what_a_broker_loses_before_it_is_stored_is_put_again(world, connectors):
    """Its stream was gone while the database was away: whoever put webhooks there has them still."""
    account = await connectors.connect("whatsapp")
    await send(connectors, account, 1)
    client = await nats.connect(world.broker.url())
    async with database_away(connectors):
        assert await send(connectors, account, *range(2, 8)) == ["accepted"] * 6
        await client.jetstream().delete_stream("SPOOL")
        await until(lambda: _spooled_again(world, 6))
        assert await send(connectors, account, *range(8, 11)) == ["accepted"] * 3
    await client.close()
    await until(lambda: _has(connectors, 10))
    await until(lambda: nothing_waits(world))
    assert await texts(connectors) == [f"text {number}" for number in range(1, 11)]
    rows = await connectors.rows("SELECT n_said, n_new, n_duplicate FROM raw_webhook")
    assert [tuple(row) for row in rows] == [(1, 1, 0)] * 10


async def test_what_is_put_again_comes_before_what_was_put_since(world, connectors, monkeypatch):
    """Newer webhooks were put into a stream made anew before anybody saw that the old one is gone."""
    look, may_look = module.Spool._look, asyncio.Event()
    may_look.set()

    async def late(self):
        await may_look.wait()
        return await look(self)

    monkeypatch.setattr(module.Spool, "_look", late)
    account = await connectors.connect("whatsapp")
    await send(connectors, account, 1)
    client = await nats.connect(world.broker.url())
    stream = client.jetstream()
    async with database_away(connectors):
        await send(connectors, account, *range(2, 8))
        may_look.clear()
        config = (await stream.stream_info("SPOOL")).config
        await stream.delete_stream("SPOOL")
        await stream.add_stream(config)
        assert await send(connectors, account, *range(8, 11)) == ["accepted"] * 3
        may_look.set()
        await until(lambda: _spooled_again(world, 9))
    await client.close()
    await until(lambda: _has(connectors, 10))
    await until(lambda: nothing_waits(world))
    assert await texts(connectors) == [f"text {number}" for number in range(1, 11)]


async def test_what_two_replicas_put_again_beside_each_other_is_stored_in_the_order_in_which_it_came(world):
    async with world.connectors(replica="a") as one, world.connectors(replica="b") as other:
        account = await one.connect("whatsapp")
        await send(one, account, 1)
        await send(other, account, 2)
        client = await nats.connect(world.broker.url())
        async with database_away(one):
            for number in range(3, 13):
                assert await send((one, other)[number % 2], account, number) == ["accepted"]
            await client.jetstream().delete_stream("SPOOL")
            await until(lambda: _spooled_again(world, 10))
            for number in range(13, 17):
                assert await send((one, other)[number % 2], account, number) == ["accepted"]
        await client.close()
        await until(lambda: _has(one, 16))
        await until(lambda: nothing_waits(world))
        assert await texts(one) == [f"text {number}" for number in range(1, 17)]


async def test_what_is_in_another_stream_is_not_taken_out_for_what_was_read_from_the_one_before(world, monkeypatch):
    """The stream was made anew, with the same places given to others, while the database took in what it had held."""
    absorb, in_it, may_end = Ingest.absorb, asyncio.Event(), asyncio.Event()

    async def slow(self, webhooks):
        await absorb(self, webhooks)
        in_it.set()
        await may_end.wait()

    monkeypatch.setattr(Ingest, "absorb", slow)
    async with world.connectors() as connectors:
        account = await connectors.connect("whatsapp")
        await put_by_another(world, account, 1, 2, 3)
        await in_it.wait()
        client = await nats.connect(world.broker.url())
        stream = client.jetstream()
        config = (await stream.stream_info("SPOOL")).config
        await stream.delete_stream("SPOOL")
        await stream.add_stream(config)
        await client.close()
        await put_by_another(world, account, 4, 5, 6)
        may_end.set()
        await until(lambda: _has(connectors, 6))
        assert await texts(connectors) == [f"text {number}" for number in range(1, 7)]


async def _spooled_again(world, count: int) -> bool:
    return await spooled(world) == count


async def unexamined(connectors: Connectors) -> list[tuple[datetime, datetime]]:
    """The parts of the next hour and the two before it for which connectors' proof does not speak."""
    now = utc_now()
    period = {"from": to_proto(now - timedelta(hours=2)), "to": to_proto(now + timedelta(hours=1))}
    with use(connectors.caller):
        answer = await ProofServiceStub(connectors.channel).GetStage(proof_pb.GetStageRequest(**period))
    return [(from_proto(getattr(each, "from")), from_proto(each.to)) for each in answer.stage.unexamined]


async def test_the_proof_does_not_speak_for_the_time_since_when_webhooks_wait_in_the_spool(world, monkeypatch):
    absorb, may_absorb = Ingest.absorb, asyncio.Event()

    async def late(self, webhooks):
        await may_absorb.wait()
        await absorb(self, webhooks)

    monkeypatch.setattr(Ingest, "absorb", late)
    async with world.connectors() as connectors:

        async def is_whole() -> bool:
            return not await unexamined(connectors)

        account = await connectors.connect("whatsapp")
        await until(is_whole)
        before = utc_now()
        await put_by_another(world, account, 1, 2)
        [(start, end)] = await until(lambda: unexamined(connectors))
        assert before - timedelta(minutes=2) < start < before
        assert end > utc_now() + timedelta(minutes=50)
        may_absorb.set()
        await until(is_whole)
        assert await texts(connectors) == ["text 1", "text 2"]


async def test_a_process_that_never_reached_the_broker_proves_nothing(world, monkeypatch):
    """What the one before it has put there nobody can say."""

    async def away(self):
        raise nats.errors.NoRespondersError

    monkeypatch.setattr(module.Spool, "_look", away)
    async with world.connectors() as connectors:
        [(start, _)] = await unexamined(connectors)
        assert start < utc_now() - timedelta(minutes=110)


async def test_a_full_spool_leaves_webhooks_to_the_platform(world):
    async with world.connectors(spool_mb=1) as connectors:
        account = await connectors.connect("whatsapp")
        await send(connectors, account, 1)
        async with database_away(connectors):
            long = [signed("whatsapp", account, whatsapp(text(n, body="x" * 300_000))) for n in range(2, 6)]
            verdicts = [(await connectors.post(each))[0] for each in long]
            assert verdicts == ["accepted"] * 3 + ["unavailable"]
        await until(lambda: nothing_waits(world))
        assert len(await texts(connectors)) == 4


async def test_what_was_spooled_before_a_restart_is_stored_after_it(world):
    async with world.connectors() as connectors:
        account = await connectors.connect("whatsapp")
        await send(connectors, account, 1)
        async with database_away(connectors):
            await send(connectors, account, 2, 3)
            connectors.runtime.leases.doubt()
    async with world.connectors() as connectors:
        await until(lambda: _has(connectors, 3))
        assert await texts(connectors) == ["text 1", "text 2", "text 3"]


async def put_by_another(world, account: str, *numbers: int) -> None:
    """Another replica had to put webhooks into the spool, and has said so."""
    client = await nats.connect(world.broker.url())
    try:
        for number in numbers:
            webhook = signed("whatsapp", account, whatsapp(text(number, body=f"text {number}")))
            data = IngestWebhooksRequest(webhooks=[webhook]).SerializeToString()
            await client.jetstream().publish("spool.connectors", data)
        await client.publish(module.HINT)
        await client.flush()
    finally:
        await client.close()


async def test_what_comes_first_after_a_restart_goes_behind_what_waits_in_the_spool(world, monkeypatch):
    async with world.connectors() as connectors:
        account = await connectors.connect("whatsapp")
    await put_by_another(world, account, 1, 2, 3)
    look, may_look = module.Spool._look, asyncio.Event()

    async def late(self):
        await may_look.wait()
        return await look(self)

    monkeypatch.setattr(module.Spool, "_look", late)
    async with world.connectors() as connectors:
        connectors.runtime.leases.doubt()
        assert await send(connectors, account, 4) == ["accepted"]
        may_look.set()
        await until(lambda: _has(connectors, 4))
        assert await texts(connectors) == [f"text {number}" for number in range(1, 5)]


async def test_what_comes_to_one_replica_goes_behind_what_another_has_put_into_the_spool(world, connectors):
    account = await connectors.connect("whatsapp")
    await until(lambda: nothing_waits(world))
    for first in range(1, 20, 2):
        await put_by_another(world, account, first)
        assert await send(connectors, account, first + 1) == ["accepted"]
        await until(lambda so_far=first + 1: _has(connectors, so_far))
    assert await texts(connectors) == [f"text {number}" for number in range(1, 21)]


async def test_a_replica_that_alone_is_cut_off_tells_the_others_that_it_spools(world, monkeypatch):
    """They look for themselves only now and then."""
    monkeypatch.setattr(module, "_CALM_SECONDS", 3600.0)
    record, absorb, may_absorb = Ingest._record, Ingest.absorb, asyncio.Event()
    may_absorb.set()

    async def late(self, webhooks):
        await may_absorb.wait()
        await absorb(self, webhooks)

    monkeypatch.setattr(Ingest, "absorb", late)
    async with world.connectors(replica="a") as one, world.connectors(replica="b") as other:

        async def is_calm() -> bool:
            return not await unexamined(one) and not await unexamined(other)

        async def cut_off(self, readings):
            if self._log is one.runtime.log:
                raise ConnectionError
            await record(self, readings)

        account = await one.connect("whatsapp")
        await until(is_calm)
        assert await send(one, account, 1) == ["accepted"]
        assert await send(other, account, 2) == ["accepted"]
        may_absorb.clear()
        monkeypatch.setattr(Ingest, "_record", cut_off)
        assert await send(one, account, 3) == ["accepted"]
        await until(lambda: unexamined(other))
        assert await send(other, account, 4) == ["accepted"]
        monkeypatch.setattr(Ingest, "_record", record)
        may_absorb.set()
        await until(lambda: _has(other, 4))
        assert await texts(other) == [f"text {number}" for number in range(1, 5)]


async def test_what_a_replica_spooled_itself_it_knows_without_being_told(world, monkeypatch):
    monkeypatch.setattr(module, "_CALM_SECONDS", 3600.0)
    record, absorb, may_absorb = Ingest._record, Ingest.absorb, asyncio.Event()

    async def cut_off(self, readings):
        raise ConnectionError

    async def late(self, webhooks):
        await may_absorb.wait()
        await absorb(self, webhooks)

    monkeypatch.setattr(Ingest, "absorb", late)
    async with world.connectors() as connectors:

        async def is_calm() -> bool:
            return not await unexamined(connectors)

        account = await connectors.connect("whatsapp")
        await until(is_calm)
        monkeypatch.setattr(module, "HINT", "lobby.connectors.unheard")
        monkeypatch.setattr(Ingest, "_record", cut_off)
        assert await send(connectors, account, 1) == ["accepted"]
        monkeypatch.setattr(Ingest, "_record", record)
        assert await send(connectors, account, 2) == ["accepted"]
        may_absorb.set()
        await until(lambda: _has(connectors, 2))
        assert await texts(connectors) == ["text 1", "text 2"]


async def test_what_waits_is_taken_in_together_faster_than_it_can_be_put(world, connectors):
    account = await connectors.connect("whatsapp")
    async with database_away(connectors):
        await put_by_another(world, account, *range(1, 201))
    await until(lambda: _has(connectors, 200))
    await until(lambda: nothing_waits(world))
    assert await texts(connectors) == [f"text {number}" for number in range(1, 201)]
    [(transactions,)] = await connectors.rows("SELECT count(DISTINCT xmin::text) FROM raw_webhook")
    assert transactions < 20


async def test_what_the_database_refuses_again_and_again_waits_for_the_normaliser_and_its_neighbours_go_on(
    world, connectors, monkeypatch
):
    account = await connectors.connect("whatsapp")
    refused = {"on": False}
    record = Ingest._record

    async def refuse(self, readings):
        if refused["on"] and any(b"text 2" in reading.webhook.body for reading in readings):
            raise asyncpg.UndefinedColumnError("a bug of ours")
        await record(self, readings)

    monkeypatch.setattr(Ingest, "_record", refuse)
    await send(connectors, account, 1)
    async with database_away(connectors):
        assert await send(connectors, account, 2, 3) == ["accepted"] * 2
        refused["on"] = True
    await until(lambda: nothing_waits(world))
    refused["on"] = False
    await until(lambda: _has(connectors, 3))
    assert sorted(await texts(connectors)) == ["text 1", "text 2", "text 3"]


async def test_while_neither_is_there_the_platform_keeps_it(connectors, monkeypatch):
    account = await connectors.connect("whatsapp")
    await send(connectors, account, 1)

    async def refused(*_: object, **__: object) -> None:
        raise nats.errors.NoRespondersError

    monkeypatch.setattr("nats.js.JetStreamContext.publish", refused)
    async with database_away(connectors):
        assert await send(connectors, account, 2, 3) == ["unavailable"] * 2


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Nobody waits for the end of a spool that cannot end."""
    monkeypatch.setattr(module, "_WAIT_SECONDS", 0.05)


async def test_a_spool_of_another_size_takes_over_the_one_that_is_there(world, connectors):
    await until(lambda: nothing_waits(world))
    async with world.connectors(spool_mb=512):
        client = await nats.connect(world.broker.url())

        async def is_smaller() -> bool:
            return (await client.jetstream().stream_info("SPOOL")).config.max_bytes == 512 * 1024 * 1024

        try:
            await until(is_smaller)
        finally:
            await client.close()
