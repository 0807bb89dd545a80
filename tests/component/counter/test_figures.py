"""What GetCounts and ListEntries answer."""

from datetime import UTC, datetime, timedelta

import pytest

from lobby.connectors.v1.account_pb2 import PLATFORM_TELEGRAM, PLATFORM_WHATSAPP
from lobby.counter.v1 import count_service_pb2 as pb
from lobby_common.caller import Caller
from lobby_common.errors import Invalid
from tests.component.counter.story import at

LAST = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)


def instant(stamp) -> datetime:
    return stamp.ToDatetime(UTC)


async def test_messages_are_counted_by_account_platform_and_direction(counter, story):
    await counter.hear(
        story.says("A", "WA1", at("10:00")),
        story.says("A", "WA1", at("10:01")),
        story.says("B", "TG1", at("10:02")),
        story.answers("A", "WA1", at("10:03")),
    )
    answer = await counter.counts(group_by=["GROUP_BY_PLATFORM"])
    rows = {row.platform: (row.messages_in, row.messages_out, row.new) for row in answer.rows}
    assert rows == {PLATFORM_WHATSAPP: (2, 1, 1), PLATFORM_TELEGRAM: (1, 0, 1)}
    assert (answer.totals.messages_in, answer.totals.messages_out) == (3, 1)
    assert not answer.totals.HasField("platform")


async def test_an_empty_workspace_has_no_rows_and_totals_of_zero(counter):
    for bucket in ("BUCKET_NONE", "BUCKET_HOUR", "BUCKET_DAY"):
        answer = await counter.counts(bucket=bucket)
        assert (len(answer.rows), answer.totals.new, answer.totals.served) == (0, 0, 0)


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        ("10:00", "11:00", 3),
        ("10:07", "11:00", 2),
        ("10:07", "10:50", 1),
        ("10:20", "10:21", 1),
        ("10:21", "10:22", 0),
        ("09:00", "10:00", 0),
    ],
)
async def test_edges_inside_a_quarter_of_an_hour_are_exact(counter, story, start, end, expected):
    for clock in ("10:00", "10:20", "10:50"):
        await counter.hear(story.says("A", "WA1", at(clock)))
    answer = await counter.counts(start=at(start), end=at(end))
    assert answer.totals.messages_in == expected


async def test_days_begin_at_the_workspaces_hour_in_its_time_zone(counter, story):
    counter.source.calendar = type(counter.source.calendar)(counter.source.calendar.zone, 6)
    await counter.hear(story.says("A", "WA1", at("05:59")), story.says("B", "WA1", at("06:00")))
    rows = (await counter.counts(bucket="BUCKET_DAY")).rows
    assert [(instant(row.bucket_start), row.new) for row in rows] == [
        (at("06:00") - timedelta(days=1), 1),
        (at("06:00"), 1),
    ]


async def test_hours_of_a_zone_of_half_hours_begin_at_half_past(counter, story):
    await counter.hear(story.says("A", "WA1", datetime(2026, 11, 22, 4, 29, tzinfo=UTC)))
    await counter.hear(story.says("B", "WA1", datetime(2026, 11, 22, 4, 30, tzinfo=UTC)))
    rows = (await counter.counts(bucket="BUCKET_HOUR", time_zone="Asia/Kolkata")).rows
    assert [(instant(row.bucket_start), row.new, row.messages_in) for row in rows] == [
        (datetime(2026, 11, 22, 3, 30, tzinfo=UTC), 1, 1),
        (datetime(2026, 11, 22, 4, 30, tzinfo=UTC), 1, 1),
    ]


async def test_a_day_of_25_hours_is_one_day(counter, story):
    for hour in (3, 4, 27, 28, 29):
        when = datetime(2026, 10, 31, tzinfo=UTC) + timedelta(hours=hour)
        await counter.hear(story.says(f"U{hour}", "WA1", when))
    rows = (await counter.counts(bucket="BUCKET_DAY", time_zone="America/New_York")).rows
    assert [row.new for row in rows] == [1, 2, 2]


