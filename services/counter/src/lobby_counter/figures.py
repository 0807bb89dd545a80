"""Figures of a period, read from the ledger and the roll-ups in one snapshot, so that no two of them disagree."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, NamedTuple

import asyncpg

from lobby_common import sql
from lobby_common.events.log import Connection
from lobby_common.times import utc_now
from lobby_counter import activity, days
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
    people: bool = True
    """Whether people and what waits now are asked for too; else only what adds up over buckets."""


@dataclass(slots=True)
class Figures:
    """Rows by key, and the totals, in which people are distinct over all rows."""

    rows: dict[Key, dict[str, int]] = field(default_factory=dict)
    totals: dict[str, int] = field(default_factory=dict)

    def add(self, rows: Sequence[asyncpg.Record]) -> None:
        """Figures of the rows of a statement are added to those of their keys, or to the totals; NULL is none."""
        names = tuple(rows[0].keys())[_FIRST:] if rows else ()
        for row in rows:
            found = self.totals if row[0] else self.rows.setdefault(Key._make(row[1:_FIRST]), {})
            for name, value in zip(names, row[_FIRST:], strict=True):
                if value or (value is not None and row[0]):
                    found[name] = found.get(name, 0) + int(value)

    def finish(self, *, recorded: bool) -> "Figures":
        """Rows without a figure are gone, and what is new now stands apart only from what was recorded as new."""
        for values in (self.totals, *self.rows.values()):
            present = values.pop("present_new", 0)
            if recorded:
                values["present_new"] = present
        self.rows = {key: values for key, values in self.rows.items() if any(values.values())}
        return self


_FIRST = 1 + len(Key._fields)
"""Which column of a row is its first figure: whether it is the totals, and its key, stand before."""


async def find_beginning(pool: asyncpg.Pool, workspace_id: str) -> datetime | None:
    """Returns the earliest time that any figure of the workspace has."""
    beginning: datetime | None = await pool.fetchval(QUERIES["find_beginning"], workspace_id)
    return beginning


async def read(pool: asyncpg.Pool, question: Question) -> Figures:
    """Returns the figures asked for; rows without one are left out."""
    found = Figures()
    async with pool.acquire() as conn, conn.transaction(isolation="repeatable_read", readonly=True):
        await conn.execute(FOR_LONG_PERIODS)
        for queries, name, arguments in await _statements(conn, question):
            found.add(await conn.fetch(queries[name], *arguments))
    return found.finish(recorded=question.recorded)


async def read_entries(pool: asyncpg.Pool, question: Question) -> Figures:
    """Returns entries alone, row by row; no other figure."""
    found = Figures()
    async with pool.acquire() as conn, conn.transaction(isolation="repeatable_read", readonly=True):
        await conn.execute("SET LOCAL plan_cache_mode = force_custom_plan")
        queries, name, arguments = _of_entries(question)
        found.add(await conn.fetch(queries[name], *arguments))
    return found.finish(recorded=question.recorded)


Statement = tuple[Mapping[str, str], str, tuple[Any, ...]]
"""Where it is, its name and its arguments."""


@dataclass(frozen=True, slots=True)
class _Facet:
    """One grouping, or one of its values, by which days are read."""

    number: int
    value: str | None
    total: int
    """The facet of which the totals are."""


def _facet_of(question: Question) -> _Facet | None:
    """Returns by what days are to be read; None where they are not kept by that."""
    only = question.only
    values: dict[str, Any] = {"account": only.account_id, "platform": only.platform, "agent": only.agent_id}
    filtered = {name: str(value) for name, value in values.items() if value is not None}
    names = question.by | filtered.keys()
    if len(names) > 1:
        return None
    number = sum(days.FACETS[name] for name in names)
    return _Facet(number, next(iter(filtered.values()), None), number if filtered else 0)


async def _statements(conn: Connection, question: Question) -> list[Statement]:
    """Returns what is to be read; figures that two give add up."""
    only, period = question.only, question.period
    if not question.people:
        return _of_rows(question)
    mark = await days.read_mark(conn, only.workspace_id) if only.counter_id == only.workspace_id else None
    made = mark.within(period) if mark else None
    facet = _facet_of(question)
    if made is None:
        found = [*_of_rows(question), *await _of_people(conn, question)]
    elif facet is None:
        found = _of_chats(question, made)
    else:
        found = _of_days(question, facet, made)
    rows = (*_asked(question), period.start, period.end)
    of_entry = bool(question.by & OF_ENTRY)
    return [*found, (QUERIES, "count_waits", rows), (QUERIES, "count_recovered", (*rows, of_entry))]


def _of_days(question: Question, facet: _Facet, made: days.Made) -> list[Statement]:
    """Returns what gives figures from days and, beside these, from rows."""
    period = question.period
    asked = (*_asked(question)[:3], facet.number, facet.value, made.start, made.end)
    cut = "hour" if made.by_hours else "day" if len(period.cuts) > 1 else "whole"
    found: list[Statement] = [
        (days.QUERIES, "count_days", (*asked, question.recorded, made.by_hours)),
        (days.QUERIES, "count_people_of_days", (*asked, cut, facet.total)),
        (QUERIES, "count_missed_open", (*_asked(question), made.start, made.end, question.now)),
    ]
    beside = [replace(question, period=part) for part in made.beside(period)]
    if beside:
        found.append((days.QUERIES, "count_people_beside_days", (*asked, period.start, period.end, made.by_hours)))
    for part in beside:
        found += _of_rows(part)
        if part.recorded:
            found.append((QUERIES, "count_present_new", _of_entries(replace(part, recorded=False))[2]))
    return found


def _of_chats(question: Question, made: days.Made) -> list[Statement]:
    """Returns what gives figures by more than one group: people, and messages by these, from chats of the days."""
    period, by_entry = question.period, bool(question.by & OF_ENTRY)
    asked = (*_asked(question), made.start, made.end, period.start, period.end, made.by_hours)
    rows = [each for each in _of_rows(question) if each[1] != "count_messages_by_entry"]
    return [*rows, (days.QUERIES, "count_chats", (*asked, by_entry, not _is_rolled_up(question)))]


def _of_entries(question: Question) -> Statement:
    period, only = question.period, question.only
    name = "count_recorded" if question.recorded else "count_entries"
    return QUERIES, name, (*_asked(question), period.start, period.end, only.counter_id)


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


def _is_rolled_up(question: Question) -> bool:
    """Returns whether roll-ups by hours hold the entries that are asked for."""
    only = question.only
    return not question.by & OF_ENTRY and not question.recorded and only.counter_id == only.workspace_id


def _of_rows(question: Question) -> list[Statement]:
    """Returns what gives the figures that add up, from roll-ups by hours or from rows."""
    asked, period, rolled_up = _asked(question), question.period, _is_rolled_up(question)
    rows = (*asked, period.start, period.end)
    found: list[Statement]
    if question.by & OF_ENTRY:
        found = [
            (QUERIES, "count_messages_by_entry", rows),
            (QUERIES, "count_missed_by_entry", (*rows, question.now)),
        ]
    else:
        pieces = _columns(period.pieces())
        found = [
            (QUERIES, "count_rolled_up", (*asked, *pieces, rolled_up)),
            (QUERIES, "count_missed", (*asked, *pieces, question.now)),
        ]
    return found if rolled_up else [*found, _of_entries(question)]


async def _of_people(conn: Connection, question: Question) -> list[Statement]:
    """Returns what gives people, each once per row, from their messages or from the hours in which they wrote."""
    period, only = question.period, question.only
    rows = (*_asked(question), period.start, period.end)
    active: Statement = (
        QUERIES,
        "count_active_repeats",
        (*rows, only.counter_id, bool(question.by & OF_ENTRY)),
    )
    if _is_rolled_up(question):
        made = await activity.read_made(conn, only.workspace_id)
        active = (QUERIES, "count_active", (*_asked(question), *_columns(made.pieces(period))))
    return [active, (QUERIES, "count_served", rows)]


def _columns(pieces: Sequence[Piece]) -> tuple[list[int], list[datetime], list[datetime]]:
    return [each.width for each in pieces], [each.start for each in pieces], [each.end for each in pieces]
