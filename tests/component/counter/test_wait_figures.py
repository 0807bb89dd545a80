"""What GetWaitFigures and ListWaits answer: the worked examples, and figures against a plain recount."""

from collections import Counter as Sums
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from math import ceil
from random import Random

import pytest

from lobby.counter.v1 import wait_service_pb2 as pb
from lobby_common.caller import Caller
from lobby_common.errors import Invalid
from lobby_common.events import Incoming
from lobby_counter.explaining import Explaining
from tests.component.counter.story import Story, at
from tests.component.counter.waiting import hear, tale

BEGIN = at("08:00") - timedelta(days=4)
MISSES = {"late": pb.MISS_LATE, "lost_window": pb.MISS_LOST_WINDOW, "unanswered": pb.MISS_UNANSWERED}


def causes(figures: pb.WaitFigures) -> dict[tuple[str, str], int]:
    return {
        (pb.Miss.Name(each.miss)[5:].lower(), pb.RootCause.Name(each.cause)[11:].lower()): each.waits
        for each in figures.causes
    }


def level(figures: pb.WaitFigures, seconds: int) -> tuple[int, int]:
    (found,) = (each for each in figures.service_levels if each.within_seconds == seconds)
    return found.answered, found.out_of


async def test_the_wait_is_that_of_the_oldest_message_and_the_bots_answer_ends_only_its_own_clock(counter, story):
    begin, end = at("10:00"), at("10:00") + timedelta(seconds=90)
    await counter.hear(
        story.owes("A", "WA1", begin),
        story.bot_answers("A", "WA1", begin, begin + timedelta(seconds=1)),
        story.ends_wait("A", "WA1", begin, end, agent="ann"),
    )
    totals = (await counter.wait_figures()).totals
    assert (totals.waits, totals.answered, totals.p50_seconds, totals.mean_answered_seconds) == (1, 1, 90, 90)
    assert (level(totals, 60), level(totals, 90)) == ((0, 1), (1, 1))
    assert totals.service_levels[2].share == 1
    assert [each.unanswered_share for each in totals.service_levels] == [1, 1, 0, 0, 0, 0]
    [wait] = (await counter.waits()).waits
    assert (wait.calendar_seconds, wait.bot_seconds) == (90, 1)


async def test_platform_delay_is_shown_apart_and_charged_to_nobody(counter, story):
    await counter.hear(
        story.assigns("A", "WA1", "ann", at("10:04")),
        story.owes("A", "WA1", at("10:00"), agent="ann", received=at("10:04")),
        story.ends_wait("A", "WA1", at("10:00"), at("10:05"), agent="ann"),
    )
    totals = (await counter.wait_figures()).totals
    assert (totals.platform_seconds, totals.queue_seconds, totals.agent_seconds) == (240, 0, 60)
    assert totals.late == 0
    [wait] = (await counter.waits()).waits
    assert [pb.WaitSegment.Part.Name(each.part) for each in wait.segments] == ["PART_PLATFORM", "PART_AGENT"]


async def test_who_held_it_missed_it_and_who_answered_saved_it(counter, story):
    await counter.hear(
        story.assigns("A", "WA1", "bob", at("10:00")),
        story.owes("A", "WA1", at("10:00"), agent="bob"),
        story.assigns("A", "WA1", "cid", at("10:03")),
        story.ends_wait("A", "WA1", at("10:00"), at("10:04"), agent="cid"),
    )
    rows = (await counter.wait_figures(group_by=["GROUP_BY_AGENT"])).rows
    figures = {row.agent_id: (row.waits, row.agent_misses, row.late) for row in rows}
    assert figures == {story.id("agent", "bob"): (0, 1, 0), story.id("agent", "cid"): (1, 0, 0)}
    [wait] = (await counter.waits()).waits
    assert [(each.agent_id, (each.end_time.seconds - each.start_time.seconds) / 60) for each in wait.segments] == [
        (story.id("agent", "bob"), 3),
        (story.id("agent", "cid"), 1),
    ]
    assert [each.agent_id for each in wait.agent_misses] == [story.id("agent", "bob")]
    mine = Caller(story.workspace_id, "agent", agent_id=story.id("agent", "bob"))
    totals = (await counter.wait_figures(who=mine)).totals
    assert (totals.waits, totals.agent_misses) == (0, 1)


