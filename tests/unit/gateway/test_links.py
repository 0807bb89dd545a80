from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lobby_common.errors import Conflict, Exhausted, Invalid
from lobby_gateway import links
from lobby_gateway.links import Link

NOW = datetime(2026, 11, 27, tzinfo=UTC)
LINK = Link("l", "w", "s", "Partner", NOW)


def guessed(times: int, at: datetime = NOW) -> Link:
    link = LINK
    for _ in range(times):
        link = links.guess(link, at if link.retry_time is None else link.retry_time)
    return link


def test_five_passwords_may_be_wrong_in_a_row_and_then_one_waits():
    link = guessed(5)
    with pytest.raises(Exhausted, match="TOO_MANY_GUESSES") as refused:
        links.guess(link, NOW + timedelta(seconds=10))
    assert refused.value.retry_after == 20
    assert links.guess(link, NOW + timedelta(seconds=30)).wrong_passwords == 6


def test_the_wait_doubles_with_each_wrong_one_up_to_an_hour():
    waits = []
    for times in range(5, 15):
        link = guessed(times - 1)
        at = link.retry_time or NOW
        waits.append((links.guess(link, at).retry_time - at).total_seconds())
    assert waits == [30, 60, 120, 240, 480, 960, 1920, 3600, 3600, 3600]


def test_however_often_it_was_guessed_there_is_a_wait():
    link = links.guess(replace(LINK, wrong_passwords=2**31 - 2), NOW)
    assert link.retry_time == NOW + timedelta(hours=1)


def test_the_right_password_forgives_the_wrong_ones():
    link = links.visit(guessed(4), "k", NOW).link
    assert (link.wrong_passwords, link.retry_time, link.last_open_time) == (0, None, NOW)


@given(st.lists(st.integers(0, 24 * 3600), min_size=1, max_size=300))
def test_nobody_guesses_more_than_forty_times_a_day(seconds):
    link, guesses = LINK, 0
    for each in sorted(seconds):
        try:
            link = links.guess(link, NOW + timedelta(seconds=each))
            guesses += 1
        except Exhausted:
            pass
    assert guesses <= 40


def test_a_visit_ends_after_eight_hours_or_with_the_link():
    assert links.visit(LINK, "k", NOW).expire_time == NOW + timedelta(hours=8)
    soon = NOW + timedelta(minutes=5)
    assert links.visit(replace(LINK, expire_time=soon), "k", NOW).expire_time == soon


def test_a_link_holds_until_its_end_or_until_it_is_deleted():
    end = NOW + timedelta(days=1)
    link = replace(LINK, expire_time=end)
    assert link.holds(end - timedelta(microseconds=1))
    assert not link.holds(end)
    assert not links.delete(link, NOW).holds(NOW)


def test_deleting_again_changes_nothing():
    link = links.delete(LINK, NOW)
    assert links.delete(link, NOW + timedelta(days=1)) is link


def test_a_new_link_ends_later_than_now_and_a_sheet_has_a_hundred_at_most():
    assert links.check_new(LINK, 99) is LINK
    with pytest.raises(Invalid, match="INVALID_EXPIRE_TIME"):
        links.check_new(replace(LINK, expire_time=NOW), 0)
    with pytest.raises(Conflict, match="TOO_MANY_LINKS"):
        links.check_new(LINK, 100)
