"""A counter on a real database, told stories directly; how events get to it is common's business, tested there."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import asyncpg
import pytest
import pytest_asyncio

from lobby.counter.v1 import count_service_pb2 as pb
from lobby.counter.v1.events_pb2 import CountChanged
from lobby_common import caller
from lobby_common.caller import Caller
from lobby_common.errors import Unavailable
from lobby_common.events import EventLog, Incoming
from lobby_common.postgres import create_pool
from lobby_common.times import to_proto
from lobby_counter.api import CountApi
from lobby_counter.calendars import Calendar
from lobby_counter.clients import Calendars
from lobby_counter.events import CounterEvents
from tests.component.counter.story import Story


@dataclass
class KnownCalendars:
    """Stands for the gateway: one calendar for all, unless it is away."""

    calendar: Calendar = field(default_factory=lambda: Calendar(ZoneInfo("Asia/Shanghai")))
    away: bool = False
    asked: int = 0

    async def get(self, workspace_id: str) -> Calendar:
        self.asked += 1
        if self.away:
            raise Unavailable("GATEWAY_AWAY", "the gateway is away")
        return self.calendar


class Counter:
    """The counter's two sides: events in, answers out."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self.pool = pool
        self.source = KnownCalendars()
        self.calendars = Calendars(self.source, pool)
        self.told: list[CountChanged] = []
        self.story = Story()
        self._events = CounterEvents(self.calendars)
        self._log = EventLog("counter", pool)
        self._api = CountApi(pool, self.calendars)

    async def hear(self, *events: Incoming) -> None:
        """The events are applied as one batch."""
        for workspace_id in {each.event.workspace_id for each in events}:
            await self.calendars.get(workspace_id)
        async with self._log.transaction() as tx:
            await self._events.apply(tx, events)
            self.told = [CountChanged.FromString(told.event.payload) for told in tx.events]

    async def hear_singly(self, *events: Incoming) -> None:
        """Each event is a batch of its own."""
        for each in events:
            await self.hear(each)

    async def effectless(self, *events: Incoming) -> set[str]:
        """Which of the events lack their effect."""
        async with self.pool.acquire() as conn:
            return set(await self._events.find_effectless(conn, events))

    async def mend(self, *events: Incoming) -> None:
        """What was lost of the events is there again."""
        async with self._log.transaction() as tx:
            await self._events.mend(tx, events)

    async def counts(
        self, story: Story | None = None, who: Caller | None = None, **request: Any
    ) -> pb.GetCountsResponse:
        """GetCounts as the owner, or as `who`."""
        with caller.use(who or Caller((story or self.story).workspace_id, "owner")):
            return await self._api.GetCounts(pb.GetCountsRequest(**_times(request)), None)

    async def new_and_repeat(self, story: Story | None = None, **request: Any) -> tuple[int, int]:
        """The two figures that count."""
        totals = (await self.counts(story, **request)).totals
        return totals.new, totals.repeat

    async def entries(
        self, story: Story | None = None, who: Caller | None = None, **request: Any
    ) -> Sequence[pb.Entry]:
        """ListEntries, the first page."""
        return (await self.page(story, who, **request)).entries

    async def page(
        self, story: Story | None = None, who: Caller | None = None, **request: Any
    ) -> pb.ListEntriesResponse:
        """ListEntries."""
        with caller.use(who or Caller((story or self.story).workspace_id, "owner")):
            return await self._api.ListEntries(pb.ListEntriesRequest(**_times(request)), None)


def _times(request: dict[str, Any]) -> dict[str, Any]:
    names = {"start": "from", "end": "to"}
    return {
        names.get(key, key): to_proto(value) if isinstance(value, datetime) else value for key, value in request.items()
    }


@pytest_asyncio.fixture
async def counter(database) -> AsyncIterator[Counter]:
    pool = await create_pool(database.url, schema="counter", size=4)
    yield Counter(pool)
    await pool.close()


@pytest.fixture
def story(counter) -> Story:
    return counter.story


@pytest.fixture(autouse=True)
def now(monkeypatch):
    """The counter's clock stands at 20:00 of the day of the scenarios; the test may set it."""

    def set_to(at: datetime) -> None:
        for module in ("api", "events"):
            monkeypatch.setattr(f"lobby_counter.{module}.utc_now", lambda: at)

    set_to(datetime(2026, 11, 22, 12, tzinfo=UTC))
    return set_to
