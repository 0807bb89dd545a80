"""Where a message stands: receipts move it forward only, answers and people as they say."""

import random
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lobby_connectors.domain import sending
from lobby_connectors.domain.items import Refusal
from lobby_connectors.domain.kinds import Delivery
from lobby_connectors.domain.sending import Standing

AT = datetime(2026, 11, 22, tzinfo=UTC)
Q, G, S, D, R, F, U = Delivery
TOLD = [S, D, R, F]


def receive(standing: Standing, told: Delivery, part: int = 0, generation: int = 0) -> Standing:
    after = sending.by_receipt(standing, part, generation, told, refusal=Refusal("REJECTED"), at=AT)
    return after or standing


@pytest.mark.parametrize(
    ("now", "told", "then"),
    [
        (S, D, D),
        (S, R, R),
        (D, S, D),
        (R, D, R),
        (S, F, F),
        (D, F, D),
        (R, F, R),
        (F, D, D),
        (F, R, R),
        (F, F, F),
        (U, S, S),
        (U, F, F),
        (G, D, D),
        (G, F, F),
        (Q, R, R),
    ],
)
def test_a_receipt_moves_a_message(now, told, then):
    assert receive(Standing(now, accept_time=AT), told).delivery is then


def test_sent_after_failed_settles_only_what_was_never_accepted():
    assert receive(Standing(F), S).delivery is S
    assert receive(Standing(F, accept_time=AT), S).delivery is F


@given(st.lists(st.sampled_from(TOLD), max_size=6), st.randoms())
def test_the_order_of_receipts_does_not_matter_once_one_says_that_it_arrived(told, chance):
    told = [*told, D]
    shuffled = list(told)
    chance.shuffle(shuffled)
    ends = []
    for order in (told, shuffled):
        standing = Standing(S, accept_time=AT)
        for each in order:
            standing = receive(standing, each)
        ends.append(standing.delivery)
    assert ends[0] is ends[1]


@given(st.sampled_from(list(Delivery)), st.sampled_from(TOLD))
def test_a_receipt_twice_is_as_once(now, told):
    once = receive(Standing(now), told)
    assert receive(once, told) == once


def test_a_failure_of_the_attempt_before_the_retry_is_old_news():
    assert receive(Standing(Q, generation=1), F, generation=0).delivery is Q


def test_the_last_part_speaks_for_the_message_and_any_part_can_fail_it():
    standing = Standing(S, parts=2, parts_done=2, accept_time=AT)
    assert receive(standing, D, part=0).delivery is S
    assert receive(standing, D, part=1).delivery is D
    failed = receive(standing, F, part=1)
    assert (failed.delivery, failed.parts_done) == (F, 1)


def test_an_unknown_part_that_was_sent_lets_the_next_one_go():
    after = receive(Standing(U, parts=2), S, part=0)
    assert (after.delivery, after.parts_done, after.due_time) == (Q, 1, AT)


def test_acceptance_of_the_last_part_is_the_acceptance():
    first = sending.accepted(Standing(G, parts=2), AT)
    assert (first.delivery, first.parts_done, first.accept_time) == (G, 1, None)
    last = sending.accepted(first, AT)
    assert (last.delivery, last.accept_time) == (S, AT)


def hear_late(standing: Standing, refusal: Refusal | None = None, part: int = 0, *, same: bool = True) -> Standing:
    return sending.late(standing, part, refusal, AT, same=same)


@pytest.mark.parametrize(
    ("now", "then"), [(D, D), (R, R), (U, S), (Q, S), (G, S), (F, S)], ids=lambda delivery: delivery.name
)
def test_an_acceptance_is_a_fact_whenever_it_is_heard(now, then):
    after = hear_late(Standing(now, error=Refusal("UNKNOWN_OUTCOME"), generation=1), same=now in (D, R, U))
    assert (after.delivery, after.accept_time, after.parts_done) == (then, AT, 1)


def test_an_acceptance_after_the_platforms_own_word_of_failure_only_says_that_it_was_accepted_first():
    after = hear_late(Standing(F, error=Refusal("WINDOW_CLOSED")))
    assert (after.delivery, after.accept_time) == (F, AT)


