"""When an account's calls are no use for now: its breaker opens, and one call at a time asks whether that is over."""

from datetime import datetime, timedelta
from enum import Enum

from msgspec import Struct
from msgspec.structs import replace

WINDOW = timedelta(seconds=30)
FEWEST_CALLS = 20
"""Calls of the window before half of them failing means something."""
MOST_REFUSALS = 5
"""Refused credentials in a row."""


class Outcome(Enum):
    """What a call shows of the platform, whatever it says of the message."""

    WORKED = 1
    FAILED = 2
    REFUSED = 3
    """It does not take the account's credentials."""


class Breaker(Struct, frozen=True):
    """How an account's calls went lately. The window begins with a failure: before one there is nothing to count."""

    shut: bool = False
    window_time: datetime | None = None
    calls: int = 0
    failures: int = 0
    refusals: int = 0


def counted(breaker: Breaker, outcome: Outcome, at: datetime, *, probe: bool) -> Breaker:
    """Returns the breaker after a call. While it is open only a probe that works counts: other calls began before."""
    if breaker.shut:
        return Breaker() if probe and outcome is Outcome.WORKED else breaker
    after = _in_window(breaker, outcome, at)
    after = replace(after, refusals=breaker.refusals + 1 if outcome is Outcome.REFUSED else 0)
    failing = after.calls >= FEWEST_CALLS and after.failures * 2 >= after.calls
    return Breaker(shut=True) if failing or after.refusals >= MOST_REFUSALS else after


def _in_window(breaker: Breaker, outcome: Outcome, at: datetime) -> Breaker:
    failures = 0 if outcome is Outcome.WORKED else 1
    if breaker.window_time is None or at - breaker.window_time >= WINDOW:
        return Breaker(window_time=at, calls=1, failures=1) if failures else Breaker()
    return replace(breaker, calls=breaker.calls + 1, failures=breaker.failures + failures)
