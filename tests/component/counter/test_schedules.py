"""ScheduleService, and waits measured by it."""

from datetime import UTC, datetime, timedelta

import pytest

from lobby.counter.v1 import schedule_service_pb2 as pb
from lobby.counter.v1 import wait_service_pb2 as waits_pb
from lobby_common.caller import Caller
from lobby_common.errors import Conflict, Invalid, NotFound
from lobby_counter.deadlines import Deadlines
from tests.component.counter.story import Story, at

FRIDAY = datetime(2026, 11, 20, 16, 30, tzinfo=UTC)
"""Of the week before the scenarios."""
OFFICE = [{"weekday": day, "start": "09:00", "end": "17:00"} for day in range(1, 6)]


def stamp(given) -> datetime:
    return given.ToDatetime(UTC)


async def test_a_friday_afternoon_is_late_on_monday_morning_and_its_calendar_wait_is_counted_apart(counter, story, now):
    now(FRIDAY - timedelta(days=1))
    await counter.make_schedule(time_zone="UTC", intervals=OFFICE, target_seconds=3600)
    now(monday := datetime(2026, 11, 23, 9, 45, tzinfo=UTC))
    await counter.hear(story.owes("A", "WA1", FRIDAY), story.ends_wait("A", "WA1", FRIDAY, monday))
    [wait] = (await counter.waits()).waits
    assert stamp(wait.late_time) == datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
    assert stamp(wait.unanswered_time) == datetime(2026, 11, 23, 17, tzinfo=UTC)
    assert stamp(wait.misses[0].breach_time) == stamp(wait.late_time)
    assert (wait.business_seconds, wait.calendar_seconds) == (75 * 60, (2 * 24 + 17) * 3600 + 15 * 60)
    for clock, seconds in ((waits_pb.WAIT_CLOCK_BUSINESS, 75 * 60), (waits_pb.WAIT_CLOCK_CALENDAR, 234_900)):
        figures = await counter.wait_figures(clock=clock)
        assert (figures.clock, figures.totals.p50_seconds) == (clock, seconds)


async def test_open_waits_are_measured_by_both_clocks_too(counter, story, now):
    now(FRIDAY - timedelta(days=1))
    await counter.make_schedule(time_zone="UTC", intervals=OFFICE)
    now(datetime(2026, 11, 23, 9, 10, tzinfo=UTC))
    await counter.hear(
        story.owes("A", "WA1", FRIDAY), story.owes("B", "WA1", datetime(2026, 11, 23, 9, 9, 30, tzinfo=UTC))
    )
    business = (await counter.wait_figures(clock=waits_pb.WAIT_CLOCK_BUSINESS)).totals
    levels = {each.within_seconds: each.out_of for each in business.service_levels}
    assert levels == {30: 1, 60: 1, 90: 1, 300: 1, 900: 1, 86_400: 0}
    assert [each.business_seconds for each in (await counter.waits()).waits] == [40 * 60, 30]


async def test_a_new_schedule_moves_deadlines_that_lie_ahead_and_none_that_have_passed(counter, story, now):
    late, ahead = at("09:00"), at("12:00") - timedelta(minutes=2)
    await counter.hear(story.owes("A", "WA1", late), story.owes("B", "WA1", ahead))
    now(at("12:00"))
    await counter.make_schedule(time_zone="Asia/Shanghai", intervals=[{"weekday": 1, "start": "09:00", "end": "17:00"}])
    await Deadlines(counter.log, counter.calendars).finish()
    waits = {stamp(wait.start_time): wait for wait in (await counter.waits()).waits}
    assert stamp(waits[late].late_time) == late + timedelta(minutes=5)
    # 2026-11-22 is a Sunday: three of the five minutes are left for Monday morning.
    assert stamp(waits[ahead].late_time) == at("09:00") + timedelta(days=1, minutes=3)
    assert (await counter.counts()).totals.late == 1


async def test_what_was_measured_stays_as_it_was(counter, story, now):
    await counter.hear(story.owes("A", "WA1", at("09:00")), story.ends_wait("A", "WA1", at("09:00"), at("09:10")))
    before = await counter.pool.fetch("SELECT * FROM wait")
    now(at("12:00"))
    await counter.make_schedule(intervals=OFFICE, target_seconds=3600)
    await Deadlines(counter.log, counter.calendars).finish()
    assert await counter.pool.fetch("SELECT * FROM wait") == before
    with pytest.raises(Exception, match="never changed"):
        await counter.pool.execute("UPDATE schedule SET target_seconds = 1")


async def test_an_account_has_hours_of_its_own_from_its_first_schedule_on(counter, story, now):
    now(FRIDAY - timedelta(days=2))
    await counter.make_schedule(time_zone="UTC", intervals=OFFICE, target_seconds=3600)
    late = [{"weekday": day, "start": "12:00", "end": "20:00"} for day in range(1, 6)]
    own = story.id("account", "TG1")
    made = await counter.make_schedule(
        time_zone="UTC", intervals=late, target_seconds=1800, account_id=own, start_time=FRIDAY - timedelta(hours=1)
    )
    assert (made.account_id, (await counter.schedule(made.schedule_id)).account_id) == (own, own)
    thursday = FRIDAY - timedelta(days=1)
    for user, account, since in (("A", "WA1", FRIDAY), ("A", "TG1", FRIDAY), ("B", "TG1", thursday)):
        await counter.hear(story.owes(user, account, since))
    now(monday := datetime(2026, 11, 23, 12, 10, tzinfo=UTC))
    waits = (await counter.waits()).waits
    deadlines = {(each.account_id, stamp(each.start_time)): stamp(each.late_time) for each in waits}
    assert deadlines == {
        (story.id("account", "WA1"), FRIDAY): datetime(2026, 11, 23, 9, 30, tzinfo=UTC),
        (own, FRIDAY): FRIDAY + timedelta(minutes=30),
        # Half an hour of Thursday by the workspace's hours, the rest of Friday's, which are still the workspace's.
        (own, thursday): datetime(2026, 11, 20, 9, 30, tzinfo=UTC),
    }
    business = [(each.account_id, each.business_seconds) for each in waits if stamp(each.start_time) == FRIDAY]
    assert sorted(business) == sorted([(story.id("account", "WA1"), 220 * 60), (own, 220 * 60)])
    for user, account, since in (("A", "WA1", FRIDAY), ("A", "TG1", FRIDAY), ("B", "TG1", thursday)):
        await counter.hear(story.ends_wait(user, account, since, monday))
    closed = {(each.account_id, stamp(each.start_time)): each for each in (await counter.waits()).waits}
    assert {key: stamp(each.late_time) for key, each in closed.items()} == deadlines
    figures = await counter.wait_figures(clock=waits_pb.WAIT_CLOCK_BUSINESS, group_by=["GROUP_BY_ACCOUNT"])
    assert {row.account_id: row.answered for row in figures.rows} == {story.id("account", "WA1"): 1, own: 2}


