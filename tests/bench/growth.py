"""`make bench-growth`: the same load and questions, beside a stack that holds a year of messages.

The stored messages are copies of real ones: what the pipeline wrote for a few thousand messages is multiplied in the
tables, with other ids, addresses and days. Two stacks run side by side, one empty and one full, and are measured in
turn.
"""

import argparse
import asyncio
import contextlib
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import asyncpg
import uvloop

from lobby_common.events import EventLog
from lobby_counter.making import Days
from lobby_local import Stack
from tests.bench.__main__ import Bench, prepare, say, spread

SEED = 5_000
"""Messages that go through the pipeline before they are multiplied."""
YEAR_HOURS = 365 * 24
STRIDE_HOURS = 7_919
"""From one copy to the next, modulo a year: the days fill evenly, however many copies there are."""
COPIES_AT_ONCE = 20
TIME = "timestamp with time zone"
TABLES = (
    "connectors.raw_webhook",
    "connectors.message",
    "identity.contact",
    "identity.channel_user",
    "identity.identifier",
    "identity.first_touch",
    "routing.conversation",
    "routing.chat",
    "routing.conversation_message",
    "routing.decision",
    "counter.channel_user",
    "counter.chat",
    "counter.message",
    "counter.traffic",
    "counter.entry",
    "counter.verdict",
    "counter.conversation",
    "counter.wait",
    "translate.chat",
    "translate.message",
    "translate.message_text",
    "translate.translation",
)
"""What grows with messages and people, referenced tables first. Logs are not here: their days are dropped."""
KEPT = ("workspace_id", "account_id", "counter_id", "agent_id", "first_agent_id", "end_agent_id", "answer_agent_id")
"""Ids that copies share with their originals."""
ADDRESSES = ("chat", "platform_message_id", "match_key", "value")
"""Texts that are unique among people or messages."""
OWED_EACH = 50
"""One in so many copies is left as it was, waiting; in the others an agent answered after five minutes."""
ANSWERED = {
    "routing.conversation.owed_since": "NULL",
    "routing.conversation.answered_seq": "s.inbound_seq",
    "routing.conversation.answer_agent_id": "s.agent_id",
    "routing.conversation.answer_time": "{owed_since} + interval '5 minutes'",
    "counter.wait.end_agent_id": "s.agent_id",
    "counter.wait.end_time": "{owed_since} + interval '5 minutes'",
    "counter.wait.ending": "'answered'",
}
"""What is otherwise in copies that were answered; `{owed_since}` is the copy's."""
ROLLED_UP = ("counter.traffic.new", "counter.traffic.repeat", "counter.traffic.excluded")
"""What triggers count when rows of other tables are copied."""


async def multiply(database_url: str, size: int, copies: int) -> tuple[int, int]:
    """There are about `size` messages; `copies` is how many there are of each already. Returns messages and copies."""
    connection = await asyncpg.connect(database_url, command_timeout=3600)
    try:
        await connection.execute("CREATE SCHEMA IF NOT EXISTS seed")
        for table in TABLES:
            await connection.execute(f"CREATE TABLE IF NOT EXISTS {_seed(table)} AS SELECT * FROM {table}")
        wanted = size // await connection.fetchval(f"SELECT count(*) FROM {_seed('connectors.message')}")
        for table in TABLES:
            columns = await _columns(connection, table)
            names = ", ".join(name for name, _ in columns)
            values = ", ".join(_copied_or_answered(table, name, kind) for name, kind in columns)
            for first in range(copies + 1, wanted + 1, COPIES_AT_ONCE):
                await connection.execute(
                    f"INSERT INTO {table} ({names}) SELECT {values}"
                    f" FROM {_seed(table)} AS s, generate_series($1::int, $2::int) AS k ON CONFLICT DO NOTHING",
                    first,
                    min(first + COPIES_AT_ONCE - 1, wanted),
                )
            await connection.execute(f"ANALYZE {table}")
        return await connection.fetchval("SELECT count(*) FROM connectors.message"), wanted
    finally:
        await connection.close()


def _seed(table: str) -> str:
    """Where the originals of a table are."""
    return f"seed.{table.replace('.', '_')}"


async def _columns(connection: asyncpg.Connection, table: str) -> list[tuple[str, str]]:
    """Names and types of the columns that can be written."""
    rows = await connection.fetch(
        "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute"
        " WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped AND attidentity = '' AND attgenerated = ''",
        table,
    )
    return [tuple(row) for row in rows]


def _copied_or_answered(table: str, name: str, kind: str) -> str:
    """The SQL of a column of copy `k`: as `_copied`, as it is after an answer, or before triggers count."""
    if f"{table}.{name}" in ROLLED_UP:
        return "0"
    copied = _copied(name, kind)
    answered = ANSWERED.get(f"{table}.{name}")
    if answered is None:
        return copied
    answered = answered.format(owed_since=_copied("owed_since", TIME))
    return f"CASE WHEN k % {OWED_EACH} = 0 OR s.owed_since IS NULL THEN {copied} ELSE {answered} END"


