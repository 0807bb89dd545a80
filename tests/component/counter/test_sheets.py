"""Sheets: closed days never change, what is found later is settled in the next, and anybody can compute it again."""

import asyncio
import json
import random
import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from lobby.counter.v1 import count_service_pb2 as count_pb
from lobby.counter.v1 import sheet_pb2 as nouns
from lobby.counter.v1 import sheet_service_pb2 as pb
from lobby_cli.sheets import Verified, verify
from lobby_common import caller
from lobby_common.caller import Caller
from lobby_common.errors import Conflict, Invalid, LobbyError, NotFound
from lobby_counter import closing, sheet_store
from lobby_counter.recounts import Recounts
from tests.component.counter.story import Story, an_id, at

A_DAY = timedelta(days=1)
FIRST = "2026-11-22"
"""The day of the scenarios."""


class Sheets:
    """Sheets as their owner, a supervisor and a partner see them."""

    def __init__(self, counter, story: Story, now) -> None:
        self.counter = counter
        self.story = story
        self._now = now
        self.owner = Caller(story.workspace_id, "owner")

    def partner(self, sheet_id: str) -> Caller:
        return Caller(self.story.workspace_id, "partner", key_id="session", sheet_id=sheet_id)

    async def call(self, method: str, who: Caller | None = None, **fields: Any) -> Any:
        """The answer of SheetService."""
        with caller.use(who or self.owner):
            request = getattr(pb, f"{method}Request")(**fields)
            return await getattr(self.counter.sheets, method)(request, None)

    async def create(self, **fields: Any) -> nouns.Sheet:
        wishes = {"display_name": "vendor", "start_day": FIRST, "price": "1.50", "currency": "USD"} | fields
        sheet = (await self.call("CreateSheet", **wishes)).sheet
        await self.counter.recounts.finish()
        return sheet

    async def close(self, sheet_id: str, days: int = 1) -> None:
        """So many further days are closed, each as soon as it is due."""
        for _ in range(days):
            sheet = await self.get(sheet_id)
            day = datetime(2026, 11, 22, tzinfo=UTC) + A_DAY * sheet.closed_days
            self._now(day + A_DAY * 4)
            assert await self.counter.closer.close_next(self.story.workspace_id, sheet_id)

    async def get(self, sheet_id: str) -> nouns.Sheet:
        return (await self.call("GetSheet", sheet_id=sheet_id)).sheet

    async def days(self, sheet_id: str) -> list[nouns.SheetDay]:
        return list((await self.call("ListSheetDays", sheet_id=sheet_id)).days)

    async def figures(self, sheet_id: str, **fields: Any) -> Any:
        return await self.call("GetSheetFigures", sheet_id=sheet_id, **fields)

    async def rows(self, sheet_id: str, **fields: Any) -> list[nouns.SheetRow]:
        return list((await self.call("ListSheetRows", sheet_id=sheet_id, **fields)).rows)

    async def export(self, sheet_id: str, page_size: int = 3) -> list[str]:
        lines: list[str] = []
        token = ""
        while True:
            page = await self.call("GetSheetExport", sheet_id=sheet_id, page_size=page_size, page_token=token)
            lines += page.lines
            if not (token := page.next_page_token):
                return lines

    async def verified(self, sheet_id: str) -> Verified:
        """What a program that asks no server makes of the export."""
        found = verify(line + "\n" for line in await self.export(sheet_id))
        sheet = await self.get(sheet_id)
        assert (found.digest, found.days) == (sheet.digest, sheet.closed_days)
        return found

    async def refused(self, error: type[LobbyError], method: str, who: Caller | None = None, **fields: Any) -> str:
        with pytest.raises(error) as raised:
            await self.call(method, who, **fields)
        return raised.value.reason


@pytest.fixture
def sheets(counter, story, now) -> Sheets:
    return Sheets(counter, story, now)


def told(figures: nouns.SheetFigures) -> tuple[int, int, int, str]:
    return figures.new, figures.repeat, figures.excluded, figures.amount


async def test_a_day_settles_what_is_known_of_its_entries(sheets, counter, story):
    sheet = await sheets.create()
    await counter.hear(story.says("a", "WA1", at("10:00")), story.says("a", "WA2", at("11:00")))
    await counter.hear(story.says("b", "WA1", at("12:00")))
    await sheets.close(sheet.sheet_id)
    (day,) = await sheets.days(sheet.sheet_id)
    assert (day.number, day.day, day.lines) == (1, FIRST, 3)
    assert told(day.settled) == told(day.total) == (2, 1, 0, "3.00")
    assert told(day.adjustments) == (0, 0, 0, "0.00")
    found = await sheets.verified(sheet.sheet_id)
    assert (found.total, found.amount) == ({"new": 2, "repeat": 1, "excluded": 0}, "3.00")


