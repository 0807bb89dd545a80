"""`make bench-figures`: how long figures take at the counter beside a ledger of any size, and a merge of large persons.

A database is filled as the service would have left it; then its own handlers are asked, without a network: every
grouping cut and not cut, both views, waits by both clocks. At last two persons with 1,000 entries each are merged and
parted, and asked for again. One JSON object a line.
"""

import argparse
import asyncio
import itertools
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import asyncpg
import uvloop

from lobby.counter.v1 import count_service_pb2 as pb
from lobby.counter.v1 import wait_service_pb2 as waits_pb
from lobby.events.v1.batch_pb2 import Event
from lobby.identity.v1 import events_pb2
from lobby_common import caller, ids, postgres
from lobby_common.caller import Caller
from lobby_common.events import EventLog, Incoming
from lobby_common.service import look_away
from lobby_common.times import to_proto
from lobby_counter.activity import Activity
from lobby_counter.api import CountApi
from lobby_counter.calendars import Calendar
from lobby_counter.clients import Calendars
from lobby_counter.events import CounterEvents
from lobby_counter.making import Days
from lobby_counter.wait_api import WaitApi
from lobby_local import Postgres
from tests.bench import ledger
from tests.bench.__main__ import say
from tests.bench.ledger import WORKSPACE
from tests.servers import Databases

ZONE = "Asia/Bangkok"
GROUPS = ("account", "platform", "agent", "campaign", "language", "country")
LARGE = 1_000
"""Entries of each of the persons that are merged."""
Ask = Callable[[], Awaitable[Any]]


class OneCalendar:
    """Stands for the gateway."""

    async def get(self, _workspace_id: str) -> Calendar:
        """Returns the calendar of the bench."""
        return Calendar(ZoneInfo(ZONE))


@dataclass(frozen=True, slots=True)
class Service:
    """The counter's handlers on a database."""

    pool: asyncpg.Pool
    log: EventLog
    events: CounterEvents
    counts: CountApi
    waits: WaitApi

    async def hear(self, *told: Incoming) -> float:
        """The events are applied in one transaction. Returns the seconds."""
        began = time.perf_counter()
        async with self.log.transaction() as tx:
            await self.events.apply(tx, told)
        return time.perf_counter() - began


async def serve(url: str) -> Service:
    """The service is there."""
    pool = await postgres.create_pool(url, schema="counter", size=4)
    calendars = Calendars(OneCalendar(), pool)
    await calendars.get(WORKSPACE)
    log = EventLog("counter", pool)
    return Service(pool, log, CounterEvents(calendars), CountApi(pool, calendars), WaitApi(pool, calendars))


async def make(service: Service) -> None:
    """What is over since is in days, and hours in which customers wrote are made, as tasks of the service do."""
    for task in (Days(service.log), Activity(service.log)):
        while await task.step(WORKSPACE):
            pass
    await service.pool.execute("ANALYZE activity")


def questions(service: Service, start: datetime, end: datetime) -> dict[str, Ask]:
    """What is asked of a period, by name."""
    period = {"from": to_proto(start), "to": to_proto(end)}

    def counts(**asked: Any) -> Ask:
        return lambda: service.counts.GetCounts(pb.GetCountsRequest(**period, **asked), None)

    def waits(**asked: Any) -> Ask:
        return lambda: service.waits.GetWaitFigures(waits_pb.GetWaitFiguresRequest(**period, **asked), None)

    asked = {}
    for view, by, cut in itertools.product(("restated", "recorded"), ("", *GROUPS), ("", "day")):
        name = " ".join(filter(None, ("counts", by and f"by {by}", cut and f"by {cut}", view)))
        asked[name] = counts(
            view=f"VIEW_{view.upper()}",
            bucket=f"BUCKET_{(cut or 'none').upper()}",
            group_by=[f"GROUP_BY_{by.upper()}"] if by else [],
        )
    for by in ("", *GROUPS):
        name = " ".join(filter(None, ("counts", by and f"by {by}", "by hour restated")))
        asked[name] = counts(bucket="BUCKET_HOUR", group_by=[f"GROUP_BY_{by.upper()}"] if by else [])
    asked["counts by agent and account restated"] = counts(group_by=["GROUP_BY_AGENT", "GROUP_BY_ACCOUNT"])
    asked["counts by language and country restated"] = counts(group_by=["GROUP_BY_LANGUAGE", "GROUP_BY_COUNTRY"])
    asked["counts of an agent by day restated"] = counts(
        bucket="BUCKET_DAY", agent_id=ledger.id_of("agent", 7), group_by=["GROUP_BY_CAMPAIGN"]
    )
    for by, cut, clock in (
        ("", "", "calendar"),
        ("", "", "business"),
        ("agent", "", "calendar"),
        ("agent", "day", "calendar"),
        ("campaign", "", "calendar"),
    ):
        name = " ".join(filter(None, ("waits", by and f"by {by}", cut and f"by {cut}", clock)))
        asked[name] = waits(
            clock=f"WAIT_CLOCK_{clock.upper()}",
            bucket=f"BUCKET_{(cut or 'none').upper()}",
            group_by=[f"GROUP_BY_{by.upper()}"] if by else [],
        )
    return asked


