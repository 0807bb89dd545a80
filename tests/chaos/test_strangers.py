"""What somebody else does to the stores, by hand or by another program: locks, settings, connections that it takes."""

import asyncio
import contextlib
import shutil
import time
from collections.abc import AsyncIterator

import asyncpg
import nats
import pytest
import pytest_asyncio

from tests.chaos import faults
from tests.chaos.observe import SERVICES
from tests.lobby import until

pytestmark = [pytest.mark.chaos_full, pytest.mark.asyncio(loop_scope="session")]


@pytest_asyncio.fixture(loop_scope="session")
async def admin(world):
    connection = await asyncpg.connect(world.stack.ready().database_url)
    yield connection
    await connection.close()


async def test_tables_that_somebody_locks_cost_time_only(world, admin):
    """The spool takes what the database cannot take in time, and the consumers wait."""
    await world.write()
    for tables in ("connectors.message", "counter.message, routing.conversation", "connectors.lane"):
        with world.fault(f"{tables} locked"):
            async with admin.transaction():
                await admin.execute(f"LOCK TABLE {tables} IN ACCESS EXCLUSIVE MODE")
                await world.answers_more(60)
        await world.answers_more()
    await until(world.serving, seconds=30)
    await world.is_exactly_once()


async def test_webhooks_are_accepted_while_the_database_only_reads(world, admin):
    """As a standby does that is not promoted yet: connections stand, and every write is refused."""
    await world.write()
    with world.fault("read only"):
        async with read_only(admin):
            await world.answers_more(120)
    await until(world.serving, seconds=30)
    await world.answers_more()
    await world.is_exactly_once()


@contextlib.asynccontextmanager
async def read_only(admin: asyncpg.Connection) -> AsyncIterator[None]:
    """Inside the block no transaction writes, but the administrator's."""
    await admin.execute("ALTER SYSTEM SET default_transaction_read_only = on")
    await admin.execute("SELECT pg_reload_conf()")
    try:
        yield
    finally:
        await admin.execute("SET default_transaction_read_only = off")
        await admin.execute("ALTER SYSTEM RESET default_transaction_read_only")
        await admin.execute("SELECT pg_reload_conf()")


async def test_the_broker_is_wiped_while_a_consumer_stands_still_and_the_database_dies_as_it_goes_on(world):
    await world.write()
    broker, store = world.stack.plan.nats, world.stack.home.nats / "jetstream"
    world.stream_is_whole = False
    for service in ("counter", "routing"):
        with world.fault(f"{service} stands still, the broker is wiped, the database dies"):
            async with faults.standing_still(world.stack, service):
                faults.before_restart(broker, lambda: shutil.rmtree(store))
                await faults.kill(world.stack, "nats")
                await world.answers_more(60)
            await faults.kill(world.stack, "postgres")
            await until(world.serving, seconds=30)
        await world.answers_more()
    await world.is_exactly_once()


async def test_rights_that_somebody_takes_away_for_a_moment_cost_time_only(world, admin):
    """No message is to blame: webhooks are left to the platform, events wait, and none goes to quarantine."""
    await world.write()
    for table in ("identity.identifier", "routing.conversation_message", "counter.message", "translate.message"):
        role = f"lobby_{table.partition('.')[0]}"
        with world.fault(f"{table} may not be written"):
            await admin.execute(f"REVOKE INSERT ON {table} FROM {role}")
            await world.answers_more(20)
            await admin.execute(f"GRANT INSERT ON {table} TO {role}")
    with world.fault("connectors.message may not be written"):
        await admin.execute("REVOKE INSERT ON connectors.message FROM lobby_connectors")
        await world.attempts_more(40)
        await admin.execute("GRANT INSERT ON connectors.message TO lobby_connectors")
    await world.answers_more()
    await world.is_exactly_once()


async def test_connections_that_break_again_and_again_while_the_spool_is_taken_in_cost_time_only(world):
    await world.write()
    with world.fault("connections break while the spool is taken in"):
        async with faults.away(world.stack, "postgres", world.stack.plan.postgres):
            await world.answers_more(200)
        await _broken_for(3.0, world.stack.ready().database_url, ["lobby_connectors"])
        await _broken_for(3.0, world.stack.ready().database_url, [f"lobby_{name}" for name in SERVICES])
        await until(world.serving, seconds=30)
    await world.answers_more()
    await world.is_exactly_once()


async def _broken_for(seconds: float, database_url: str, roles: list[str]) -> None:
    """Whoever comes in as one of the roles is thrown out, some thirty times a second."""
    end = time.monotonic() + seconds
    connection = None
    while time.monotonic() < end:
        try:
            connection = connection or await asyncpg.connect(database_url)
            await connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = ANY ($1)", roles
            )
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError):  # it is being started
            connection = None
        await asyncio.sleep(0.03)
    if connection is not None:
        await connection.close()


async def test_streams_too_small_for_what_consumers_have_not_heard_are_read_from_the_logs(world):
    """Somebody sets their sizes, and sets them back: what they push out meanwhile nobody has read."""
    await world.write()
    world.stream_is_whole = False
    client = await nats.connect(world.stack.plan.nats.url())
    try:
        jetstream = client.jetstream()
        configs = [(await jetstream.stream_info(name)).config for name in ("CONNECTORS", "IDENTITY")]
        with world.fault("small streams"):
            for config in configs:
                await jetstream.update_stream(config.evolve(max_bytes=20_000))
            async with faults.standing_still(world.stack, "routing", "counter"):
                await world.answers_more(120)
            await world.answers_more()
            for config in configs:
                await jetstream.update_stream(config)
    finally:
        await client.close()
    await world.answers_more()
    await world.is_exactly_once()


async def test_connections_that_a_stranger_takes_all_are_waited_for(world, admin):
    """The database takes nobody any more: whoever lost his connection spools, waits, and comes again."""
    await world.write()
    taken: list[asyncpg.Connection] = []
    with world.fault("no connection is left"):
        try:
            with contextlib.suppress(asyncpg.PostgresError):
                while len(taken) < 1000:
                    taken.append(await asyncpg.connect(world.stack.ready().database_url))
            await admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE usename IN ('lobby_connectors', 'lobby_counter')"
            )
            while len(taken) < 1000:
                with contextlib.suppress(asyncpg.PostgresError):
                    taken.append(await asyncpg.connect(world.stack.ready().database_url))
                    continue
                break
            await world.answers_more(60)
        finally:
            for each in taken:
                each.terminate()
    await until(world.serving, seconds=30)
    await world.answers_more()
    await world.is_exactly_once()