async def test_open_waits_are_missed_by_agents_too(counter, story, now):
    now(at("10:06"))
    await counter.hear(
        story.assigns("A", "WA1", "bob", at("10:00")),
        story.owes("A", "WA1", at("10:00"), agent="bob"),
        story.assigns("A", "WA1", "cid", at("10:03")),
    )
    rows = (await counter.wait_figures(group_by=["GROUP_BY_AGENT"])).rows
    found = {row.agent_id: (row.still_waiting, row.late, row.agent_misses) for row in rows}
    assert found == {story.id("agent", "bob"): (0, 0, 1), story.id("agent", "cid"): (1, 1, 0)}


@pytest.mark.parametrize("order", ["as it happened", "reversed"])
async def test_an_answer_that_was_rejected_makes_it_late(counter, story, order):
    told = [
        story.assigns("A", "WA1", "ann", at("10:00")),
        story.owes("A", "WA1", at("10:00"), agent="ann"),
        story.ends_wait("A", "WA1", at("10:00"), at("10:07"), agent="ann"),
    ]
    failed = story.fails("A", "WA1", at("10:02"))
    await counter.hear_singly(*([failed, *told] if order == "reversed" else told))
    await Explaining(counter.log, counter.calendars).finish()
    await counter.hear(failed)
    for _ in range(2):
        figures = (await counter.wait_figures()).totals
        assert causes(figures) == {("late", "send_failed"): 1}
        [wait] = (await counter.waits()).waits
        assert [each.cause for each in wait.misses] == [pb.ROOT_CAUSE_SEND_FAILED]
        await Explaining(counter.log, counter.calendars).finish()


async def test_who_opened_it_and_did_not_answer_is_told_from_who_ignored_it(counter, story, now):
    now(at("10:09"))
    for user in "AB":
        await counter.hear(
            story.assigns(user, "WA1", "dan", at("10:00")), story.owes(user, "WA1", at("10:00"), agent="dan")
        )
    await counter.hear(story.sees("A", "WA1", "dan", at("10:02")))
    totals = (await counter.wait_figures()).totals
    assert totals.still_waiting == 2
    assert causes(totals) == {("late", "opened_not_answered"): 1, ("late", "assigned_ignored"): 1}


async def late_and_answered(counter, story, written: Incoming) -> None:
    """Ann had it from the beginning, and answered too late."""
    await counter.hear(
        written,
        story.assigns("A", "WA1", "ann", at("10:00")),
        story.owes("A", "WA1", at("10:00"), agent="ann"),
        story.ends_wait("A", "WA1", at("10:00"), at("10:09"), agent="ann"),
    )


@pytest.mark.parametrize("order", ["as it happened", "reversed"])
async def test_who_had_it_and_could_not_read_it_waited_for_its_translation(counter, story, order):
    written = story.says("A", "WA1", at("10:00"))
    failed = story.translates(written, "th", status="untranslated", reason="timeout", when=at("10:00"))
    if order == "reversed":
        await counter.hear(failed)
    await late_and_answered(counter, story, written)
    await Explaining(counter.log, counter.calendars).finish()
    await counter.hear(failed, story.translates(written, "th", version=2, status="translated", when=at("10:08")))
    for _ in range(2):
        assert causes((await counter.wait_figures()).totals) == {("late", "waiting_for_translation"): 1}
        [wait] = (await counter.waits()).waits
        assert [each.cause for each in wait.misses] == [pb.ROOT_CAUSE_WAITING_FOR_TRANSLATION]
        await Explaining(counter.log, counter.calendars).finish()