async def test_what_is_found_later_is_settled_in_the_next_day_and_a_closed_day_stays(sheets, counter, story):
    sheet = await sheets.create()
    await counter.hear(story.says("a", "WA1", at("09:00")), story.says("b", "TG1", at("10:00")))
    await sheets.close(sheet.sheet_id)
    before = await sheets.days(sheet.sheet_id)
    await counter.hear(story.merges("m", "a", ["a", "b"], version=1))
    await counter.hear(story.says("late", "WA1", at("08:00")), story.says("c", "WA1", at("11:00") + A_DAY))
    await sheets.close(sheet.sheet_id)
    days = await sheets.days(sheet.sheet_id)
    assert days[:1] == before
    assert told(days[1].settled) == (1, 1, 0, "1.50")
    assert told(days[1].adjustments) == (0, 1, 0, "0.00")
    assert told(days[1].total) == (3, 1, 0, "4.50")
    figures = await sheets.figures(sheet.sheet_id)
    first = figures.days[0]
    assert (told(first.present), told(first.settled)) == ((2, 1, 0, "3.00"), (2, 0, 0, "3.00"))
    await sheets.verified(sheet.sheet_id)


async def test_a_merge_that_changes_no_verdict_is_a_line_too_so_that_the_rule_can_be_applied_again(
    sheets, counter, story
):
    sheet = await sheets.create()
    await counter.hear(story.says("a", "WA1", at("09:00")))
    await sheets.close(sheet.sheet_id)
    await counter.hear(story.merges("m", "other", ["a", "silent"], version=1))
    await sheets.close(sheet.sheet_id)
    day = (await sheets.days(sheet.sheet_id))[1]
    assert (day.lines, told(day.settled)) == (1, (0, 0, 0, "0.00"))
    await sheets.verified(sheet.sheet_id)


async def test_an_earlier_greeting_of_the_same_moment_is_a_line_too(sheets, counter, story):
    sheet = await sheets.create()
    said = [story.says("a", "WA1", at("09:00"), message=f"m{number}") for number in range(9)]
    early, *_, late = sorted(said, key=lambda each: each.event.id)
    between = next(
        each
        for each in (story.says("b", "TG1", at("09:00"), message=f"n{number}") for number in range(99))
        if early.event.id < each.event.id < late.event.id
    )
    await counter.hear(late, between)
    await sheets.close(sheet.sheet_id)
    await counter.hear(early)
    await sheets.close(sheet.sheet_id)
    (line,) = [each for each in map(json.loads, await sheets.export(sheet.sheet_id)) if each.get("number") == 2][:-1]
    assert line["event_id"] == early.event.id
    await counter.hear(story.merges("m", "a", "ab", version=1))
    await sheets.close(sheet.sheet_id)
    assert (await sheets.verified(sheet.sheet_id)).total == {"new": 1, "repeat": 1, "excluded": 0}


async def test_an_entry_that_leaves_the_sheets_days_is_settled_back(sheets, counter, story):
    sheet = await sheets.create()
    await counter.hear(story.says("a", "WA1", at("09:00")))
    await sheets.close(sheet.sheet_id)
    await counter.hear(story.says("a", "WA1", at("09:00") - A_DAY * 2, message="late"))
    await sheets.close(sheet.sheet_id)
    assert told((await sheets.days(sheet.sheet_id))[1].total) == (0, 0, 0, "0.00")
    await sheets.verified(sheet.sheet_id)


async def test_who_came_before_the_sheet_is_no_new_person_of_it(sheets, counter, story):
    await counter.hear(story.says("a", "WA1", at("09:00") - A_DAY))
    sheet = await sheets.create()
    await counter.hear(story.says("a", "WA2", at("09:00")))
    await sheets.close(sheet.sheet_id)
    assert told((await sheets.days(sheet.sheet_id))[0].total) == (0, 1, 0, "0.00")
    await sheets.verified(sheet.sheet_id)


async def test_a_day_is_closed_once_and_only_when_it_is_due(sheets, counter, story, now):
    sheet = await sheets.create()
    assert not await counter.closer.close_next(story.workspace_id, sheet.sheet_id)
    now(datetime(2026, 11, 26, tzinfo=UTC))
    closed = await asyncio.gather(*(counter.closer.close_next(story.workspace_id, sheet.sheet_id) for _ in range(3)))
    assert sorted(closed) == [False, False, True]
    await counter.closer.close_due()
    assert [day.number for day in await sheets.days(sheet.sheet_id)] == [1]


