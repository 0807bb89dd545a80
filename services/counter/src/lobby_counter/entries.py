"""The rows behind a figure: entries with their corrections, page by page."""

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import asyncpg

from lobby_counter.figures import QUERIES, Filter


@dataclass(frozen=True, slots=True)
class ListedCorrection:
    """A correction as it is on record."""

    correction_id: str
    from_verdict: str
    to_verdict: str
    reason: str
    caused_by: str
    cause_id: str
    actor: str
    create_time: datetime
    effective_day: date
    booked_day: date


@dataclass(frozen=True, slots=True)
class ListedEntry:
    """An entry with everything that is known of it."""

    entry_id: str
    event_id: str
    message_id: str
    contact_id: str
    account_id: str
    platform: int
    agent_id: str | None
    campaign_id: str
    language: str
    country: str
    occurred_time: datetime
    received_time: datetime
    judged_time: datetime
    verdict: str
    reason: str
    repeat_of: str | None
    first_verdict: str
    judged_contact_id: str
    channel_user_id: str
    entered_campaign_id: str
    corrections: list[ListedCorrection] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Page:
    """Which entries, and after which of them to go on."""

    only: Filter
    start: datetime
    end: datetime
    verdict: str | None
    campaign_id: str | None
    language: str | None
    country: str | None
    after: tuple[datetime, str] | None
    size: int


async def read(pool: asyncpg.Pool, page: Page) -> list[ListedEntry]:
    """Returns up to `size` entries by (occurred time, event id), the order in which they are judged."""
    after_time, after_id = page.after or (None, None)
    only = page.only
    async with pool.acquire() as conn, conn.transaction(isolation="repeatable_read", readonly=True):
        rows = await conn.fetch(
            QUERIES["list_entries"],
            only.workspace_id,
            page.start,
            page.end,
            only.account_id,
            only.platform,
            only.agent_id,
            page.verdict,
            page.campaign_id,
            page.language,
            page.country,
            after_time,
            after_id,
            page.size,
            only.counter_id,
        )
        entries = {row["entry_id"]: ListedEntry(**dict(row)) for row in rows}
        for row in await conn.fetch(QUERIES["list_corrections"], list(entries), only.counter_id):
            values: dict[str, Any] = dict(row)
            entries[values.pop("entry_id")].corrections.append(ListedCorrection(**values))
    return list(entries.values())
