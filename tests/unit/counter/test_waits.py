"""What a wait is made of, when it is missed and what that came from; with the worked examples of the definitions."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from lobby_counter.business import BusinessClock, Hours, Interval, Version
from lobby_counter.calendars import Calendar
from lobby_counter.conversations import (
    Answered,
    Assigned,
    Change,
    Conversation,
    Conversations,
    Owed,
    Seen,
    Told,
    WindowClosed,
)
from lobby_counter.waits import (
    AgentMiss,
    Circumstances,
    Ending,
    Miss,
    Part,
    RootCause,
    Wait,
    agent_misses,
    dated,
    root_cause,
    segments,
)

MONDAY = datetime(2026, 11, 23, 10, tzinfo=UTC)
QUIET = Circumstances()
CLOCK = BusinessClock(Calendar(ZoneInfo("UTC")))
OFFICE = BusinessClock(
    Calendar(ZoneInfo("UTC")),
    (
        Version(
            datetime(2000, 1, 1, tzinfo=UTC),
            Hours(ZoneInfo("UTC"), tuple(Interval(day, 9 * 60, 17 * 60) for day in range(5))),
            timedelta(hours=1),
        ),
    ),
)


def at(minute: float) -> datetime:
    """Minutes after ten on a Monday."""
    return MONDAY + timedelta(minutes=minute)


def wait_of(*changes: Change, clock: BusinessClock = CLOCK) -> Wait:
    """The one wait that these tell of."""
    conversations = Conversations()
    conversation = Conversation("c", "w", "a", 1, "u")
    conversations.fold(Told(f"e{n}", n, conversation, change) for n, change in enumerate(changes, 1))
    (wait,) = conversations.waits.values()
    return dated(wait, clock)


def parts(wait: Wait, until: datetime) -> list[tuple[Part, str | None, float]]:
    return [
        (each.part, each.agent_id, (each.end - each.start) / timedelta(minutes=1)) for each in segments(wait, until)
    ]


def cause(wait: Wait, miss: Miss = Miss.LATE, *, now: float = 9999, around: Circumstances = QUIET) -> RootCause:
    breach = wait.breach(miss, at(now))
    assert breach is not None
    return root_cause(wait, breach, around, CLOCK)


def test_one_wait_goes_from_the_oldest_message_to_the_human_answer():
    wait = wait_of(Owed(at(0), None, at(0)), Answered(at(0), at(1.5), "ann"))
    assert wait.end_time is not None
    assert wait.end_time - wait.owed_since == timedelta(seconds=90)
    assert wait.misses(at(999)) == {}


def test_what_the_platform_kept_is_not_charged_to_the_agent():
    wait = wait_of(Assigned("ann", at(4)), Owed(at(0), "ann", at(4)), Answered(at(0), at(5), "ann"))
    assert parts(wait, at(5)) == [(Part.PLATFORM, None, 4), (Part.AGENT, "ann", 1)]
    assert wait.misses(at(999)) == {}


def test_a_silent_agent_missed_it_and_the_next_one_saved_it():
    wait = wait_of(
        Assigned("bob", at(0)), Owed(at(0), "bob", at(0)), Assigned("cid", at(3)), Answered(at(0), at(4), "cid")
    )
    assert parts(wait, at(4)) == [(Part.AGENT, "bob", 3), (Part.AGENT, "cid", 1)]
    assert agent_misses(wait, at(999), CLOCK) == [AgentMiss("bob", at(0), at(3))]
    assert wait.misses(at(999)) == {}


def test_an_answer_that_the_platform_rejected_ends_nothing():
    wait = wait_of(Assigned("ann", at(0)), Owed(at(0), "ann", at(0)), Answered(at(0), at(7), "ann"))
    assert wait.misses(at(999)) == {Miss.LATE: at(5)}
    assert cause(wait, around=Circumstances(failures=[at(2)])) is RootCause.SEND_FAILED
    assert cause(wait, around=Circumstances(failures=[at(6)])) is RootCause.ASSIGNED_IGNORED


def test_seen_is_not_answered():
    given = Assigned("dan", at(0)), Owed(at(0), "dan", at(0))
    wait = wait_of(*given, Seen("dan", at(1)), Seen("dan", at(4)))
    assert wait.opened == (("dan", at(1)),)
    assert wait.misses(at(60)) == {Miss.LATE: at(5)}
    assert cause(wait) is RootCause.OPENED_NOT_ANSWERED
    assert cause(wait_of(*given, Seen("eve", at(1)))) is RootCause.ASSIGNED_IGNORED
    assert cause(wait_of(*given, Seen("dan", at(6)))) is RootCause.ASSIGNED_IGNORED


def test_friday_afternoon_is_late_on_monday_morning():
    friday = datetime(2026, 11, 27, 16, 30, tzinfo=UTC)
    wait = wait_of(Owed(friday, None, friday), clock=OFFICE)
    assert wait.late_time == datetime(2026, 11, 30, 9, 30, tzinfo=UTC)
    assert wait.misses(datetime(2026, 11, 30, 9, 30, tzinfo=UTC)) == {}


def test_a_lost_window_and_being_late_are_two_things():
    wait = wait_of(Owed(at(0), None, at(0)), WindowClosed(at(0), at(24 * 60)))
    assert wait.misses(at(24 * 60)) == {Miss.LATE: at(5), Miss.LOST_WINDOW: at(24 * 60)}


def test_unanswered_is_who_has_no_answer_when_the_next_business_day_closes():
    wait = wait_of(Owed(at(0), None, at(0)))
    midnight = datetime(2026, 11, 25, tzinfo=UTC)
    assert Miss.UNANSWERED not in wait.misses(midnight)
    assert wait.misses(midnight + timedelta(seconds=1))[Miss.UNANSWERED] == midnight


def test_a_miss_stays_when_the_answer_comes_and_none_comes_after_it():
    wait = wait_of(Owed(at(0), None, at(0)), Answered(at(0), at(5), "ann"))
    assert wait.misses(at(9999)) == {}
    late = replace(wait, end_time=at(5.1))
    assert late.misses(at(9999)) == {Miss.LATE: at(5)}
    assert late.ending is Ending.ANSWERED


def test_the_pool_is_missed_because_nobody_was_there_or_had_room():
    for reason, root in (
        ("nobody_on_duty", RootCause.NOBODY_ON_DUTY),
        ("over_capacity", RootCause.OVER_CAPACITY),
        ("rule", RootCause.RULE),
        ("", RootCause.RULE),
    ):
        wait = wait_of(Owed(at(0), None, at(0), reason), Assigned("ann", at(4)))
        assert cause(wait) is root


def test_the_cause_is_what_took_most_of_the_time_until_the_breach():
    wait = wait_of(Owed(at(0), None, at(0), "over_capacity"), Assigned("ann", at(1)), Assigned(None, at(90)))
    assert cause(wait) is RootCause.ASSIGNED_IGNORED


def test_a_platform_that_kept_the_message_for_most_of_the_time_is_the_cause():
    wait = wait_of(Assigned("ann", at(4)), Owed(at(0), "ann", at(4)), Answered(at(0), at(8), "ann"))
    assert cause(wait) is RootCause.PLATFORM_DELAY
    assert cause(wait, around=Circumstances(states=[(at(-9), "silent")])) is RootCause.CHANNEL_SILENT
    back = [(at(-9), "logged_out"), (at(3), "connected")]
    assert cause(wait, around=Circumstances(states=back)) is RootCause.CHANNEL_OFFLINE


def test_nobody_can_answer_over_an_account_that_is_offline():
    wait = wait_of(Assigned("ann", at(0)), Owed(at(0), "ann", at(0)))
    for state, root in (("bad_credentials", RootCause.CHANNEL_OFFLINE), ("connected", RootCause.ASSIGNED_IGNORED)):
        assert cause(wait, around=Circumstances(states=[(at(1), state)])) is root


def test_only_business_time_counts_for_the_cause():
    sunday = datetime(2026, 11, 22, 12, tzinfo=UTC)
    nine = datetime(2026, 11, 23, 9, tzinfo=UTC)
    wait = wait_of(
        Owed(sunday, None, sunday, "nobody_on_duty"), Assigned("ann", nine + timedelta(minutes=5)), clock=OFFICE
    )
    breach = wait.breach(Miss.LATE, at(999))
    assert breach == nine + timedelta(hours=1)
    assert root_cause(wait, breach, Circumstances(), OFFICE) is RootCause.ASSIGNED_IGNORED
    assert root_cause(wait, breach, Circumstances(), CLOCK) is RootCause.NOBODY_ON_DUTY


def test_who_hands_it_on_in_time_missed_nothing():
    held = Assigned("bob", at(0)), Owed(at(0), "bob", at(0))
    wait = wait_of(*held, Assigned("cid", at(3), by_agent_id="bob"), Answered(at(0), at(4), "cid"))
    assert agent_misses(wait, at(999), CLOCK) == []
    wait = wait_of(*held, Assigned("cid", at(6), by_agent_id="bob"), Answered(at(0), at(7), "cid"))
    assert agent_misses(wait, at(999), CLOCK) == [AgentMiss("bob", at(0), at(5))]


def test_each_agent_has_his_own_time_to_answer():
    wait = wait_of(
        Assigned("bob", at(0)),
        Owed(at(0), "bob", at(0)),
        Assigned("cid", at(4), by_agent_id="bob"),
        Answered(at(0), at(9), "cid"),
    )
    assert agent_misses(wait, at(999), CLOCK) == []
    assert wait.misses(at(999)) == {Miss.LATE: at(5)}


def test_segments_have_no_gaps_whatever_was_told_late():
    wait = wait_of(Assigned("ann", at(-30)), Owed(at(3), "ann", at(2)), Assigned(None, at(1)), Assigned("bob", at(6)))
    found = segments(wait, at(8))
    assert found[0].start == at(3)
    assert found[-1].end == at(8)
    assert all(before.end == after.start for before, after in pairwise(found))


def test_who_could_not_read_it_for_most_of_the_time_waited_for_a_translation():
    wait = wait_of(Assigned("ann", at(0)), Owed(at(0), "ann", at(0)), Seen("ann", at(1)))
    for untranslated, root in (
        ([(at(0), None)], RootCause.WAITING_FOR_TRANSLATION),
        ([(at(1), at(4))], RootCause.WAITING_FOR_TRANSLATION),
        ([(at(0), at(2)), (at(1), at(3)), (at(9), None)], RootCause.WAITING_FOR_TRANSLATION),
        ([(at(0), at(2))], RootCause.OPENED_NOT_ANSWERED),
        ([(at(-60), None)], RootCause.OPENED_NOT_ANSWERED),
        ([(at(9), None)], RootCause.OPENED_NOT_ANSWERED),
    ):
        assert cause(wait, around=Circumstances(untranslated=untranslated)) is root, untranslated


def test_nobody_waits_for_a_translation_in_the_pool_and_a_failed_answer_comes_first():
    never = [(at(0), None)]
    pooled = wait_of(Owed(at(0), None, at(0), "over_capacity"), Assigned("ann", at(4)))
    assert cause(pooled, around=Circumstances(untranslated=never)) is RootCause.OVER_CAPACITY
    held = wait_of(Assigned("ann", at(0)), Owed(at(0), "ann", at(0)))
    assert cause(held, around=Circumstances([at(2)], untranslated=never)) is RootCause.SEND_FAILED
    offline = [(at(0), "logged_out")]
    assert cause(held, around=Circumstances(states=offline, untranslated=never)) is RootCause.CHANNEL_OFFLINE
