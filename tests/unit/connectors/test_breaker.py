"""A breaker opens when calls are no use, and a probe that works closes it."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lobby_connectors.domain.breaker import FEWEST_CALLS, WINDOW, Breaker, Outcome, counted

AT = datetime(2026, 11, 26, tzinfo=UTC)
W, F, R = Outcome


def after(outcomes: list[Outcome], *, every: timedelta = timedelta(0)) -> Breaker:
    breaker = Breaker()
    for number, outcome in enumerate(outcomes):
        breaker = counted(breaker, outcome, AT + number * every, probe=False)
    return breaker


@pytest.mark.parametrize(
    ("outcomes", "shut"),
    [
        ([F] * 19, False),
        ([F] * 20, True),
        ([F, W] * 9 + [F], False),
        ([F, W] * 10, True),
        ([F] + [W] * 100, False),
        ([R] * 4, False),
        ([R] * 5, True),
        ([R] * 4 + [W] + [R] * 4, False),
        ([R] * 4 + [F] + [R] * 4, False),
    ],
)
def test_it_opens_at_half_of_twenty_calls_and_at_five_refusals_in_a_row(outcomes, shut):
    assert after(outcomes).shut is shut


def test_failures_that_come_slowly_do_not_add_up():
    assert not after([F] * 100, every=WINDOW / (FEWEST_CALLS - 2)).shut


def test_an_account_that_works_has_nothing_to_count():
    assert after([W] * 5) == Breaker()
    assert counted(after([F]), W, AT + WINDOW, probe=False) == Breaker()


@given(st.sampled_from(Outcome), st.booleans())
def test_only_a_probe_that_works_closes_it(outcome, probe):
    closed = outcome is W and probe
    assert counted(Breaker(shut=True), outcome, AT, probe=probe) == (Breaker() if closed else Breaker(shut=True))
