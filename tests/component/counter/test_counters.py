"""Counters with policies of their own: the scenarios that need them, counters that come later, campaigns, silences."""

from datetime import datetime, timedelta

import pytest

from lobby.counter.v1 import counter_pb2, counter_service_pb2
from lobby.counter.v1.count_service_pb2 import VERDICT_EXCLUDED, VERDICT_NEW, VERDICT_NONE, VERDICT_REPEAT
from lobby_common import caller
from lobby_common.caller import Caller
from lobby_common.metrics import REGISTRY
from lobby_counter.recounts import Recounts
from tests.component.counter.story import Story, at


def on(day: int, clock: str = "10:00") -> datetime:
    """A time on a day of November or, from 0 down, of October; UTC+8."""
    return at(clock) + timedelta(days=day - 22)


async def verdicts(counter, counter_id: str = "", story: Story | None = None) -> list[tuple[int, str]]:
    return [(entry.verdict, entry.reason) for entry in await counter.entries(story, counter_id=counter_id)]


async def test_s08_who_was_imported_before_repeats_the_base_row(counter, story):
    await counter.hear(story.imports("090 123 4567", "+84901234567", on(20)))
    await counter.hear(story.says("+84901234567", "WA1", at("10:00")))
    (entry,) = await counter.entries()
    assert (entry.verdict, entry.reason) == (VERDICT_REPEAT, "base")
    assert entry.repeat_of == story.id("base", "090 123 4567")
    assert await counter.new_and_repeat() == (0, 1)


async def test_s09_the_base_counts_from_its_import_on(counter, story):
    await counter.hear(story.says("+84901234567", "WA1", at("09:00")))
    await counter.hear(story.imports("090 123 4567", "+84901234567", at("12:00")))
    await counter.hear(story.says("+84901234567", "WA2", at("15:00")))
    first, second = await counter.entries()
    assert (first.verdict, second.verdict) == (VERDICT_NEW, VERDICT_REPEAT)
    assert not [*first.corrections, *second.corrections]
    assert await counter.new_and_repeat() == (1, 1)


async def test_a_retroactive_import_corrects_and_the_same_again_changes_nothing(counter, story):
    await counter.hear(story.says("A", "WA1", at("09:00")))
    for _ in range(2):
        await counter.hear(story.imports("row", "A"))
    (entry,) = await counter.entries()
    (made,) = entry.corrections
    assert (entry.verdict, made.caused_by, made.cause_id) == (VERDICT_REPEAT, "import", story.id("import", "row"))
    excluding = await counter.make_counter(base_mode="BASE_MODE_EXCLUDE")
    assert await verdicts(counter, excluding) == [(VERDICT_EXCLUDED, "base")]
    totals = (await counter.counts(counter_id=excluding)).totals
    assert (totals.new, totals.repeat, totals.excluded) == (0, 0, 1)
    await counter.hear(story.imports("row", "A", undone=True))
    await counter.hear(story.imports("row", "A"))
    assert await verdicts(counter, excluding) == await verdicts(counter) == [(VERDICT_NEW, "first")]


async def test_s10_three_counters_over_the_same_two_entries(counter, story):
    await counter.make_campaign(["WA1"], on(1))
    await counter.make_campaign(["WA2"], on(1))
    by_account = await counter.make_counter(dedupe_level="DEDUPE_LEVEL_ACCOUNT")
    by_campaign = await counter.make_counter(dedupe_level="DEDUPE_LEVEL_CAMPAIGN")
    await counter.hear(story.says("A", "WA1", at("10:00")))
    await counter.hear(story.says("A", "WA2", at("11:00")))
    assert await counter.new_and_repeat(counter_id=by_account) == (2, 0)
    assert await counter.new_and_repeat(counter_id=by_campaign) == (2, 0)
    assert await counter.new_and_repeat() == (1, 1)
    rows = (await counter.counts(counter_id=by_campaign, group_by=["GROUP_BY_ACCOUNT"])).rows
    assert [(row.new, row.repeat) for row in rows] == [(1, 0), (1, 0)]


