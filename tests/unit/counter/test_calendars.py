"""Days and hours of a time zone."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

import pytest

from lobby_counter.calendars import Calendar, Period, TooManyBuckets, UnknownTimeZone, find_zone


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)


def hours_of(start: datetime, starts: list[datetime]) -> list[float]:
    return [(at - start) / timedelta(hours=1) for at in starts]


def test_a_day_belongs_to_the_hour_at_which_it_starts():
    calendar = Calendar(ZoneInfo("Asia/Bangkok"), 6)
    assert calendar.day_of(utc(2026, 11, 21, 22, 59)) == date(2026, 11, 21)
    assert calendar.day_of(utc(2026, 11, 21, 23)) == date(2026, 11, 22)
    assert calendar.start_of(date(2026, 11, 22)) == utc(2026, 11, 21, 23)


@pytest.mark.parametrize(
    ("zone", "start", "lengths"),
    [
        ("America/New_York", utc(2026, 11, 1, 4), [25, 24]),
        ("America/New_York", utc(2026, 3, 8, 5), [23, 24]),
        ("Australia/Lord_Howe", utc(2026, 4, 4, 13), [24.5, 24]),
        ("America/Sao_Paulo", utc(2018, 11, 3, 3), [24, 23]),
        ("Pacific/Apia", utc(2011, 12, 29, 10), [24, 24]),
    ],
)
def test_days_are_as_long_as_the_clocks_make_them(zone, start, lengths):
    starts = Calendar(ZoneInfo(zone)).days(start, start + timedelta(hours=50))
    assert starts[0] == start
    gone = [(b - a) / timedelta(hours=1) for a, b in pairwise(starts)]
    assert gone == lengths[: len(gone)]
    assert len(gone) >= 2


@pytest.mark.parametrize(
    ("zone", "expected"),
    [("Asia/Kolkata", 30), ("Asia/Kathmandu", 15), ("Australia/Eucla", 15), ("Asia/Bangkok", 0)],
)
def test_hours_begin_when_the_wall_clock_shows_a_full_hour(zone, expected):
    starts = Calendar(ZoneInfo(zone)).hours(utc(2026, 11, 22, 3, 7), utc(2026, 11, 22, 6))
    assert {at.minute for at in starts} == {expected}
    assert starts[0] <= utc(2026, 11, 22, 3, 7)
    assert {b - a for a, b in pairwise(starts)} == {timedelta(hours=1)}


def test_the_hour_that_comes_twice_is_two_hours():
    start = utc(2026, 11, 1, 4)
    starts = Calendar(ZoneInfo("America/New_York")).hours(start, start + timedelta(hours=4))
    assert hours_of(start, starts) == [0, 1, 2, 3]


def test_a_shift_of_half_an_hour_gives_one_longer_hour_and_full_ones_again():
    start = utc(2026, 4, 4, 13)
    starts = Calendar(ZoneInfo("Australia/Lord_Howe")).hours(start, start + timedelta(hours=5))
    assert hours_of(start, starts) == [0, 1, 2.5, 3.5, 4.5]


@pytest.mark.parametrize("day_start_hour", [0, 2, 6, 23])
def test_every_instant_lies_in_the_day_it_belongs_to_in_every_zone(day_start_hour):
    instants = [utc(2026, 3, 29, 1, 30), utc(2026, 10, 25, 1, 30), utc(2026, 11, 1, 5, 59), utc(2011, 12, 30, 12)]
    for zone in sorted(available_timezones()):
        calendar = Calendar(ZoneInfo(zone), day_start_hour)
        for at in instants:
            day = calendar.day_of(at)
            assert calendar.start_of(day) <= at < calendar.start_of(day + timedelta(days=1)), zone


def test_a_correction_is_booked_on_its_own_day_until_three_days_after_its_end():
    calendar = Calendar(ZoneInfo("Asia/Bangkok"))
    effective, close_after = utc(2026, 11, 10, 3), timedelta(days=3)
    open_until = utc(2026, 11, 13, 17)
    assert calendar.booked_time(effective, open_until - timedelta(seconds=1), close_after) == effective
    assert calendar.booked_time(effective, open_until, close_after) == open_until


def test_a_period_of_more_than_ten_thousand_buckets_is_refused():
    calendar = Calendar(ZoneInfo("UTC"))
    with pytest.raises(TooManyBuckets):
        calendar.hours(utc(2020, 1, 1), utc(2026, 1, 1))
    assert len(calendar.days(utc(2020, 1, 1), utc(2026, 1, 1))) == 2192


def test_a_period_at_the_end_of_the_calendar_is_refused():
    with pytest.raises(TooManyBuckets):
        Calendar(ZoneInfo("UTC")).days(utc(9999, 12, 31), utc(9999, 12, 31, 23))


@pytest.mark.parametrize("name", ["Mars/Olympus", "../etc/passwd", "/etc/localtime", "Asia", "", "a\x00", "x" * 300])
def test_a_name_that_is_no_zone_is_refused(name):
    with pytest.raises(UnknownTimeZone):
        find_zone(name)


HOUR, QUARTER, ROWS = 60, 15, 0


def pieces_of(period: Period) -> list[tuple[int, str, str]]:
    return [(width, f"{start:%d %H:%M}", f"{end:%d %H:%M}") for width, start, end in period.pieces()]


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        ((10, 0), (12, 0), [(HOUR, "22 10:00", "22 12:00")]),
        ((10, 15), (10, 45), [(QUARTER, "22 10:15", "22 10:45")]),
        ((10, 30), (11, 30), [(QUARTER, "22 10:30", "22 11:30")]),
        ((10, 1), (10, 29), [(ROWS, "22 10:01", "22 10:29")]),
        (
            (9, 59),
            (12, 31),
            [
                (ROWS, "22 09:59", "22 10:00"),
                (HOUR, "22 10:00", "22 12:00"),
                (QUARTER, "22 12:00", "22 12:30"),
                (ROWS, "22 12:30", "22 12:31"),
            ],
        ),
        ((10, 0), (10, 0), []),
    ],
)
def test_a_period_is_read_from_roll_ups_as_wide_as_fit(start, end, expected):
    period = Period(utc(2026, 11, 22, *start), utc(2026, 11, 22, *end), (utc(2026, 11, 22, *start),))
    assert pieces_of(period) == expected


def days_of(zone: str, start: datetime, end: datetime) -> Period:
    return Period(start, end, tuple(Calendar(ZoneInfo(zone)).days(start, end)))


def test_days_that_begin_on_full_hours_are_one_piece():
    start = utc(2026, 10, 31, 4)
    assert pieces_of(days_of("America/New_York", start, start + timedelta(days=2))) == [
        (HOUR, "31 04:00", "02 04:00"),
    ]


def test_days_that_begin_inside_an_hour_have_quarters_around_their_beginnings():
    assert pieces_of(days_of("Asia/Kathmandu", utc(2026, 11, 22), utc(2026, 11, 23))) == [
        (HOUR, "22 00:00", "22 18:00"),
        (QUARTER, "22 18:00", "22 19:00"),
        (HOUR, "22 19:00", "23 00:00"),
    ]


def test_days_that_begin_inside_a_quarter_have_single_rows_around_their_beginnings():
    start = utc(1900, 1, 1)
    assert pieces_of(days_of("Europe/Amsterdam", start, start + timedelta(days=1))) == [
        (HOUR, "01 00:00", "01 23:00"),
        (QUARTER, "01 23:00", "01 23:30"),
        (ROWS, "01 23:30", "01 23:45"),
        (QUARTER, "01 23:45", "02 00:00"),
    ]
