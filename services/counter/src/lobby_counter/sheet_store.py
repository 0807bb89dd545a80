"""Rows of sheets: what is frozen, what is closed, what is objected to."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from lobby_common import sql
from lobby_common.events.log import Connection
from lobby_counter.domain import Verdict
from lobby_counter.sheets import Change, Day, Rule, Sheet, Tally
from lobby_counter.store import columns

QUERIES = sql.load("lobby_counter", "sheets.sql")


async def insert(conn: Connection, workspace_id: str, sheet: Sheet) -> None:
    """There is a new sheet."""
    rule = sheet.rule
    await conn.execute(
        QUERIES["insert_sheet"],
        rule.sheet_id,
        workspace_id,
        rule.counter_id,
        rule.display_name,
        rule.text,
        rule.start_day,
        rule.create_time,
        sheet.end_day,
        sheet.next_close_time,
        sheet.digest,
    )


async def read(
    conn: Connection, workspace_id: str, *, sheet_id: str | None, after: tuple[datetime, str] | None, size: int
) -> list[Sheet]:
    """Returns sheets of a workspace, oldest first: all, or the one that is named."""
    after_time, after_id = after or (None, None)
    rows = await conn.fetch(QUERIES["list_sheets"], workspace_id, sheet_id, after_time, after_id, size)
    return list(map(_sheet, rows))


async def lock(conn: Connection, workspace_id: str, sheet_id: str) -> Sheet | None:
    """Returns the sheet, which nobody else changes until the end of the transaction; None where there is none."""
    row = await conn.fetchrow(QUERIES["lock_sheet"], workspace_id, sheet_id)
    return None if row is None else _sheet(row)


async def serves_sheet(conn: Connection, counter_id: str) -> bool:
    """Returns whether a sheet that goes on, or of which something may be found later, counts by the counter."""
    return bool(await conn.fetchval(QUERIES["serves_sheet"], counter_id))


async def end(conn: Connection, sheet_id: str, end_day: date) -> None:
    """The sheet ends with this day."""
    await conn.execute(QUERIES["end_sheet"], sheet_id, end_day)


async def find_due(conn: Connection) -> list[tuple[str, str]]:
    """Returns workspace and sheet where a day is to be closed, that waits longest first."""
    return [(row["workspace_id"], row["sheet_id"]) for row in await conn.fetch(QUERIES["find_due"])]


async def find_changes(conn: Connection, workspace_id: str, sheet: Sheet) -> list[Change]:
    """Returns what the sheet's next day settles."""
    rule = sheet.rule
    end_time = sheet.end_of(sheet.next_day)
    rows = await conn.fetch(
        QUERIES["find_changes"], rule.sheet_id, workspace_id, rule.counter_id, sheet.start, end_time
    )
    return list(map(_change, rows))


async def write_day(conn: Connection, sheet_id: str, day: Day) -> None:
    """The day and its lines are on record."""
    settled = day.settled
    await conn.execute(
        QUERIES["insert_day"],
        sheet_id,
        day.number,
        day.day,
        len(day.lines),
        settled.new,
        settled.repeat,
        settled.excluded,
        day.text,
        day.digest,
    )
    rows = [
        (
            each.entry_id,
            each.event_id,
            each.contact_id,
            each.occurred_time,
            each.campaign_id,
            each.repeat_of,
            each.dispute_id,
            each.verdict,
            each.reason,
            each.counts_as,
            line.text,
        )
        for line in day.lines
        for each in (line.change,)
    ]
    if rows:
        await conn.execute(QUERIES["insert_lines"], sheet_id, day.number, *columns(rows))


async def move_on(conn: Connection, sheet: Sheet, due: datetime | None) -> None:
    """The sheet is closed as far as given; its next day is `due` then, or never."""
    await conn.execute(
        QUERIES["move_on"],
        sheet.rule.sheet_id,
        sheet.next_day,
        due,
        sheet.closed_days,
        sheet.digest,
        sheet.total.new,
        sheet.total.repeat,
        sheet.total.excluded,
    )


async def list_days(conn: Connection, sheet_id: str, after: int, size: int) -> list[tuple[str, str]]:
    """Returns text and digest of closed days after a number."""
    return [(row["text"], row["digest"]) for row in await conn.fetch(QUERIES["list_days"], sheet_id, after, size)]


async def list_settled(conn: Connection, sheet_id: str, first: date, last: date) -> dict[date, Tally]:
    """Returns what each closed day from `first` to `last` settled."""
    rows = await conn.fetch(QUERIES["list_settled"], sheet_id, first, last)
    return {row["day"]: Tally(row["new"], row["repeat"], row["excluded"]) for row in rows}