async def test_served_people_are_counted_once_over_all_rows(counter, story):
    await counter.hear(
        story.says("A", "WA1", at("10:00")),
        story.says("A", "WA2", at("10:01")),
        story.says("B", "WA1", at("10:02")),
        story.answers("A", "WA1", at("10:05"), agent="ann"),
        story.answers("A", "WA2", at("10:06"), agent="bob"),
        story.answers("B", "WA1", at("10:07"), bot=True),
    )
    answer = await counter.counts(group_by=["GROUP_BY_AGENT"])
    served = {row.agent_id: row.served for row in answer.rows if row.served}
    assert served == {story.id("agent", "ann"): 1, story.id("agent", "bob"): 1}
    assert (answer.totals.served, answer.totals.messages_out) == (1, 3)


async def test_an_answer_told_before_the_customer_is_known_serves_him_too(counter, story):
    await counter.hear(story.answers("A", "WA1", at("10:05"), echo=True))
    assert (await counter.counts()).totals.served == 0
    await counter.hear(story.says("A", "WA1", at("10:00")))
    assert (await counter.counts()).totals.served == 1


async def test_waiting_are_conversations_and_unserved_are_people(counter, story):
    await counter.hear(
        story.says("A", "WA1", at("10:00")),
        story.says("A", "WA2", at("10:01")),
        story.says("B", "WA1", at("10:02")),
        story.owes("A", "WA1", at("10:00")),
        story.owes("A", "WA2", at("10:01")),
        story.owes("B", "WA1", at("10:02")),
    )
    totals = (await counter.counts()).totals
    assert (totals.waiting, totals.unserved, totals.served) == (3, 2, 0)
    await counter.hear(
        story.answers("A", "WA1", at("10:05"), agent="ann"),
        story.ends_wait("A", "WA1", at("10:00"), at("10:05"), agent="ann"),
    )
    totals = (await counter.counts()).totals
    assert (totals.waiting, totals.unserved, totals.served) == (2, 1, 1)
    assert (await counter.counts(start=at("10:02"))).totals.waiting == 1


async def test_a_close_ends_the_wait(counter, story):
    await counter.hear(story.owes("A", "WA1", at("10:00")))
    await counter.hear(story.closes("A", "WA1", at("10:05"), since=at("10:00")))
    assert (await counter.counts()).totals.waiting == 0
    await counter.hear(story.owes("A", "WA1", at("10:10")))
    assert (await counter.counts()).totals.waiting == 1


async def test_waits_that_end_and_begin_in_one_batch_are_two(counter, story):
    await counter.hear(story.owes("A", "WA1", at("10:00")))
    await counter.hear(
        story.ends_wait("A", "WA1", at("10:00"), at("10:05")),
        story.owes("A", "WA1", at("10:10")),
    )
    assert (await counter.counts(start=at("10:10"))).totals.waiting == 1
    assert (await counter.counts()).totals.waiting == 1


@pytest.mark.parametrize("assigned_first", [True, False])
async def test_the_first_agent_of_the_conversation_is_the_entrys_for_ever(counter, story, assigned_first):
    events = [story.says("A", "WA1", at("10:00")), story.assigns("A", "WA1", "ann", at("10:00"), first=True)]
    await counter.hear_singly(*(reversed(events) if assigned_first else events))
    await counter.hear(story.assigns("A", "WA1", "", at("10:05")), story.assigns("A", "WA1", "bob", at("10:06")))
    (entry,) = await counter.entries()
    assert entry.agent_id == story.id("agent", "ann")


async def test_messages_that_nobody_held_belong_to_the_agent_who_took_the_conversation(counter, story):
    await counter.hear(story.says("A", "WA1", at("10:00")), story.says("A", "WA1", at("10:20")))
    await counter.hear(story.assigns("A", "WA1", "ann", at("10:21"), first=True))
    await counter.hear(story.says("A", "WA1", at("10:30")))
    rows = (await counter.counts(group_by=["GROUP_BY_AGENT"])).rows
    assert [(row.agent_id, row.new, row.messages_in) for row in rows] == [(story.id("agent", "ann"), 1, 3)]
    edge = await counter.counts(start=at("10:10"), end=at("10:29"), agent_id=story.id("agent", "ann"))
    assert edge.totals.messages_in == 1


