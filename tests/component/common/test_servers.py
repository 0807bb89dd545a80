"""Addresses that name several database servers."""

import asyncio

import pytest

from lobby_common import postgres
from lobby_common.postgres import each_alone

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture
def service_name() -> str:
    return "identity"


@pytest.mark.parametrize(
    ("url", "alone"),
    [
        ("postgresql://u:p@a:1/d", ["postgresql://u:p@a:1/d"]),
        ("postgresql://u:p@a:1,b:2/d?x=y", ["postgresql://u:p@a:1/d?x=y", "postgresql://u:p@b:2/d?x=y"]),
        ("postgresql://a,b/d", ["postgresql://a/d", "postgresql://b/d"]),
    ],
)
def test_servers_are_asked_one_by_one(url, alone):
    assert each_alone(url) == alone


async def test_a_server_that_hears_and_says_nothing_does_not_keep_us_from_the_other(database, monkeypatch):
    monkeypatch.setattr(postgres, "_CONNECT_SECONDS", 0.2)
    heard = []

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.read(1))
        await reader.read()
        writer.close()

    async with await asyncio.start_server(silent, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        url = database.url.replace("@", f"@127.0.0.1:{port},") + "?target_session_attrs=read-write"
        pool = await postgres.create_pool(url, schema="identity", size=2)
        try:
            assert await pool.fetchval("SELECT 1") == 1
            asked = len(heard)
            async with pool.acquire() as one, pool.acquire() as other:
                assert await one.fetchval("SELECT 1") + await other.fetchval("SELECT 1") == 2
            assert len(heard) == asked == 1
        finally:
            await pool.close()


async def test_where_nobody_answers_it_is_said_that_the_database_is_away(database, monkeypatch):
    monkeypatch.setattr(postgres, "_CONNECT_SECONDS", 0.2)
    with pytest.raises(postgres.AWAY):
        await postgres.create_pool("postgresql://u:p@127.0.0.1:1,127.0.0.1:2/d", schema="identity", size=1)


async def test_a_transaction_that_stands_still_lets_go_of_what_it_holds(database, monkeypatch):
    """As where its process is stopped: others wait for it no longer than that."""
    monkeypatch.setattr(postgres, "_IDLE_SECONDS", 1)
    pool = await postgres.create_pool(database.url, schema="identity", size=2)
    try:
        async with pool.acquire() as still, pool.acquire() as other:
            transaction = still.transaction()
            await transaction.start()
            await still.execute("SELECT FROM lane FOR UPDATE")
            await other.execute("SELECT FROM lane FOR UPDATE", timeout=15)
            with pytest.raises(postgres.AWAY):
                await transaction.commit()
    finally:
        await pool.close()
