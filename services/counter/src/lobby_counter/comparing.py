"""Two counters side by side: which entries they judge otherwise, and why."""

from dataclasses import dataclass
from datetime import datetime

from lobby_common import sql
from lobby_common.events.log import Connection

QUERIES = sql.load("lobby_counter", "reports.sql")


@dataclass(frozen=True, slots=True)
class Compared:
    """Entries that one counter judges so and the other so."""

    verdict: str
    reason: str
    other_verdict: str
    other_reason: str
    entries: int
    people: int


@dataclass(frozen=True, slots=True)
class Different:
    """An entry that two counters judge otherwise."""

    entry_id: str
    event_id: str
    contact_id: str
    account_id: str
    occurred_time: datetime
    verdict: str
    reason: str
    repeat_of: str | None
    other_verdict: str
    other_reason: str
    other_repeat_of: str | None


async def compare(
    conn: Connection, workspace_id: str, pair: tuple[str, str], period: tuple[datetime, datetime]
) -> list[Compared]:
    """Returns every combination of verdicts and reasons of a period."""
    rows = await conn.fetch(QUERIES["compare_counters"], workspace_id, *period, *pair)
    return [Compared(**dict(row)) for row in rows]


async def list_differences(
    conn: Connection,
    workspace_id: str,
    pair: tuple[str, str],
    period: tuple[datetime, datetime],
    *,
    after: tuple[datetime, str] | None,
    size: int,
) -> list[Different]:
    """Returns up to `size` entries with other verdicts, by (occurred time, event id)."""
    after_time, after_id = after or (None, None)
    rows = await conn.fetch(QUERIES["list_differences"], workspace_id, *period, *pair, after_time, after_id, size)
    return [Different(**dict(row)) for row in rows]