def _copied(name: str, kind: str) -> str:
    """The SQL of a column of copy `k`: ids and addresses of its own, a whole number of hours earlier."""
    if kind == "uuid" and name not in KEPT:
        return f"overlay(s.{name}::text placing lpad(to_hex(k), 8, '0') from 29 for 8)::uuid"
    if kind == "text" and name in ADDRESSES:
        return f"s.{name} || '.' || k"
    if kind == TIME:
        return f"s.{name} - make_interval(hours => k * {STRIDE_HOURS} % {YEAR_HOURS})"
    return f"s.{name}"


@contextlib.asynccontextmanager
async def stacks() -> AsyncIterator[tuple[Bench, Bench]]:
    """An empty stack and one to fill."""
    with tempfile.TemporaryDirectory(prefix="lobby-growth-") as homes:
        async with Stack(Path(homes, "empty"), port=0) as empty, Stack(Path(homes, "full"), port=0) as full:
            made = [Bench(stack, await prepare(stack), 0, 0) for stack in (empty, full)]
            yield made[0], made[1]


async def make_days(database_url: str) -> None:
    """What is stored is in figures by day, as the service would have put it there in the course of the year."""
    settings = {"search_path": "counter"}
    async with asyncpg.create_pool(database_url, min_size=1, max_size=2, server_settings=settings) as pool:
        days = Days(EventLog("counter", pool))
        for (workspace_id,) in await pool.fetch("SELECT workspace_id::text FROM entry GROUP BY workspace_id"):
            while await days.step(workspace_id):
                pass


async def tidy(database_url: str) -> None:
    """The database has done with what it does by itself after so many rows at once, and not in front of messages."""
    connection = await asyncpg.connect(database_url, command_timeout=3600)
    try:
        await connection.execute("VACUUM (ANALYZE)")
        await connection.execute("CHECKPOINT")
    finally:
        await connection.close()


async def price(bench: Bench, seconds: float) -> float:
    """CPU microseconds of all processes per message that went through all services."""
    run = await bench.pipeline(seconds)
    names = [name for name in run["cost"] if name not in ("sandbox", "supervisor")]
    return sum(run["cost"][name][0] for name in names)


async def ask(bench: Bench, days: int) -> float:
    """Seconds of the quickest of some answers: counts by agent and day over so many days."""
    ready = bench.stack.ready()
    to = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    query = [("from", (to - timedelta(days=days)).isoformat()), ("to", to.isoformat()), ("bucket", "day")]
    query.append(("group_by", "agent"))
    headers = {"Authorization": f"Bearer {ready.api_key}"}
    took = []
    async with aiohttp.ClientSession(ready.gateway_url, headers=headers) as session:
        for _ in range(7):
            began = time.perf_counter()
            async with session.get("/v1/counts", params=query) as answer:
                answer.raise_for_status()
                await answer.read()
            took.append(time.perf_counter() - began)
    return min(took)


async def compare(empty: Bench, full: Bench, stored: int, seconds: float, rounds: int) -> None:
    """Alternates the two, and asks the full one."""
    for bench in (empty, full):
        await bench.pipeline(5)
    prices = [(await price(empty, seconds), await price(full, seconds)) for _ in range(rounds)]
    ratios = [grown / young for young, grown in prices]
    say("cpu_us_per_message_empty", statistics.mean(young for young, _ in prices), "us", stored=stored)
    say("cpu_us_per_message_full", statistics.mean(grown for _, grown in prices), "us", stored=stored)
    say("growth_ratio", statistics.mean(ratios), "ratio", stored=stored, spread=spread(ratios), rounds=rounds)
    day, month, year = [await ask(full, days) for days in (1, 30, 365)]
    say("counts_day_ms", day * 1000, "ms", stored=stored)
    say("counts_month_ms", month * 1000, "ms", stored=stored)
    say("counts_year_ms", year * 1000, "ms", stored=stored)
    say("month_to_day_ratio", month / day, "ratio", stored=stored)


async def main(sizes: Sequence[int], seconds: float, rounds: int) -> None:
    """Measures at each of the sizes in turn."""
    async with stacks() as (empty, full):
        await full.pipeline(10, rate=SEED / 10)
        stored, copies = 0, 0
        for size in sizes:
            if size:
                began = time.monotonic()
                stored, copies = await multiply(full.stack.ready().database_url, size, copies)
                say("filled", time.monotonic() - began, "s", stored=stored)
                await make_days(full.stack.ready().database_url)
                await tidy(full.stack.ready().database_url)
            await compare(empty, full, stored, seconds, rounds)


if __name__ == "__main__":
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--sizes", type=int, nargs="+", default=[0, 100_000, 1_000_000])
    arguments.add_argument("--seconds", type=float, default=20)
    arguments.add_argument("--rounds", type=int, default=3)
    given = arguments.parse_args()
    uvloop.install()
    asyncio.run(main(given.sizes, given.seconds, given.rounds))
    sys.stdout.flush()
