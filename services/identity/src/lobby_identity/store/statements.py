"""The statements, and how infinity travels."""

from datetime import datetime

from lobby_common import sql
from lobby_identity.domain.identifiers import FOREVER

QUERIES = sql.load("lobby_identity")


def aware(retired_time: datetime) -> datetime:
    """The driver gives and takes infinity without a time zone."""
    return FOREVER if retired_time.tzinfo is None else retired_time


def bare(retired_time: datetime) -> datetime:
    """Returns the time as the driver takes it."""
    return datetime.max if retired_time == FOREVER else retired_time  # noqa: DTZ901  # the driver's infinity
