from lobby_gateway.limits import Limiter, Rate


def test_a_key_may_ask_in_a_burst_and_then_as_fast_as_its_rate():
    limiter = Limiter(Rate(per_second=2, burst=3))
    assert [limiter.wait("k", 0.0) for _ in range(4)] == [0, 0, 0, 0.5]
    assert limiter.wait("k", 0.5) == 0
    assert limiter.wait("k", 0.5) == 0.5


def test_keys_do_not_share_their_limit():
    limiter = Limiter(Rate(per_second=1, burst=1))
    assert limiter.wait("a", 0.0) == 0
    assert limiter.wait("b", 0.0) == 0
    assert limiter.wait("a", 0.0) > 0


def test_a_clock_that_stands_still_gives_nothing_away():
    limiter = Limiter(Rate(per_second=1, burst=1))
    limiter.wait("a", 5.0)
    assert limiter.wait("a", 4.0) == 1