@given(st.sampled_from([Q, G, S, D, R, F]), st.booleans())
def test_a_late_refusal_changes_nothing_that_was_decided(now, same):
    assert hear_late(Standing(now), Refusal("REJECTED"), same=same) == Standing(now)


@pytest.mark.parametrize(
    ("reason", "same", "then"), [("REJECTED", True, F), ("UNKNOWN_OUTCOME", True, U), ("REJECTED", False, U)]
)
def test_a_late_refusal_settles_what_is_unknown_of_its_own_call(reason, same, then):
    assert hear_late(Standing(U), Refusal(reason), same=same).delivery is then


def test_a_late_acceptance_of_a_part_lets_the_next_one_go():
    after = hear_late(Standing(U, parts=2))
    assert (after.delivery, after.parts_done, after.accept_time) == (Q, 1, None)


def test_a_wait_is_kept_and_one_that_outlasts_the_message_is_a_failure():
    refusal = Refusal("RATE_LIMITED")
    held = sending.held_back(Standing(G, attempts=1), refusal, 30.0, AT, AT + timedelta(seconds=31))
    assert (held.delivery, held.due_time) == (Q, AT + timedelta(seconds=30))
    assert held.error == Refusal("RATE_LIMITED", "", 30)
    assert sending.held_back(Standing(G), refusal, 30.0, AT, AT + timedelta(seconds=30)).delivery is F


def test_pauses_double_up_to_five_minutes():
    pauses = [sending.back_off(attempts) for attempts in range(1, 12)]
    assert pauses == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]


@given(st.integers(1, 40), st.randoms())
def test_what_surely_did_not_arrive_is_tried_again_with_full_jitter(attempts, chance):
    again = sending.not_sent(Standing(G, attempts=attempts), Refusal("UNAVAILABLE"), AT, 0, chance)
    assert again.delivery is Q
    assert again.due_time is not None
    assert 0 <= (again.due_time - AT).total_seconds() <= sending.back_off(attempts)


def test_it_fails_after_so_many_tries_where_somebody_says_so():
    refusal, chance = Refusal("UNAVAILABLE"), random.Random(1)
    assert sending.not_sent(Standing(G, attempts=4), refusal, AT, 5, chance).delivery is Q
    assert sending.not_sent(Standing(G, attempts=5), refusal, AT, 5, chance).delivery is F


@given(st.integers(1, 40), st.randoms())
def test_refused_credentials_use_up_no_try_and_wait_for_ten_seconds_at_least(attempts, chance):
    held = sending.not_let_in(Standing(G, attempts=attempts), Refusal("BAD_CREDENTIALS"), AT, chance)
    assert held.delivery is Q
    assert held.due_time is not None
    assert held.due_time - AT >= timedelta(seconds=10)


def test_what_waited_too_long_says_for_what():
    assert sending.expired(Standing(Q, error=Refusal("RATE_LIMITED"))).error == Refusal(
        "EXPIRED", "it waited too long: RATE_LIMITED"
    )
    assert sending.expired(Standing(Q)).delivery is F


def test_that_a_try_may_have_arrived_is_not_forgotten_over_a_later_one():
    standing = Standing(G, attempts=2, error=Refusal("UNKNOWN_OUTCOME", "no answer"))
    after = sending.held_back(standing, Refusal("RATE_LIMITED"), 1.0, AT)
    assert sending.expired(after) == Standing(U, attempts=2, error=Refusal("UNKNOWN_OUTCOME", "no answer"))


def test_a_retry_begins_where_the_platform_had_refused():
    after = sending.retried(Standing(F, parts=2, parts_done=1, attempts=5, error=Refusal("REJECTED")), AT)
    assert (after.delivery, after.parts_done, after.attempts, after.generation, after.error) == (Q, 1, 0, 1, None)


def test_a_person_settles_an_unknown_outcome():
    assert sending.resolved(Standing(U), sent=True, at=AT).delivery is S
    not_sent = sending.resolved(Standing(U), sent=False, at=AT)
    assert (not_sent.delivery, not_sent.error and not_sent.error.reason) == (F, "UNKNOWN_OUTCOME")


def test_what_was_under_way_at_a_crash_is_repeated_only_where_that_is_safe():
    assert sending.resumed(Standing(G), AT, safe=True).delivery is Q
    assert sending.resumed(Standing(G), AT, safe=False).delivery is U