async def export_lines(
    conn: Connection, sheet_id: str, after: tuple[int, int], size: int
) -> list[tuple[int, int, str]]:
    """Returns number, place and text of the export's lines after the one named."""
    return [tuple(row) for row in await conn.fetch(QUERIES["export_lines"], sheet_id, *after, size)]


async def count(
    conn: Connection, workspace_id: str, sheet: Sheet, period: tuple[datetime, datetime], cuts: Sequence[datetime]
) -> dict[int, Tally]:
    """Returns what entries of a period count as now, by the cut, from 1, in which they occurred."""
    rule = sheet.rule
    rows = await conn.fetch(QUERIES["count_sheet"], rule.sheet_id, workspace_id, rule.counter_id, *period, list(cuts))
    found: dict[int, Tally] = {}
    for row in rows:
        found[row["bucket"]] = found.get(row["bucket"], Tally()) + Tally(**{row["counts_as"]: row["entries"]})
    return found


@dataclass(frozen=True, slots=True)
class Row:
    """An entry of a sheet, as known now."""

    entry_id: str
    event_id: str
    contact_id: str
    account_id: str
    platform: int
    occurred_time: datetime
    campaign_id: str
    language: str
    country: str
    repeat_of: str | None
    counts_as: str
    reason: str
    settled_as: str | None


async def list_rows(
    conn: Connection,
    workspace_id: str,
    rule: Rule,
    period: tuple[datetime, datetime],
    *,
    after: tuple[datetime, str] | None,
    verdict: str | None,
    size: int,
) -> list[Row]:
    """Returns entries of a period, in the order in which they are judged."""
    after_time, after_id = after or (None, None)
    rows = await conn.fetch(
        QUERIES["list_rows"],
        rule.sheet_id,
        workspace_id,
        rule.counter_id,
        *period,
        after_time,
        after_id,
        verdict,
        size,
    )
    return [Row(**dict(row)) for row in rows]


async def has_entry(conn: Connection, workspace_id: str, sheet: Sheet, entry_id: str) -> bool:
    """Returns whether the entry counts, or counted, at the sheet."""
    period = (sheet.start, sheet.last_end)
    return bool(await conn.fetchval(QUERIES["has_entry"], entry_id, workspace_id, sheet.rule.counter_id, *period))


@dataclass(frozen=True, slots=True)
class Dispute:
    """An objection to what an entry counts as."""

    dispute_id: str
    entry_id: str
    wanted_verdict: str
    note: str
    state: str
    creator: str
    by_partner: bool
    create_time: datetime
    answer: str
    resolver: str
    resolve_time: datetime | None


async def insert_dispute(conn: Connection, sheet_id: str, *values: Any) -> Dispute | None:
    """There is a new dispute: id, entry, wanted verdict, note, creator, by a partner; None where one is open."""
    dispute_id, *others = values
    row = await conn.fetchrow(QUERIES["insert_dispute"], dispute_id, sheet_id, *others)
    return None if row is None else Dispute(**dict(row))


async def list_disputes(
    conn: Connection, sheet_id: str, state: str | None, after: tuple[datetime, str] | None, size: int
) -> list[Dispute]:
    """Returns disputes, oldest first."""
    after_time, after_id = after or (None, None)
    rows = await conn.fetch(QUERIES["list_disputes"], sheet_id, state, after_time, after_id, size)
    return [Dispute(**dict(row)) for row in rows]


async def lock_dispute(conn: Connection, sheet_id: str, dispute_id: str) -> Dispute | None:
    """Returns the dispute, which nobody else resolves until the end of the transaction; None where there is none."""
    row = await conn.fetchrow(QUERIES["lock_dispute"], sheet_id, dispute_id)
    return None if row is None else Dispute(**dict(row))


async def resolve_dispute(conn: Connection, dispute_id: str, state: str, answer: str, resolver: str) -> Dispute:
    """The dispute is resolved."""
    row = await conn.fetchrow(QUERIES["resolve_dispute"], dispute_id, state, answer, resolver)
    assert row is not None  # it is locked
    return Dispute(**dict(row))


def _sheet(row: Any) -> Sheet:
    return Sheet(
        Rule.read(row["rule"]),
        row["end_day"],
        row["next_day"],
        row["closed_days"],
        row["digest"],
        Tally(row["new"], row["repeat"], row["excluded"]),
    )


def _change(row: Any) -> Change:
    values = dict(row)
    before = values.pop("before")
    verdict, counts_as = Verdict(values.pop("verdict")), Verdict(values.pop("counts_as"))
    return Change(**values, verdict=verdict, counts_as=counts_as, before=None if before is None else Verdict(before))
