"""Local days and hours of a workspace, and how they cut a period. Pure; daylight saving as in the zone database."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

MOST_BUCKETS = 10_000
"""Into how many pieces a period may be cut."""

_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)
_SECOND = timedelta(seconds=1)


class UnknownTimeZone(ValueError):
    """The zone database does not know the name."""


class TooManyBuckets(ValueError):
    """The period has more pieces than anybody reads, or reaches to where calendars end."""


def find_zone(name: str) -> ZoneInfo:
    """Returns the time zone of an IANA name. Raises UnknownTimeZone."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        # ValueError: not a relative path; OSError: a folder of the database, or a name longer than a file's may be.
        raise UnknownTimeZone(name) from None


def instant_of(wanted: datetime, zone: ZoneInfo) -> datetime:
    """Returns when clocks of the zone first show a time; where they skip it, the instant of the skip."""
    at = wanted.replace(tzinfo=zone).astimezone(UTC)
    if _wall(at, zone) == wanted:
        return at
    before = wanted.replace(tzinfo=zone, fold=1).astimezone(UTC)
    while at - before > _SECOND:
        middle = before + (at - before) // 2
        if _wall(middle, zone) < wanted:
            before = middle
        else:
            at = middle
    return at.replace(microsecond=0)


def _wall(at: datetime, zone: ZoneInfo) -> datetime:
    return at.astimezone(zone).replace(tzinfo=None)


@dataclass(frozen=True, slots=True)
class Calendar:
    """When the days of a workspace begin."""

    zone: ZoneInfo
    day_start_hour: int = 0

    def day_of(self, at: datetime) -> date:
        """Returns the local day to which an instant belongs: `start_of` it <= at < `start_of` the next."""
        day = (self._wall(at) - timedelta(hours=self.day_start_hour)).date()
        if at < self.start_of(day):
            return day - _DAY
        # Clocks that go back over the start of a day do not end the day that has begun.
        return day + _DAY if at >= self.start_of(day + _DAY) else day

    def start_of(self, day: date) -> datetime:
        """Returns the first instant of a local day; where clocks skip it, the instant of the skip."""
        return _start_of(self, day)

    def _wall(self, at: datetime) -> datetime:
        return _wall(at, self.zone)

    def booked_time(self, effective: datetime, now: datetime, close_after: timedelta) -> datetime:
        """Returns where a change made `now` is booked: at its own time while that day is open, else now."""
        end = self.start_of(self.day_of(effective) + _DAY)
        return effective if now < end + close_after else now

    def days(self, start: datetime, end: datetime) -> list[datetime]:
        """Returns the starts of the local days that [start, end) touches. Raises TooManyBuckets."""
        return list(_up_to(self._days_from(start), start, end, _DAY))

    def hours(self, start: datetime, end: datetime) -> list[datetime]:
        """Returns the starts of the hours of the wall clock that [start, end) touches. Raises TooManyBuckets."""
        return list(_up_to(self._hours_from(start), start, end, _HOUR))

    def _days_from(self, start: datetime) -> Iterator[datetime]:
        day = self.day_of(start)
        last = None
        while True:
            at = self.start_of(day)
            if at != last:  # a day that a zone skipped has no time of its own
                yield at
            last = at
            day += _DAY

    def _hours_from(self, start: datetime) -> Iterator[datetime]:
        wall = start.astimezone(self.zone)
        at = start - timedelta(minutes=wall.minute, seconds=wall.second, microseconds=wall.microsecond)
        while True:
            yield at
            at += _HOUR
            # A zone that shifts by less than an hour: on to the next full hour of the wall clock.
            wall = at.astimezone(self.zone)
            if wall.minute or wall.second:
                at += _HOUR - timedelta(minutes=wall.minute, seconds=wall.second)


def _up_to(starts: Iterator[datetime], start: datetime, end: datetime, piece: timedelta) -> Iterator[datetime]:
    if (end - start) / piece > MOST_BUCKETS:
        raise TooManyBuckets(f"{start} to {end}")
    try:
        for at in starts:
            if at >= end:
                return
            yield at
    except OverflowError:
        raise TooManyBuckets(f"{start} to {end}") from None


@lru_cache(16_384)
def _start_of(calendar: Calendar, day: date) -> datetime:
    """The same days are asked for, wait after wait."""
    return instant_of(datetime.combine(day, time(calendar.day_start_hour)), calendar.zone)


WIDTHS = (60, 15)
"""Minutes that a roll-up holds, the widest first. Every offset in use today is a multiple of the narrowest."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MINUTE = timedelta(minutes=1)


class Piece(NamedTuple):
    """A part of a period that is made of whole roll-ups of a width in minutes; 0: only of single rows."""

    width: int
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Period:
    """[start, end) cut at `cuts`, the first of which is at or before `start`."""

    start: datetime
    end: datetime
    cuts: tuple[datetime, ...]

    def within(self, start: datetime, end: datetime | None) -> "Period | None":
        """Returns its part from `start` to before `end`, cut as before; None where there is none."""
        first, last = max(self.start, start), self.end if end is None else min(self.end, end)
        return None if first >= last else replace(self, start=first, end=last)

    def pieces(self, widths: tuple[int, ...] = WIDTHS, apart: Sequence[tuple[datetime, datetime]] = ()) -> list[Piece]:
        """Returns the parts in their order; no cut lies inside a roll-up of theirs, so that every bucket is exact.

        Roll-ups as wide as possible, narrower ones beside a start, an end or a cut that lies inside. Single rows where
        one lies inside the narrowest, such as a day by the mean solar times of long ago, and in what is `apart`.
        """
        widest = widths[0] * _MINUTE
        edges = {cut for cut in self.cuts if self.start < cut < self.end and (cut - _EPOCH) % widest}
        edges |= {edge for each in apart for edge in each if self.start < edge < self.end}
        pieces: list[Piece] = []
        for start, end in pairwise([self.start, *sorted(edges), self.end]):
            single = any(first <= start < last for first, last in apart)
            for piece in [Piece(0, start, end)] if single else _whole(start, end, widths):
                if pieces and pieces[-1].width == piece.width:
                    pieces[-1] = pieces[-1]._replace(end=piece.end)
                else:
                    pieces.append(piece)
        return pieces


def _whole(start: datetime, end: datetime, widths: tuple[int, ...]) -> list[Piece]:
    """[start, end) in whole roll-ups as wide as possible; cuts may lie between them only."""
    if start >= end:
        return []
    if not widths:
        return [Piece(0, start, end)]
    width, narrower = widths[0] * _MINUTE, widths[1:]
    lead, rest = (_EPOCH - start) % width, (end - _EPOCH) % width
    if lead + rest >= end - start:
        return _whole(start, end, narrower)
    first, last = start + lead, end - rest
    return [*_whole(start, first, narrower), Piece(widths[0], first, last), *_whole(last, end, narrower)]
