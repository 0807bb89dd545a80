"""The scenarios of the counting rule, at the counter's level: what identity tells is built by the test."""

import pytest

from lobby.counter.v1.count_service_pb2 import VERDICT_NEW, VERDICT_REPEAT
from tests.component.counter.story import Story, at


async def test_s01_later_messages_of_a_chat_are_no_entries(counter, story):
    for clock in ("10:00", "10:10", "10:20", "10:40"):
        await counter.hear(story.says("+66811111111", "WA1", at(clock)))
    (entry,) = await counter.entries()
    assert (entry.verdict, entry.reason, entry.first_verdict) == (VERDICT_NEW, "first", VERDICT_NEW)
    assert not entry.HasField("repeat_of")
    assert await counter.new_and_repeat() == (1, 0)
    assert (await counter.counts()).totals.messages_in == 4


async def test_s02_the_same_identity_at_another_account_repeats(counter, story):
    await counter.hear(story.says("+66811111111", "WA1", at("10:00")))
    await counter.hear(story.says("+66811111111", "WA2", at("11:00")))
    first, second = await counter.entries()
    assert (second.verdict, second.reason, second.repeat_of) == (VERDICT_REPEAT, "same_identity", first.entry_id)
    assert await counter.new_and_repeat() == (1, 1)
    assert first.contact_id == second.contact_id


async def test_s03_a_verified_phone_merges_and_corrects(counter, story):
    await counter.hear(story.says("+66811111111", "WA1", at("10:00")))
    await counter.hear(story.says("777", "TG1", at("11:00")))
    assert await counter.new_and_repeat() == (2, 0)
    await counter.hear(
        story.says("777", "TG1", at("11:05")),
        story.merges("card", "+66811111111", ["+66811111111", "777"], version=1),
    )
    whatsapp, telegram = await counter.entries()
    assert await counter.new_and_repeat() == (1, 1)
    assert (whatsapp.verdict, len(whatsapp.corrections)) == (VERDICT_NEW, 0)
    assert (telegram.verdict, telegram.reason, telegram.repeat_of) == (VERDICT_REPEAT, "merged", whatsapp.entry_id)
    (made,) = telegram.corrections
    assert (made.from_verdict, made.to_verdict) == (VERDICT_NEW, VERDICT_REPEAT)
    assert (made.caused_by, made.reason, made.cause_id) == ("merge", "merged", story.id("merge", "card"))


async def test_s04_a_delivery_again_changes_nothing(counter, story):
    hello = story.says("+66811111111", "WA1", at("10:00"))
    await counter.hear(hello)
    (before,) = await counter.entries()
    await counter.hear(hello, hello)
    await counter.hear(hello)
    (after,) = await counter.entries()
    assert after == before
    assert await counter.new_and_repeat() == (1, 0)
    assert (await counter.counts()).totals.messages_in == 1


async def test_s05_an_earlier_entry_that_comes_late_takes_the_new(counter, story):
    await counter.hear(story.says("+66811111111", "WA2", at("10:05")))
    assert await counter.new_and_repeat() == (1, 0)
    await counter.hear(story.says("+66811111111", "WA1", at("10:00")))
    first, second = await counter.entries()
    assert (first.verdict, first.account_id) == (VERDICT_NEW, story.id("account", "WA1"))
    assert (second.verdict, second.reason, second.repeat_of) == (VERDICT_REPEAT, "late", first.entry_id)
    (made,) = second.corrections
    assert (made.caused_by, made.cause_id) == ("late_entry", first.entry_id)
    assert (made.effective_day, made.booked_day) == ("2026-11-22", "2026-11-22")
    assert await counter.new_and_repeat() == (1, 1)


@pytest.mark.parametrize("survivor", ["A", "B"])
async def test_s06_who_survives_a_merge_does_not_decide_who_is_new(counter, story, survivor):
    await counter.hear(story.says("A", "WA1", at("09:00")))
    await counter.hear(story.says("B", "LN1", at("10:00")))
    await counter.hear(story.merges("m", survivor, ["A", "B"], version=1, actor="agent-7"))
    a, b = await counter.entries()
    assert (a.verdict, b.verdict, b.reason, b.repeat_of) == (VERDICT_NEW, VERDICT_REPEAT, "merged", a.entry_id)
    assert a.contact_id == b.contact_id == story.id("contact", survivor)
    assert (b.corrections[0].cause_id, b.corrections[0].actor) == (story.id("merge", "m"), "agent-7")
    assert await counter.new_and_repeat() == (1, 1)


async def test_s07_undoing_a_merge_gives_the_new_back_and_keeps_both_corrections(counter, story):
    await counter.hear(story.says("A", "WA1", at("09:00")))
    await counter.hear(story.says("B", "LN1", at("10:00")))
    await counter.hear(story.merges("m", "B", ["A", "B"], version=1, actor="agent-7"))
    await counter.hear(story.splits("m", {"A": ["A"], "B": ["B"]}, version=2, actor="agent-7"))
    a, b = await counter.entries()
    assert (a.verdict, a.corrections) == (VERDICT_NEW, [])
    assert (b.verdict, b.reason, b.HasField("repeat_of")) == (VERDICT_NEW, "first", False)
    assert [each.caused_by for each in b.corrections] == ["merge", "split"]
    assert b.corrections[1].cause_id == story.id("merge", "m")
    assert (a.contact_id, b.contact_id) == (story.id("contact", "A"), story.id("contact", "B"))
    assert await counter.new_and_repeat() == (2, 0)
    assert await counter.new_and_repeat(view="VIEW_RECORDED") == (2, 0)


