"""What the counter knows of a workspace's days, and what it does while the gateway is away."""

import asyncio
from zoneinfo import ZoneInfo

import pytest

from lobby_common.errors import Unavailable
from lobby_counter.calendars import Calendar
from lobby_counter.clients import Calendars
from tests.component.counter.story import at

BANGKOK = Calendar(ZoneInfo("Asia/Bangkok"), 6)


async def test_the_gateway_is_asked_at_most_once_a_minute(counter, story):
    for _ in range(3):
        await counter.counts(bucket="BUCKET_DAY", start=at("10:00"))
    assert counter.source.asked == 1


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