async def test_a_process_whose_clock_is_ahead_closes_no_day_early(sheets, counter, now):
    today = datetime.now(UTC)
    now(today)
    first = (today - A_DAY * 5).date()
    sheet = await sheets.create(start_day=first.isoformat(), day_start_hour=0, policy={"time_zone": "UTC"})
    now(today + A_DAY * 30)
    await counter.closer.close_due()
    assert [day.day for day in await sheets.days(sheet.sheet_id)] == [str(first), str(first + A_DAY)]


async def test_every_day_that_is_due_is_closed(sheets, counter, now):
    sheet = await sheets.create()
    now(datetime(2026, 11, 26, 20, tzinfo=UTC))
    await counter.closer.close_due()
    assert [day.day for day in await sheets.days(sheet.sheet_id)] == [FIRST, "2026-11-23"]


async def test_a_sheet_that_cannot_be_closed_keeps_no_other_one_from_it(sheets, counter, story, now, monkeypatch):
    broken, other = await sheets.create(policy={"close_after_days": 2}), await sheets.create()
    now(datetime(2026, 11, 26, tzinfo=UTC))
    close = closing.sheets.close

    def fail(sheet, changes, at):
        return 1 / 0 if sheet.rule.sheet_id == broken.sheet_id else close(sheet, changes, at)

    monkeypatch.setattr(closing.sheets, "close", fail)
    await counter.closer.close_due()
    assert [(await sheets.get(each.sheet_id)).closed_days for each in (broken, other)] == [0, 1]


async def test_a_day_that_takes_long_to_make_keeps_its_transaction_and_stops_nobody(
    sheets, counter, story, monkeypatch
):
    sheet = await sheets.create()
    made, close = threading.Event(), closing.sheets.close

    def slowly(*given):
        assert made.wait(20)
        return close(*given)

    monkeypatch.setattr(closing.sheets, "close", slowly)
    monkeypatch.setattr(closing, "_A_MOMENT_SECONDS", 0.01)
    sheets._now(datetime(2026, 11, 26, tzinfo=UTC))
    closed = asyncio.ensure_future(counter.closer.close_next(story.workspace_id, sheet.sheet_id))
    heard = set()
    try:
        async with asyncio.timeout(10):
            while len(heard) < 3:
                heard |= {row[0] for row in await counter.pool.fetch(_STANDS_STILL)}
    finally:
        made.set()
    assert await closed


_STANDS_STILL = """
SELECT state_change
FROM pg_stat_activity
WHERE datname = current_database() AND state = 'idle in transaction'
"""


async def test_what_is_known_of_a_large_day_is_found_soon_while_nobody_knows_how_large_it_is(sheets, counter, story):
    made = await sheets.create()
    await counter.pool.execute(_MANY, story.workspace_id, story.id("account", "WA1"), at("09:00"), made.sheet_id)
    async with counter.pool.acquire() as conn, asyncio.timeout(10):
        sheet = await sheet_store.lock(conn, story.workspace_id, made.sheet_id)
        assert await sheet_store.find_changes(conn, story.workspace_id, sheet) == []


_MANY = """
WITH one AS MATERIALIZED (
    SELECT gen_random_uuid() AS id, number, $3::timestamptz + make_interval(secs => number % 3600) AS at
    FROM generate_series(1, 30000) AS number
), users AS (
    INSERT INTO channel_user (channel_user_id, workspace_id, contact_id, version)
    SELECT id, $1::uuid, id, -1 FROM one
), entries AS (
    INSERT INTO entry (
        entry_id, workspace_id, account_id, channel_user_id, event_id, message_id, occurred_time, received_time,
        platform
    )
    SELECT id, $1, $2::uuid, id, id, id, at, at, 1 FROM one
), days AS (
    INSERT INTO sheet_day (sheet_id, number, day, lines, new, repeat, excluded, text, digest)
    VALUES ($4::uuid, 1, '2026-11-22', 30000, 30000, 0, 0, '', '')
), lines AS (
    INSERT INTO sheet_line (
        sheet_id, number, place, entry_id, event_id, contact_id, occurred_time, verdict, reason, counts_as, text
    )
    SELECT $4, 1, number, id, id, id, at, 'new', 'first', 'new', '' FROM one
)
INSERT INTO verdict (counter_id, entry_id, judged_contact_id, first_time, first_verdict, verdict, reason)
SELECT $1, id, id, at, 'new', 'new', 'first' FROM one
"""