async def ask(question: Ask, rounds: int) -> tuple[float, float]:
    """Returns the middle and the longest of some answers, in milliseconds, after one that is not counted."""
    await question()
    took = []
    for _ in range(rounds):
        began = time.perf_counter()
        await question()
        took.append((time.perf_counter() - began) * 1000)
    return statistics.median(took), max(took)


async def measure(service: Service, size: int, end: datetime, rounds: int, only: str) -> None:
    """Every question of the last 30 whole days."""
    local = end.astimezone(ZoneInfo(ZONE)).replace(hour=0, minute=0)
    start = local - timedelta(days=30)
    month = await service.pool.fetchval(
        "SELECT count(*) FROM entry WHERE workspace_id = $1 AND occurred_time >= $2 AND occurred_time < $3",
        WORKSPACE,
        start,
        local,
    )
    say("month", month, "entries", entries=size)
    for name, question in questions(service, start, local).items():
        if only in name:
            middle, longest = await ask(question, rounds)
            say(name, middle, "ms", p99=round(longest, 1), entries=size)


def greeting(user: str, number: int, at: datetime) -> Incoming:
    """A user writes for the first time at one of very many accounts."""
    payload = events_pb2.MessageIdentified(
        message_id=ids.new_id(),
        account_id=ids.derive_id(None, "bench-account", str(number)),
        platform=1,  # type: ignore[arg-type]  # the enum's number
        chat=f"{user} {number}",
        channel_user_id=user,
        contact_id=user,
        occurred_time=to_proto(at),
        received_time=to_proto(at),
        greeting=True,
    )
    return incoming(payload, ids.new_id())


def incoming(payload: Any, event_id: str) -> Incoming:
    """It is told."""
    event = Event(
        id=event_id,
        type=payload.DESCRIPTOR.full_name,
        workspace_id=WORKSPACE,
        key="",
        payload=payload.SerializeToString(),
    )
    return Incoming("identity", 0, 0, event, payload, "")


async def merge(service: Service, end: datetime, size: int) -> None:
    """Two persons with very many entries are merged and parted; figures of the month are asked for after each."""
    users = [ids.derive_id(None, "bench-large", str(size), each) for each in "ab"]
    for user in users:
        for first in range(0, LARGE, 100):
            told = (greeting(user, n, end - timedelta(minutes=20 * n + 1)) for n in range(first, first + 100))
            await service.hear(*told)
    groups = [events_pb2.ContactGroup(contact_id=each, channel_user_ids=[each]) for each in users]
    merged = events_pb2.ContactMerged(
        merge_id=ids.new_id(),
        group=events_pb2.ContactGroup(contact_id=users[0], channel_user_ids=users),
        version=1,
    )
    parted = events_pb2.ContactSplit(merge_id=merged.merge_id, groups=groups, version=2)
    local = end.astimezone(ZoneInfo(ZONE)).replace(hour=0)
    month = questions(service, local - timedelta(days=30), end)["counts by agent by day restated"]
    for name, told in (("merge", merged), ("undo", parted)):
        before = time.perf_counter()
        applied = await service.hear(incoming(told, ids.new_id()))
        say(f"{name} of two persons with {LARGE} entries", applied * 1000, "ms", entries=size)
        await month()
        say(f"{name} until figures by agent and day say so", (time.perf_counter() - before) * 1000, "ms", entries=size)


async def main(sizes: Sequence[int], days: int, rounds: int, only: str) -> None:
    """Fills and measures, size after size."""
    end = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    with tempfile.TemporaryDirectory(prefix="lobby-figures-") as folder:
        async with Postgres(Path(folder) / "postgres") as server:
            databases = Databases(server, Path(folder))
            for size in sizes:
                made = await databases.make("counter")
                began = time.monotonic()
                await ledger.fill(made.admin_url, size, days, end)
                say("filled", time.monotonic() - began, "s", entries=size)
                service = await serve(made.url)
                await make(service)
                look_away()
                with caller.use(Caller(WORKSPACE, "owner")):
                    await measure(service, size, end, rounds, only)
                    await merge(service, end, size)
                await service.pool.close()
                await databases.drop(made)


if __name__ == "__main__":
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--sizes", type=int, nargs="+", default=[500_000, 5_000_000])
    arguments.add_argument("--days", type=int, default=365, help="over which the entries are spread")
    arguments.add_argument("--rounds", type=int, default=7)
    arguments.add_argument("--only", default="", help="only questions whose name holds this")
    given = arguments.parse_args()
    uvloop.install()
    asyncio.run(main(given.sizes, given.days, given.rounds, given.only))