async def test_s12_only_a_valid_greeting_is_an_entry(counter, story):
    await counter.hear(story.says("+66811111111", "WA1", at("10:10"), greeting=False))
    assert await counter.entries() == []
    await counter.hear(story.says("+66811111111", "WA1", at("10:30")))
    (entry,) = await counter.entries()
    assert entry.occurred_time.ToDatetime().minute == 30
    assert await counter.new_and_repeat() == (1, 0)


async def test_s13_a_user_known_by_another_address_goes_on(counter, story):
    await counter.hear(story.says("BR.1001", "WA1", at("10:00"), chat="+5511999990000"))
    await counter.hear(story.says("BR.1001", "WA1", at("10:10"), chat="BR.1001"))
    await counter.hear(story.says("BR.1001", "WA2", at("10:20"), chat="BR.1001"))
    _, at_wa2 = await counter.entries()
    assert (at_wa2.verdict, at_wa2.reason) == (VERDICT_REPEAT, "same_identity")
    assert await counter.new_and_repeat() == (1, 1)


async def test_s14_a_changed_number_makes_nobody_new(counter, story):
    await counter.hear(story.says("BR.1001", "WA1", at("10:00"), chat="+5511999990000"))
    await counter.hear(story.says("BR.1001", "WA2", at("10:20"), chat="BR.1001"))
    await counter.hear(story.says("BR.1001", "WA1", at("11:00"), chat="BR.2002"))
    await counter.hear(story.says("BR.1001", "WA2", at("11:05"), chat="BR.2002"))
    assert await counter.new_and_repeat() == (1, 1)
    assert len(await counter.entries()) == 2


async def test_s15_workspaces_never_meet(counter, story):
    other = Story("W2")
    await counter.hear(story.says("+66811111111", "WA1", at("10:00")), other.says("+66811111111", "WA1", at("10:00")))
    assert await counter.new_and_repeat() == (1, 0)
    assert await counter.new_and_repeat(other) == (1, 0)
    (entry,) = await counter.entries(other)
    assert entry.contact_id == other.id("contact", "+66811111111")


async def test_an_identity_linked_before_it_wrote_is_a_linked_repeat(counter, story):
    await counter.hear(story.says("A", "WA1", at("09:00")))
    await counter.hear(story.merges("m", "A", ["A", "B"], version=1))
    await counter.hear(story.says("B", "TG1", at("10:00"), contact="A"))
    _, b = await counter.entries()
    assert (b.verdict, b.reason, len(b.corrections)) == (VERDICT_REPEAT, "linked", 0)


async def test_an_earlier_greeting_of_the_same_chat_takes_the_place_of_the_entry(counter, story):
    await counter.hear(story.says("A", "WA1", at("10:00")))
    (before,) = await counter.entries()
    early = story.says("A", "WA1", at("09:00"))
    await counter.hear(early)
    (after,) = await counter.entries()
    assert (after.entry_id, after.event_id) == (before.entry_id, early.event.id)
    assert after.occurred_time.ToDatetime().hour == 1
    (made,) = after.corrections
    assert (made.from_verdict, made.to_verdict, made.caused_by) == (VERDICT_NEW, VERDICT_NEW, "late_entry")


async def test_a_membership_of_an_older_version_changes_nothing(counter, story):
    await counter.hear(story.says("A", "WA1", at("09:00")))
    await counter.hear(story.says("B", "LN1", at("10:00")))
    await counter.hear(story.splits("m", {"A": ["A"], "B": ["B"]}, version=2))
    await counter.hear(story.merges("m", "B", ["A", "B"], version=1))
    assert await counter.new_and_repeat() == (2, 0)


async def test_a_merge_in_the_batch_of_its_entries_corrects_them_all_the_same(counter, story):
    await counter.hear(
        story.merges("card", "+66811111111", ["+66811111111", "777"], version=1),
        story.says("777", "TG1", at("11:05"), contact="+66811111111"),
        story.says("777", "TG1", at("11:00")),
        story.says("+66811111111", "WA1", at("10:00")),
    )
    _, telegram = await counter.entries()
    assert (telegram.first_verdict, telegram.verdict, telegram.reason) == (VERDICT_NEW, VERDICT_REPEAT, "merged")


async def test_a_late_greeting_may_move_the_new_from_one_account_to_another(counter, story):
    await counter.hear(story.says("A", "WA1", at("10:00")), story.says("A", "WA2", at("11:00")))
    await counter.hear(story.says("A", "WA2", at("09:00")))
    wa2, wa1 = await counter.entries()
    assert (wa2.verdict, wa2.reason, wa1.verdict, wa1.reason) == (VERDICT_NEW, "first", VERDICT_REPEAT, "late")
    assert wa1.repeat_of == wa2.entry_id
    (moved,), (made,) = wa2.corrections, wa1.corrections
    assert (moved.from_verdict, moved.to_verdict) == (VERDICT_REPEAT, VERDICT_NEW)
    assert made.cause_id == wa2.entry_id
    for view in ("VIEW_RESTATED", "VIEW_RECORDED"):
        assert await counter.new_and_repeat(view=view, start=at("09:00"), end=at("09:30")) == (1, 0)
        assert await counter.new_and_repeat(view=view, start=at("09:30"), end=at("12:00")) == (0, 1)
