"""Periods and buckets: every moment is accounted for once, and what is named as unknown is never less than it is."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from lobby_common.events import periods
from lobby_common.events.periods import BUCKET, Known, Period

ORIGIN = datetime(2026, 11, 26, tzinfo=UTC)
MINUTES = st.integers(0, 120).map(lambda minutes: ORIGIN + timedelta(minutes=minutes))
PERIODS = st.lists(
    st.tuples(st.integers(0, 60), st.integers(1, 60)).map(
        lambda two: Period(ORIGIN + timedelta(minutes=two[0]), ORIGIN + timedelta(minutes=sum(two)))
    ),
    max_size=8,
)
KNOWN = st.dictionaries(
    st.integers(0, 24).map(lambda number: ORIGIN + number * BUCKET),
    st.builds(Known, st.integers(0, 400), st.booleans(), MINUTES),
)


def minutes(some: list[Period]) -> set[datetime]:
    """Every minute that lies in one of the periods."""
    length = timedelta(minutes=1)
    return {each.start + n * length for each in some for n in range((each.end - each.start) // length)}


@given(st.timedeltas(timedelta(0), timedelta(days=2000)).map(lambda since: datetime(2024, 1, 1, tzinfo=UTC) + since))
def test_buckets_of_five_minutes_cover_time_and_the_last_closed_one_is_a_minute_old(at):
    bucket = periods.bucket_of(at)
    assert bucket <= at < bucket + BUCKET
    assert (bucket.minute % 5, bucket.second, bucket.microsecond) == (0, 0, 0)
    assert timedelta(seconds=60) <= at - periods.closed_before(at) < BUCKET + timedelta(seconds=60)


@given(MINUTES, MINUTES)
def test_buckets_of_a_period_are_those_that_lie_wholly_in_it(start, end):
    wanted = [bucket for n in range(25) if start <= (bucket := ORIGIN + n * BUCKET) and bucket + BUCKET <= end]
    assert list(periods.buckets(start, end)) == wanted


@given(KNOWN, MINUTES, st.integers(1, 120))
def test_a_period_is_its_known_buckets_and_the_pieces_without_them(known, start, long):
    end = start + timedelta(minutes=long)
    inside = [bucket for bucket in known if start <= bucket and bucket + BUCKET <= end]
    pieces = periods.without(start, end, inside)
    whole = sorted([*pieces, *(Period(bucket, bucket + BUCKET) for bucket in inside)])
    assert (whole[0].start, whole[-1].end) == (start, end)
    assert all(before.end == after.start for before, after in pairwise(whole))


@given(KNOWN, MINUTES, MINUTES)
def test_due_are_the_newest_that_nobody_examined_then_those_that_did_not_settle(known, start, end):
    found = periods.due(known, start, end)
    fresh = [bucket for bucket in found if bucket not in known]
    again = [bucket for bucket in found if bucket in known]
    assert found == fresh + again
    assert fresh == sorted(set(periods.buckets(start, end)) - known.keys(), reverse=True)
    assert set(again) == {bucket for bucket, each in known.items() if not each.settled and start <= bucket < end}
    assert [known[bucket].examine_time for bucket in again] == sorted(known[bucket].examine_time for bucket in again)


@given(KNOWN, st.integers(0, 2000), MINUTES)
def test_the_newest_known_buckets_are_looked_at_again_as_far_as_so_many_events_and_the_logs_go(known, most, kept):
    found = periods.to_look_at(known, most, kept)
    assert sum(known[bucket].expected for bucket in found) <= most
    assert all(bucket >= kept for bucket in found)
    left = sorted(known.keys() - set(found), reverse=True)
    if left:
        assert all(bucket > left[0] for bucket in found)
        assert left[0] < kept or sum(known[bucket].expected for bucket in [*found, left[0]]) > most


@given(PERIODS, PERIODS)
def test_a_difference_holds_the_minutes_of_the_one_that_are_not_in_the_other(some, others):
    assert minutes(periods.minus(some, others)) == minutes(some) - minutes(others)


@given(PERIODS, st.integers(1, 5))
def test_a_union_stands_apart_and_where_it_is_shortened_it_names_too_much_and_never_too_little(some, most):
    joined, shortened = periods.union(some), periods.union(some, most)
    assert minutes(joined) == minutes(some)
    assert all(before.end < after.start for before, after in pairwise(joined))
    assert minutes(joined) <= minutes(shortened)
    assert len(shortened) == min(len(joined), most)
