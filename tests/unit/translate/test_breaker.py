import pytest

from lobby_translate.breaker import Admission, Breaker
from lobby_translate.providers.contract import Failure


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock) -> Breaker:
    return Breaker(clock)


def fail(breaker: Breaker, times: int, kind="unavailable", retry_after=None) -> None:
    for _ in range(times):
        breaker.failed(Failure(kind, retry_after))


def test_four_failures_leave_it_closed(breaker):
    fail(breaker, 4)
    assert breaker.admit() is Admission.ALL


def test_five_failures_in_a_row_open_it(breaker):
    fail(breaker, 5, "timeout")
    assert breaker.admit() is Admission.NONE


def test_old_failures_do_not_count(breaker, clock):
    fail(breaker, 4)
    clock.now += 31
    fail(breaker, 1)
    assert breaker.admit() is Admission.ALL


def test_half_of_twenty_opens_it(breaker):
    for _ in range(10):
        breaker.succeeded()
        fail(breaker, 1, "rate")
    assert breaker.admit() is Admission.NONE


def test_a_third_of_twenty_does_not(breaker):
    for _ in range(10):
        breaker.succeeded()
        breaker.succeeded()
        fail(breaker, 1)
    assert breaker.admit() is Admission.ALL


@pytest.mark.parametrize("kind", ["bad_request", "unsupported_pair", "too_long", "bad_output"])
def test_what_is_no_fault_of_the_engine_never_opens_it(breaker, kind):
    fail(breaker, 50, kind)
    assert breaker.admit() is Admission.ALL


@pytest.mark.parametrize("kind", ["auth", "quota"])
def test_a_refused_key_opens_it_at_once_and_for_long(breaker, clock, kind):
    fail(breaker, 1, kind)
    clock.now += 120
    assert breaker.admit() is Admission.NONE
    clock.now += 481
    assert breaker.admit() is Admission.ONE


def test_the_wait_that_the_engine_asks_for_is_kept(breaker, clock):
    fail(breaker, 1, "rate", retry_after=42)
    clock.now += 41
    assert breaker.admit() is Admission.NONE
    clock.now += 2
    assert breaker.admit() is Admission.ONE


def test_one_probe_is_made_at_a_time(breaker, clock):
    fail(breaker, 5)
    clock.now += 5
    assert breaker.admit() is Admission.ONE
    assert breaker.admit() is Admission.NONE
    breaker.abandon()
    assert breaker.admit() is Admission.ONE


def test_a_probe_that_never_ends_is_forgotten(breaker, clock):
    fail(breaker, 5)
    clock.now += 5
    assert breaker.admit() is Admission.ONE
    clock.now += 11
    assert breaker.admit() is Admission.ONE


def test_a_good_probe_closes_it(breaker, clock):
    fail(breaker, 5)
    clock.now += 5
    breaker.admit()
    breaker.succeeded()
    assert breaker.admit() is Admission.ALL
    fail(breaker, 4)
    assert breaker.admit() is Admission.ALL


def test_bad_probes_double_the_wait_up_to_a_minute(breaker, clock):
    fail(breaker, 5)
    for wait in (5, 10, 20, 40, 60, 60):
        clock.now += wait - 0.1
        assert breaker.admit() is Admission.NONE
        clock.now += 0.2
        assert breaker.admit() is Admission.ONE
        fail(breaker, 1)
