"""`make bench-identity`: how many messages a second identity says the writer of, beside so many known identifiers.

The whole step in its durable transaction: resolve, what is new, first touches, events. Two replicas, each with lanes of
its own, batches of 50 at once, one in five of a new person, 1.6 identifiers a message; the client on the same machine.
Then merges and undos of the same persons from two sides, compared with a union-find in memory. One JSON object a line.
"""

import argparse
import asyncio
import hashlib
import itertools
import os
import random
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
import psutil
import uvloop

from lobby.connectors.v1 import account_pb2, events_pb2, message_pb2
from lobby.events.v1.batch_pb2 import Event
from lobby_common import ids, postgres
from lobby_common.errors import Conflict
from lobby_common.events import EventLog, Incoming
from lobby_common.events.lanes import lane_of
from lobby_common.service import look_away
from lobby_common.times import to_proto, utc_now
from lobby_identity.app import merging
from lobby_identity.app.warming import Warmer
from lobby_identity.domain.identifiers import WorkspaceId
from lobby_identity.events import PeopleHandler
from lobby_local import Postgres
from tests.bench.__main__ import say, spread
from tests.servers import Databases

BATCH = 50
CONNECTIONS = 2
MOST_PER_SECOND = 20_000
"""More than any machine of this size does: how many messages are prepared."""
NEW = 0.2
BSUIDS = 0.6
"""Share of messages that carry a second identifier."""
WORKSPACE = ids.derive_id(None, "bench-workspace")
ACCOUNT = ids.derive_id(None, "bench-account")
FILL = """
WITH people AS (
    SELECT n, gen_random_uuid() AS user_id, gen_random_uuid() AS contact_id FROM generate_series($2::int, $3::int) AS n
), users AS (
    INSERT INTO channel_user (channel_user_id, workspace_id, contact_id, root_id, platform, first_seen_time)
    SELECT user_id, $1, contact_id, contact_id, 1, now() - interval '1 year' FROM people
), contacts AS (
    INSERT INTO contact (workspace_id, contact_id, display_name, name_key)
    SELECT $1, contact_id, 'Customer ' || n, 'customer ' || n FROM people
)
INSERT INTO identifier (workspace_id, match_key, kind, scope, value, channel_user_id, platform, first_seen_time)
SELECT $1, k.match_key, k.kind, k.scope, k.match_key, user_id, 1, now() - interval '1 year'
FROM people
CROSS JOIN LATERAL (
    VALUES ('phone', '', '+84' || (900000000 + n)), ('bsuid', 'p', 'VN.' || md5(n::text))
) AS k (kind, scope, match_key)
"""
_newcomers = itertools.count(50_000_000)
"""Numbers of people who are new: behind those of all that are ever filled."""


@asynccontextmanager
async def database(home: Path) -> AsyncIterator[tuple[Postgres, str]]:
    """A durable PostgreSQL, and the address of identity's schema for its role."""
    async with Postgres(home / "postgres") as server:
        made = await Databases(server, home).make("identity")
        yield server, made.url


async def fill(url: str, before: int, identifiers: int) -> int:
    """There are so many identifiers, two a person. Returns how many persons there are."""
    connection = await asyncpg.connect(url, command_timeout=3600)
    try:
        people = identifiers // 2
        for first in range(before + 1, people + 1, 100_000):
            await connection.execute(FILL, WORKSPACE, first, min(first + 99_999, people))
        for table in ("identifier", "channel_user", "contact"):
            await connection.execute(f"ANALYZE {table}")
        return people
    finally:
        await connection.close()