async def test_a_sheet_waits_until_its_counter_has_judged_what_was_before(sheets, counter, story, now):
    await counter.hear(story.says("a", "WA1", at("09:00")))
    made = await sheets.call(
        "CreateSheet", display_name="s", start_day=FIRST, policy={"account_ids": [story.id("account", "WA1")]}
    )
    now(datetime(2026, 11, 26, tzinfo=UTC))
    assert not await counter.closer.close_next(story.workspace_id, made.sheet.sheet_id)
    assert (await sheets.figures(made.sheet.sheet_id)).judging
    await counter.recounts.finish()
    assert await counter.closer.close_next(story.workspace_id, made.sheet.sheet_id)
    assert (await sheets.days(made.sheet.sheet_id))[0].settled.new == 1


async def test_sheets_of_one_policy_share_a_counter(sheets, story):
    alike = [await sheets.create(policy={"close_after_days": days}) for days in (1, 3)]
    assert {sheet.counter_id for sheet in alike} == {story.workspace_id}
    filtered = [await sheets.create(policy={"account_ids": [story.id("account", "WA1")]}) for _ in range(2)]
    assert len({sheet.counter_id for sheet in filtered} - {story.workspace_id}) == 1


async def test_the_database_refuses_to_change_a_rule_a_day_or_a_line(sheets, counter, story):
    sheet = await sheets.create()
    await counter.hear(story.says("a", "WA1", at("09:00")))
    await sheets.close(sheet.sheet_id)
    for statement in (
        "UPDATE sheet SET rule = ''",
        "DELETE FROM sheet",
        "UPDATE sheet_day SET new = 0",
        "DELETE FROM sheet_line",
        "UPDATE sheet_line SET counts_as = 'repeat'",
    ):
        with pytest.raises(asyncpg.RaiseError):
            await counter.pool.execute(statement)


async def test_a_sheet_that_has_ended_settles_only_what_is_found_later(sheets, counter, story):
    sheet = await sheets.create(end_day=FIRST)
    await counter.hear(story.says("a", "WA1", at("09:00")), story.says("b", "WA1", at("09:00") + A_DAY))
    await sheets.close(sheet.sheet_id, days=2)
    assert [day.day for day in await sheets.days(sheet.sheet_id)] == [FIRST]
    await counter.hear(story.says("c", "WA1", at("09:30")))
    counter_now = datetime(2026, 11, 28, tzinfo=UTC)
    sheets._now(counter_now)
    assert await counter.closer.close_next(story.workspace_id, sheet.sheet_id)
    days = await sheets.days(sheet.sheet_id)
    assert [(day.number, day.day) for day in days] == [(1, FIRST), (2, "2026-11-24")]
    assert told(days[1].adjustments) == (1, 0, 0, "1.50")
    assert len(await sheets.rows(sheet.sheet_id)) == 2
    await sheets.verified(sheet.sheet_id)


async def test_what_comes_after_its_last_day_is_none_of_a_sheets_business(sheets, counter, story):
    sheet = await sheets.create(end_day=FIRST)
    await counter.hear(story.says("a", "WA1", at("09:00")), story.says("b", "WA1", at("09:00") + A_DAY))
    partner, later = sheets.partner(sheet.sheet_id), {"sheet_id": sheet.sheet_id, "to_day": "2026-11-24"}
    assert [row.day for row in (await sheets.call("ListSheetRows", partner, **later)).rows] == [FIRST]
    figures = await sheets.call("GetSheetFigures", partner, **later)
    assert [(day.day, told(day.present)) for day in figures.days] == [(FIRST, (1, 0, 0, "1.50"))]
    after = later | {"from_day": "2026-11-23"}
    assert not (await sheets.call("ListSheetRows", partner, **after)).rows
    assert not (await sheets.call("GetSheetFigures", partner, **after)).days


async def test_the_last_day_may_be_set_until_it_is_closed(sheets):
    sheet = await sheets.create()
    await sheets.close(sheet.sheet_id, days=2)
    end = {"sheet_id": sheet.sheet_id}
    assert await sheets.refused(Conflict, "EndSheet", **end, end_day=FIRST) == "DAY_CLOSED"
    assert await sheets.refused(Invalid, "EndSheet", **end, end_day="2026-11-21") == "INVALID_DAY"
    assert (await sheets.call("EndSheet", **end, end_day="2026-11-23")).sheet.end_day == "2026-11-23"
    assert (await sheets.call("EndSheet", **end, end_day="2026-11-23")).sheet.end_day == "2026-11-23"
    assert await sheets.refused(Conflict, "EndSheet", **end, end_day="2026-11-25") == "DAY_CLOSED"