@pytest.mark.parametrize(
    "told",
    [
        {"status": "untranslated", "reason": "undetermined"},
        {"status": "untranslated", "reason": "no_provider"},
        {"status": "same_language"},
        {"status": "unspecified"},
    ],
)
async def test_who_could_read_it_did_not_wait_for_a_translation(counter, story, told):
    written = story.says("A", "WA1", at("10:00"))
    await late_and_answered(counter, story, written)
    await counter.hear(story.translates(written, "th", when=at("10:00"), **told))
    assert causes((await counter.wait_figures()).totals) == {("late", "assigned_ignored"): 1}


async def test_a_translation_that_comes_soon_takes_its_failure_back(counter, story):
    written = story.says("A", "WA1", at("10:00"))
    await late_and_answered(counter, story, written)
    await counter.hear(story.translates(written, "th", status="untranslated", reason="timeout", when=at("10:00")))
    assert causes((await counter.wait_figures()).totals) == {("late", "waiting_for_translation"): 1}
    await Explaining(counter.log, counter.calendars).finish()
    await counter.hear(story.translates(written, "th", version=2, status="translated", when=at("10:01")))
    assert causes((await counter.wait_figures()).totals) == {("late", "assigned_ignored"): 1}


async def test_while_translate_is_away_nobody_can_read_anything(counter, story):
    written = story.says("A", "WA1", at("10:00"), dated=True)
    await late_and_answered(counter, story, written)
    await counter.hear(story.translates(written, "th", when=at("10:07")))
    assert causes((await counter.wait_figures()).totals) == {("late", "waiting_for_translation"): 1}


async def test_the_state_of_the_account_explains_misses_also_where_it_is_told_later(counter, story):
    await counter.hear(
        story.owes("A", "WA1", at("10:00"), pool_reason="over_capacity"),
        story.owes("B", "TG1", at("10:00"), pool_reason="over_capacity"),
        story.ends_wait("A", "WA1", at("10:00"), at("10:09")),
        story.ends_wait("B", "TG1", at("10:00"), at("10:09")),
    )
    await Explaining(counter.log, counter.calendars).finish()
    assert causes((await counter.wait_figures()).totals) == {("late", "over_capacity"): 2}
    await counter.hear(story.becomes("WA1", "logged_out", at("10:01")))
    expected = {("late", "over_capacity"): 1, ("late", "channel_offline"): 1}
    assert causes((await counter.wait_figures()).totals) == expected
    await Explaining(counter.log, counter.calendars).finish()
    assert causes((await counter.wait_figures()).totals) == expected


async def test_a_lost_window_and_being_late_are_in_different_columns(counter, story, now):
    since = at("10:00") - timedelta(days=1)
    now(at("10:01"))
    await counter.hear(
        story.owes("A", "WA1", since, pool_reason="nobody_on_duty"),
        story.loses_window("A", "WA1", since, at("10:00")),
    )
    totals = (await counter.wait_figures()).totals
    assert (totals.still_waiting, totals.late, totals.lost_window, totals.unanswered) == (1, 1, 1, 0)
    assert causes(totals) == {("late", "nobody_on_duty"): 1, ("lost_window", "nobody_on_duty"): 1}
    assert (level(totals, 300), level(totals, 86_400)) == ((0, 1), (0, 1))
    assert not totals.HasField("p50_seconds")
    for miss, found in ((pb.MISS_LATE, 1), (pb.MISS_LOST_WINDOW, 1), (pb.MISS_UNANSWERED, 0)):
        assert len((await counter.waits(miss=miss)).waits) == found


async def test_what_needed_no_answer_is_cancelled_and_what_was_closed_as_resolved_is_not(counter, story):
    await counter.hear(
        story.owes("A", "WA1", at("10:00")),
        story.owes("B", "WA1", at("10:00")),
        story.closes("A", "WA1", at("10:03"), since=at("10:00")),
        story.closes("B", "WA1", at("10:03"), since=at("10:00"), reason="resolved"),
    )
    totals = (await counter.wait_figures()).totals
    assert (totals.waits, totals.cancelled, totals.closed_unanswered) == (1, 1, 1)
    assert level(totals, 86_400) == (0, 1)
    for state in ("CLOSED", "CANCELLED"):
        assert len((await counter.waits(state=f"WAIT_STATE_{state}")).waits) == 1


