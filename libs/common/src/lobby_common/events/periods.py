"""Periods and buckets of a log: what of a period is known, what is to be examined, and what nobody can say. Pure."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise

BUCKET = timedelta(minutes=5)
CLOSED_AFTER = timedelta(seconds=60)
"""A transaction that began this long ago has ended: no statement and no idle transaction is allowed to take longer."""
KEPT = timedelta(days=29)
"""How long logs can be read again for certain: their partitions are dropped after thirty days."""
_BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, order=True)
class Period:
    """From `start` to before `end`."""

    start: datetime
    end: datetime

    def within(self, start: datetime, end: datetime) -> "Period | None":
        """Returns what of it lies between two moments, None where nothing does."""
        part = Period(max(self.start, start), min(self.end, end))
        return part if part.start < part.end else None


@dataclass(frozen=True, slots=True)
class Known:
    """A bucket that was examined."""

    expected: int
    """Events that were told in it, over all workspaces."""
    settled: bool = True
    """Nothing of it was missing or to come."""
    examine_time: datetime = _BEGINNING


def bucket_of(at: datetime) -> datetime:
    """Returns when the bucket begins in which a moment lies."""
    return at - (at - _BEGINNING) % BUCKET


def closed_before(now: datetime) -> datetime:
    """Returns when the last closed bucket ended."""
    return bucket_of(now - CLOSED_AFTER)


def buckets(start: datetime, end: datetime) -> Iterable[datetime]:
    """Returns where the buckets begin that lie wholly in a period, in order."""
    start = -(-(start - _BEGINNING) // BUCKET) * BUCKET + _BEGINNING
    while start + BUCKET <= end:
        yield start
        start += BUCKET


def due(known: Mapping[datetime, Known], start: datetime, end: datetime) -> list[datetime]:
    """Returns the buckets of a period that are to be examined: the newest that never were, then those not settled."""
    fresh = [bucket for bucket in buckets(start, end) if bucket not in known]
    unsettled = [bucket for bucket, each in known.items() if not each.settled and start <= bucket < end]
    return fresh[::-1] + sorted(unsettled, key=lambda bucket: (known[bucket].examine_time, bucket))


def to_look_at(known: Mapping[datetime, Known], most: int, kept_since: datetime) -> list[datetime]:
    """Returns which examined buckets are worth another look, newest first: at most so many events, while logs hold."""
    found: list[datetime] = []
    for bucket in sorted(known, reverse=True):
        most -= known[bucket].expected
        if most < 0 or bucket < kept_since:
            break
        found.append(bucket)
    return found


def without(start: datetime, end: datetime, known: Iterable[datetime]) -> list[Period]:
    """Returns what is left of a period without some buckets."""
    pieces: list[Period] = []
    for bucket in sorted(known):
        if start < bucket:
            pieces.append(Period(start, bucket))
        start = bucket + BUCKET
    if start < end:
        pieces.append(Period(start, end))
    return pieces


def union(periods: Iterable[Period], most: int | None = None) -> list[Period]:
    """Returns the same moments as periods that stand apart, in order.

    At most so many: where there are more, the narrowest gaps between them are filled.
    """
    joined: list[Period] = []
    for period in sorted(periods):
        if joined and period.start <= joined[-1].end:
            joined[-1] = Period(joined[-1].start, max(joined[-1].end, period.end))
        else:
            joined.append(period)
    if most is None or len(joined) <= most:
        return joined
    gaps = sorted(Period(one.end, other.start) for one, other in pairwise(joined))
    gaps.sort(key=lambda gap: gap.end - gap.start)
    return union([*joined, *gaps[: len(joined) - most]])


def minus(periods: Iterable[Period], others: Collection[Period]) -> list[Period]:
    """Returns the moments of some periods that are in none of the others."""
    left = union(periods)
    for other in others:
        left = [
            piece
            for period in left
            for piece in (
                period.within(period.start, other.start),
                period.within(other.end, period.end),
            )
            if piece is not None
        ]
    return left