async def test_an_entry_tells_who_wrote_and_in_which_campaign(counter, story):
    campaign = await counter.make_campaign(["WA1"], on(1))
    await counter.hear(story.merges("m", "B", ["A", "B"], version=1))
    await counter.hear(story.says("A", "WA1", at("10:00"), contact="B"))
    await counter.hear(story.says("B", "WA2", at("11:00")))
    first, second = await counter.entries()
    assert (first.channel_user_id, first.entered_campaign_id) == (story.id("user", "A"), campaign)
    assert (second.channel_user_id, second.entered_campaign_id) == (story.id("user", "B"), "")
    assert first.contact_id == second.contact_id


@pytest.mark.parametrize("later", [False, True])
async def test_s11_a_window_is_not_renewed_by_repeats(counter, story, later):
    monthly = "" if later else await counter.make_counter(window_days=30)
    await counter.hear(story.merges("m", "A", ["A", "777"], version=1))
    await counter.hear(story.says("A", "WA1", on(-30, "12:00")))
    await counter.hear(story.says("A", "WA2", on(-10, "12:00")))
    await counter.hear(story.says("777", "TG1", on(14, "12:00"), contact="A"))
    monthly = monthly or await counter.make_counter(window_days=30)
    assert await verdicts(counter, monthly) == [
        (VERDICT_NEW, "first"),
        (VERDICT_REPEAT, "same_identity"),
        (VERDICT_NEW, "window"),
    ]
    for view in ("VIEW_RESTATED", "VIEW_RECORDED"):
        assert await counter.new_and_repeat(counter_id=monthly, view=view) == (2, 1)
    assert await counter.new_and_repeat() == (1, 2)


@pytest.mark.parametrize("later", [False, True])
async def test_a_greeting_after_a_long_silence_is_an_entry_again_where_that_counts(counter, story, later):
    weekly = "" if later else await counter.make_counter(reentry_gap_days=7)
    yearly = await counter.make_counter(reentry_gap_days=365)
    await counter.hear(story.says("A", "WA1", on(1)), story.says("A", "WA1", on(3)))
    await counter.hear(story.answers("A", "WA1", on(4), agent="ann"))
    await counter.hear(story.says("A", "WA1", on(10, "10:01")))
    await counter.hear(story.says("A", "WA1", on(17, "10:01")))
    weekly = weekly or await counter.make_counter(reentry_gap_days=7)
    assert await verdicts(counter, weekly) == [(VERDICT_NEW, "first"), (VERDICT_REPEAT, "same_identity")]
    assert (await counter.entries(counter_id=weekly))[1].occurred_time.ToDatetime().day == 17
    assert await verdicts(counter, yearly) == await verdicts(counter) == [(VERDICT_NEW, "first")]
    assert (await counter.counts(group_by=["GROUP_BY_LANGUAGE"])).totals.messages_in == 4


async def test_who_wrote_late_and_broke_a_silence_takes_the_entry_away(counter, story):
    weekly = await counter.make_counter(reentry_gap_days=7)
    await counter.hear(story.says("A", "WA1", on(1)), story.says("A", "WA1", on(9)))
    assert await counter.new_and_repeat(counter_id=weekly) == (1, 1)
    await counter.hear(story.answers("A", "WA1", on(5), agent="ann"))
    for view in ("VIEW_RESTATED", "VIEW_RECORDED"):
        assert await counter.new_and_repeat(counter_id=weekly, view=view) == (1, 0)
    (gone,) = await counter.entries(counter_id=weekly, verdict="VERDICT_NONE")
    (made,) = gone.corrections
    assert (gone.verdict, gone.reason, gone.HasField("repeat_of")) == (VERDICT_NONE, "late", False)
    assert (made.from_verdict, made.to_verdict, made.caused_by) == (VERDICT_REPEAT, VERDICT_NONE, "late_entry")