def message(known: int, chance: random.Random) -> Incoming:
    """A message of somebody, who is new one time in five."""
    number = next(_newcomers) if chance.random() < NEW else chance.randrange(1, known + 1)
    phone = events_pb2.Identifier(kind="phone", value=f"+84{900_000_000 + number}")
    more = [events_pb2.Identifier(kind="bsuid", scope="p", value=f"VN.{_digest(number)}")]
    at = utc_now()
    payload = events_pb2.MessageReceived(
        message_id=ids.new_id(),
        account_id=ACCOUNT,
        platform=account_pb2.PLATFORM_WHATSAPP,
        chat=phone.value,
        identifiers=[phone, *(more if chance.random() < BSUIDS else ())],
        kind=message_pb2.MESSAGE_KIND_TEXT,
        text="how much is it?",
        occurred_time=to_proto(at),
        received_time=to_proto(at),
        display_name=f"Customer {number}",
        greeting=True,
    )
    event = Event(id=ids.new_id(), type=payload.DESCRIPTOR.full_name, workspace_id=WORKSPACE, key=phone.value)
    return Incoming("connectors", 0, 0, event, payload)


def _digest(number: int) -> str:
    return hashlib.md5(str(number).encode(), usedforsecurity=False).hexdigest()


async def step(log: EventLog, handler: PeopleHandler, batches: list[list[Incoming]], deadline: float) -> int:
    """Batches are applied until the time is over. Returns how many messages."""
    done = 0
    while batches and time.perf_counter() < deadline:
        batch = batches.pop()
        async with log.transaction() as tx:
            await handler.apply(tx, batch)
        done += len(batch)
    return done


async def rate(log: EventLog, known: int, seconds: float) -> float:
    """Returns messages per second."""
    prepared = list(batches(known, int(seconds * MOST_PER_SECOND)))
    handler = PeopleHandler(log)
    began, cpu = time.perf_counter(), cpu_seconds()
    done = sum(await asyncio.gather(*(step(log, handler, each, began + seconds) for each in prepared)))
    took = time.perf_counter() - began
    used = [round((now - then) / done * 1e6) for now, then in zip(cpu_seconds(), cpu, strict=True)]
    say("cpu_per_message", used[0], "us", postgres=used[1])
    return done / took


def batches(known: int, messages: int) -> Iterator[list[list[Incoming]]]:
    """For each replica the batches of its lanes."""
    chance = random.Random(known)
    shares: list[list[Incoming]] = [[] for _ in range(CONNECTIONS)]
    for _ in range(messages):
        each = message(known, chance)
        shares[lane_of(each.event.key) % CONNECTIONS].append(each)
    for share in shares:
        yield [share[start : start + BATCH] for start in range(0, len(share), BATCH)]


def cpu_seconds() -> tuple[float, float]:
    """Seconds of CPU of this process, and of all processes of the server that are there now."""
    process = psutil.Process()
    own, *others = [each.cpu_times() for each in (process, *process.children(recursive=True))]
    return own.user + own.system, sum(each.user + each.system for each in others)


