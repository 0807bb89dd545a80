"""Messages that came long after they were written: counted apart, and the time that they took charged to nobody.

A platform that got no answer from Lobby, or had stopped to call it, delivers what it kept once it can: that is the only
way in which a message is recovered, for nothing in Lobby asks a platform for what it did not deliver.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from lobby_common.events.log import Connection
from lobby_counter.facts import Inbound
from lobby_counter.figures import QUERIES, Filter

RECOVERED_SECONDS = 600
"""From then on it was recovered: ordinary deliveries, and their first repetitions, take seconds."""


@dataclass(frozen=True, slots=True)
class Recovered:
    """A message that was recovered."""

    message_id: str
    contact_id: str | None
    """The person as known now; None where his messages are not known yet."""
    account_id: str
    platform: int
    agent_id: str | None
    occurred_time: datetime
    received_time: datetime


@dataclass(frozen=True, slots=True)
class Page:
    """Which messages, and after which of them to go on."""

    only: Filter
    start: datetime
    end: datetime
    campaign_id: str | None
    language: str | None
    country: str | None
    after: tuple[datetime, str] | None
    size: int


async def write(conn: Connection, inbound: Sequence[Inbound]) -> None:
    """Those of the messages that were recovered are on record, once."""
    found = [(each, each.recovered_time) for each in inbound if each.recovered_time is not None]
    if found:
        await conn.execute(
            QUERIES["write_recovered"],
            [each.message_id for each, _ in found],
            [each.workspace_id for each, _ in found],
            [each.occurred_time for each, _ in found],
            [received for _, received in found],
        )


async def read(pool: asyncpg.Pool, page: Page) -> list[Recovered]:
    """Returns up to `size` messages by (when they were written, id)."""
    only = page.only
    rows = await pool.fetch(
        QUERIES["list_recovered"],
        only.workspace_id,
        page.start,
        page.end,
        only.account_id,
        only.platform,
        only.agent_id,
        page.campaign_id,
        page.language,
        page.country,
        *(page.after or (None, None)),
        page.size,
    )
    return [Recovered(**dict(row)) for row in rows]
