"""What an agent has in the foreground, and for how long he handled it."""

import itertools
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from lobby_routing.domain.attention import IDLE, LONGEST, WRAP_UP, Focus, Handled, beat, end, wrap_up

TEN = datetime(2026, 11, 22, 10, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return TEN + timedelta(seconds=seconds)


def played(*beats: tuple[str, float], until: float) -> list[tuple[str, float, float]]:
    """What was handled, in seconds, where these were brought to the foreground, or with + wrapped up; "" is nothing."""
    focus: Focus | None = None
    handled: list[Handled | None] = []
    for conversation_id, second in (*beats, ("", until)):
        if conversation_id:
            turn = wrap_up if conversation_id.endswith("+") else beat
            focus, done = turn(focus, conversation_id.rstrip("+"), at(second))
            handled.append(done)
        elif focus is not None:
            handled.append(end(focus, at(second)))
            focus = None
    return [
        (
            each.conversation_id + "+" * each.wrap_up,
            (each.start_time - TEN).total_seconds(),
            (each.end_time - TEN).total_seconds(),
        )
        for each in handled
        if each is not None
    ]


def test_from_the_foreground_to_the_background_is_handling():
    assert played(("a", 0), ("a", 30), until=50) == [("a", 0, 50)]


def test_another_conversation_in_the_foreground_ends_the_time_of_the_first():
    assert played(("a", 0), ("b", 20), ("a", 50), until=60) == [("a", 0, 20), ("b", 20, 50), ("a", 50, 60)]


def test_who_does_nothing_for_two_minutes_was_idle_since_he_did_something():
    assert played(("a", 0), ("a", 60), ("a", 181), until=190) == [("a", 0, 60), ("a", 181, 190)]
    assert played(("a", 0), ("a", 60), ("a", 180), until=190) == [("a", 0, 190)]
    assert played(("a", 0), ("a", 60), until=999) == [("a", 0, 60)]


def test_a_glance_that_nothing_follows_is_no_time():
    assert played(("a", 0), until=999) == []


def test_what_takes_long_is_told_in_pieces_without_gaps():
    beats = [("a", 60.0 * number) for number in range(26)]
    assert played(*beats, until=1500) == [("a", 0, 600), ("a", 600, 1200), ("a", 1200, 1500)]


def test_wrapping_up_goes_on_until_he_says_that_he_is_done():
    assert played(("a", 0), ("a+", 30), until=400) == [("a", 0, 30), ("a+", 30, 400)]
    assert played(("a+", 0), ("a+", 100), ("a", 200), until=400) == [("a+", 0, 400)]
    assert played(("a+", 0), ("b", 300), until=330) == [("a+", 0, 300), ("b", 300, 330)]
    assert played(("a+", 0), ("b+", 300), until=330) == [("a+", 0, 300), ("b+", 300, 330)]


def test_who_forgets_to_say_that_he_is_done_wrapped_up_for_ten_minutes():
    assert played(("a+", 0), until=9999) == [("a+", 0, 600)]
    assert played(("a+", 0), ("a", 700), until=730) == [("a+", 0, 600), ("a", 700, 730)]
    assert played(("a", 0), ("a+", 130), until=140) == [("a+", 130, 140)]


@given(
    st.lists(st.tuples(st.sampled_from(["a", "b", "a+", "b+", ""]), st.integers(0, 900)), max_size=30).map(
        lambda steps: [(step, sum(gap for _, gap in steps[: n + 1])) for n, (step, _) in enumerate(steps)]
    )
)
def test_times_never_overlap_whatever_is_wrapped_up(steps):
    until = (steps[-1][1] if steps else 0) + 10
    handled = played(*steps, until=until)
    assert all(before[2] <= after[1] for before, after in itertools.pairwise(handled))
    assert all(start < stop <= until for _, start, stop in handled)
    assert all(stop - start <= WRAP_UP.total_seconds() for which, start, stop in handled if which.endswith("+"))


@given(
    st.lists(st.tuples(st.sampled_from(["a", "b", ""]), st.integers(0, 400)), max_size=30).map(
        lambda steps: [(step, sum(gap for _, gap in steps[: n + 1])) for n, (step, _) in enumerate(steps)]
    )
)
def test_times_never_overlap_and_are_the_sum_of_gaps_in_which_he_was_not_idle(steps):
    until = (steps[-1][1] if steps else 0) + 10
    handled = played(*steps, until=until)
    assert all(before[2] <= after[1] for before, after in itertools.pairwise(handled))
    assert all(start < stop <= start + (LONGEST + IDLE).total_seconds() for _, start, stop in handled)
    moments = [*steps, ("", until)]
    expected = sum(
        after[1] - before[1]
        for before, after in itertools.pairwise(moments)
        if before[0] and after[1] - before[1] <= IDLE.total_seconds()
    )
    assert sum(stop - start for _, start, stop in handled) == expected