async def test_a_dispute_that_is_accepted_counts_from_the_next_day_on(sheets, counter, story):
    sheet = await sheets.create()
    await counter.hear(story.says("a", "WA1", at("09:00")))
    await sheets.close(sheet.sheet_id)
    (row,) = await sheets.rows(sheet.sheet_id)
    partner = sheets.partner(sheet.sheet_id)
    wish = {"sheet_id": sheet.sheet_id, "entry_id": row.entry_id, "wanted_verdict": count_pb.VERDICT_EXCLUDED}
    made = (await sheets.call("CreateSheetDispute", partner, **wish, note="a test of ours", request_id="r")).dispute
    again = (await sheets.call("CreateSheetDispute", partner, **wish, note="a test of ours", request_id="r")).dispute
    assert made == again
    assert await sheets.refused(Conflict, "CreateSheetDispute", **wish) == "DISPUTE_OPEN"
    named = {"sheet_id": sheet.sheet_id, "dispute_id": made.dispute_id}
    resolved = (await sheets.call("ResolveSheetDispute", **named, accept=True, answer="agreed")).dispute
    assert resolved.state == nouns.SheetDispute.STATE_ACCEPTED
    assert (await sheets.call("ResolveSheetDispute", **named, accept=True)).dispute == resolved
    assert await sheets.refused(Conflict, "ResolveSheetDispute", **named, accept=False) == "DISPUTE_RESOLVED"
    (row,) = await sheets.rows(sheet.sheet_id)
    assert (row.verdict, row.reason, row.settled_verdict) == (
        count_pb.VERDICT_EXCLUDED,
        "dispute",
        count_pb.VERDICT_NEW,
    )
    assert told((await sheets.figures(sheet.sheet_id)).present) == (0, 0, 1, "0.00")
    await sheets.close(sheet.sheet_id)
    days = await sheets.days(sheet.sheet_id)
    assert [told(day.total) for day in days] == [(1, 0, 0, "1.50"), (0, 0, 1, "0.00")]
    await sheets.verified(sheet.sheet_id)


@pytest.mark.parametrize(
    ("before", "late"),
    [
        ([], "07:00"),  # from outside the campaign
        ([], "08:30"),  # an earlier one in it
        (["07:00"], "08:30"),  # the same, of an entry that is not the first of its chat
        (["07:30"], "07:00"),  # before everything
    ],
)
async def test_what_was_agreed_of_an_entry_in_a_campaign_holds_whatever_comes_late(
    sheets, counter, story, before, late
):
    campaign = await counter.make_campaign(["WA1"], at("08:00"))
    sheet = await sheets.create(policy={"campaign_id": campaign})
    for each in (*before, "09:00"):
        await counter.hear(story.says("a", "WA1", at(each)))
    await sheets.close(sheet.sheet_id)
    (row,) = await sheets.rows(sheet.sheet_id)
    wish = {"sheet_id": sheet.sheet_id, "entry_id": row.entry_id, "wanted_verdict": count_pb.VERDICT_EXCLUDED}
    made = (await sheets.call("CreateSheetDispute", sheets.partner(sheet.sheet_id), **wish, note="a test")).dispute
    await sheets.call("ResolveSheetDispute", sheet_id=sheet.sheet_id, dispute_id=made.dispute_id, accept=True)
    await sheets.close(sheet.sheet_id)
    await counter.hear(story.says("a", "WA1", at(late)))
    await sheets.close(sheet.sheet_id)
    days = await sheets.days(sheet.sheet_id)
    assert [told(day.total) for day in days] == [(1, 0, 0, "1.50"), (0, 0, 1, "0.00"), (0, 0, 1, "0.00")]
    assert [each.entry_id for each in await sheets.rows(sheet.sheet_id)] == [row.entry_id]
    await sheets.verified(sheet.sheet_id)


@pytest.mark.parametrize(
    ("policy", "before", "late", "expected"),
    [
        ({}, [], at("09:00"), (0, 0, 1)),  # another counter counts both
        ({"window_days": 1, "reentry_gap_days": 1}, [at("09:00")], at("08:00") + A_DAY * 2, (1, 0, 1)),
        ({"dedupe_level": 1, "reentry_gap_days": 1}, [at("09:00")], at("08:00") + A_DAY * 2, (1, 0, 1)),
    ],
)
async def test_what_was_agreed_of_an_entry_holds_for_what_takes_its_place(sheets, policy, before, late, expected):
    counter, story = sheets.counter, sheets.story
    await counter.make_counter(reentry_gap_days=1)
    sheet = await sheets.create(policy=policy)
    for when in (*before, at("09:00") + A_DAY * 2):
        await counter.hear(story.says("a", "WA1", when))
    await sheets.close(sheet.sheet_id, days=3)
    row = (await sheets.rows(sheet.sheet_id))[-1]
    wish = {"sheet_id": sheet.sheet_id, "entry_id": row.entry_id, "wanted_verdict": count_pb.VERDICT_EXCLUDED}
    made = (await sheets.call("CreateSheetDispute", sheets.partner(sheet.sheet_id), **wish)).dispute
    await sheets.call("ResolveSheetDispute", sheet_id=sheet.sheet_id, dispute_id=made.dispute_id, accept=True)
    await sheets.close(sheet.sheet_id)
    await counter.hear(story.says("a", "WA1", late))
    assert told((await sheets.figures(sheet.sheet_id)).present)[:3] == expected
    place = (await sheets.rows(sheet.sheet_id, verdict=count_pb.VERDICT_EXCLUDED))[-1]
    assert (place.reason, place.entry_id != row.entry_id) == ("dispute", True)
    (gone,) = await sheets.rows(sheet.sheet_id, verdict=count_pb.VERDICT_NONE)
    assert (gone.entry_id, gone.repeat_of) == (row.entry_id, place.entry_id)
    # That in its turn gives its place away.
    await counter.hear(story.says("a", "WA1", late - timedelta(minutes=1)))
    await sheets.close(sheet.sheet_id)
    assert [told(day.total)[:3] for day in await sheets.days(sheet.sheet_id)][-2:] == [expected] * 2
    await sheets.verified(sheet.sheet_id)


