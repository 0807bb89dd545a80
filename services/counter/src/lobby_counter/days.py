"""Figures by local days and their hours: made by a task when these are over (`making.py`), then kept by triggers.

So no message pays for them, and a month is read from few rows however much was written in it. Whatever changes inside
of what is made (a late message, a merge, a language) changes the days in its own transaction: they are always what a
recount of the rows gives. What is not made yet is read from the rows.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from lobby_common import sql
from lobby_common.events.log import Connection
from lobby_counter.calendars import Calendar, Period, find_zone

QUERIES = sql.load("lobby_counter", "days.sql")

_HOUR = timedelta(hours=1)
FACETS = {"account": 1, "platform": 2, "agent": 3, "campaign": 4, "language": 5, "country": 6}
"""By what days are split; 0: by nothing."""


@dataclass(frozen=True, slots=True)
class Mark:
    """What is made of a workspace: everything in [since, until), by the days of a calendar."""

    calendar: Calendar
    since: datetime
    until: datetime

    def within(self, period: Period) -> "Made | None":
        """Returns the days of a period that are made; None where there are none, or it is cut otherwise."""
        if period.start >= self.until or period.end <= self.since:
            return None  # also where calendars end
        by_hours = not all(self._begins(cut) for cut in period.cuts[1:])
        if by_hours and not self._are_hours(period):
            return None
        start = max(period.start, self.since)
        if not self._begins(start):
            start = self._next(start)
        end = self.until if period.end >= self.until else self.calendar.start_of(self.calendar.day_of(period.end))
        return Made(start, end, by_hours=by_hours) if start < end else None

    def _are_hours(self, period: Period) -> bool:
        """Returns whether the cuts are as hours are made: one after the other, from the beginning of each day on."""
        first = period.cuts[0]
        days = self.calendar.days(first, period.end)
        return all(end - start == _HOUR for start, end in pairwise(period.cuts)) and not any(
            (day - first) % _HOUR for day in days
        )

    def _begins(self, at: datetime) -> bool:
        return self.calendar.start_of(self.calendar.day_of(at)) == at

    def _next(self, at: datetime) -> datetime:
        day = self.calendar.day_of(at)
        while (start := self.calendar.start_of(day)) <= at:  # a zone may have skipped a day
            day += timedelta(days=1)
        return start


@dataclass(frozen=True, slots=True)
class Made:
    """Days that are made, from the start of the first to the end of the last, or to where it is made."""

    start: datetime
    end: datetime
    by_hours: bool
    """Whether they are cut by their hours."""

    def beside(self, period: Period) -> Iterator[Period]:
        """Returns what of a period lies outside."""
        for part in (period.within(period.start, self.start), period.within(self.end, None)):
            if part is not None:
                yield part


async def read_mark(conn: Connection, workspace_id: str) -> Mark | None:
    """Returns what is made of a workspace, None where nothing is."""
    row = await conn.fetchrow(QUERIES["read_day_mark"], workspace_id)
    if row is None:
        return None
    return Mark(Calendar(find_zone(row["time_zone"]), row["day_start_hour"]), row["since"], row["until"])
