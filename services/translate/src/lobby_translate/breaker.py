"""Whether an engine is asked at all: after too many failures it is left alone for a while."""

from collections import deque
from collections.abc import Callable
from enum import Enum
from typing import Final

from lobby_translate.providers.contract import Failure, FailureKind

_IN_A_ROW: Final = 5
_WINDOW: Final = 20
_WINDOW_SECONDS: Final = 30.0
_SHARE: Final = 0.5
_FIRST_PAUSE: Final = 5.0
_LONGEST_PAUSE: Final = 60.0
_LOCKED_OUT: Final = 600.0
"""Seconds after a refused key or a spent quota: nothing changes by itself before long."""
_PROBE_SECONDS: Final = 10.0

_COUNTED: Final[frozenset[FailureKind]] = frozenset({"rate", "timeout", "unavailable"})
_OPENING: Final[frozenset[FailureKind]] = frozenset({"auth", "quota"})


class Admission(Enum):
    """How much may be asked now."""

    ALL = "all"
    ONE = "one"
    """One waiting text, as a probe."""
    NONE = "none"


class Breaker:
    """Opens at five failures in a row or half of the last twenty within 30 s; half opens after 5 s, doubling to 60."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._recent: deque[tuple[float, bool]] = deque(maxlen=_WINDOW)
        self._pause = _FIRST_PAUSE
        self._open_until: float | None = None
        self._probing_since: float | None = None

    @property
    def is_open(self) -> bool:
        """It has opened and no probe has succeeded since."""
        return self._open_until is not None

    def admit(self) -> Admission:
        """How much may be asked; after ONE the answer must be told, or `abandon` called."""
        if self._open_until is None:
            return Admission.ALL
        now = self._clock()
        if now < self._open_until:
            return Admission.NONE
        if self._probing_since is not None and now - self._probing_since < _PROBE_SECONDS:
            return Admission.NONE
        self._probing_since = now
        return Admission.ONE

    def abandon(self) -> None:
        """The probe ended without an answer; the next may be made."""
        self._probing_since = None

    def succeeded(self) -> None:
        """The engine answered."""
        if self._open_until is not None:
            self._recent.clear()
        self._open_until = self._probing_since = None
        self._pause = _FIRST_PAUSE
        self._recent.append((self._clock(), True))

    def failed(self, failure: Failure) -> None:
        """The engine did not answer; what is no fault of its own does not count."""
        now = self._clock()
        if failure.kind in _OPENING:
            self._open(now + (failure.retry_after or _LOCKED_OUT))
        elif failure.kind not in _COUNTED:
            self.abandon()
        elif self._open_until is not None:
            self._pause = min(self._pause * 2, _LONGEST_PAUSE)
            self._open(now + max(self._pause, failure.retry_after or 0.0))
        else:
            self._recent.append((now, False))
            if failure.retry_after or self._too_many(now):
                self._open(now + max(self._pause, failure.retry_after or 0.0))

    def _too_many(self, now: float) -> bool:
        recent = [fine for at, fine in self._recent if now - at <= _WINDOW_SECONDS]
        if len(recent) >= _IN_A_ROW and not any(recent[-_IN_A_ROW:]):
            return True
        return len(recent) == _WINDOW and recent.count(False) >= _SHARE * _WINDOW

    def _open(self, until: float) -> None:
        self._open_until = until
        self._probing_since = None
