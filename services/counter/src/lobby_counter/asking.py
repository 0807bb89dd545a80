"""What requests for figures have in common: a period and how it is cut, and of what figures are asked."""

from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

import asyncpg
from google.protobuf.timestamp_pb2 import Timestamp

from lobby.counter.v1 import count_service_pb2 as pb
from lobby_common import caller
from lobby_common.errors import Invalid
from lobby_common.ids import is_id
from lobby_common.times import from_proto, utc_now
from lobby_counter import figures
from lobby_counter.calendars import Calendar, Period, TooManyBuckets, UnknownTimeZone, find_zone
from lobby_counter.clients import MOMENT, Calendars
from lobby_counter.figures import NOBODY, Filter

BEGINNING = datetime(1, 1, 1, tzinfo=UTC)
AHEAD = timedelta(minutes=5)
"""How far ahead of ours a platform's clock may be (DESIGN §5): "now" has to hold what such a clock dated."""
CUT = (pb.BUCKET_HOUR, pb.BUCKET_DAY)
_GROUPINGS: dict[int, str] = {
    pb.GROUP_BY_ACCOUNT: "account",
    pb.GROUP_BY_PLATFORM: "platform",
    pb.GROUP_BY_AGENT: "agent",
    pb.GROUP_BY_CAMPAIGN: "campaign",
    pb.GROUP_BY_LANGUAGE: "language",
    pb.GROUP_BY_COUNTRY: "country",
}


FindBeginning = Callable[[asyncpg.Pool, str], Awaitable[datetime | None]]
"""Returns the earliest time that any figure of a workspace has."""


class Dated(Protocol):
    """A request with a period."""

    @property
    def to(self) -> Timestamp:
        """Before this time."""


class Asked(Dated, Protocol):
    """A request with a period, an account, a platform and an agent."""

    @property
    def account_id(self) -> str:
        """Only this account."""

    @property
    def platform(self) -> int:
        """Only this platform."""

    @property
    def agent_id(self) -> str:
        """Only this agent."""


class Split(Asked, Protocol):
    """A request whose figures are split and cut."""

    @property
    def bucket(self) -> int:
        """How the period is cut."""

    @property
    def time_zone(self) -> str:
        """The zone of buckets."""


def groups(group_by: Iterable[int]) -> frozenset[str]:
    """Returns by what figures are split. Raises Invalid NOT_AVAILABLE."""
    asked = set(group_by)
    if pb.GROUP_BY_SHEET in asked:
        raise Invalid("NOT_AVAILABLE", "only entries are split by sheet")
    return frozenset(_GROUPINGS[each] for each in asked)


async def period(
    pool: asyncpg.Pool,
    calendars: Calendars,
    request: Split,
    workspace_id: str,
    *,
    time_zone: str = "",
    find_beginning: FindBeginning = figures.find_beginning,
) -> Period | None:
    """Returns the period as it is cut, by the zone asked for or else the one given.

    None where it is open at its beginning and nothing ever was. Raises Invalid INVALID_PERIOD, INVALID_TIME_ZONE.
    """
    start, end = bounds(request)
    zone = _zone(request.time_zone or time_zone)
    if request.bucket not in CUT:
        start = start or BEGINNING
        return Period(start, end, (start,))
    start = start or await find_beginning(pool, workspace_id)
    if start is None or start >= end:
        return None
    hourly = request.bucket == pb.BUCKET_HOUR
    calendar = await _calendar(calendars, workspace_id, zone, hourly=hourly)
    try:
        cut = calendar.hours if hourly else calendar.days
        return Period(start, end, tuple(cut(start, end)))
    except (TooManyBuckets, OverflowError):
        raise Invalid("INVALID_PERIOD", "the period has more than 10,000 buckets; ask for a shorter one") from None


async def _calendar(calendars: Calendars, workspace_id: str, zone: ZoneInfo | None, *, hourly: bool) -> Calendar:
    if zone is not None and hourly:
        return Calendar(zone)
    known = await calendars.get(workspace_id, MOMENT)
    return Calendar(zone or known.zone, known.day_start_hour)


def _zone(name: str) -> ZoneInfo | None:
    try:
        return find_zone(name) if name else None
    except UnknownTimeZone:
        raise Invalid("INVALID_TIME_ZONE", "time_zone is no IANA time zone, such as Asia/Bangkok") from None


def bounds(request: Dated) -> tuple[datetime | None, datetime]:
    """Returns from, None where it is absent, and to. Raises Invalid INVALID_PERIOD."""
    start = read_time(getattr(request, "from")) if _has(request, "from") else None
    end = read_time(request.to) if _has(request, "to") else utc_now() + AHEAD
    if start is not None and start >= end:
        raise Invalid("INVALID_PERIOD", "from must be before to")
    return start, end


def whole_bounds(request: Dated) -> tuple[datetime, datetime]:
    """Returns from, the beginning of all times where it is absent, and to. Raises Invalid INVALID_PERIOD."""
    start, end = bounds(request)
    return start or BEGINNING, end


def _has(request: Dated, name: str) -> bool:
    """Returns whether an optional field is present; each kind of request names its own."""
    found: bool = request.HasField(name)  # type: ignore[attr-defined]  # every message has it, with its own names
    return found


def read_time(given: Timestamp) -> datetime:
    """Returns the time. Raises Invalid INVALID_PERIOD."""
    try:
        return from_proto(given)
    except OverflowError:
        raise Invalid("INVALID_PERIOD", "from and to lie in the years 1 to 9999") from None


def filter_of(request: Asked, counter_id: str = "") -> Filter:
    """Returns of what figures are asked; an agent asks for his own."""
    who = caller.current()
    agent_id = request.agent_id
    if who.role == "agent":
        own = who.agent_id or NOBODY
        agent_id = own if agent_id in ("", own) else NOBODY
    account_id = _id(request.account_id)
    return Filter(who.workspace_id, counter_id or who.workspace_id, account_id, request.platform or None, _id(agent_id))


def _id(given: str) -> str | None:
    """Returns the id of a filter, None where all are meant; a malformed one names nothing."""
    if not given:
        return None
    return given if is_id(given) else NOBODY


def text(request: Dated, name: str) -> str | None:
    """Returns what a filter by text asks for, None where it is absent."""
    found: str | None = getattr(request, name) if _has(request, name) else None
    return found


_VERDICTS = {
    "new": pb.VERDICT_NEW,
    "repeat": pb.VERDICT_REPEAT,
    "excluded": pb.VERDICT_EXCLUDED,
    "none": pb.VERDICT_NONE,
}
_VERDICT_WORDS = {value: word for word, value in _VERDICTS.items()}


def verdict_value(word: str) -> pb.Verdict.ValueType:
    """Returns the verdict that a row has as a word."""
    return _VERDICTS[word]


def verdict_word(value: pb.Verdict.ValueType) -> str | None:
    """Returns the word of a verdict, None where none is asked for."""
    return _VERDICT_WORDS.get(value)
