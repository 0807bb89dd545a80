"""Percentiles and service levels."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lobby_counter.measures import Durations

SECONDS = st.lists(st.integers(0, 50), max_size=30)


def durations(answered=(), closed=(), waiting=()) -> Durations:
    return Durations(Counter(answered), Counter(closed), Counter(waiting))


def percentile(some: Durations, share: float) -> int | None:
    (found,) = some.curve().percentiles(share)
    return found


def test_half_of_the_answered_are_answered_within_the_median():
    assert percentile(durations([10, 20, 30, 40]), 0.5) == 20
    assert percentile(durations([10, 20, 30]), 0.5) == 20


def test_of_hundred_the_ninetieth_is_the_ninetieth_percentile():
    hundred = durations(range(1, 101))
    assert hundred.curve().percentiles(0.5, 0.9, 0.95) == [50, 90, 95]


def test_who_is_not_answered_makes_percentiles_longer_and_never_shorter():
    assert percentile(durations([10, 20, 30, 40], waiting=[500, 500]), 0.5) == 30
    assert percentile(durations([10, 20, 30, 40], closed=[500, 500]), 0.5) == 30


def test_who_has_waited_for_less_says_nothing_of_what_comes_later():
    assert percentile(durations([10, 20, 30, 40], waiting=[5] * 100), 0.5) == 20


def test_where_too_many_are_not_answered_nobody_can_say():
    assert percentile(durations([10], waiting=[100, 100]), 0.5) is None
    assert percentile(durations(waiting=[100]), 0.5) is None
    assert percentile(durations(), 0.5) is None


def test_nobody_who_was_not_answered_is_left_out_of_a_service_level():
    some = durations([20, 30, 31], closed=[5], waiting=[30, 40])
    assert some.within(30) == (2, 5)
    assert some.within(86_400) == (3, 4)


def test_the_mean_is_that_of_the_answered():
    assert durations([10, 20], closed=[500]).mean_answered() == 15
    assert durations(closed=[500]).mean_answered() is None


@given(SECONDS, SECONDS, SECONDS)
def test_the_estimate_is_that_of_the_book(answered, closed, waiting):
    """At each time: the share of those still at risk who were not answered then, multiplied."""
    some = durations(answered, closed, waiting)
    survival = 1.0
    for seconds in sorted(set(answered)):
        at_risk = sum(each >= seconds for each in [*answered, *closed, *waiting])
        survival *= 1 - answered.count(seconds) / at_risk
        assert some.curve().unanswered_after(seconds) == pytest.approx(survival)


def test_the_share_of_the_unanswered_falls_with_each_answer_and_is_known_as_long_as_somebody_was_seen_to_wait():
    curve = durations([10, 20], closed=[15], waiting=[40]).curve()
    shares = [curve.unanswered_after(seconds) for seconds in (0, 9, 10, 19, 20, 40, 41)]
    assert shares == [1, 1, 0.75, 0.75, 0.375, 0.375, None]
    assert durations([10]).curve().unanswered_after(86_400) == 0
    assert durations().curve().unanswered_after(30) is None


@given(st.lists(st.integers(0, 50), min_size=1, max_size=40), st.sampled_from([0.5, 0.9, 0.95]))
def test_where_all_are_answered_it_is_the_plain_percentile(answered, share):
    found = percentile(durations(answered), share)
    assert sum(each <= found for each in answered) >= share * len(answered) - 1e-6
    assert sum(each < found for each in answered) < share * len(answered) + 1e-6