async def test_schedules_of_accounts_move_deadlines_of_theirs_alone_and_never_the_past(counter, story, now):
    now(at("12:00"))
    await counter.hear(
        story.owes("A", "WA1", at("11:58")),
        story.owes("A", "TG1", at("11:58")),
        story.owes("B", "TG1", at("09:00")),
        story.owes("C", "TG1", at("09:00")),
        story.ends_wait("C", "TG1", at("09:00"), at("09:20")),
    )
    ended, late = "SELECT * FROM wait WHERE end_time IS NOT NULL", "SELECT late_time FROM wait WHERE owed_since = $1"
    before = await counter.pool.fetch(ended), await counter.pool.fetch(late, at("09:00"))
    night = [{"weekday": 7, "start": "22:00", "end": "23:00"}]
    await counter.make_schedule(intervals=night, account_id=story.id("account", "TG1"))
    await Deadlines(counter.log, counter.calendars).finish()
    assert (await counter.pool.fetch(ended), await counter.pool.fetch(late, at("09:00"))) == before
    waits = {each.account_id: each for each in (await counter.waits(start=at("11:58"))).waits}
    assert stamp(waits[story.id("account", "WA1")].late_time) == at("12:03")
    assert stamp(waits[story.id("account", "TG1")].late_time) == at("22:03")


async def test_one_moment_has_one_schedule_of_each_account_and_of_the_workspace(counter, story, now):
    now(at("12:00"))
    start = at("13:00")
    for account_id in ("", story.id("account", "WA1"), story.id("account", "WA2")):
        await counter.make_schedule(intervals=OFFICE, start_time=start, account_id=account_id)
        with pytest.raises(Conflict) as refusal:
            await counter.make_schedule(intervals=OFFICE, start_time=start, account_id=account_id)
        assert refusal.value.reason == "SCHEDULE_EXISTS"
    with pytest.raises(Invalid) as refused:
        await counter.make_schedule(intervals=OFFICE, account_id="no id")
    assert refused.value.reason == "INVALID_ACCOUNT_ID"


async def test_a_schedule_is_shown_as_it_was_made(counter, now):
    now(at("12:00"))
    night = [{"weekday": "WEEKDAY_SATURDAY", "start": "22:00", "end": "06:00"}]
    whole = [{"weekday": "WEEKDAY_SUNDAY", "start": "00:00", "end": "24:00"}]
    made = await counter.make_schedule(intervals=night + whole, holidays=["2026-12-25", "2026-01-01"])
    assert made.time_zone == "Asia/Shanghai"
    assert (made.target_seconds, stamp(made.start_time)) == (300, at("12:00"))
    assert [(each.weekday, each.start, each.end) for each in made.intervals] == [
        (pb.WEEKDAY_SATURDAY, "22:00", "06:00"),
        (pb.WEEKDAY_SUNDAY, "00:00", "24:00"),
    ]
    assert list(made.holidays) == ["2026-01-01", "2026-12-25"]
    assert await counter.schedule(made.schedule_id) == made
    later = await counter.make_schedule(intervals=whole, start_time=at("13:00"))
    assert await counter.schedules() == [later, made]


async def test_schedules_of_others_are_not_found(counter, story):
    made = await counter.make_schedule(intervals=OFFICE)
    other = Caller(Story("W2").workspace_id, "owner")
    assert await counter.schedules(who=other) == []
    with pytest.raises(NotFound, match="SCHEDULE_NOT_FOUND"):
        await counter.schedule(made.schedule_id, who=other)


@pytest.mark.parametrize(
    ("request_", "error", "reason"),
    [
        ({"time_zone": "Mars/Olympus"}, Invalid, "INVALID_TIME_ZONE"),
        ({"holidays": ["2026-02-30"]}, Invalid, "INVALID_HOLIDAY"),
        ({"start_time": at("11:59")}, Invalid, "START_TIME_PASSED"),
        ({"start_time": at("12:30")}, Conflict, "SCHEDULE_EXISTS"),
    ],
)
async def test_what_makes_no_sense_is_refused(counter, now, request_, error, reason):
    now(at("12:00"))
    await counter.make_schedule(intervals=OFFICE, start_time=at("12:30"))
    with pytest.raises(error, match=reason):
        await counter.make_schedule(intervals=OFFICE, **request_)


async def test_a_schedule_asked_for_again_is_made_once(counter):
    first = await counter.make_schedule(intervals=OFFICE, request_id="r")
    assert await counter.make_schedule(intervals=OFFICE, request_id="r") == first
    assert await counter.schedules() == [first]
