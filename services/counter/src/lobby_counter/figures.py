"""Figures of a period, read from the ledger and the roll-ups in one snapshot, so that no two of them disagree."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

import asyncpg

from lobby_common import sql
from lobby_common.times import utc_now
from lobby_counter import activity
from lobby_counter.activity import Made
from lobby_counter.calendars import Period, Piece

QUERIES = sql.load("lobby_counter", "figures.sql")

GROUPINGS = ("account", "platform", "agent", "campaign", "language", "country")
OF_ENTRY = {"campaign", "language", "country"}
"""What only the entry of a chat knows."""

NOBODY = "00000000-0000-0000-0000-000000000000"
"""An id that nothing has: a filter that matches nothing."""


FOR_LONG_PERIODS = "SET LOCAL plan_cache_mode = force_custom_plan; SET LOCAL work_mem = '32MB'"
"""A plan for any period and split, as a connection would keep it, is several times slower on long periods, and so is a
count of hundreds of thousands that does not fit into memory."""


class Key(NamedTuple):
    """The group and bucket of a row; None where it is not split by that."""

    bucket: int
    account_id: str | None
    platform: int | None
    agent_id: str | None
    campaign_id: str | None
    language: str | None
    country: str | None


@dataclass(frozen=True, slots=True)
class Filter:
    """Of what figures are asked; None means all."""

    workspace_id: str
    counter_id: str
    """Of whose entries; the workspace's own has the workspace's id."""
    account_id: str | None
    platform: int | None
    agent_id: str | None


@dataclass(frozen=True, slots=True)
class Question:
    """Which figures, how cut and how split."""

    only: Filter
    period: Period
    by: frozenset[str]
    recorded: bool
    now: datetime = field(default_factory=utc_now)
    """As of which waits that are open are late."""


@dataclass(slots=True)
class Figures:
    """Rows by key, and the totals, in which people are distinct over all rows."""

    rows: dict[Key, dict[str, int]] = field(default_factory=dict)
    totals: dict[str, int] = field(default_factory=dict)

    def add(self, row: asyncpg.Record) -> None:
        """The row's figures belong to its key, or to the totals."""
        figures = {name: int(value) for name, value in row.items() if name not in _NOT_FIGURES}
        if row["total"]:
            self.totals.update(figures)
        elif any(figures.values()):
            self.rows.setdefault(Key(*(row[name] for name in Key._fields)), {}).update(figures)


_NOT_FIGURES = {"total", *Key._fields}


async def find_beginning(pool: asyncpg.Pool, workspace_id: str) -> datetime | None:
    """Returns the earliest time that any figure of the workspace has."""
    beginning: datetime | None = await pool.fetchval(QUERIES["find_beginning"], workspace_id)
    return beginning


async def read(pool: asyncpg.Pool, question: Question) -> Figures:
    """Returns the figures asked for; rows without one are left out."""
    figures = Figures()
    async with pool.acquire() as conn, conn.transaction(isolation="repeatable_read", readonly=True):
        await conn.execute(FOR_LONG_PERIODS)
        made = await activity.read_made(conn, question.only.workspace_id)
        for name, arguments in _statements(question, made):
            for row in await conn.fetch(QUERIES[name], *arguments):
                figures.add(row)
    return figures


async def read_entries(pool: asyncpg.Pool, question: Question) -> Figures:
    """Returns entries alone, row by row; no other figure."""
    found = Figures()
    async with pool.acquire() as conn, conn.transaction(isolation="repeatable_read", readonly=True):
        await conn.execute("SET LOCAL plan_cache_mode = force_custom_plan")
        name, arguments = _of_entries(question)
        for row in await conn.fetch(QUERIES[name], *arguments):
            found.add(row)
    return found


Statement = tuple[str, tuple[Any, ...]]
"""Its name and arguments."""


def _of_entries(question: Question) -> Statement:
    period, only = question.period, question.only
    name = "count_recorded" if question.recorded else "count_entries"
    return name, (*_asked(question), period.start, period.end, only.counter_id)


def _asked(question: Question) -> tuple[Any, ...]:
    only = question.only
    return (
        only.workspace_id,
        list(question.period.cuts),
        sorted(question.by),
        only.account_id,
        only.platform,
        only.agent_id,
    )


def _statements(question: Question, made: Made) -> list[Statement]:
    """Returns what is to be read; of a figure that two give the later is right."""
    period, only = question.period, question.only
    found: list[Statement]
    asked = _asked(question)
    rows = (*asked, period.start, period.end)
    by_entry = bool(question.by & OF_ENTRY)
    rolled_up = not by_entry and not question.recorded and only.counter_id == only.workspace_id
    if by_entry:
        found = [("count_messages_by_entry", rows), ("count_missed_by_entry", (*rows, question.now))]
    else:
        pieces = _columns(period.pieces())
        found = [
            ("count_rolled_up", (*asked, *pieces, rolled_up)),
            ("count_missed", (*asked, *pieces, question.now)),
        ]
    if not rolled_up:
        found.append(_of_entries(question))
    active: Statement = ("count_active_repeats", (*rows, only.counter_id, by_entry))
    if rolled_up:
        active = ("count_active", (*asked, *_columns(made.pieces(period))))
    return [*found, ("count_served", rows), ("count_waits", rows), active]


def _columns(pieces: Sequence[Piece]) -> tuple[list[int], list[datetime], list[datetime]]:
    return [each.width for each in pieces], [each.start for each in pieces], [each.end for each in pieces]