async def merge_and_undo(log: EventLog, operations: int) -> None:
    """Two sides merge and undo among the same persons; afterwards each person is what the links that hold say."""
    async with log.pool.acquire() as conn:
        rows = await conn.fetch("SELECT contact_id::text AS id FROM channel_user ORDER BY contact_id LIMIT 20000")
    people = [row["id"] for row in rows]
    links: dict[str, tuple[str, str]] = {}
    began = time.perf_counter()

    async def side(seed: int) -> None:
        chance = random.Random(seed)
        for _ in range(operations // 2):
            async with log.transaction() as tx:
                if links and chance.random() < 1 / 3:
                    link_id = chance.choice(list(links))
                    links.pop(link_id, None)
                    await merging.undo(tx.conn, WorkspaceId(WORKSPACE), link_id, actor="bench", now=utc_now())
                else:
                    one, other = chance.sample(people, 2)
                    try:
                        merged = await merging.merge(
                            tx.conn, WorkspaceId(WORKSPACE), one, other, note="", actor="bench", now=utc_now()
                        )
                    except Conflict:
                        continue
                    links[merged.link.link_id] = (one, other)

    await asyncio.gather(side(1), side(2))
    seconds = time.perf_counter() - began
    say("unions_and_undos", operations, "operations", per_second=round(operations / seconds))
    say("wrong_people", await wrong(log, people), "people")


async def wrong(log: EventLog, people: Sequence[str]) -> int:
    """Returns how many persons are not what the links that hold say."""
    async with log.pool.acquire() as conn:
        held = await conn.fetch(
            "SELECT contact_id::text AS one, other_contact_id::text AS other FROM link WHERE end_time IS NULL"
        )
        rows = await conn.fetch(
            "SELECT contact_id::text AS id, root_id::text AS root FROM channel_user WHERE contact_id = ANY($1::uuid[])",
            list(people),
        )
    groups: dict[str, set[str]] = {}
    for row in rows:
        groups.setdefault(row["root"], set()).add(row["id"])
    expected = components(people, [(row["one"], row["other"]) for row in held])
    return len(expected ^ {frozenset(group) for group in groups.values()})


def components(people: Iterable[str], links: Iterable[tuple[str, str]]) -> set[frozenset[str]]:
    """Returns who is joined with whom, by a union-find that shares nothing with identity."""
    head = {each: each for each in people}

    def find(each: str) -> str:
        while head[each] != each:
            head[each] = head[head[each]]
            each = head[each]
        return each

    for one, other in links:
        head[find(one)] = find(other)
    groups: dict[str, set[str]] = {}
    for each in head:
        groups.setdefault(find(each), set()).add(each)
    return {frozenset(group) for group in groups.values()}


def evict(folder: Path) -> None:
    """The system has nothing of the folder's files in memory."""
    for file in folder.rglob("*"):
        if file.is_file():
            with file.open("rb") as opened:
                os.posix_fadvise(opened.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


async def start_cold(server: Postgres, data: Path, url: str, known: int, *, warmed: bool) -> None:
    """The server is started with nothing of its data in memory; how many messages a second are said then."""
    await server.stop()
    await asyncio.to_thread(evict, data)
    await server.start()
    pool = await postgres.create_pool(url, schema="identity", size=CONNECTIONS + 1)
    log, began = EventLog("identity", pool), time.perf_counter()
    if warmed:
        blocks = await Warmer(pool).look()
        say("warming_seconds", time.perf_counter() - began, "s", blocks=blocks)
    for _ in range(3):
        say("cold_start_messages_per_second", await rate(log, known, 2), "1/s", warmed=warmed)
    await pool.close()


async def main(sizes: Sequence[int], seconds: float, rounds: int, operations: int, *, cold: bool) -> None:
    """Fills and measures, size after size."""
    with tempfile.TemporaryDirectory(prefix="lobby-bench-") as folder:
        async with database(Path(folder)) as (server, url):
            pool = await postgres.create_pool(url, schema="identity", size=CONNECTIONS + 1)
            log, known = EventLog("identity", pool), 0
            look_away()
            for size in sizes:
                known = await fill(url, known, size)
                say("cold_messages_per_second", await rate(log, known, 2), "1/s", identifiers=size)
                rates = [await rate(log, known, seconds) for _ in range(rounds)]
                say("messages_per_second", statistics.mean(rates), "1/s", identifiers=size, spread=spread(rates))
            await merge_and_undo(log, operations)
            await pool.close()
            for warmed in (False, True) if cold else ():
                await start_cold(server, Path(folder) / "postgres" / "postgres", url, known, warmed=warmed)


if __name__ == "__main__":
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--sizes", type=int, nargs="+", default=[100_000, 1_000_000])
    arguments.add_argument("--seconds", type=float, default=10)
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--operations", type=int, default=9_000)
    arguments.add_argument("--cold", action="store_true", help="then start the server with nothing in memory")
    given = arguments.parse_args()
    uvloop.install()
    asyncio.run(main(given.sizes, given.seconds, given.rounds, given.operations, cold=given.cold))
