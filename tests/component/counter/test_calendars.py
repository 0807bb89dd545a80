"""What the counter knows of a workspace's days, and what it does while the gateway is away."""

import asyncio
from zoneinfo import ZoneInfo

import pytest

from lobby.counter.v1.counter_service_pb2 import CreateCounterRequest
from lobby.counter.v1.sheet_service_pb2 import CreateSheetRequest
from lobby_common import caller
from lobby_common.caller import Caller
from lobby_common.errors import Unavailable
from lobby_counter.calendars import Calendar
from lobby_counter.clients import MOMENT, Calendars
from tests.component.counter.story import at

BANGKOK = Calendar(ZoneInfo("Asia/Bangkok"), 6)
NAURU = Calendar(ZoneInfo("Pacific/Nauru"), 0)


async def test_figures_ask_the_gateway_at_most_every_second_and_tasks_every_minute(counter, story):
    now = [1000.0]
    calendars = Calendars(counter.source, counter.pool, lambda: now[0])
    for now[0], asked in ((1000.0, 1), (1000.9, 1), (1001.0, 2)):
        await calendars.get(story.workspace_id, MOMENT)
        assert counter.source.asked == asked
    for now[0], asked in ((1060.9, 2), (1061.0, 3)):
        await calendars.get(story.workspace_id)
        assert counter.source.asked == asked


async def test_what_is_frozen_is_of_the_calendar_of_now(counter, story):
    await counter.counts(bucket="BUCKET_DAY", start=at("10:00"))
    counter.source.calendar = BANGKOK
    with caller.use(Caller(story.workspace_id, "owner")):
        made = await counter.counters.CreateCounter(CreateCounterRequest(display_name="c"), None)
        assert made.counter.policy.time_zone == "Asia/Bangkok"
        counter.source.calendar = NAURU
        assert (await counter.make_schedule()).time_zone == "Pacific/Nauru"
        counter.source.calendar = BANGKOK
        sheet = (await counter.sheets.CreateSheet(CreateSheetRequest(display_name="s"), None)).sheet
    assert (sheet.policy.time_zone, sheet.day_start_hour) == ("Asia/Bangkok", 6)


async def test_nothing_is_frozen_by_a_calendar_of_before(counter, story):
    await counter.calendars.get(story.workspace_id)
    counter.source.away = True
    with pytest.raises(Unavailable):
        await counter.make_counter()


async def test_days_cannot_be_cut_before_anybody_said_when_they_begin(counter):
    counter.source.away = True
    with pytest.raises(Unavailable):
        await counter.counts(bucket="BUCKET_DAY", start=at("10:00"))
    assert (await counter.counts(bucket="BUCKET_NONE")).totals.new == 0
    answer = await counter.counts(bucket="BUCKET_HOUR", start=at("10:00"), time_zone="Asia/Bangkok")
    assert answer.totals.new == 0


async def test_a_calendar_outlives_a_restart_while_the_gateway_is_away(counter, story):
    counter.source.calendar = BANGKOK
    await counter.calendars.get(story.workspace_id)
    counter.source.away = True
    again = Calendars(counter.source, counter.pool)
    keeping = asyncio.create_task(again.keep())
    async with asyncio.timeout(10):
        while again.known(story.workspace_id) != BANGKOK:
            await asyncio.sleep(0.01)
    keeping.cancel()
    assert await again.get(story.workspace_id) == BANGKOK


async def test_a_workspace_seen_for_the_first_time_has_its_calendar_fetched(counter, story):
    counter.source.calendar = BANGKOK
    keeping = asyncio.create_task(counter.calendars.keep())
    counter.calendars.see([story.workspace_id])
    async with asyncio.timeout(10):
        while counter.calendars.known(story.workspace_id) != BANGKOK:
            await asyncio.sleep(0.01)
    keeping.cancel()
