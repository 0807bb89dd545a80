"""What requests for figures and entries have in common: periods, filters, verdicts."""

from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from google.protobuf.timestamp_pb2 import Timestamp

from lobby.connectors.v1.account_pb2 import Platform
from lobby.counter.v1 import count_service_pb2 as pb
from lobby_common import caller
from lobby_common.errors import Invalid
from lobby_common.ids import is_id
from lobby_common.times import from_proto, utc_now
from lobby_counter.figures import NOBODY, Filter

BEGINNING = datetime(1, 1, 1, tzinfo=UTC)
_AHEAD = timedelta(minutes=5)
"""How far ahead of ours a platform's clock may be (DESIGN §5): "now" has to hold what such a clock dated."""

_VERDICTS = {
    "new": pb.VERDICT_NEW,
    "repeat": pb.VERDICT_REPEAT,
    "excluded": pb.VERDICT_EXCLUDED,
    "none": pb.VERDICT_NONE,
}
_VERDICT_WORDS = {value: word for word, value in _VERDICTS.items()}


class OfPeriod(Protocol):
    """A request with the fields `from` and `to`."""

    @property
    def to(self) -> Timestamp:
        """The end."""

    def HasField(self, field_name: Any, /) -> bool:
        """Returns whether a field is there."""


class Filtered(Protocol):
    """A request that may be about one account, platform or agent."""

    @property
    def account_id(self) -> str:
        """Only this account."""

    @property
    def platform(self) -> Platform.ValueType:
        """Only this platform."""

    @property
    def agent_id(self) -> str:
        """Only this agent."""


def open_bounds(request: OfPeriod) -> tuple[datetime | None, datetime]:
    """Returns from, None where it is absent, and to. Raises Invalid INVALID_PERIOD."""
    start = read_time(getattr(request, "from")) if request.HasField("from") else None
    end = read_time(request.to) if request.HasField("to") else utc_now() + _AHEAD
    if start is not None and start >= end:
        raise Invalid("INVALID_PERIOD", "from must be before to")
    return start, end


def bounds(request: OfPeriod) -> tuple[datetime, datetime]:
    """Returns from, the beginning of all times where it is absent, and to. Raises Invalid INVALID_PERIOD."""
    start, end = open_bounds(request)
    return start or BEGINNING, end


def read_time(given: Timestamp) -> datetime:
    """Returns the time. Raises Invalid INVALID_PERIOD."""
    try:
        return from_proto(given)
    except OverflowError:
        raise Invalid("INVALID_PERIOD", "from and to lie in the years 1 to 9999") from None


def filter_of(request: Filtered, counter_id: str) -> Filter:
    """Returns of what the caller may ask of that for which he asks: an agent only his own."""
    who = caller.current()
    agent_id = request.agent_id
    if who.role == "agent":
        own = who.agent_id or NOBODY
        agent_id = own if agent_id in ("", own) else NOBODY
    account_id = _id(request.account_id)
    return Filter(who.workspace_id, counter_id, account_id, request.platform or None, _id(agent_id))


def _id(given: str) -> str | None:
    """Returns the id of a filter, None where all are meant; a malformed one names nothing."""
    if not given:
        return None
    return given if is_id(given) else NOBODY


def verdict_value(word: str) -> pb.Verdict.ValueType:
    """Returns the verdict that a row has as a word."""
    return _VERDICTS[word]


def verdict_word(value: pb.Verdict.ValueType) -> str | None:
    """Returns the word of a verdict, None where none is asked for."""
    return _VERDICT_WORDS.get(value)