async def test_an_entry_that_was_one_already_takes_no_place(sheets, counter, story):
    sheet = await sheets.create(policy={"window_days": 1, "reentry_gap_days": 1})
    first, second = at("09:00"), at("09:00") + A_DAY * 2
    await counter.hear(story.says("a", "WA1", first), story.says("a", "WA1", second))
    row = (await sheets.rows(sheet.sheet_id, to_day="2026-11-24"))[-1]
    wish = {"sheet_id": sheet.sheet_id, "entry_id": row.entry_id, "wanted_verdict": count_pb.VERDICT_EXCLUDED}
    made = (await sheets.call("CreateSheetDispute", **wish)).dispute
    await sheets.call("ResolveSheetDispute", sheet_id=sheet.sheet_id, dispute_id=made.dispute_id, accept=True)
    for hours in (20, 40):  # nobody was silent for a day
        await counter.hear(story.answers("a", "WA1", first + timedelta(hours=hours)))
    rows = await sheets.rows(sheet.sheet_id, to_day="2026-11-24")
    assert [(row.reason, row.verdict) for row in rows] == [("first", count_pb.VERDICT_NEW)]


async def test_a_request_of_one_party_is_never_taken_for_one_of_the_other(sheets, counter, story):
    sheet = await sheets.create()
    await counter.hear(story.says("a", "WA1", at("09:00")), story.says("b", "WA1", at("10:00")))
    ours, theirs = await sheets.rows(sheet.sheet_id)
    wish = {"sheet_id": sheet.sheet_id, "wanted_verdict": count_pb.VERDICT_EXCLUDED, "request_id": "1"}
    await sheets.call("CreateSheetDispute", **wish, entry_id=ours.entry_id)
    partner = sheets.partner(sheet.sheet_id)
    made = (await sheets.call("CreateSheetDispute", partner, **wish, entry_id=theirs.entry_id)).dispute
    assert made.entry_id == theirs.entry_id
    assert (await sheets.call("CreateSheetDispute", partner, **wish, entry_id=theirs.entry_id)).dispute == made


async def test_a_dispute_is_taken_back_by_the_party_that_made_it(sheets, counter, story):
    sheet = await sheets.create()
    await counter.hear(story.says("a", "WA1", at("09:00")))
    (row,) = await sheets.rows(sheet.sheet_id)
    partner = sheets.partner(sheet.sheet_id)
    wish = {"sheet_id": sheet.sheet_id, "entry_id": row.entry_id, "wanted_verdict": count_pb.VERDICT_REPEAT}
    made = (await sheets.call("CreateSheetDispute", partner, **wish)).dispute
    named = {"sheet_id": sheet.sheet_id, "dispute_id": made.dispute_id}
    assert await sheets.refused(NotFound, "WithdrawSheetDispute", **named) == "DISPUTE_NOT_FOUND"
    taken_back = (await sheets.call("WithdrawSheetDispute", partner, **named)).dispute
    assert taken_back.state == nouns.SheetDispute.STATE_WITHDRAWN
    assert (await sheets.call("WithdrawSheetDispute", partner, **named)).dispute == taken_back
    await sheets.call("CreateSheetDispute", **wish)
    listed = await sheets.call("ListSheetDisputes", sheet_id=sheet.sheet_id, page_size=1)
    assert [each.dispute_id for each in listed.disputes] == [made.dispute_id]
    rest = await sheets.call("ListSheetDisputes", sheet_id=sheet.sheet_id, page_token=listed.next_page_token)
    assert [each.state for each in rest.disputes] == [nouns.SheetDispute.STATE_OPEN]
    is_open = await sheets.call("ListSheetDisputes", sheet_id=sheet.sheet_id, state=nouns.SheetDispute.STATE_OPEN)
    assert len(is_open.disputes) == 1


