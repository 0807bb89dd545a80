"""What agents handled and when they were online: kept as it is told, summed where it is asked for."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

import asyncpg

from lobby_common import sql
from lobby_common.events.log import Connection
from lobby_counter.calendars import Period
from lobby_counter.facts import HandledTime, Presence
from lobby_counter.figures import Filter

QUERIES = sql.load("lobby_counter", "handling.sql")


class HandlingKey(NamedTuple):
    """The group and bucket of a row; None where it is not split by that."""

    bucket: int
    account_id: str | None
    platform: int | None
    agent_id: str | None


@dataclass(slots=True)
class Handling:
    """The figures of one row."""

    seconds: float = 0.0
    conversations: int = 0
    online_seconds: float | None = None
    wrap_up_seconds: float = 0.0


@dataclass(slots=True)
class HandlingFigures:
    """Rows by key, and the totals, in which conversations are counted once."""

    rows: dict[HandlingKey, Handling] = field(default_factory=dict)
    totals: Handling = field(default_factory=Handling)

    def of(self, row: Any, key: HandlingKey) -> Handling:
        """Returns the figures to which a row of a statement belongs."""
        return self.totals if row["total"] else self.rows.setdefault(key, Handling())


async def write_handled(conn: Connection, handled: Sequence[HandledTime]) -> None:
    """What agents handled is on record."""
    await conn.execute(
        QUERIES["write_handled"],
        [each.event_id for each in handled],
        [each.workspace_id for each in handled],
        [each.agent_id for each in handled],
        [each.conversation_id for each in handled],
        [each.account_id for each in handled],
        [each.platform for each in handled],
        [each.start for each in handled],
        [each.end for each in handled],
        [each.wrap_up for each in handled],
    )


async def write_presences(conn: Connection, presences: Sequence[Presence]) -> None:
    """Presences are on record."""
    await conn.execute(
        QUERIES["write_presences"],
        [each.event_id for each in presences],
        [each.workspace_id for each in presences],
        [each.agent_id for each in presences],
        [each.time for each in presences],
        [each.presence for each in presences],
    )


async def find_beginning(pool: asyncpg.Pool, workspace_id: str) -> datetime | None:
    """Returns when anybody of the workspace was online first, or handled something."""
    beginning: datetime | None = await pool.fetchval(QUERIES["find_handling_beginning"], workspace_id)
    return beginning


async def read(pool: asyncpg.Pool, only: Filter, period: Period, by: frozenset[str], now: datetime) -> HandlingFigures:
    """Returns the figures asked for; time online only where accounts and platforms are not asked for."""
    figures = HandlingFigures()
    asked = (only.workspace_id, list(period.cuts), sorted(by))
    of_agents = only.account_id is None and only.platform is None and not by & {"account", "platform"}
    async with pool.acquire() as conn, conn.transaction(isolation="repeatable_read", readonly=True):
        period_of = (period.start, period.end)
        filters = (only.account_id, only.platform, only.agent_id)
        for row in await conn.fetch(QUERIES["count_handled"], *asked, *filters, *period_of):
            key = HandlingKey(row["bucket"], row["account_id"], row["platform"], row["agent_id"])
            found = figures.of(row, key)
            found.seconds, found.conversations = row["seconds"] or 0.0, row["conversations"]
            found.wrap_up_seconds = row["wrap_up_seconds"] or 0.0
        if of_agents:
            figures.totals.online_seconds = 0.0
            for row in await conn.fetch(QUERIES["count_online"], *asked, *period_of, only.agent_id, now):
                key = HandlingKey(row["bucket"], None, None, row["agent_id"])
                figures.of(row, key).online_seconds = row["seconds"] or 0.0
    return figures
