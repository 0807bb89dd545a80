"""The business clock: it runs while somebody works, and stands still else. Pure; daylight saving as in the zone data.

A workspace without a schedule works round the clock, and its business days are its calendar's days: there both clocks
show the same.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import NamedTuple, Protocol
from zoneinfo import ZoneInfo

from lobby_counter.calendars import Calendar, instant_of

DAY_MINUTES = 24 * 60
_DAY = timedelta(days=1)
_REACH = 2
"""Days after its own that an interval may reach into, the first of which is the next day's midnight."""
_HORIZON = 1_200
"""Days that are looked through for somebody who works: who has holidays for longer is not expected back."""


_REMEMBERED = 4_096
"""Days of which instants are kept."""


class Interval(NamedTuple):
    """From `start` to `end`, in minutes from the beginning of a weekday (0: Monday); over midnight from 1440 on."""

    weekday: int
    start: int
    end: int


class Span(NamedTuple):
    """Somebody works from `start` to `end`, on a business day; over midnight it is the day on which that began."""

    day: date
    start: datetime
    end: datetime


class WorkingTime(Protocol):
    """When somebody works."""

    def spans(self, at: datetime) -> Iterator[Span]:
        """Returns what lies at or after an instant, in order, the first one cut there; none overlap."""

    def day_of(self, at: datetime) -> date:
        """Returns the local day of an instant at which nobody works."""


@dataclass(frozen=True, slots=True)
class RoundTheClock:
    """Somebody works always; business days are those of the workspace's calendar."""

    calendar: Calendar

    def spans(self, at: datetime) -> Iterator[Span]:
        """Returns days, the first one from `at` on."""
        day = self.calendar.day_of(at)
        while True:
            end = self.calendar.start_of(day + _DAY)
            if at < end:  # a day that a zone skipped has no time of its own
                yield Span(day, at, end)
            at, day = max(at, end), day + _DAY

    def day_of(self, at: datetime) -> date:
        """Returns the day of the calendar."""
        return self.calendar.day_of(at)


@dataclass(frozen=True)
class Hours:
    """People work on some hours of the week, and not on holidays. An interval that a holiday begins is none of it."""

    zone: ZoneInfo
    intervals: tuple[Interval, ...]
    holidays: frozenset[date] = frozenset()
    _known: dict[date, Sequence[tuple[datetime, datetime]]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )
    """Days that were asked for: the same ones are, wait after wait."""

    def spans(self, at: datetime) -> Iterator[Span]:
        """Returns what lies at or after an instant; what several intervals hold belongs to the earliest."""
        day = self.day_of(at) - _REACH * _DAY
        worked = at
        for _ in range(_HORIZON):
            for start, end in self._of(day):
                if worked < end:
                    yield Span(day, max(start, worked), end)
                    worked = end
            day += _DAY

    def day_of(self, at: datetime) -> date:
        """Returns the day of the wall clock."""
        return at.astimezone(self.zone).date()

    def _of(self, day: date) -> Sequence[tuple[datetime, datetime]]:
        """Returns what begins on a day, in order."""
        found = self._known.get(day)
        if found is None:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            mine = [] if day in self.holidays else [each for each in self.intervals if each.weekday == day.weekday()]
            instants = ((self._instant(day, each.start), self._instant(day, each.end)) for each in sorted(mine))
            found = self._known[day] = [(start, end) for start, end in instants if start < end]
        return found

    def _instant(self, day: date, minute: int) -> datetime:
        days, rest = divmod(minute, DAY_MINUTES)
        return instant_of(datetime.combine(day + days * _DAY, time(*divmod(rest, 60))), self.zone)


TARGET = timedelta(minutes=5)
"""For how long of business time a customer may wait, where the workspace says nothing else."""


class Version(NamedTuple):
    """From `start` on people work so, until another version begins."""

    start: datetime
    hours: Hours
    target: timedelta = TARGET
    """For how long of business time a customer may wait who begins to wait then."""


@dataclass(frozen=True)
class Clocks:
    """The business clocks of a workspace: its own, and those of accounts that have schedules of their own."""

    calendar: Calendar
    versions: Mapping[str | None, tuple[Version, ...]] = field(default_factory=dict)
    """By account and then by their start; None: the whole workspace's."""
    _made: dict[str | None, "BusinessClock"] = field(default_factory=dict, init=False, repr=False, compare=False)

    def of(self, account_id: str) -> "BusinessClock":
        """Returns the clock of an account: the workspace's until the first schedule of its own starts, then its own."""
        own = self.versions.get(account_id, ())
        key = account_id if own else None
        if key not in self._made:
            general = self.versions.get(None, ())
            before = tuple(each for each in general if not own or each.start < own[0].start)
            self._made[key] = BusinessClock(self.calendar, (*before, *own))
        return self._made[key]


@lru_cache(_REMEMBERED)
def _end_of(calendar: Calendar, day: date) -> datetime:
    """Returns the end of a day, or of the next one where a zone skipped it."""
    start, end = calendar.start_of(day), calendar.start_of(day + _DAY)
    return end if start < end else _end_of(calendar, day + _DAY)


_ALWAYS = datetime(1, 1, 1, tzinfo=UTC)
_NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True)
class BusinessClock:
    """The business time of a workspace: at each instant by the version that was in force then."""

    calendar: Calendar
    versions: tuple[Version, ...] = ()
    """By their start; before the first one there is no schedule."""

    def target(self, at: datetime) -> timedelta:
        """Returns for how long somebody may wait who begins to at an instant."""
        began = [each.target for each in self.versions if each.start <= at]
        return began[-1] if began else TARGET

    def after(self, at: datetime, duration: timedelta) -> datetime | None:
        """Returns when the clock has run for as long as that; None where it never will."""
        if not self.versions:
            return at + duration
        for span in self._spans(at):
            worked = span.end - span.start
            if duration <= worked:
                return span.start + duration
            duration -= worked
        return None

    def elapsed(self, start: datetime, end: datetime) -> timedelta:
        """Returns for how long the clock ran between two instants."""
        if not self.versions:
            return max(end - start, timedelta())
        worked = timedelta()
        for span in self._spans(start):
            if span.start >= end:
                break
            worked += min(span.end, end) - span.start
        return worked

    def close_of_next_day(self, at: datetime) -> datetime | None:
        """Returns when work ends on the first business day after the day of an instant; None where there is none."""
        if not self.versions:
            return _end_of(self.calendar, self.calendar.day_of(at) + _DAY)
        today, close, day = self._day_of(at), None, None
        for span in self._spans(at):
            if span.day <= today:
                continue
            if day is not None and span.day != day:
                break
            day, close = span.day, span.end
        return close

    def _day_of(self, at: datetime) -> date:
        first = next(self._spans(at), None)
        if first is not None and first.start <= at:
            return first.day
        return self._in_force(at).day_of(at)

    def _in_force(self, at: datetime) -> WorkingTime:
        began = [each.hours for each in self.versions if each.start <= at]
        return began[-1] if began else RoundTheClock(self.calendar)

    def _spans(self, at: datetime) -> Iterator[Span]:
        starts = [_ALWAYS, *(each.start for each in self.versions)]
        ways: list[WorkingTime] = [RoundTheClock(self.calendar), *(each.hours for each in self.versions)]
        for way, start, end in zip(ways, starts, [*starts[1:], _NEVER], strict=True):
            if end <= at:
                continue
            for span in way.spans(max(at, start)):
                if span.start >= end:
                    break
                yield span._replace(end=min(span.end, end))
