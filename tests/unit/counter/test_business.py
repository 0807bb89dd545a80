"""The business clock."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from lobby_counter.business import BusinessClock, Hours, Interval, Version
from lobby_counter.calendars import Calendar

BERLIN = ZoneInfo("Europe/Berlin")
ALWAYS = datetime(2000, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


def office(*, days=range(5), start: int = 9, end: int = 17, holidays=(), zone: ZoneInfo = BERLIN) -> Hours:
    return Hours(zone, tuple(Interval(day, 60 * start, 60 * end) for day in days), frozenset(holidays))


def clock(*versions: Version | Hours, calendar: Calendar | None = None) -> BusinessClock:
    told = tuple(each if isinstance(each, Version) else Version(ALWAYS, each) for each in versions)
    return BusinessClock(calendar or Calendar(BERLIN), told)


def local(day: int, hour: int, minute: int = 0, *, month: int = 11, zone: ZoneInfo = BERLIN) -> datetime:
    """In November 2026 the 27th is a Friday."""
    return datetime(2026, month, day, hour, minute, tzinfo=zone).astimezone(UTC)


def test_friday_half_past_four_and_an_hour_is_monday_half_past_nine():
    assert clock(office()).after(local(27, 16, 30), HOUR) == local(30, 9, 30)


def test_business_time_ends_with_the_interval_that_it_fills():
    assert clock(office()).after(local(27, 16), HOUR) == local(27, 17)


def test_a_wait_over_the_weekend_is_as_long_as_its_business_hours():
    friday, monday = local(27, 16, 30), local(30, 9, 45)
    assert clock(office()).elapsed(friday, monday) == timedelta(minutes=75)
    assert clock().elapsed(friday, monday) == monday - friday


def test_several_intervals_a_day_stand_still_at_noon():
    hours = Hours(BERLIN, (Interval(4, 9 * 60, 12 * 60), Interval(4, 13 * 60, 17 * 60)))
    assert clock(hours).after(local(27, 11, 50), timedelta(minutes=20)) == local(27, 13, 10)


def test_a_night_shift_goes_over_midnight_into_the_next_day():
    night = Hours(BERLIN, (Interval(4, 22 * 60, 30 * 60),))
    assert clock(night).after(local(27, 23, 50), timedelta(minutes=30)) == local(28, 0, 20)
    assert clock(night).elapsed(local(28, 5), local(28, 12)) == HOUR
    assert clock(night).close_of_next_day(local(28, 1)) == local(5, 6, month=12)


def test_hours_that_several_intervals_hold_are_worked_once():
    hours = Hours(BERLIN, (Interval(3, 20 * 60, 34 * 60), Interval(4, 9 * 60, 17 * 60)))
    assert clock(hours).elapsed(local(27, 0), local(28, 0)) == timedelta(hours=17)


def test_nobody_works_on_a_holiday():
    christmas = office(holidays=(date(2026, 11, 30),))
    assert clock(christmas).after(local(27, 16, 30), HOUR) == local(1, 9, 30, month=12)


@pytest.mark.parametrize(("day", "month", "hours"), [(25, 10, 25), (29, 3, 23)])
def test_a_day_on_which_clocks_change_has_the_hours_that_it_has(day, month, hours):
    whole = Hours(BERLIN, (Interval(6, 0, 24 * 60),))
    assert clock(whole).elapsed(local(day - 1, 12, month=month), local(day + 1, 12, month=month)) == hours * HOUR


def test_hours_begin_by_the_wall_clock_also_after_clocks_changed():
    monday_after = local(26, 9, month=10)
    assert clock(office()).after(local(23, 17, month=10), timedelta(0)) is not None
    assert clock(office()).after(local(23, 16, 59, month=10), timedelta(minutes=2)) == monday_after + timedelta(
        minutes=1
    )
    assert monday_after.hour == 8


def test_each_instant_is_measured_by_the_version_in_force_then():
    longer = Version(local(27, 16), office(end=20))
    both = clock(Version(ALWAYS, office()), longer)
    assert both.after(local(27, 15, 30), 2 * HOUR) == local(27, 17, 30)
    assert both.elapsed(local(26, 9), local(26, 20)) == 8 * HOUR
    assert clock(Version(local(28, 0), office())).elapsed(local(26, 9), local(26, 20)) == 11 * HOUR


def test_the_next_business_day_after_a_friday_closes_on_monday():
    for at in (local(27, 8), local(27, 16, 30), local(27, 23), local(28, 12), local(29, 12)):
        assert clock(office()).close_of_next_day(at) == local(30, 17)
    assert clock(office()).close_of_next_day(local(30, 8)) == local(1, 17, month=12)


def test_without_a_schedule_business_days_are_those_of_the_calendar():
    assert clock().close_of_next_day(local(27, 16, 30)) == local(29, 0)
    assert clock(calendar=Calendar(BERLIN, 6)).close_of_next_day(local(27, 5)) == local(28, 6)


def test_who_never_works_again_never_gets_there():
    away = office(holidays=(date(2026, 11, 27) + timedelta(days=number) for number in range(1300)))
    assert clock(away).after(local(27, 12), HOUR) is None
    assert clock(away).close_of_next_day(local(27, 12)) is None


def test_how_long_somebody_may_wait_is_said_by_the_version_in_force():
    asked = clock(Version(local(27, 12), office(), HOUR))
    assert asked.target(local(27, 11, 59)) == timedelta(minutes=5)
    assert asked.target(local(27, 12)) == HOUR
