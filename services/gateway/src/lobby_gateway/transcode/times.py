"""RFC 3339 times and protobuf's timestamps and durations, to the nanosecond."""

import re
from datetime import UTC, datetime, timedelta, timezone

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

_TIME = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(?:([Zz])|([+-])(\d\d):(\d\d))", re.ASCII
)
_DURATION = re.compile(r"(-?)(\d{1,12})(?:\.(\d{1,9}))?s", re.ASCII)
_LOST_PLUS = re.compile(r" (\d\d:\d\d)$", re.ASCII)
_LAST_HOUR, _LAST_MINUTE = 23, 59
_FIRST, _LAST = -62_135_596_800, 253_402_300_799
"""Seconds of the years 1 to 9999."""


def parse_time(text: str) -> Timestamp | None:
    """Returns the time that an RFC 3339 text with any offset names, None where it names none."""
    found = _TIME.fullmatch(text)
    if found is None:
        return None
    year, month, day, hour, minute, second = (int(part) for part in found.groups()[:6])
    try:
        offset = _offset(found[9] or "+", int(found[10] or 0), int(found[11] or 0))
        at = datetime(year, month, day, hour, minute, second, tzinfo=offset).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    nanos = int((found[7] or "0").ljust(9, "0"))
    return Timestamp(seconds=int(at.timestamp()), nanos=nanos)


def restore_plus(text: str) -> str:
    """Returns a time from a query with the `+` of its offset, which reads as a blank where nobody escaped it."""
    return _LOST_PLUS.sub(r"+\1", text)


def _offset(sign: str, hours: int, minutes: int) -> timezone:
    if hours > _LAST_HOUR or minutes > _LAST_MINUTE:
        raise ValueError(f"no offset: {hours}:{minutes}")
    offset = timedelta(hours=hours, minutes=minutes)
    return timezone(-offset if sign == "-" else offset)


def format_time(at: Timestamp) -> str | None:
    """Returns the time as RFC 3339 in UTC, None where no calendar holds it."""
    if not (_FIRST <= at.seconds <= _LAST and 0 <= at.nanos < 1_000_000_000):  # noqa: PLR2004  # a second in nanos
        return None
    return at.ToJsonString()


def parse_duration(text: str) -> Duration | None:
    """Returns the duration of a text such as "3.5s", None where it is none."""
    found = _DURATION.fullmatch(text)
    if found is None:
        return None
    sign = -1 if found[1] else 1
    return Duration(seconds=sign * int(found[2]), nanos=sign * int((found[3] or "0").ljust(9, "0")))
