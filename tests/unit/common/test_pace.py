"""Work behind messages rests long while they come, shorter when it is late, and hardly where nothing else is done."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from lobby_common.events.pace import Pace

DUE = datetime(2026, 5, 1, tzinfo=UTC)


@dataclass
class Process:
    """Its clock and its CPU, by hand."""

    seconds: float = 0.0
    cpu: float = 0.0

    def clock(self) -> float:
        return self.seconds

    def used(self) -> float:
        return self.cpu

    def pass_by(self, seconds: float, *, busy: float) -> None:
        self.seconds += seconds
        self.cpu += seconds * busy


@pytest.mark.parametrize(
    ("busy_before", "late", "rest"),
    [
        (0.5, timedelta(minutes=1), 60),
        (0.5, timedelta(minutes=5), 60),
        (0.5, timedelta(minutes=6), 12),
        (0.04, timedelta(minutes=1), 60),
        (0.02, timedelta(minutes=1), 2),
        (0.02, timedelta(hours=1), 2),
    ],
)
def test_the_rest_after_a_piece_of_work(busy_before, late, rest):
    process = Process()
    pace = Pace(process.clock, process.used)
    process.pass_by(10, busy=busy_before)
    pace.begin()
    process.pass_by(0.05, busy=1)  # what the work itself uses says nothing
    assert pace.end(DUE, DUE + late) == pytest.approx(0.05 * rest)


def test_messages_that_come_during_a_short_rest_make_the_next_one_long():
    process = Process()
    pace = Pace(process.clock, process.used)
    process.pass_by(10, busy=0)
    pace.begin()
    process.pass_by(0.1, busy=1)
    process.pass_by(pace.end(DUE, DUE), busy=0.3)
    pace.begin()
    process.pass_by(0.1, busy=1)
    assert pace.end(DUE, DUE) == pytest.approx(6)


def test_work_that_begins_at_once_is_judged_by_what_was_known():
    process = Process()
    pace = Pace(process.clock, process.used)
    pace.begin()
    assert pace.end(DUE, DUE) == 0
    process.pass_by(10, busy=0)
    pace.begin()
    process.pass_by(1, busy=1)
    assert pace.end(DUE, DUE) == pytest.approx(2)
    pace.begin()
    process.pass_by(1, busy=1)
    assert pace.end(DUE, DUE) == pytest.approx(2)


def test_what_is_late_does_not_rest_longer_than_a_second():
    process = Process()
    pace = Pace(process.clock, process.used)
    process.pass_by(10, busy=0.5)
    pace.begin()
    process.pass_by(2, busy=0.1)
    assert pace.end(DUE, DUE + timedelta(minutes=6)) == 1
