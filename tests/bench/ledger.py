"""A counter's database with a ledger of any size: the rows and roll-ups that the service would have left, by set.

Entries of many accounts, agents, campaigns, languages and countries; messages and waits around them. Indexes, keys and
triggers are away while it is filled.
"""

import hashlib
from datetime import datetime, timedelta
from itertools import pairwise
from uuid import UUID

import asyncpg

from lobby_common import ids, sql
from lobby_counter import days

STATEMENTS = sql.load("tests.bench", "ledger.sql")
WORKSPACE = ids.derive_id(None, "bench-workspace")
TABLES = (
    "channel_user",
    "message",
    "chat",
    "entry",
    "verdict",
    "correction",
    "conversation",
    "wait",
    "agent_miss",
    "traffic",
    "missed",
)
MADE = ("chat_day", "day_figure", "day_return", "hour_figure", "day_start", "day_mark")
FILLED = (
    "people",
    "messages",
    "chats",
    "entries",
    "verdicts",
    "corrections",
    "conversations",
    "waits",
    "agent_misses",
    "traffic",
    "missed",
)
"""Statements in the order in which they need each other."""
DAYS = ("day_starts", "day_mark", "chat_days", "day_people", "day_returns", "day_figures", "hour_figures")
SETTLED = timedelta(hours=2)
"""How long an hour is over before it is in days."""
SETTINGS = """
SET search_path = counter;
SET synchronous_commit = off;
SET work_mem = '256MB';
SET maintenance_work_mem = '1GB';
SET session_replication_role = replica;
SELECT setseed(0.5)
"""


def id_of(kind: str, number: int) -> str:
    """The id of something of the ledger, as the statements make it."""
    return str(UUID(hashlib.md5(f"{kind} {number}".encode(), usedforsecurity=False).hexdigest()))


async def fill(admin_url: str, entries: int, length: int, end: datetime) -> None:
    """An empty database holds so many entries, over so many days before `end`, an hour."""
    connection = await asyncpg.connect(admin_url, command_timeout=3600)
    try:
        await connection.execute(SETTINGS)
        await connection.execute(
            "INSERT INTO calendar (workspace_id, time_zone, day_start_hour) VALUES ($1, 'Asia/Bangkok', 0)", WORKSPACE
        )
        kept = await _strip(connection)
        for table in TABLES:
            await connection.execute(f"ALTER TABLE {table} SET (autovacuum_enabled = off)")
        # A statement that makes a table has no parameters.
        told = STATEMENTS["tell"]
        for number, value in ((3, f"timestamptz '{end.isoformat()}'"), (2, length), (1, entries)):
            told = told.replace(f"${number}", str(value))
        await connection.execute(told)
        for name in FILLED:
            statement = STATEMENTS[name]
            await connection.execute(statement, *([WORKSPACE] if "$1" in statement else []))
        for statement in kept:
            await connection.execute(statement)
        await connection.execute("ANALYZE")
        await _fill_days(connection, end - SETTLED)
        await connection.execute("DROP TABLE told, there")
        for table in (*TABLES, *MADE):
            await connection.execute(f"ALTER TABLE {table} RESET (autovacuum_enabled)")
            await connection.execute(f"VACUUM (ANALYZE) {table}")
        await connection.execute("CHECKPOINT")
    finally:
        await connection.close()


async def _fill_days(connection: asyncpg.Connection, until: datetime) -> None:
    """Days are made up to an hour: people by set, what adds up by the statement of the service, day after day."""
    for name in DAYS:
        statement = STATEMENTS[name]
        arguments = [value for number, value in ((1, WORKSPACE), (2, until)) if f"${number}" in statement]
        await connection.execute(statement, *arguments)
    starts = [row["day"] for row in await connection.fetch("SELECT day FROM day_start ORDER BY day")]
    for start, before in pairwise([*starts, until]):
        await connection.execute(days.QUERIES["make_day_figures"], WORKSPACE, start, before)


async def _strip(connection: asyncpg.Connection) -> list[str]:
    """The tables have no index and no key; returns the statements that make them again, in order."""
    made = await connection.fetch(
        """
        SELECT c.conrelid::regclass::text AS place, conname AS name, pg_get_constraintdef(c.oid) AS definition
        FROM pg_constraint AS c
        WHERE c.conrelid = ANY ($1::regclass[]) AND contype IN ('p', 'u', 'f')
        ORDER BY contype = 'f'
        """,
        list(TABLES),
    )
    for row in reversed(made):
        await connection.execute(f"ALTER TABLE {row['place']} DROP CONSTRAINT {row['name']}")
    indexes = await connection.fetch(
        "SELECT indexrelid::regclass::text AS name, pg_get_indexdef(indexrelid) AS definition FROM pg_index"
        " WHERE indrelid = ANY ($1::regclass[])",
        list(TABLES),
    )
    for row in indexes:
        await connection.execute(f"DROP INDEX {row['name']}")
    keys = [f"ALTER TABLE {row['place']} ADD CONSTRAINT {row['name']} {row['definition']}" for row in made]
    return [*keys, *(row["definition"] for row in indexes)]
