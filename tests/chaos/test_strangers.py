"""What somebody else does to the stores, by hand or by another program: locks, settings, connections that it takes."""

import contextlib
import shutil
from collections.abc import AsyncIterator

import asyncpg
import pytest
import pytest_asyncio

from tests.chaos import faults
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