@pytest.mark.parametrize("translated_first", [True, False])
async def test_an_entry_has_the_language_of_its_greeting(counter, story, translated_first):
    hello = story.says("A", "WA1", at("10:00"), locale="en-GB", campaign="ad-1", country="BR")
    events = [hello, story.translates(hello, "pt")]
    await counter.hear_singly(*(reversed(events) if translated_first else events))
    await counter.hear(story.translates(story.says("A", "WA1", at("10:01")), "en"))
    rows = (await counter.counts(group_by=["GROUP_BY_LANGUAGE", "GROUP_BY_CAMPAIGN", "GROUP_BY_COUNTRY"])).rows
    assert [(row.language, row.campaign_id, row.country, row.new, row.messages_in) for row in rows] == [
        ("pt", "ad-1", "BR", 1, 1)
    ]


async def test_an_undetermined_greeting_has_the_customers_language(counter, story):
    hello = story.says("A", "WA1", at("10:00"))
    await counter.hear(hello, story.translates(hello, "und", customer="th"))
    assert [entry.language for entry in await counter.entries()] == ["th"]


async def test_an_agent_sees_only_his_own_figures(counter, story):
    ann = Caller(story.workspace_id, "agent", agent_id=story.id("agent", "ann"))
    await counter.hear(
        story.says("A", "WA1", at("10:00")),
        story.says("B", "WA1", at("10:01")),
        story.assigns("A", "WA1", "ann", at("10:00"), first=True),
        story.assigns("B", "WA1", "bob", at("10:01"), first=True),
    )
    for asked, found in (("", 1), ("ann", 1), ("bob", 0)):
        agent_id = asked and story.id("agent", asked)
        totals = (await counter.counts(who=ann, agent_id=agent_id)).totals
        assert (totals.new, totals.messages_in) == (found, found)
        assert len(await counter.entries(who=ann, agent_id=agent_id)) == found
    nobody = Caller(story.workspace_id, "agent")
    assert (await counter.counts(who=nobody)).totals.new == 0


async def test_filters_narrow_and_a_strange_id_matches_nothing(counter, story):
    await counter.hear(story.says("A", "WA1", at("10:00")), story.says("B", "TG1", at("10:01")))
    assert await counter.new_and_repeat(account_id=story.id("account", "WA1")) == (1, 0)
    assert await counter.new_and_repeat(platform=PLATFORM_TELEGRAM) == (1, 0)
    assert await counter.new_and_repeat(account_id="no id") == (0, 0)
    assert len(await counter.entries(account_id=story.id("account", "TG1"))) == 1


async def test_entries_are_those_behind_a_row_of_the_figures(counter, story):
    await counter.hear(
        story.says("A", "WA1", at("10:00"), locale="pt", campaign="ad-1", country="BR"),
        story.says("B", "WA1", at("10:01"), locale="pt", campaign="ad-2", country="PT"),
        story.says("C", "TG1", at("10:02")),
    )
    for name in ("campaign_id", "language", "country"):
        rows = (await counter.counts(group_by=[f"GROUP_BY_{name.removesuffix('_id').upper()}"])).rows
        assert sum(row.new for row in rows) == 3
        for row in rows:
            behind = await counter.entries(**{name: getattr(row, name)})
            assert [getattr(entry, name) for entry in behind] == [getattr(row, name)] * row.new
    assert await counter.entries(campaign_id="ad-1", country="PT") == []