async def test_a_partner_sees_the_sheet_that_is_shared_with_him_and_nothing_else(sheets):
    shared, other = await sheets.create(), await sheets.create()
    partner = sheets.partner(shared.sheet_id)
    assert [sheet.sheet_id for sheet in (await sheets.call("ListSheets", partner)).sheets] == [shared.sheet_id]
    assert (await sheets.call("GetSheet", partner, sheet_id=shared.sheet_id)).sheet == shared
    for method in (
        "GetSheet",
        "GetSheetFigures",
        "ListSheetRows",
        "ListSheetDays",
        "GetSheetExport",
        "ListSheetDisputes",
    ):
        assert await sheets.refused(NotFound, method, partner, sheet_id=other.sheet_id) == "SHEET_NOT_FOUND"
    nobody = Caller(sheets.story.workspace_id, "partner")
    assert not (await sheets.call("ListSheets", nobody)).sheets
    assert await sheets.refused(NotFound, "GetSheet", nobody, sheet_id=shared.sheet_id) == "SHEET_NOT_FOUND"


async def test_a_sheet_of_another_workspace_is_not_there(sheets):
    sheet = await sheets.create()
    stranger = Caller(an_id("workspace", "W2"), "owner")
    assert await sheets.refused(NotFound, "GetSheet", stranger, sheet_id=sheet.sheet_id) == "SHEET_NOT_FOUND"
    assert await sheets.refused(NotFound, "EndSheet", stranger, sheet_id=sheet.sheet_id) == "SHEET_NOT_FOUND"
    assert not (await sheets.call("ListSheets", stranger)).sheets


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"start_day": "22.11.2026"}, "INVALID_DAY"),
        ({"start_day": "20261122"}, "INVALID_DAY"),
        ({"start_day": "2026-W48"}, "INVALID_DAY"),
        ({"start_day": "2020-01-01"}, "INVALID_DAY"),
        ({"start_day": FIRST, "end_day": "2026-11-21"}, "INVALID_DAY"),
        ({"price": "-1", "currency": "USD"}, "INVALID_PRICE"),
        ({"price": "1e3", "currency": "USD"}, "INVALID_PRICE"),
        ({"price": "1.5"}, "INVALID_PRICE"),
        ({"price": "1.5", "currency": "usd"}, "INVALID_PRICE"),
        ({"policy": {"time_zone": "Mars/Olympus"}}, "INVALID_TIME_ZONE"),
    ],
)
async def test_a_bad_sheet_is_refused(sheets, fields, expected):
    assert await sheets.refused(Invalid, "CreateSheet", **{"display_name": "s", **fields}) == expected


@pytest.mark.parametrize("fields", [{"from_day": "9999-12-31"}, {"from_day": "2026-W48"}, {"to_day": "20261122"}])
async def test_a_bad_period_is_refused(sheets, fields):
    sheet = await sheets.create()
    for name in ("GetSheetFigures", "ListSheetRows"):
        assert await sheets.refused(Invalid, name, sheet_id=sheet.sheet_id, **fields) == "INVALID_DAY"


async def test_sheets_are_listed_page_by_page_and_made_once_by_a_request(sheets):
    made = [await sheets.create(request_id=str(number % 2)) for number in range(4)]
    assert made[0] == made[2]
    page = await sheets.call("ListSheets", page_size=1)
    rest = await sheets.call("ListSheets", page_token=page.next_page_token)
    assert [sheet.sheet_id for sheet in (*page.sheets, *rest.sheets)] == [made[0].sheet_id, made[1].sheet_id]
    assert not rest.next_page_token


async def test_figures_are_split_by_sheet_each_by_its_own_rule(sheets, counter, story):
    alone = await sheets.create(policy={"account_ids": [story.id("account", "TG1")]}, end_day=FIRST)
    whole = await sheets.create()
    await counter.hear(story.says("a", "WA1", at("09:00") - A_DAY), story.says("a", "TG1", at("10:00")))
    await counter.hear(story.says("b", "TG1", at("10:00") + A_DAY))
    sheets._now(at("12:00") + A_DAY)
    answer = await counter.counts(group_by=[count_pb.GROUP_BY_SHEET, count_pb.GROUP_BY_PLATFORM])
    rows = {(row.sheet_id, row.platform): (row.new, row.repeat) for row in answer.rows}
    assert rows == {(alone.sheet_id, 2): (1, 0), (whole.sheet_id, 2): (1, 1)}
    assert not any(row.HasField("messages_in") or row.HasField("served") for row in answer.rows)
    assert (answer.totals.new, answer.totals.repeat, answer.totals.messages_in) == (2, 1, 3)
    daily = await counter.counts(group_by=[count_pb.GROUP_BY_SHEET], bucket=count_pb.BUCKET_DAY)
    assert [(row.sheet_id, row.bucket_start.ToJsonString()) for row in daily.rows] == [
        (alone.sheet_id, "2026-11-21T16:00:00Z"),
        (whole.sheet_id, "2026-11-21T16:00:00Z"),
        (whole.sheet_id, "2026-11-22T16:00:00Z"),
    ]


