"""A counter on a real database, told stories directly; how events get to it is common's business, tested there."""

from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import asyncpg
import pytest
import pytest_asyncio

from lobby.counter.v1 import (
    campaign_service_pb2,
    counter_pb2,
    counter_service_pb2,
    price_service_pb2,
    schedule_service_pb2,
)
from lobby.counter.v1 import count_service_pb2 as pb
from lobby.counter.v1 import handling_service_pb2 as handling_pb
from lobby.counter.v1 import wait_service_pb2 as waits_pb
from lobby.counter.v1.events_pb2 import CountChanged
from lobby_common import caller
from lobby_common.caller import Caller
from lobby_common.errors import Unavailable
from lobby_common.events import EventLog, Incoming
from lobby_common.postgres import create_pool
from lobby_common.times import to_proto
from lobby_counter.api import CountApi
from lobby_counter.calendars import Calendar
from lobby_counter.campaign_api import CampaignApi
from lobby_counter.clients import Calendars
from lobby_counter.closing import Closer
from lobby_counter.counter_api import CounterApi
from lobby_counter.events import CounterEvents
from lobby_counter.handling_api import HandlingApi
from lobby_counter.price_api import PriceApi
from lobby_counter.recounts import Recounts
from lobby_counter.report_api import ReportApi
from lobby_counter.schedule_api import ScheduleApi
from lobby_counter.sheet_api import SheetApi
from lobby_counter.wait_api import WaitApi
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
        self._replicas = [CounterEvents(self.calendars) for _ in range(2)]
        self._events = self._replicas[0]
        self.log = self._log = EventLog("counter", pool)
        self._api = CountApi(pool, self.calendars)
        self._waits = WaitApi(pool, self.calendars)
        self._handling = HandlingApi(pool, self.calendars)
        self._schedules = ScheduleApi(self.log, pool, self.calendars)
        self._prices = PriceApi(self.log, pool)
        self.recounts = Recounts(self._log, self.calendars)
        self.counters = CounterApi(self._log, pool, self.calendars)
        self.campaigns = CampaignApi(self._log, pool)
        self.reports = ReportApi(pool, self.calendars, self._api)
        self.sheets = SheetApi(self._log, pool, self.calendars)
        self.closer = Closer(self._log)

    async def hear(self, *events: Incoming, replica: int = 0) -> None:
        """The events are applied as one batch."""
        for workspace_id in {each.event.workspace_id for each in events}:
            await self.calendars.get(workspace_id)
        async with self._log.transaction() as tx:
            await self._replicas[replica].apply(tx, events)
            self.told = [CountChanged.FromString(told.event.payload) for told in tx.events]

    async def hear_singly(self, *events: Incoming) -> None:
        """Each event is a batch of its own."""
        for each in events:
            await self.hear(each)

    async def make_counter(self, story: Story | None = None, *, wait: bool = True, **policy: Any) -> str:
        """CreateCounter as the owner; returns its id, when it has judged what was before."""
        with caller.use(Caller((story or self.story).workspace_id, "owner")):
            request = counter_service_pb2.CreateCounterRequest(display_name="a counter", policy=policy)
            made = await self.counters.CreateCounter(request, None)
        if wait:
            await self.recounts.finish()
        return made.counter.counter_id

    async def make_campaign(
        self, accounts: Iterable[str], start: datetime, end: datetime | None = None, story: Story | None = None
    ) -> str:
        """CreateCampaign as the owner; returns its id, when everybody is judged by it."""
        story = story or self.story
        with caller.use(Caller(story.workspace_id, "owner")):
            request = campaign_service_pb2.CreateCampaignRequest(
                display_name="a campaign",
                account_ids=[story.id("account", account) for account in accounts],
                start_time=to_proto(start),
                end_time=None if end is None else to_proto(end),
            )
            made = await self.campaigns.CreateCampaign(request, None)
        await self.recounts.finish()
        return made.campaign.campaign_id

    async def change_campaign(self, campaign_id: str, **fields: Any) -> None:
        """UpdateCampaign as the owner, and everybody is judged by it."""
        with caller.use(Caller(self.story.workspace_id, "owner")):
            request = campaign_service_pb2.UpdateCampaignRequest(campaign_id=campaign_id, **_times(fields))
            await self.campaigns.UpdateCampaign(request, None)
        await self.recounts.finish()

    async def state(self, counter_id: str) -> str:
        """GetCounter's state."""
        with caller.use(Caller(self.story.workspace_id, "owner")):
            got = await self.counters.GetCounter(counter_service_pb2.GetCounterRequest(counter_id=counter_id), None)
        return counter_pb2.Counter.State.Name(got.counter.state)

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

    async def wait_figures(
        self, story: Story | None = None, who: Caller | None = None, **request: Any
    ) -> waits_pb.GetWaitFiguresResponse:
        """GetWaitFigures as the owner, or as `who`."""
        with caller.use(who or Caller((story or self.story).workspace_id, "owner")):
            return await self._waits.GetWaitFigures(waits_pb.GetWaitFiguresRequest(**_times(request)), None)

    async def waits(
        self, story: Story | None = None, who: Caller | None = None, **request: Any
    ) -> waits_pb.ListWaitsResponse:
        """ListWaits as the owner, or as `who`."""
        with caller.use(who or Caller((story or self.story).workspace_id, "owner")):
            return await self._waits.ListWaits(waits_pb.ListWaitsRequest(**_times(request)), None)

    async def recovered(
        self, story: Story | None = None, who: Caller | None = None, **request: Any
    ) -> pb.ListRecoveredResponse:
        """ListRecovered as the owner, or as `who`."""
        with caller.use(who or Caller((story or self.story).workspace_id, "owner")):
            return await self._api.ListRecovered(pb.ListRecoveredRequest(**_times(request)), None)

    async def handling(self, who: Caller | None = None, **request: Any) -> handling_pb.GetHandlingResponse:
        """GetHandling as the owner, or as `who`."""
        with caller.use(who or Caller(self.story.workspace_id, "owner")):
            return await self._handling.GetHandling(handling_pb.GetHandlingRequest(**_times(request)), None)

    async def make_price(self, who: Caller | None = None, **request: Any) -> price_service_pb2.Price:
        """CreatePrice as the owner, or as `who`."""
        with caller.use(who or Caller(self.story.workspace_id, "owner")):
            return (await self._prices.CreatePrice(price_service_pb2.CreatePriceRequest(**_times(request)), None)).price

    async def prices(self, who: Caller | None = None) -> list[price_service_pb2.Price]:
        """ListPrices as the owner, or as `who`."""
        with caller.use(who or Caller(self.story.workspace_id, "owner")):
            return list((await self._prices.ListPrices(price_service_pb2.ListPricesRequest(), None)).prices)

    async def make_schedule(self, **request: Any) -> schedule_service_pb2.Schedule:
        """CreateSchedule as the owner."""
        with caller.use(Caller(self.story.workspace_id, "owner")):
            asked = schedule_service_pb2.CreateScheduleRequest(**_times(request))
            return (await self._schedules.CreateSchedule(asked, None)).schedule

    async def schedule(self, schedule_id: str, who: Caller | None = None) -> schedule_service_pb2.Schedule:
        """GetSchedule as the owner, or as `who`."""
        with caller.use(who or Caller(self.story.workspace_id, "owner")):
            asked = schedule_service_pb2.GetScheduleRequest(schedule_id=schedule_id)
            return (await self._schedules.GetSchedule(asked, None)).schedule

    async def schedules(self, who: Caller | None = None) -> list[schedule_service_pb2.Schedule]:
        """ListSchedules as the owner, or as `who`."""
        with caller.use(who or Caller(self.story.workspace_id, "owner")):
            listed = await self._schedules.ListSchedules(schedule_service_pb2.ListSchedulesRequest(), None)
            return list(listed.schedules)

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


_CLOCKS = (
    "activity",
    "api",
    "asking",
    "campaign_api",
    "closing",
    "events",
    "handling_api",
    "making",
    "price_api",
    "recounts",
    "schedule_api",
    "sheet_api",
    "sheet_commands",
    "wait_api",
)
"""Modules that ask what time it is."""


@pytest.fixture(autouse=True)
def now(monkeypatch):
    """The counter's clock stands at 20:00 of the day of the scenarios; the test may set it."""

    def set_to(at: datetime) -> None:
        for module in _CLOCKS:
            monkeypatch.setattr(f"lobby_counter.{module}.utc_now", lambda: at)

    set_to(datetime(2026, 11, 22, 12, tzinfo=UTC))
    return set_to
