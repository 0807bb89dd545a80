"""Times: datetime in UTC inside, google.protobuf.Timestamp at the edge."""

from datetime import UTC, datetime, timedelta

from google.protobuf.timestamp_pb2 import Timestamp

FIRST = datetime(1, 1, 1, microsecond=1, tzinfo=UTC)
LAST = datetime(9999, 12, 31, 23, 59, 59, 999_998, tzinfo=UTC)
"""The times that can be stored: asyncpg makes infinities of the microseconds beside them, and reads those zoneless."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def utc_now() -> datetime:
    """Returns the time now."""
    return datetime.now(UTC)


def to_proto(at: datetime) -> Timestamp:
    """Returns the timestamp of an aware datetime, to the microsecond."""
    since = at - _EPOCH
    return Timestamp(seconds=since.days * 86_400 + since.seconds, nanos=since.microseconds * 1000)


def from_proto(timestamp: Timestamp) -> datetime:
    """Returns the UTC datetime of a timestamp, to the microsecond; storable. OverflowError outside years 1 to 9999."""
    return storable(_EPOCH + timedelta(seconds=timestamp.seconds, microseconds=timestamp.nanos // 1000))


def storable(at: datetime) -> datetime:
    """Returns a UTC datetime, of the outermost microseconds that there are the one beside it."""
    return min(max(at, FIRST), LAST)