async def test_closed_days_keep_their_recorded_figures(counter, story, now):
    old = at("10:00") - timedelta(days=10)
    now(old)
    await counter.hear(story.says("A", "WA1", old), story.says("B", "LN1", old + timedelta(minutes=1)))
    before = await counter.new_and_repeat(view="VIEW_RECORDED", end=old + timedelta(days=1))
    now(at("12:00"))
    await counter.hear(story.merges("m", "A", ["A", "B"], version=1))
    assert await counter.new_and_repeat(view="VIEW_RECORDED", end=old + timedelta(days=1)) == before == (2, 0)
    assert await counter.new_and_repeat(end=old + timedelta(days=1)) == (1, 1)
    assert await counter.new_and_repeat(view="VIEW_RECORDED") == (1, 1)
    adjustment = await counter.counts(view="VIEW_RECORDED", start=at("00:00"))
    assert (adjustment.totals.new, adjustment.totals.repeat) == (-1, 1)
    _, b = await counter.entries()
    assert [(each.effective_day, each.booked_day) for each in b.corrections] == [("2026-11-12", "2026-11-22")]


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        ({"start": at("10:00"), "end": at("10:00")}, "INVALID_PERIOD"),
        ({"start": at("10:00"), "end": at("09:00")}, "INVALID_PERIOD"),
        ({"start": datetime(1, 1, 1, tzinfo=UTC), "bucket": "BUCKET_HOUR"}, "INVALID_PERIOD"),
        ({"start": LAST - timedelta(minutes=9), "end": LAST, "bucket": "BUCKET_DAY"}, "INVALID_PERIOD"),
        ({"time_zone": "Mars/Olympus"}, "INVALID_TIME_ZONE"),
        ({"time_zone": "../etc/passwd"}, "INVALID_TIME_ZONE"),
        ({"time_zone": "Asia"}, "INVALID_TIME_ZONE"),
        ({"time_zone": "x" * 64}, "INVALID_TIME_ZONE"),
        ({"time_zone": "a\x00b"}, "INVALID_TIME_ZONE"),
    ],
)
async def test_what_makes_no_sense_is_refused(counter, request_, reason):
    with pytest.raises(Invalid) as refusal:
        await counter.counts(**request_)
    assert refusal.value.reason == reason


async def test_times_at_the_ends_of_the_calendar_are_answered(counter, story):
    await counter.hear(story.says("A", "WA1", at("10:00")))
    first = datetime(1, 1, 1, tzinfo=UTC)
    assert await counter.new_and_repeat(start=first, end=LAST) == (1, 0)
    assert await counter.new_and_repeat(start=LAST - timedelta(minutes=3), end=LAST) == (0, 0)


async def test_pages_of_entries_go_on_where_the_last_one_ended(counter, story):
    for number in range(5):
        await counter.hear(story.says(f"U{number}", "WA1", at("10:00")))
    seen, token = [], ""
    while True:
        page = await counter.page(page_size=2, page_token=token)
        seen += [entry.entry_id for entry in page.entries]
        token = page.next_page_token
        if not token:
            break
    assert len(seen) == len(set(seen)) == 5
    with pytest.raises(Invalid):
        await counter.page(page_token="WyJhIiwiYiJd")


async def test_entries_of_one_second_are_listed_in_the_order_in_which_they_are_judged(counter, story):
    for number in range(8):
        await counter.hear(story.says(f"U{number}", "WA1", at("10:00")), story.says(f"U{number}", "WA2", at("10:00")))
    listed = await counter.entries()
    assert [entry.event_id for entry in listed] == sorted(entry.event_id for entry in listed)
    known = set()
    for entry in listed:
        assert entry.verdict == (pb.VERDICT_REPEAT if entry.contact_id in known else pb.VERDICT_NEW)
        known.add(entry.contact_id)


async def test_entries_can_be_filtered_by_verdict(counter, story):
    await counter.hear(story.says("A", "WA1", at("10:00")), story.says("A", "WA2", at("10:01")))
    (repeat,) = await counter.entries(verdict=pb.VERDICT_REPEAT)
    assert repeat.account_id == story.id("account", "WA2")


async def test_figures_that_changed_are_told_once_per_workspace(counter, story):
    await counter.hear(story.says("A", "WA1", at("10:00")), story.says("A", "WA2", at("10:01")))
    (told,) = counter.told
    assert (told.entries, told.corrections) == (2, 0)
    assert instant(getattr(told, "from")) == at("10:00")
    assert instant(told.to) > at("10:01")
    await counter.hear(story.translates(story.says("A", "WA1", at("10:02")), "pt"))
    assert counter.told == []
