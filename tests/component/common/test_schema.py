"""Which code may start on which schema: that of the release before, where the step in between only expands."""

import asyncio

import asyncpg
import pytest
import pytest_asyncio

from lobby_common.postgres import SchemaTooNew, check_schema, migrate, steps


@pytest_asyncio.fixture
async def admin(world):
    connection = await asyncpg.connect(world.admin_url, server_settings={"search_path": "identity"})
    yield connection
    await connection.close()


@pytest_asyncio.fixture
async def pool(world):
    async with asyncpg.create_pool(
        world.postgres.url(world.database, "lobby_identity"), server_settings={"search_path": "identity"}
    ) as made:
        yield made


async def test_code_starts_on_its_own_schema_and_migrating_again_does_nothing(world, pool):
    assert await migrate(world.admin_url, "identity", "") == []
    await check_schema(pool, "")


async def test_code_starts_on_a_newer_schema_that_only_expands_and_may_migrate_there(world, admin, pool):
    await admin.execute("INSERT INTO migration (name, expands) VALUES ('9999_next.sql', true)")
    await check_schema(pool, "")
    assert await migrate(world.admin_url, "identity", "") == []


async def test_code_refuses_a_newer_schema_of_which_nobody_says_that(world, admin, pool):
    await admin.execute("INSERT INTO migration (name) VALUES ('9999_next.sql')")
    with pytest.raises(SchemaTooNew, match="9999_next"):
        await check_schema(pool, "")
    with pytest.raises(SchemaTooNew, match="9999_next"):
        await migrate(world.admin_url, "identity", "")


async def test_code_refuses_an_older_schema(admin, pool):
    await admin.execute("DELETE FROM migration WHERE name = 'common/0003_replicas.sql'")
    with pytest.raises(RuntimeError, match="0003_replicas"):
        await check_schema(pool, "")


async def test_a_schema_migrated_by_code_that_did_not_ask_is_understood(admin, pool):
    await admin.execute("ALTER TABLE migration DROP COLUMN expands")
    await check_schema(pool, "")
    await admin.execute("INSERT INTO migration (name) VALUES ('9999_next.sql')")
    with pytest.raises(SchemaTooNew, match="9999_next"):
        await check_schema(pool, "")


async def test_migrating_goes_on_where_it_broke_off_and_an_index_is_made_beside_writers(world, admin, monkeypatch):
    place = [*steps(""), ("9001_place.sql", "-- Expands: a place.\nCREATE TABLE place (name text);\n")]
    monkeypatch.setattr("lobby_common.postgres.steps", lambda _: [*place, ("9002_index.sql", _index("missing"))])
    with pytest.raises(asyncpg.UndefinedTableError):
        await migrate(world.admin_url, "identity", "")
    await admin.execute("CREATE INDEX place_name ON place (name)")  # what an index leaves that broke off
    monkeypatch.setattr("lobby_common.postgres.steps", lambda _: [*place, ("9002_index.sql", _index("place"))])
    async with admin.transaction():
        await admin.execute("INSERT INTO place VALUES ('here')")
        both = [asyncio.create_task(migrate(world.admin_url, "identity", "")) for _ in range(2)]
        while not await admin.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
            await asyncio.sleep(0.02)
    assert sorted(await asyncio.gather(*both)) == [[], ["9002_index.sql"]]
    assert await admin.fetchval("SELECT indisvalid FROM pg_index WHERE indexrelid = 'place_name'::regclass")


def _index(table: str) -> str:
    return (
        "-- Expands: places are found.\n"
        "DROP INDEX CONCURRENTLY IF EXISTS place_name;\n"
        f"CREATE INDEX CONCURRENTLY place_name ON {table} (name);\n"
    )