async def test_an_answer_that_waited_for_its_chat_breaks_a_silence_too(counter, story):
    weekly = await counter.make_counter(reentry_gap_days=7)
    await counter.hear(story.answers("A", "WA1", on(5), agent="ann", chat="known later"))
    await counter.hear(story.says("A", "WA1", on(1)), story.says("A", "WA1", on(9)))
    assert await counter.new_and_repeat(counter_id=weekly) == (1, 1)
    await counter.hear(story.says("A", "WA1", on(9, "10:05"), chat="known later"))
    assert await counter.new_and_repeat(counter_id=weekly) == (1, 0)


async def test_an_earlier_greeting_of_a_chat_leaves_the_former_first_as_an_entry_again(counter, story):
    weekly = await counter.make_counter(reentry_gap_days=7)
    await counter.hear(story.says("A", "WA1", on(20)))
    await counter.hear(story.says("A", "WA1", on(1)))
    first, again = await counter.entries(counter_id=weekly)
    assert (first.verdict, again.verdict, again.repeat_of) == (VERDICT_NEW, VERDICT_REPEAT, first.entry_id)
    assert again.occurred_time.ToDatetime().day == 20
    assert await counter.new_and_repeat(counter_id=weekly, view="VIEW_RECORDED") == (1, 1)
    assert await counter.new_and_repeat(view="VIEW_RECORDED") == await counter.new_and_repeat() == (1, 0)


async def test_i6_an_entry_keeps_its_id_when_an_earlier_greeting_outside_its_campaign_comes_late(counter, story):
    campaign = await counter.make_campaign(["WA1"], on(4))
    only = await counter.make_counter(campaign_id=campaign)
    in_campaign = story.says("A", "WA1", on(5), campaign="ad", country="TH", locale="th")
    await counter.hear(in_campaign)
    ((told,), (told_only,)) = [await counter.entries(counter_id=each) for each in ("", only)]
    await counter.hear(story.says("A", "WA1", on(1)))
    first, kept = await counter.entries()
    assert (kept.event_id, kept.entry_id) == (told.event_id, told.entry_id)
    assert (kept.campaign_id, kept.country, kept.language) == ("ad", "TH", "th")
    assert (first.verdict, kept.verdict, kept.reason, kept.repeat_of) == (
        VERDICT_NEW,
        VERDICT_REPEAT,
        "late",
        first.entry_id,
    )
    (made,) = kept.corrections
    assert (made.from_verdict, made.to_verdict, made.caused_by) == (VERDICT_NEW, VERDICT_REPEAT, "late_entry")
    assert await counter.entries(counter_id=only) == [told_only]
    assert await counter.new_and_repeat(view="VIEW_RECORDED") == await counter.new_and_repeat() == (1, 1)
    await counter.hear(in_campaign)
    await counter.mend(in_campaign)
    assert await counter.entries() == [first, kept]


async def test_i6_an_entry_keeps_its_id_when_a_silence_before_it_is_told_late(counter, story):
    weekly = await counter.make_counter(reentry_gap_days=7)
    await counter.hear(story.says("A", "WA1", on(20)))
    (told,) = await counter.entries(counter_id=weekly)
    for late in (on(1), on(0)):
        await counter.hear(story.says("A", "WA1", late))
        assert (await counter.entries(counter_id=weekly))[-1].entry_id == told.entry_id
    first, kept = await counter.entries(counter_id=weekly)
    assert (first.verdict, kept.verdict, kept.reason) == (VERDICT_NEW, VERDICT_REPEAT, "late")
    await counter.hear(story.answers("A", "WA1", on(15), agent="ann"))
    assert await counter.new_and_repeat(counter_id=weekly) == (1, 0)
    (gone,) = (
        e for e in await counter.entries(counter_id=weekly, verdict="VERDICT_NONE") if e.entry_id == told.entry_id
    )
    assert (gone.event_id, gone.reason) == (told.event_id, "late")


