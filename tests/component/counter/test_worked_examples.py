"""Stories whose results everybody agreed on before anything was written; others of them stand where their rules are."""

from datetime import UTC, datetime, timedelta

from lobby.counter.v1 import wait_service_pb2 as pb
from tests.component.counter.story import at


async def by_campaign(counter, **request) -> dict[str, tuple[int, int]]:
    rows = (await counter.counts(group_by=["GROUP_BY_CAMPAIGN"], **request)).rows
    return {row.campaign_id: (row.new, row.repeat) for row in rows if row.new or row.repeat}


async def test_a_person_who_wrote_on_two_platforms_is_one_when_somebody_says_so_and_two_again_when_it_is_undone(
    counter, story, now
):
    now(at("17:00"))
    await counter.hear(
        story.says("A", "TG1", at("10:00"), campaign="T1"), story.says("B", "WA1", at("14:00"), campaign="W9")
    )
    assert await by_campaign(counter) == {"T1": (1, 0), "W9": (1, 0)}
    now(at("18:00"))
    await counter.hear(story.merges("m", "A", "AB", version=2, actor="ann"))
    assert await by_campaign(counter) == {"T1": (1, 0), "W9": (0, 1)}
    first, second = await counter.entries()
    assert (list(first.corrections), second.reason) == ([], "merged")
    [correction] = second.corrections
    assert (correction.from_verdict, correction.to_verdict, correction.actor) == (1, 2, "ann")
    assert (correction.caused_by, correction.effective_day, correction.booked_day) == (
        "merge",
        "2026-11-22",
        "2026-11-22",
    )
    now(at("18:00") + timedelta(days=1))
    await counter.hear(story.splits("m", {"A": "A", "B": "B"}, version=3))
    assert await by_campaign(counter) == {"T1": (1, 0), "W9": (1, 0)}
    assert [each.caused_by for each in (await counter.entries())[1].corrections] == ["merge", "split"]


async def test_one_person_at_two_accounts_served_by_two_agents_is_a_collision(counter, story):
    seconds = timedelta(seconds=1)
    await counter.hear(
        story.says("A", "WA1", at("10:00")),
        story.says("B", "TG1", at("10:00") + 50 * seconds),
        story.merges("m", "A", "AB", version=2),
        story.owes("A", "WA1", at("10:00")),
        story.answers("A", "WA1", at("10:00") + 20 * seconds, agent="ann"),
        story.ends_wait("A", "WA1", at("10:00"), at("10:00") + 20 * seconds, agent="ann"),
        story.owes("B", "TG1", at("10:00") + 50 * seconds),
        story.answers("B", "TG1", at("10:02"), agent="bob"),
        story.ends_wait("B", "TG1", at("10:00") + 50 * seconds, at("10:02"), agent="bob"),
    )
    assert (await counter.counts()).totals.served == 1
    totals = (await counter.wait_figures()).totals
    assert (totals.answered_people, totals.answered_conversations, totals.answered, totals.collisions) == (1, 2, 2, 1)
    rows = (await counter.wait_figures(group_by=["GROUP_BY_ACCOUNT"])).rows
    assert {row.account_id: row.collisions for row in rows} == {
        story.id("account", "WA1"): 0,
        story.id("account", "TG1"): 1,
    }


async def test_the_same_agent_at_both_accounts_or_later_is_no_collision(counter, story):
    for user, account, since, end, agent in (
        ("A", "WA1", "10:00", "10:02", "ann"),
        ("A", "TG1", "10:01", "10:03", "ann"),
        ("B", "WA1", "10:00", "10:02", "ann"),
        ("B", "TG1", "10:02", "10:03", "bob"),
    ):
        await counter.hear(
            story.says(user, account, at(since)),
            story.owes(user, account, at(since)),
            story.ends_wait(user, account, at(since), at(end), agent=agent),
        )
    assert (await counter.wait_figures()).totals.collisions == 0


async def test_who_only_looked_at_it_has_not_answered(counter, story, now):
    now(at("10:04"))
    await counter.hear(
        story.says("A", "WA1", at("10:00")),
        story.assigns("A", "WA1", "dan", at("10:00")),
        story.owes("A", "WA1", at("10:00"), agent="dan"),
        story.sees("A", "WA1", "dan", at("10:01")),
    )
    totals = (await counter.counts()).totals
    assert (totals.waiting, totals.unserved, totals.served) == (1, 1, 0)


async def test_friday_afternoon_is_due_on_monday_morning_on_the_clock_of_the_business(counter, story, now):
    now(datetime(2026, 11, 26, tzinfo=UTC))
    week = [{"weekday": day, "start": "09:00", "end": "17:00"} for day in range(1, 6)]
    await counter.make_schedule(intervals=week, time_zone="UTC", target_seconds=3600)
    friday, monday = datetime(2026, 11, 27, 16, 30, tzinfo=UTC), datetime(2026, 11, 30, 9, 30, tzinfo=UTC)
    await counter.hear(story.owes("A", "WA1", friday), story.ends_wait("A", "WA1", friday, monday, agent="ann"))
    now(monday)
    [wait] = (await counter.waits()).waits
    assert (wait.late_time.ToDatetime(UTC), list(wait.misses), wait.business_seconds) == (monday, [], 3600)
    assert (await counter.wait_figures()).totals.p50_seconds == (monday - friday).total_seconds()
    assert (await counter.wait_figures(clock=pb.WAIT_CLOCK_BUSINESS)).totals.p50_seconds == 3600


async def test_thanks_after_the_close_are_a_message_and_no_wait(counter, story):
    """Routing tells of no wait; what it makes of the text is tested there."""
    await counter.hear(
        story.says("A", "WA1", at("09:55")),
        story.owes("A", "WA1", at("09:55")),
        story.answers("A", "WA1", at("10:00"), agent="ann"),
        story.ends_wait("A", "WA1", at("09:55"), at("10:00"), agent="ann"),
        story.closes("A", "WA1", at("10:00")),
        story.says("A", "WA1", at("12:00")),
    )
    totals = (await counter.counts()).totals
    assert (totals.messages_in, totals.waiting, totals.late) == (2, 0, 0)
    assert (await counter.wait_figures()).totals.waits == 1