async def test_first_and_next_responses_are_apart(counter, story):
    await counter.hear(
        story.owes("A", "WA1", at("10:00")),
        story.ends_wait("A", "WA1", at("10:00"), at("10:01")),
        story.owes("A", "WA1", at("10:10")),
        story.ends_wait("A", "WA1", at("10:10"), at("10:13")),
    )
    first = (await counter.wait_figures(kind=pb.WAIT_KIND_FIRST)).totals
    later = (await counter.wait_figures(kind=pb.WAIT_KIND_NEXT)).totals
    assert (first.p50_seconds, later.p50_seconds) == (60, 180)
    assert [each.kind for each in (await counter.waits()).waits] == [pb.WAIT_KIND_FIRST, pb.WAIT_KIND_NEXT]
    assert len((await counter.waits(kind=pb.WAIT_KIND_NEXT)).waits) == 1


async def test_a_cohort_is_what_began_and_activity_what_ended(counter, story, now):
    now(at("12:00"))
    await counter.hear(
        story.owes("A", "WA1", at("09:50")),
        story.ends_wait("A", "WA1", at("09:50"), at("10:10")),
        story.owes("B", "WA1", at("09:55")),
    )
    hour = {"start": at("10:00"), "end": at("11:00")}
    assert (await counter.wait_figures(**hour)).totals.waits == 0
    ended = await counter.wait_figures(**hour, period=pb.WAIT_PERIOD_ACTIVITY)
    assert (ended.totals.waits, ended.totals.answered, ended.mature) == (1, 1, True)
    until_now = await counter.wait_figures(start=at("10:00"), period=pb.WAIT_PERIOD_ACTIVITY)
    assert (until_now.totals.answered, until_now.totals.still_waiting) == (1, 1)
    assert [each.state for each in (await counter.waits(start=at("10:00"), period=pb.WAIT_PERIOD_ACTIVITY)).waits] == [
        pb.WAIT_STATE_ANSWERED,
        pb.WAIT_STATE_OPEN,
    ]


async def test_a_cohort_is_mature_when_its_longest_level_has_passed(counter, story, now):
    end = at("10:00")
    for moment, mature in ((end + timedelta(hours=23), False), (end + timedelta(hours=24), True)):
        now(moment)
        assert (await counter.wait_figures(start=at("09:00"), end=end)).mature is mature


async def test_a_cohort_that_never_ends_is_never_mature(counter, story, now):
    never = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
    assert (await counter.wait_figures(start=at("09:00"), end=never)).mature is False


async def test_what_misses_cost_is_told_in_people(counter, story):
    await counter.hear(
        story.says("A", "WA1", at("10:00")),
        story.owes("A", "WA1", at("10:00")),
        story.says("B", "WA1", at("10:00"), campaign="ad-1"),
        story.owes("B", "WA1", at("10:00")),
        story.answers("B", "WA1", at("10:30"), agent="ann"),
        story.ends_wait("B", "WA1", at("10:00"), at("10:30"), agent="ann"),
        story.says("B", "TG1", at("11:00"), contact="B"),
        story.owes("B", "TG1", at("11:00")),
    )
    await counter.hear(story.owes("B", "WA1", at("12:00")))
    answer = await counter.wait_figures(group_by=["GROUP_BY_CAMPAIGN"])
    names = ("missed_people", "missed_new_people", "lost_people", "lost_new_people")
    rows = {row.campaign_id: tuple(getattr(row, name) for name in names) for row in answer.rows}
    assert rows == {"": (2, 1, 1, 1), "ad-1": (1, 1, 0, 0)}
    assert tuple(getattr(answer.totals, name) for name in names) == (2, 2, 1, 1)