async def test_an_earlier_greeting_takes_the_place_of_an_entry_that_no_counter_counts_beside_it(counter, story):
    await counter.make_campaign(["WA1"], on(1))
    await counter.make_counter(reentry_gap_days=7)
    await counter.hear(story.says("A", "WA1", on(20)))
    (told,) = await counter.entries()
    await counter.hear(story.says("A", "WA1", on(18)))
    (moved,) = await counter.entries()
    (made,) = moved.corrections
    assert (moved.entry_id, moved.occurred_time.ToDatetime().day) == (told.entry_id, 18)
    assert (made.from_verdict, made.to_verdict) == (VERDICT_NEW, VERDICT_NEW)
    assert await counter.entries(verdict="VERDICT_NONE") == []


async def test_an_earlier_greeting_takes_the_place_of_a_further_entry_of_its_campaign(counter, story):
    campaign = await counter.make_campaign(["WA1"], on(4))
    only = await counter.make_counter(campaign_id=campaign)
    for day in (1, 9):
        await counter.hear(story.says("A", "WA1", on(day), country="TH", locale="th"))
    first, told = await counter.entries()
    earlier, later = (story.says("A", "WA1", on(day), campaign="ad") for day in (6, 8))
    for late in (later, earlier):
        await counter.hear(late)
    assert (await counter.entries())[0] == first
    for each in ("", only):
        (*_, moved) = await counter.entries(counter_id=each)
        assert (moved.entry_id, moved.occurred_time.ToDatetime().day) == (told.entry_id, 6)
        assert (moved.campaign_id, moved.country, moved.language) == ("ad", "TH", "th")
        assert [made.caused_by for made in moved.corrections] == ["late_entry", "late_entry"]
        assert await counter.new_and_repeat(counter_id=each, view="VIEW_RECORDED") == (1, 0 if each else 1)
    entries = await counter.entries()
    await counter.hear(later)
    await counter.mend(earlier)
    assert await counter.entries() == entries


async def test_greetings_whose_entry_an_earlier_one_took_are_entries_of_their_own_where_a_silence_counts(
    counter, story
):
    await counter.make_campaign(["WA1"], on(4))
    await counter.hear(story.says("A", "WA1", on(1)))
    await counter.hear(story.says("A", "WA1", on(19)))
    _, told = await counter.entries()
    await counter.hear(story.says("A", "WA1", on(5)))
    weekly = await counter.make_counter(reentry_gap_days=7)
    entries = await counter.entries(counter_id=weekly)
    assert [each.occurred_time.ToDatetime().day for each in entries] == [1, 5, 19]
    assert entries[1].entry_id == told.entry_id
    assert len({each.entry_id for each in entries}) == 3
    assert await counter.new_and_repeat() == (1, 1)


async def test_a_further_entry_becomes_the_first_of_its_chat_under_its_id(counter, story):
    await counter.make_campaign(["WA1"], on(4), on(6))
    for day in (5, 8):
        await counter.hear(story.says("A", "WA1", on(day)))
    told = await counter.entries()
    await counter.hear(story.says("A", "WA1", on(1)))
    first, kept = await counter.entries()
    assert [first.entry_id, kept.entry_id] == [each.entry_id for each in reversed(told)]
    assert [each.occurred_time.ToDatetime().day for each in (first, kept)] == [1, 5]
    assert await counter.new_and_repeat(view="VIEW_RECORDED") == await counter.new_and_repeat() == (1, 1)


async def test_what_only_the_first_entry_of_a_chat_knows_is_that_of_the_earliest_greeting(counter, story):
    await counter.make_campaign(["WA1"], on(4))
    await counter.hear(story.says("A", "WA1", on(5), campaign="later ad", country="TH", locale="th"))
    await counter.hear(story.says("A", "WA1", on(1), campaign="earlier ad", country="VN"))
    for group, value in (("CAMPAIGN", "earlier ad"), ("COUNTRY", "VN"), ("LANGUAGE", "th")):
        rows = (await counter.counts(group_by=[f"GROUP_BY_{group}"])).rows
        said = {getattr(row, group.lower() if group != "CAMPAIGN" else "campaign_id"): row.messages_in for row in rows}
        assert said.pop(value) == 2
        assert not any(said.values())


