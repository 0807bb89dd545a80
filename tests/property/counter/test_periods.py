"""How a period is read from roll-ups, whatever its zone, its ends and its cuts."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from lobby_counter.calendars import Calendar, Period

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ZONES = ("UTC", "Asia/Kolkata", "Asia/Kathmandu", "Australia/Lord_Howe", "America/New_York", "Europe/Amsterdam")
"""The last one kept mean solar time, 19 min 32 s and then 20 min ahead, until 1940."""

BEGINNINGS = (datetime(1935, 1, 1, tzinfo=UTC), datetime(2025, 1, 1, tzinfo=UTC))

periods = st.builds(
    lambda zone, start, length, cut: Period(
        start, start + length, tuple(getattr(Calendar(zone), cut)(start, start + length))
    ),
    st.sampled_from(ZONES).map(ZoneInfo),
    st.sampled_from(BEGINNINGS).flatmap(
        lambda first: st.timedeltas(timedelta(), timedelta(days=2200)).map(first.__add__)
    ),
    st.timedeltas(timedelta(microseconds=1), timedelta(days=9)),
    st.sampled_from(("days", "hours")),
)
parts = st.tuples(periods, st.floats(0, 0.5), st.floats(0.6, 1)).map(
    lambda drawn: drawn[0].within(*(drawn[0].start + share * (drawn[0].end - drawn[0].start) for share in drawn[1:]))
)
periods = periods | parts.filter(lambda part: part is not None)


@settings(deadline=None)
@given(periods)
def test_pieces_make_up_their_period(period):
    pieces = period.pieces()
    assert (pieces[0].start, pieces[-1].end) == (period.start, period.end)
    for before, after in pairwise(pieces):
        assert before.end == after.start
        assert before.width != after.width


@settings(deadline=None)
@given(periods)
def test_pieces_are_whole_roll_ups_and_no_cut_lies_inside_one(period):
    for width, start, end in period.pieces():
        for at in (start, end, *(cut for cut in period.cuts if start < cut < end)):
            assert width == 0 or (at - EPOCH) % timedelta(minutes=width) == timedelta()


@settings(deadline=None)
@given(periods)
def test_no_hour_is_read_in_parts_unless_something_lies_inside_it(period):
    borders = {period.start, period.end, *period.cuts}
    for width, start, end in period.pieces():
        hour = start + (EPOCH - start) % timedelta(hours=1)
        while width < 60 and hour + timedelta(hours=1) <= end:
            assert any(hour < border < hour + timedelta(hours=1) for border in borders)
            hour += timedelta(hours=1)