async def test_an_agent_sees_only_what_he_had(counter, story):
    await counter.hear(
        story.assigns("A", "WA1", "ann", at("10:00")),
        story.owes("A", "WA1", at("10:00"), agent="ann"),
        story.assigns("B", "WA1", "bob", at("10:00")),
        story.owes("B", "WA1", at("10:00"), agent="bob"),
    )
    ann = Caller(story.workspace_id, "agent", agent_id=story.id("agent", "ann"))
    for asked, found in (("", 1), ("ann", 1), ("bob", 0)):
        agent_id = asked and story.id("agent", asked)
        assert (await counter.wait_figures(who=ann, agent_id=agent_id)).totals.waits == found
        assert len((await counter.waits(who=ann, agent_id=agent_id)).waits) == found
    other = Caller(Story("W2").workspace_id, "owner")
    assert (await counter.wait_figures(who=other)).totals.waits == 0
    assert len((await counter.waits(who=other)).waits) == 0


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        ({"start": at("10:00"), "end": at("09:00")}, "INVALID_PERIOD"),
        ({"time_zone": "Mars/Olympus"}, "INVALID_TIME_ZONE"),
        ({"group_by": ["GROUP_BY_SHEET"]}, "NOT_AVAILABLE"),
    ],
)
async def test_what_makes_no_sense_is_refused(counter, request_, reason):
    with pytest.raises(Invalid) as refusal:
        await counter.wait_figures(**request_)
    assert refusal.value.reason == reason


@pytest.mark.parametrize("by_end", [False, True])
async def test_pages_of_waits_go_on_where_the_last_one_ended(counter, by_end):
    random, story = Random(5), Story("W5")
    await hear(counter, random, tale(random, story, BEGIN))
    period = pb.WAIT_PERIOD_ACTIVITY if by_end else pb.WAIT_PERIOD_COHORT
    seen, token = [], ""
    while True:
        page = await counter.waits(story, page_size=3, page_token=token, period=period)
        seen += page.waits
        token = page.next_page_token
        if not token:
            break
    assert len({each.wait_id for each in seen}) == len(seen) > 6
    whole = (await counter.waits(story, page_size=200, period=period)).waits
    assert [each.wait_id for each in whole] == [each.wait_id for each in seen]
    with pytest.raises(Invalid):
        await counter.waits(story, page_token="WyJhIiwiYiJd")


@pytest.mark.parametrize("seed", range(6))
async def test_figures_are_a_recount_of_the_rows_behind_them(counter, seed, now):
    random, story = Random(seed), Story(f"W{seed}")
    told = tale(random, story, BEGIN, 90)
    told += [story.fails(random.choice("ABCDE"), "WA1", BEGIN + timedelta(hours=number)) for number in range(60)]
    told += [
        story.becomes("TG1", random.choice(("silent", "connected")), BEGIN + timedelta(hours=7 * n)) for n in range(9)
    ]
    for user in "ABCDE":
        written = story.says(user, "WA1", BEGIN, campaign=f"ad-{user}")
        await counter.hear(written)
        told += [
            story.translates(written, "th", version=n, status=random.choice(("untranslated", "translated")), when=when)
            for n, when in ((number + 2, BEGIN + timedelta(hours=number)) for number in range(0, 60, 4))
        ]
    await hear(counter, random, told)
    if seed % 2:
        await Explaining(counter.log, counter.calendars).finish()
    now(BEGIN + timedelta(minutes=random.randint(3_000, 9_000)))
    everything = (await counter.waits(story, page_size=200)).waits
    assert len(everything) < 200
    for _ in range(4):
        start = BEGIN + timedelta(minutes=random.randint(0, 1_000))
        asked = {
            "start": start,
            "end": start + timedelta(minutes=random.randint(1, 8_000)),
            "period": random.choice((pb.WAIT_PERIOD_COHORT, pb.WAIT_PERIOD_ACTIVITY)),
            "kind": random.choice((pb.WAIT_KIND_UNSPECIFIED, pb.WAIT_KIND_FIRST, pb.WAIT_KIND_NEXT)),
        }
        rows = (await counter.waits(story, page_size=200, **asked)).waits
        assert len(rows) < 200
        for group, key in (("ACCOUNT", "account_id"), ("AGENT", "agent_id")):
            found = await counter.wait_figures(story, group_by=[f"GROUP_BY_{group}"], **asked)
            for row in found.rows:
                recount(row, [wait for wait in rows if getattr(wait, key) == getattr(row, key)], everything)
            recount(found.totals, rows, everything)
            if group == "ACCOUNT":
                assert found.totals.agent_misses == sum(len(wait.agent_misses) for wait in rows)
            misses = Sums(miss.agent_id for wait in rows for miss in wait.agent_misses)
            if group == "AGENT":
                assert misses == Sums({row.agent_id: row.agent_misses for row in found.rows if row.agent_misses})
        by_campaign = await counter.wait_figures(story, group_by=["GROUP_BY_CAMPAIGN"], **asked)
        assert sum(row.waits for row in by_campaign.rows) == found.totals.waits
        day = await counter.wait_figures(story, bucket="BUCKET_DAY", time_zone="Asia/Kathmandu", **asked)
        assert sum(row.waits for row in day.rows) == found.totals.waits
        for field in ("platform_seconds", "queue_seconds", "agent_seconds", "late"):
            assert getattr(day.totals, field) == getattr(found.totals, field)


