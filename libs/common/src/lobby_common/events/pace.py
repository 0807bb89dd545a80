"""How long work behind messages rests after each piece, so that messages go first."""

import time
from collections.abc import Callable
from datetime import datetime, timedelta

_LONG_REST, _SHORT_REST, _IDLE_REST = 60.0, 12.0, 2.0
"""Seconds of rest per second of work: five services take a twelfth of a core, two fifths of one, or what is left."""
_LONGEST_LATE = 1.0
"""Seconds of rest at most where it is late: on a machine that is busy, work seems long that is not."""
_LATE_AFTER = timedelta(minutes=5)
"""What has been due for longer is done with the short rest."""
_IDLE_SHARE = 0.03
"""Of a core: a process that uses less for anything else has nobody who waits for it."""

Seconds = Callable[[], float]


class Pace:
    """Measures pieces of work, and what the process does between them."""

    def __init__(self, clock: Seconds = time.monotonic, used: Seconds = time.process_time) -> None:
        """`used`: seconds of CPU that the process has taken."""
        self._clock, self._used = clock, used
        self._rested_since = (clock(), used())
        self._began = clock()
        self._is_idle = False

    def begin(self) -> None:
        """A piece of work begins; a rest, or whatever was before, is over."""
        since, used_then = self._rested_since
        self._began = self._clock()
        if (elapsed := self._began - since) > 0:
            self._is_idle = (self._used() - used_then) / elapsed < _IDLE_SHARE

    def end(self, due: datetime, now: datetime) -> float:
        """The piece is done. Returns how many seconds to rest; `due`: since when the work could be done."""
        ended = self._clock()
        self._rested_since = (ended, self._used())
        worked = ended - self._began
        if self._is_idle:
            return worked * _IDLE_REST
        if now - due > _LATE_AFTER:
            return min(worked * _SHORT_REST, _LONGEST_LATE)
        return worked * _LONG_REST
