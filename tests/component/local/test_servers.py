"""The embedded servers: who may do what, and what survives."""

import asyncio
import os
import resource
import signal

import asyncpg
import nats
import nats.errors
import pytest

from lobby_local import Nats, Postgres, ensure_database, ensure_role
from lobby_local.supervisor import Supervisor
from tests.servers import empty


async def connected(server, user):
    """A client as a service connects, and what it was refused."""
    refusals = []

    async def refused(error):
        refusals.append(str(error))

    prefix = b"_INBOX." + user.encode()
    return await nats.connect(server.url(user), inbox_prefix=prefix, error_cb=refused), refusals


@pytest.fixture
async def clients(broker):
    opened = []

    async def connect(user):
        client, refusals = await connected(broker, user)
        opened.append(client)
        return client, refusals

    yield connect
    for client in opened:
        await client.close()


async def test_a_service_writes_its_own_stream_and_another_reads_it(clients):
    connectors, _ = await clients("connectors")
    await connectors.jetstream().add_stream(name="CONNECTORS", subjects=["lobby.connectors"])
    await connectors.jetstream().publish("lobby.connectors", b"batch", headers={"Nats-Msg-Id": "connectors-1"})
    identity, _ = await clients("identity")
    reader = await identity.jetstream().pull_subscribe("lobby.connectors", stream="CONNECTORS", durable="identity")
    [message] = await reader.fetch(1, timeout=5)
    await message.ack_sync()
    assert message.data == b"batch"


@pytest.mark.parametrize(
    "forbidden",
    [
        "lobby.connectors",
        "$JS.API.STREAM.CREATE.CONNECTORS",
        "$JS.API.STREAM.DELETE.CONNECTORS",
        "$JS.API.STREAM.PURGE.CONNECTORS",
        "$JS.API.STREAM.DELETE.IDENTITY",
        "spool.connectors",
        "spool.connectors.again",
        "$JS.API.CONSUMER.CREATE.SPOOL.reader",
        "$JS.API.CONSUMER.MSG.NEXT.SPOOL.reader",
        "$JS.API.STREAM.MSG.GET.SPOOL",
    ],
)
async def test_a_service_cannot_touch_what_is_not_its_own(clients, until, forbidden):
    identity, refusals = await clients("identity")
    await identity.publish(forbidden, b"{}")
    await identity.flush()
    await until(lambda: refusals)
    assert "permissions violation" in refusals[0]


async def test_a_service_cannot_listen_at_the_inbox_of_another(clients, until):
    identity, refusals = await clients("identity")
    await identity.subscribe("_INBOX.connectors.>")
    await identity.flush()
    await until(lambda: refusals)
    assert "permissions violation" in refusals[0]


async def test_a_wrong_password_is_refused(broker):
    with pytest.raises(nats.errors.Error):
        await nats.connect(
            f"nats://identity:wrong@127.0.0.1:{broker.port}",
            allow_reconnect=False,
            error_cb=lambda _: asyncio.sleep(0),
        )


async def test_an_emptied_broker_has_no_stream(broker):
    client = await nats.connect(broker.url())
    await client.jetstream().add_stream(name="LEFT", subjects=["left"])
    await empty(broker)
    assert await client.jetstream().streams_info() == []
    await client.close()


async def test_a_broker_that_cannot_write_any_more_is_started_again(tmp_path):
    """As after a full disk: what cannot be written once is never written again, until the next start."""
    broker, restarted = Nats(tmp_path), asyncio.Event()

    async def tell(_) -> None:
        restarted.set()

    supervisor = Supervisor(on_restart=tell, report=print)
    await supervisor.start([broker])
    client = await nats.connect(broker.url(), reconnect_time_wait=0.1)
    try:
        await client.jetstream().add_stream(name="X", subjects=["x"])
        old = resource.prlimit(broker.pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
        with pytest.raises(nats.errors.TimeoutError):
            await client.jetstream(timeout=1).publish("x", b"too much")
        resource.prlimit(broker.pid, resource.RLIMIT_FSIZE, old)
        with pytest.raises(nats.errors.TimeoutError):
            await client.jetstream(timeout=1).publish("x", b"still too much")
        async with asyncio.timeout(20):
            await restarted.wait()
        assert (await client.jetstream(timeout=10).publish("x", b"fine")).stream == "X"
    finally:
        await client.close()
        await supervisor.stop()


async def test_a_role_can_log_in_and_nothing_else(postgres):
    await ensure_database(postgres.url("postgres"), "roles")
    admin = postgres.url("roles")
    await ensure_role(admin, "lobby_tester", "it's 100 % \\ odd")
    await ensure_role(admin, "lobby_tester", postgres.password_of("lobby_tester"))
    connection = await asyncpg.connect(postgres.url("roles", "lobby_tester"))
    for statement in (
        "CREATE TABLE mine ()",
        "CREATE SCHEMA mine",
        "CREATE ROLE mine",
        "CREATE DATABASE mine",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(statement)
    await connection.close()


async def test_a_role_reaches_only_databases_it_was_let_into(postgres):
    await ensure_database(postgres.url("postgres"), "open_to_it")
    await ensure_database(postgres.url("postgres"), "closed_to_it")
    await ensure_role(postgres.url("open_to_it"), "lobby_guest", postgres.password_of("lobby_guest"))
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await asyncpg.connect(postgres.url("closed_to_it", "lobby_guest"))


async def test_the_database_is_durable_and_checked(tmp_path):
    wanted = {"data_checksums": "on", "synchronous_commit": "on", "fsync": "on", "full_page_writes": "on"}
    async with Postgres(tmp_path) as server:
        connection = await asyncpg.connect(server.url("postgres"))
        found = {name: await connection.fetchval("SELECT current_setting($1)", name) for name in wanted}
        await connection.close()
    assert found == wanted


@pytest.mark.chaos
async def test_what_was_committed_survives_a_kill(tmp_path):
    server = Postgres(tmp_path)
    await server.start()
    connection = await asyncpg.connect(server.url("postgres"))
    await connection.execute("CREATE TABLE kept AS SELECT 7 AS answer")
    os.kill(server.pid, signal.SIGKILL)
    await server.exited()
    await connection.close()
    async with server:
        connection = await asyncpg.connect(server.url("postgres"))
        assert await connection.fetchval("SELECT answer FROM kept") == 7
        await connection.close()


async def test_a_password_on_the_loopback_is_asked_for(postgres):
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(f"postgresql://lobby_admin:wrong@127.0.0.1:{postgres.port}/postgres")