def collides(later: pb.Wait, other: pb.Wait) -> bool:
    """Whether a wait was answered while somebody else answered the same person elsewhere."""
    two = later.contact_id == other.contact_id and later.conversation_id != other.conversation_id
    agents = {later.end_agent_id, other.end_agent_id}
    start, since, until = (each.ToDatetime(UTC) for each in (later.start_time, other.start_time, other.end_time))
    answered = {later.state, other.state} == {pb.WAIT_STATE_ANSWERED} and len(agents) == 2 and "" not in agents
    after = (since, other.wait_id) < (start, later.wait_id)
    return two and answered and after and (start < until or start < since + timedelta(minutes=1))


def recount(row: pb.WaitFigures, waits: Sequence[pb.Wait], everything: Sequence[pb.Wait]) -> None:
    done = [wait for wait in waits if wait.state == pb.WAIT_STATE_ANSWERED]
    assert row.answered_conversations == len({wait.conversation_id for wait in done})
    assert row.answered_people == len({wait.contact_id for wait in done})
    assert row.collisions == sum(any(collides(wait, other) for other in everything) for wait in done)
    states = Sums(pb.WaitState.Name(wait.state)[11:].lower() for wait in waits)
    assert (row.answered, row.still_waiting, row.closed_unanswered, row.cancelled) == (
        states["answered"],
        states["open"],
        states["closed"],
        states["cancelled"],
    )
    answered = sorted(wait.calendar_seconds for wait in waits if wait.state == pb.WAIT_STATE_ANSWERED)
    for each in row.service_levels:
        assert each.answered == sum(seconds <= each.within_seconds for seconds in answered)
        waiting = [w for w in waits if w.state == pb.WAIT_STATE_OPEN and w.calendar_seconds > each.within_seconds]
        assert each.out_of == len(answered) + states["closed"] + len(waiting)
    if answered and len(answered) == row.waits:
        for each in row.service_levels:
            assert each.unanswered_share == pytest.approx(1 - each.answered / len(answered))
        assert row.p50_seconds == answered[ceil(len(answered) / 2) - 1]
    for name, miss in MISSES.items():
        mine = [each for wait in waits for each in wait.misses if each.miss == miss]
        assert getattr(row, name) == len(mine)
        expected = Sums((each.miss, each.cause) for each in mine)
        assert expected == {(each.miss, each.cause): each.waits for each in row.causes if each.miss == miss}
    for part in ("platform", "queue", "agent"):
        value = pb.WaitSegment.Part.Value(f"PART_{part.upper()}")
        seconds = sum(length(each) for wait in waits for each in wait.segments if each.part == value)
        assert getattr(row, f"{part}_seconds") == pytest.approx(seconds, abs=len(waits) + 1), part


def length(segment: pb.WaitSegment) -> float:
    start, end = (stamp.ToDatetime(UTC) for stamp in (segment.start_time, segment.end_time))
    assert isinstance(start, datetime)
    return (end - start).total_seconds()
