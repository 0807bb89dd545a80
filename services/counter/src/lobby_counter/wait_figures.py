"""Figures of waits in a period, read in one snapshot: those that are over are counted, open ones are looked at."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from math import ceil
from typing import Any

import asyncpg

from lobby_common.events.log import Connection
from lobby_counter import explaining, prices, wait_store
from lobby_counter.business import BusinessClock, Clocks
from lobby_counter.calendars import Calendar, Period
from lobby_counter.explaining import QUERIES, Surroundings
from lobby_counter.figures import FOR_LONG_PERIODS, OF_ENTRY, Filter, Key
from lobby_counter.measures import Durations
from lobby_counter.prices import Cost
from lobby_counter.wait_store import whole_wait
from lobby_counter.waits import Miss, Part, RootCause, Wait, agent_misses, segments

PEOPLE = ("missed_people", "missed_new_people", "lost_people", "lost_new_people")
ANSWERED = ("answered_conversations", "answered_people", "collisions")
_SECOND = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Question:
    """Which waits, how cut and how split, and by which clock they are measured."""

    only: Filter
    period: Period
    by: frozenset[str]
    now: datetime
    by_end: bool = False
    first: bool | None = None
    """Only first ones, or only later ones; None: all."""
    business: bool = False
    costs: bool = True
    """Whether also what misses cost is asked for."""


@dataclass(slots=True)
class Tally:
    """The waits of one row."""

    durations: Durations = field(default_factory=Durations)
    cancelled: int = 0
    missed: Counter[Miss] = field(default_factory=Counter)
    causes: Counter[tuple[Miss, RootCause]] = field(default_factory=Counter)
    seconds: Counter[Part] = field(default_factory=Counter)
    """By with whom they passed, by the calendar."""
    people: dict[str, int] = field(default_factory=dict)
    agent_misses: int = 0
    costs: dict[str, Cost] = field(default_factory=dict)
    """By currency; "" where no price was said."""

    def add(self, other: "Tally") -> None:
        """The waits of the other are here too; people are not, for they may be the same."""
        self.durations.add(other.durations)
        self.cancelled += other.cancelled
        self.missed.update(other.missed)
        self.causes.update(other.causes)
        self.seconds.update(other.seconds)
        self.agent_misses += other.agent_misses


@dataclass(slots=True)
class Tallies:
    """Rows by key, and all of them together."""

    rows: dict[Key, Tally] = field(default_factory=dict)
    people: dict[str, int] = field(default_factory=dict)
    """Over all rows, each once."""
    costs: dict[str, Cost] = field(default_factory=dict)

    def of(self, row: Any) -> Tally:
        """Returns the tally to which a row of a statement belongs."""
        return self.at(Key(*(row[name] for name in Key._fields)))

    def at(self, key: Key) -> Tally:
        """Returns the tally of a key."""
        return self.rows.setdefault(key, Tally())

    def totals(self) -> Tally:
        """Returns all rows together, in which people are counted once."""
        totals = Tally(people=self.people, costs=self.costs)
        for row in self.rows.values():
            totals.add(row)
        return totals


@dataclass(frozen=True, slots=True)
class Rows:
    """What was read in one snapshot."""

    clocks: Clocks
    ended: list[Any]
    causes: list[Any]
    agent_misses: list[Any]
    people: list[Any]
    answered: list[Any]
    costs: list[Any]
    unexplained: list[tuple[Any, Wait]]
    """Open waits, and those that are over whose causes are not found yet."""
    around: Surroundings


async def read(pool: asyncpg.Pool, question: Question, calendar_of: Callable[[str], Calendar]) -> Tallies:
    """Returns the figures asked for."""
    async with pool.acquire() as conn, conn.transaction(isolation="repeatable_read", readonly=True):
        await conn.execute(FOR_LONG_PERIODS)
        rows = await _read_rows(conn, question, calendar_of)
    # Long periods in many rows take a while, in which others are to be answered.
    return await asyncio.to_thread(_count, rows, question)


async def _read_rows(conn: Connection, question: Question, calendar_of: Callable[[str], Calendar]) -> Rows:
    asked, workspace_id = _asked(question), question.only.workspace_id
    clocks = await wait_store.load_clocks(conn, [workspace_id], calendar_of)
    others = [
        (row, whole_wait(row))
        for name in ("read_unexplained", "read_open")
        for row in await conn.fetch(QUERIES[name], *asked, question.now)
    ]
    missed = [(row, wait) for row, wait in others if wait.misses(question.now)]
    return Rows(
        clocks[workspace_id],
        await conn.fetch(QUERIES["measure_ended"], *asked, question.business),
        await conn.fetch(QUERIES["count_causes"], *asked),
        await conn.fetch(QUERIES["count_agent_misses"], *asked),
        await conn.fetch(QUERIES["count_missed_people"], *asked[:-1], question.now),
        await conn.fetch(QUERIES["count_answered"], *asked),
        await _read_costs(conn, question, asked),
        others,
        await explaining.read_surroundings(
            conn, (wait.conversation_id for _, wait in missed), (row["at_account_id"] for row, _ in missed)
        ),
    )


async def _read_costs(conn: Connection, question: Question, asked: tuple[Any, ...]) -> list[Any]:
    """Returns what misses cost; nothing where nobody ever said what a new person does."""
    if not question.costs or not await conn.fetchval(prices.QUERIES["has_prices"], question.only.workspace_id):
        return []
    found: list[Any] = await conn.fetch(prices.QUERIES["count_costs"], *asked[:-1], question.now)
    return found


def _count(rows: Rows, question: Question) -> Tallies:
    tallies = Tallies()
    for row in rows.ended:
        _count_ended(tallies.of(row), row)
    for row in rows.causes:
        tallies.of(row).causes[Miss(row["miss"]), RootCause(row["cause"])] += row["waits"]
    for row in rows.agent_misses:
        tallies.of(row).agent_misses += row["agent_misses"]
    for names, counted in ((PEOPLE, rows.people), (ANSWERED, rows.answered)):
        for row in counted:
            people = tallies.people if row["total"] else tallies.of(row).people
            people.update({name: row[name] for name in names})
    for row in rows.costs:
        costs = tallies.costs if row["total"] else tallies.of(row).costs
        costs[row["currency"] or ""] = Cost(*(row[each.name] for each in fields(Cost)))
    _count_others(tallies, rows, question)
    return tallies


def _asked(question: Question) -> tuple[Any, ...]:
    only, period = question.only, question.period
    return (
        only.workspace_id,
        list(period.cuts),
        sorted(question.by),
        only.account_id,
        only.platform,
        only.agent_id,
        period.start,
        period.end,
        question.by_end,
        question.first,
        bool(question.by & OF_ENTRY),
    )


def _count_ended(tally: Tally, row: Any) -> None:
    lengths = Counter(row["seconds"])
    match row["outcome"]:
        case "answered":
            tally.durations.answered.update(lengths)
        case "closed":
            tally.durations.closed.update(lengths)
        case _:
            tally.cancelled += lengths.total()
    for miss in Miss:
        tally.missed[miss] += row[miss]
    for part in Part:
        tally.seconds[part] += round(row[f"{part}_seconds"])


def _count_others(tallies: Tallies, rows: Rows, question: Question) -> None:
    """Open waits are counted as of now, and misses of which the causes were not found yet are explained."""
    lengths = _all_lengths(rows, question)
    for row, wait in rows.unexplained:
        clock = rows.clocks.of(row["at_account_id"])
        around = rows.around.of(wait.conversation_id, row["at_account_id"])
        if question.only.agent_id in (None, wait.agent_id):
            tally = tallies.of(row)
            tally.causes.update(explaining.causes(wait, question.now, around, clock).items())
            if wait.end_time is None:
                _count_open(tally, wait, question.now, lengths[wait.wait_id])
        if wait.end_time is None:
            _count_agents(tallies, row, wait, question, clock)


def _count_open(tally: Tally, wait: Wait, now: datetime, length: timedelta) -> None:
    tally.durations.waiting[ceil(length / _SECOND)] += 1
    tally.missed.update(wait.misses(now).keys())
    for each in segments(wait, max(now, wait.owed_since)):
        tally.seconds[each.part] += round((each.end - each.start) / _SECOND)


def _count_agents(tallies: Tallies, row: Any, wait: Wait, question: Question, clock: BusinessClock) -> None:
    """A miss belongs to its agent, whoever has the conversation now."""
    for miss in agent_misses(wait, question.now, clock):
        if question.only.agent_id in (None, miss.agent_id):
            key = Key(*(row[name] for name in Key._fields))
            tallies.at(key._replace(agent_id=miss.agent_id) if "agent" in question.by else key).agent_misses += 1


def _all_lengths(rows: Rows, question: Question) -> dict[str, timedelta]:
    """Returns how long open waits have been until now, each by the clock of its account."""
    by_clock: dict[int, tuple[BusinessClock, list[Wait]]] = {}
    for row, wait in rows.unexplained:
        if wait.end_time is None:
            clock = rows.clocks.of(row["at_account_id"])
            by_clock.setdefault(id(clock), (clock, []))[1].append(wait)
    lengths: dict[str, timedelta] = {}
    for clock, waits in by_clock.values():
        lengths |= _lengths(waits, question, clock)
    return lengths


def _lengths(waits: Iterable[Wait], question: Question, clock: BusinessClock) -> dict[str, timedelta]:
    """Returns how long open waits have been until now; the clock goes over all of that time once."""
    lengths: dict[str, timedelta] = {}
    length, since = timedelta(), question.now
    for wait in sorted(waits, key=lambda each: each.owed_since, reverse=True):
        begun = min(wait.owed_since, question.now)
        length += clock.elapsed(begun, since) if question.business else since - begun
        since = begun
        lengths[wait.wait_id] = length
    return lengths