async def test_a_campaign_of_before_makes_entries_and_its_end_takes_them_away(counter, story):
    by_campaign = await counter.make_counter(dedupe_level="DEDUPE_LEVEL_CAMPAIGN")
    await counter.hear(story.says("A", "WA1", on(1)), story.says("A", "WA1", on(5)), story.says("A", "WA1", on(6)))
    assert await counter.new_and_repeat(counter_id=by_campaign) == (1, 0)
    campaign = await counter.make_campaign(["WA1"], on(4))
    assert await counter.new_and_repeat(counter_id=by_campaign) == (2, 0)
    assert await counter.new_and_repeat() == (1, 1)
    only = await counter.make_counter(campaign_id=campaign)
    assert await verdicts(counter, only) == [(VERDICT_NEW, "first")]
    await counter.change_campaign(campaign, end_time=on(5))
    assert await counter.new_and_repeat(counter_id=only) == (0, 0)
    for view in ("VIEW_RESTATED", "VIEW_RECORDED"):
        assert await counter.new_and_repeat(counter_id=by_campaign, view=view) == (1, 0)
    (gone,) = await counter.entries(counter_id=only, verdict="VERDICT_NONE")
    (made,) = gone.corrections
    assert (gone.reason, made.caused_by, made.cause_id) == ("policy", "policy", campaign)


async def test_filters_leave_other_entries_out(counter, story):
    await counter.hear(story.says("A", "WA1", on(1)), story.says("A", "TG1", on(2)), story.says("B", "WA2", on(3)))
    telegram = await counter.make_counter(platforms=["PLATFORM_TELEGRAM"])
    wa2 = await counter.make_counter(account_ids=[story.id("account", "WA2")])
    assert await verdicts(counter, telegram) == [(VERDICT_NEW, "first")]
    assert await verdicts(counter, wa2) == [(VERDICT_NEW, "first")]
    totals = (await counter.counts(counter_id=wa2)).totals
    assert (totals.new, totals.repeat, totals.messages_in) == (1, 0, 3)
    await counter.hear(story.merges("m", "A", ["A", "B"], version=1))
    assert await verdicts(counter, wa2) == [(VERDICT_NEW, "first")]
    assert await counter.new_and_repeat() == (1, 2)


async def test_each_counter_books_by_its_own_zone_and_closing(counter, story, now):
    prompt = await counter.make_counter(close_after_days=0, time_zone="America/New_York")
    patient = await counter.make_counter(close_after_days=30)
    await counter.hear(story.says("A", "WA1", on(10, "04:00")), story.says("B", "WA2", on(10, "05:00")))
    now(on(22, "20:00"))
    await counter.hear(story.merges("m", "A", ["A", "B"], version=1))
    (of_prompt,) = (await counter.entries(counter_id=prompt))[1].corrections
    (of_patient,) = (await counter.entries(counter_id=patient))[1].corrections
    assert (of_prompt.effective_day, of_prompt.booked_day) == ("2026-11-09", "2026-11-22")
    assert (of_patient.effective_day, of_patient.booked_day) == ("2026-11-10", "2026-11-10")
    rows = (await counter.counts(counter_id=prompt, bucket="BUCKET_DAY", view="VIEW_RECORDED")).rows
    days = [(row.bucket_start.ToJsonString(), row.new, row.repeat) for row in rows if row.new or row.repeat]
    assert days == [("2026-11-09T05:00:00Z", 2, 0), ("2026-11-22T05:00:00Z", -1, 1)]


