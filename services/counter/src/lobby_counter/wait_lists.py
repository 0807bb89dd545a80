"""The waits behind a figure, page by page, each with what it was made of and why it was missed."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import asyncpg

from lobby_common.events.log import Connection
from lobby_counter import explaining, wait_store
from lobby_counter.business import Clocks
from lobby_counter.calendars import Calendar
from lobby_counter.explaining import QUERIES
from lobby_counter.figures import FOR_LONG_PERIODS, Filter
from lobby_counter.wait_store import whole_wait
from lobby_counter.waits import AgentMiss, Miss, RootCause, Segment, Wait, agent_misses, segments


@dataclass(frozen=True, slots=True)
class ListedWait:
    """A wait with all that follows from it."""

    wait: Wait
    contact_id: str | None
    account_id: str
    platform: int
    calendar_time: timedelta
    business_time: timedelta
    segments: Sequence[Segment]
    causes: Mapping[Miss, RootCause]
    agent_misses: Sequence[AgentMiss]


@dataclass(frozen=True, slots=True)
class Page:
    """Which waits, and after which of them to go on."""

    only: Filter
    start: datetime
    end: datetime
    now: datetime
    by_end: bool
    first: bool | None
    state: str | None
    miss: str | None
    campaign_id: str | None
    language: str | None
    country: str | None
    after: tuple[datetime, str] | None
    size: int


async def read(pool: asyncpg.Pool, page: Page, calendar_of: Callable[[str], Calendar]) -> list[ListedWait]:
    """Returns up to `size` waits by (when they began, or ended, id); those that are open end now."""
    workspace_id = page.only.workspace_id
    async with pool.acquire() as conn, conn.transaction(isolation="repeatable_read", readonly=True):
        await conn.execute(FOR_LONG_PERIODS)
        rows = await conn.fetch(QUERIES["list_waits"], *_asked(page))
        clocks = (await wait_store.load_clocks(conn, [workspace_id], calendar_of))[workspace_id]
        return await _explained(conn, rows, page.now, clocks)


def _asked(page: Page) -> tuple[Any, ...]:
    after_time, after_id = page.after or (None, None)
    return (
        page.only.workspace_id,
        page.start,
        page.end,
        page.now,
        page.by_end,
        page.only.account_id,
        page.only.platform,
        page.only.agent_id,
        page.first,
        page.campaign_id,
        page.language,
        page.country,
        page.state,
        page.miss,
        after_time,
        after_id,
        page.size,
    )


async def _explained(conn: Connection, rows: Sequence[Any], now: datetime, clocks: Clocks) -> list[ListedWait]:
    around = await explaining.read_surroundings(
        conn, (row["conversation_id"] for row in rows), (row["at_account_id"] for row in rows)
    )
    found = []
    for row in rows:
        wait, clock = whole_wait(row), clocks.of(row["at_account_id"])
        until = max(wait.end_time or now, wait.owed_since)
        listed = ListedWait(
            wait,
            row["contact_id"],
            row["at_account_id"],
            row["at_platform"],
            until - wait.owed_since,
            clock.elapsed(wait.owed_since, until),
            segments(wait, until),
            explaining.causes(wait, now, around.of(wait.conversation_id, row["at_account_id"]), clock),
            agent_misses(wait, now, clock),
        )
        found.append(listed)
    return found
