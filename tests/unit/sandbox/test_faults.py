import msgspec
import pytest

from lobby_sandbox.faults import Fault, Faults


def test_faults_are_used_up_in_order():
    faults = Faults()
    faults.plan(None, [Fault(http_status=500), Fault(http_status=503)])
    taken = [faults.take(None, "send") for _ in range(3)]
    assert [fault and fault.http_status for fault in taken] == [500, 503, None]


def test_an_account_meets_its_own_faults_before_those_of_whoever_comes():
    faults = Faults()
    faults.plan(None, [Fault(http_status=500)])
    faults.plan("a1", [Fault(http_status=401)])
    assert faults.take("a2", "send") == Fault(http_status=500)
    assert faults.take("a1", "send") == Fault(http_status=401)
    assert faults.take("a1", "send") is None


def test_look_ups_leave_faults_alone_unless_they_are_meant():
    faults = Faults()
    faults.plan("a1", [Fault(http_status=500), Fault(http_status=401, on="any")])
    assert faults.take("a1", "other") == Fault(http_status=401, on="any")
    assert faults.take("a1", "other") is None
    assert faults.take("a1", "setup") == Fault(http_status=500)


def test_planning_more_appends_and_planning_nothing_clears():
    faults = Faults()
    assert faults.plan("a1", [Fault(http_status=500)]) == 1
    assert faults.plan("a1", [Fault(drop="after")]) == 2
    assert faults.plan("a1", []) == 0
    assert faults.take("a1", "send") is None


@pytest.mark.parametrize(
    ("fault", "refuses"),
    [
        (Fault(http_status=500), True),
        (Fault(http_status=429, delay_ms=10), True),
        (Fault(drop="before"), True),
        (Fault(drop="after"), False),
        (Fault(drop="after", http_status=500), False),
        (Fault(http_status=200, body={}), False),
        (Fault(delay_ms=10), False),
    ],
)
def test_an_error_or_an_early_hang_up_means_not_accepted(fault, refuses):
    assert fault.refuses is refuses


@pytest.mark.parametrize(
    "fault",
    [
        {},
        {"http_status": 99},
        {"drop": "sometime"},
        {"delay_ms": -1},
        {"http_status": "500"},
        {"headers": {"X": "a\r\nY: b"}},
        {"headers": {"a b": "c"}},
        {"headers": {"Content-Length": "3"}},
    ],
)
def test_a_fault_that_means_nothing_is_refused(fault):
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(fault, Fault)