async def test_a_counter_made_while_events_come_judges_each_once(counter, story):
    await counter.hear(*(story.says(f"u{n}", "WA1", on(n % 20 + 1)) for n in range(30)))
    made = await counter.make_counter(wait=False, dedupe_level="DEDUPE_LEVEL_ACCOUNT")
    await counter.hear(story.says("u3", "WA2", on(21)), story.says("new one", "WA1", on(1)))
    await counter.hear(story.merges("m", "u1", ["u1", "u2"], version=1))
    assert await counter.state(made) == "STATE_JUDGING"
    await counter.recounts.finish()
    assert await counter.state(made) == "STATE_READY"
    assert await counter.new_and_repeat(counter_id=made) == (31, 1)
    assert await counter.new_and_repeat(counter_id=made, view="VIEW_RECORDED") == (31, 1)


async def test_a_recount_goes_on_where_it_stopped(counter, story, monkeypatch):
    monkeypatch.setattr("lobby_counter.recounts._ENTRIES", 3)
    monkeypatch.setattr("lobby_counter.recounts._MESSAGES", 4)
    await counter.hear(*(story.says(f"u{n}", "WA1", on(n % 5 + 1)) for n in range(10)))
    await counter.hear(*(story.says(f"u{n}", "WA1", on(n % 5 + 4)) for n in range(10)))
    made = await counter.make_counter(wait=False, reentry_gap_days=3)
    steps = 0
    while await counter.recounts.step(story.workspace_id):
        steps += 1
        await counter.hear(story.says(f"late {steps}", "WA1", on(1)))
    entries = await counter.entries(counter_id=made, page_size=200)
    assert len(entries) == 10 + 10 + steps
    assert sum(len(entry.corrections) for entry in entries) == 0
    assert steps >= 20 // 4 + 10 // 3


async def test_what_was_lost_is_mended_at_every_counter(counter, story):
    weekly = await counter.make_counter(reentry_gap_days=7)
    told = [story.says("A", "WA1", on(1)), story.says("A", "WA1", on(9)), story.says("B", "WA1", on(9))]
    await counter.hear(*told)
    before = [await counter.entries(counter_id=each) for each in (weekly, "")]
    await counter.pool.execute("DELETE FROM verdict WHERE counter_id = $1", story.workspace_id)
    assert await counter.effectless(*told) == {each.event.id for each in told}
    await counter.mend(*told)
    after = [await counter.entries(counter_id=each) for each in (weekly, "")]
    assert [[(e.entry_id, e.verdict) for e in each] for each in after] == [
        [(e.entry_id, e.verdict) for e in each] for each in before
    ]
    await counter.pool.execute("DELETE FROM verdict")
    await counter.mend(*told)
    assert len(await counter.entries(counter_id=weekly)) == 3
    assert await counter.new_and_repeat() == (2, 0)


async def test_what_was_lost_of_a_chat_whose_first_entry_came_late_is_mended_under_its_ids(counter, story):
    await counter.make_campaign(["WA1"], on(4))
    told = [story.says("A", "WA1", on(5)), story.says("A", "WA1", on(1))]
    await counter.hear_singly(*told)
    before = await counter.entries()
    await counter.pool.execute("DELETE FROM verdict WHERE entry_id = $1", before[0].entry_id)
    await counter.mend(*told)
    after = await counter.entries()
    assert [(e.entry_id, e.event_id, e.verdict) for e in after] == [(e.entry_id, e.event_id, e.verdict) for e in before]
    await counter.hear(story.says("A", "WA1", on(3)), story.says("A", "WA1", on(0)))
    assert await counter.new_and_repeat() == (1, 1)


async def test_entries_of_a_chat_that_lost_all_their_verdicts_keep_their_ids(counter, story):
    await counter.make_campaign(["WA1"], on(4))
    told = [story.says("A", "TG1", on(0)), story.says("A", "WA1", on(5)), story.says("A", "WA1", on(1))]
    await counter.hear_singly(*told)
    before = await counter.entries()
    assert not any(entry.corrections for entry in before)
    await counter.pool.execute("DELETE FROM verdict")
    await counter.mend(*told)
    after = await counter.entries()
    assert [(e.entry_id, e.event_id, e.verdict) for e in after] == [(e.entry_id, e.event_id, e.verdict) for e in before]


