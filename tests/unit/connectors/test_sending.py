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


def test_an_answer_that_comes_after_its_receipt_takes_nothing_back():
    standing = Standing(D, parts_done=1, accept_time=AT)
    assert sending.accepted(standing, AT).delivery is D
    refusal = Refusal("REJECTED")
    assert sending.refused(standing, refusal) == standing
    assert sending.unknown(standing, refusal) == standing
    assert sending.held_back(standing, refusal, 1.0, AT) == standing
    assert sending.not_sent(standing, refusal, AT, 5, random.Random(1)) == standing


def test_a_wait_is_kept_and_a_long_one_is_a_failure():
    refusal = Refusal("RATE_LIMITED")
    held = sending.held_back(Standing(G, attempts=1), refusal, 30.0, AT)
    assert (held.delivery, held.due_time) == (Q, AT + timedelta(seconds=30))
    assert held.error == Refusal("RATE_LIMITED", "", 30)
    assert sending.held_back(Standing(G), refusal, 60.1, AT).delivery is F


def test_without_a_told_wait_the_pauses_double_and_end():
    waits = []
    standing = Standing(G)
    for attempts in range(1, sending.RATE_ATTEMPTS + 1):
        standing = sending.held_back(Standing(G, attempts=attempts), Refusal("RATE_LIMITED"), None, AT)
        waits.append((standing.due_time - AT).total_seconds() if standing.due_time else None)
    assert waits[:4] == [2.0, 4.0, 8.0, 16.0]
    assert max(filter(None, waits)) == sending.LONGEST_WAIT
    assert standing.delivery is F


def test_what_surely_did_not_arrive_is_tried_again_a_few_times():
    refusal, chance = Refusal("UNAVAILABLE"), random.Random(1)
    again = sending.not_sent(Standing(G, attempts=1), refusal, AT, 5, chance)
    assert again.delivery is Q
    assert again.due_time is not None
    assert timedelta(seconds=0.5) <= again.due_time - AT <= timedelta(seconds=1)
    assert sending.not_sent(Standing(G, attempts=5), refusal, AT, 5, chance).delivery is F


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
