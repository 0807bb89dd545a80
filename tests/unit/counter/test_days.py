"""Which parts of a period days and their hours answer for."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from lobby_counter.calendars import Calendar, Period
from lobby_counter.days import Made, Mark

BANGKOK = Calendar(ZoneInfo("Asia/Bangkok"))


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"2026-{text}").replace(tzinfo=UTC)


def made(calendar: Calendar, start: str, end: str, cut_by: Calendar | None = None) -> Made | None:
    """What is made of a period that is cut by the hours of a calendar."""
    mark = Mark(calendar, at("01-01T00:00"), at("12-01T00:00"))
    hours = (cut_by or calendar).hours(at(start), at(end))
    return mark.within(Period(at(start), at(end), tuple(hours)))


def test_hours_of_whole_days_are_made():
    assert made(BANGKOK, "11-02T10:07", "11-05T03:00") == Made(at("11-02T17:00"), at("11-04T17:00"), by_hours=True)


def test_days_are_not_made_of_hours():
    days = BANGKOK.days(at("11-02T17:00"), at("11-05T17:00"))
    found = Mark(BANGKOK, at("01-01T00:00"), at("12-01T00:00")).within(Period(days[0], at("11-05T17:00"), tuple(days)))
    assert found == Made(at("11-02T17:00"), at("11-05T17:00"), by_hours=False)


def test_hours_of_a_zone_of_whole_hours_beside_are_the_same_hours():
    tokyo = Calendar(ZoneInfo("Asia/Tokyo"))
    assert made(BANGKOK, "11-02T17:00", "11-05T17:00", tokyo) == made(BANGKOK, "11-02T17:00", "11-05T17:00")


def test_hours_of_a_zone_of_half_hours_beside_are_others():
    kolkata = Calendar(ZoneInfo("Asia/Kolkata"))
    assert made(BANGKOK, "11-02T17:00", "11-05T17:00", kolkata) is None
    assert made(kolkata, "11-02T18:30", "11-05T18:30") == Made(at("11-02T18:30"), at("11-05T18:30"), by_hours=True)


@pytest.mark.parametrize(("zone", "start", "end"), [
    ("America/New_York", "10-31T04:00", "11-03T05:00"),
    ("America/New_York", "03-07T05:00", "03-10T04:00"),
])  # fmt: skip
def test_hours_go_on_where_clocks_change_by_one(zone, start, end):
    assert made(Calendar(ZoneInfo(zone)), start, end) == Made(at(start), at(end), by_hours=True)


def test_where_clocks_change_by_half_an_hour_no_hours_are_made():
    lord_howe = Calendar(ZoneInfo("Australia/Lord_Howe"))
    assert made(lord_howe, "04-03T13:00", "04-06T13:30") is None
    assert made(lord_howe, "04-06T13:30", "04-09T13:30") == Made(at("04-06T13:30"), at("04-09T13:30"), by_hours=True)


def test_periods_cut_otherwise_are_not_made():
    cuts = tuple(at("11-02T17:00") + timedelta(minutes=90) * n for n in range(16))
    assert Mark(BANGKOK, at("01-01T00:00"), at("12-01T00:00")).within(Period(cuts[0], at("11-03T17:00"), cuts)) is None


def test_nothing_is_made_where_calendars_end():
    start, end = (datetime(9999, 12, 31, hour, tzinfo=UTC) for hour in (20, 23))
    utc = Calendar(ZoneInfo("UTC"))
    mark = Mark(utc, at("01-01T00:00"), at("12-01T00:00"))
    assert mark.within(Period(start, end, tuple(utc.hours(start, end)))) is None