async def test_rows_are_listed_page_by_page_by_what_they_count_as(sheets, counter, story):
    sheet = await sheets.create()
    await counter.hear(
        *(story.says(f"u{number}", "WA1", at("09:00") + timedelta(minutes=number)) for number in range(4))
    )
    await counter.hear(story.says("u0", "WA2", at("10:00")))
    page = await sheets.call("ListSheetRows", sheet_id=sheet.sheet_id, page_size=3)
    rest = await sheets.call("ListSheetRows", sheet_id=sheet.sheet_id, page_token=page.next_page_token)
    rows = [*page.rows, *rest.rows]
    assert [row.occurred_time.seconds for row in rows] == sorted(row.occurred_time.seconds for row in rows)
    assert len({row.entry_id for row in rows}) == 5
    repeats = await sheets.rows(sheet.sheet_id, verdict=count_pb.VERDICT_REPEAT)
    assert [(row.repeat_of, row.day) for row in repeats] == [(rows[0].entry_id, FIRST)]
    assert await sheets.rows(sheet.sheet_id, from_day="2026-11-23", to_day="2026-11-24") == []


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize(
    "policy",
    [{}, {"window_days": 1}, {"dedupe_level": 1}, {"base_mode": 2}, {"window_days": 1, "reentry_gap_days": 1}],
)
async def test_any_history_gives_an_export_that_anybody_computes_to_the_present_figures(
    sheets, counter, story, seed, policy
):
    chance = random.Random(seed)
    if seed % 2:
        await counter.make_campaign(["WA1"], at("12:00"), at("12:00") + A_DAY)
    sheet = await sheets.create(policy=policy)
    users = [f"u{number}" for number in range(6)]
    version = 0
    for _ in range(4):
        for _ in range(chance.randint(0, 12)):
            version += 1
            user, when = chance.choice(users), at("00:00") + timedelta(minutes=chance.randint(-600, 6000))
            match chance.randint(0, 5):
                case 0:
                    some = chance.sample(users, 2)
                    await counter.hear(story.merges(str(version), some[0], some, version=version))
                case 1:
                    some = chance.sample(users, 2)
                    await counter.hear(story.splits("s", {each: [each] for each in some}, version=version))
                case 2:
                    await counter.hear(
                        story.imports(f"r{chance.randint(0, 2)}", user, when, undone=chance.random() < 0.4)
                    )
                case _:
                    await counter.hear(story.says(user, chance.choice(["WA1", "WA2", "TG1"]), when))
        if rows := await sheets.rows(sheet.sheet_id):
            wish = {"entry_id": chance.choice(rows).entry_id, "wanted_verdict": chance.choice([1, 2, 3])}
            made = (await sheets.call("CreateSheetDispute", sheet_id=sheet.sheet_id, **wish)).dispute
            await sheets.call("ResolveSheetDispute", sheet_id=sheet.sheet_id, dispute_id=made.dispute_id, accept=True)
        await sheets.close(sheet.sheet_id)
    # Nothing comes any more, and every day in which something occurred is closed.
    await sheets.close(sheet.sheet_id, days=3)
    found = await sheets.verified(sheet.sheet_id)
    figures = await sheets.figures(sheet.sheet_id, to_day="2026-11-28")
    present = [sum(getattr(day.present, name) for day in figures.days) for name in ("new", "repeat", "excluded")]
    assert list(found.total.values()) == present
    assert told(figures.settled)[:3] == tuple(present)


async def test_a_sheet_is_closed_while_another_counter_fails_to_judge(sheets, counter, story, monkeypatch):
    await counter.hear(story.says("A", "WA1", at("10:00")))
    sheet = await sheets.create()
    broken = await counter.make_counter(wait=False, dedupe_level="DEDUPE_LEVEL_ACCOUNT")
    monkeypatch.setattr(Recounts, "_recount", lambda *_: 1 / 0)
    await counter.recounts.finish()
    assert await counter.state(broken) == "STATE_JUDGING"
    await sheets.close(sheet.sheet_id)
    assert [day.settled.new for day in await sheets.days(sheet.sheet_id)] == [1]