def fail_for(monkeypatch, cause_id: str) -> None:
    """What is judged because of that counter or campaign fails."""
    whole = Recounts._recount

    async def fail(self, tx, workspace_id, work):
        if work.cause.cause_id == cause_id:
            raise ArithmeticError("it cannot be judged")
        await whole(self, tx, workspace_id, work)

    monkeypatch.setattr(Recounts, "_recount", fail)


async def found(counter, counter_id: str) -> counter_pb2.Counter:
    with caller.use(Caller(counter.story.workspace_id, "owner")):
        request = counter_service_pb2.GetCounterRequest(counter_id=counter_id)
        return (await counter.counters.GetCounter(request, None)).counter


async def test_a_recount_that_fails_holds_up_no_other_and_is_tried_again(counter, story, monkeypatch):
    await counter.hear(story.says("A", "WA1", on(1)), story.says("A", "WA2", on(2)))
    broken = await counter.make_counter(wait=False, dedupe_level="DEDUPE_LEVEL_ACCOUNT")
    sound = await counter.make_counter(wait=False, dedupe_level="DEDUPE_LEVEL_ACCOUNT")
    fail_for(monkeypatch, broken)
    for failures in (1, 2):
        await counter.recounts.finish()
        states = [await counter.state(each) for each in (broken, sound, story.workspace_id)]
        assert states == ["STATE_JUDGING", "STATE_READY", "STATE_READY"]
        shown = await found(counter, broken)
        assert (shown.failures, shown.failure, shown.HasField("retry_time")) == (failures, "ArithmeticError", True)
        assert not (await found(counter, sound)).failures
        assert REGISTRY.get_sample_value("lobby_counter_recounts", {"state": "failing"}) == 1
        await counter.recounts.finish()
        assert (await found(counter, broken)).failures == failures, "it is not tried again at once"
        await counter.pool.execute("UPDATE recount SET retry_time = now()")
    assert await counter.new_and_repeat(counter_id=sound) == (2, 0)
    monkeypatch.undo()
    await counter.pool.execute("UPDATE recount SET retry_time = now()")
    await counter.recounts.finish()
    shown = await found(counter, broken)
    assert (shown.state, shown.failures, shown.failure) == (shown.STATE_READY, 0, "")
    assert await counter.new_and_repeat(counter_id=broken) == (2, 0)
    assert REGISTRY.get_sample_value("lobby_counter_recounts", {"state": "waiting"}) == 0


async def test_pauses_between_tries_grow_up_to_ten_minutes(counter, story, monkeypatch):
    broken = await counter.make_counter(wait=False)
    await counter.hear(story.says("A", "WA1", on(1)))
    fail_for(monkeypatch, broken)
    pauses = []
    for _ in range(12):
        await counter.pool.execute("UPDATE recount SET retry_time = now()")
        await counter.recounts.finish()
        pauses.append(await counter.pool.fetchval("SELECT round(extract(epoch FROM retry_time - now())) FROM recount"))
    assert pauses == [min(2**n, 600) for n in range(12)]


async def test_a_recount_of_a_campaign_that_fails_holds_up_all_counters_of_its_workspace_alone(
    counter, story, monkeypatch
):
    other = Story("W2")
    await counter.hear(story.says("A", "WA1", on(1)), other.says("A", "WA1", on(1)))
    made = await counter.make_counter()
    monkeypatch.setattr(Recounts, "_recount", lambda *_: 1 / 0)
    await counter.make_campaign(["WA1"], on(1))
    assert [await counter.state(each) for each in (made, story.workspace_id)] == ["STATE_JUDGING"] * 2
    monkeypatch.undo()
    await counter.make_campaign(["WA1"], on(1), story=other)
    assert await counter.pool.fetchval("SELECT count(*) FROM recount") == 1
