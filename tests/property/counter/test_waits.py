"""Waits are what a plain recount gives; the business clock counts the minutes in which somebody works."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from random import Random
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lobby_counter.business import BusinessClock, Clocks, Hours, Interval, Version
from lobby_counter.calendars import Calendar
from lobby_counter.conversations import (
    Answered,
    Assigned,
    BotAnswered,
    Closed,
    Conversation,
    Conversations,
    Owed,
    Seen,
    Told,
    WindowClosed,
)
from lobby_counter.waits import Circumstances, Part, Segment, Wait, agent_misses, dated, segments

BEGIN = datetime(2026, 10, 23, 12, tzinfo=UTC)
"""A Friday before clocks change in Europe and in America."""
MINUTE = timedelta(minutes=1)
ZONES = [
    ZoneInfo(name) for name in ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe")
]


def minute(number: float) -> datetime:
    return BEGIN + number * MINUTE


def lane(random: Random, conversation_id: str) -> list[Told]:
    """What routing may tell of a conversation, in order."""
    conversation = Conversation(conversation_id, "w", "a", 1, conversation_id)
    told: list[Told] = []
    owed: float | None = None
    agent: str | None = None
    for now in sorted(random.sample(range(4_000), 40)):
        moves = [
            "assign",
            "owe" if owed is None else random.choice(("earlier", "seen", "bot", "window", "answer", "close")),
        ]
        match random.choice(moves):
            case "assign":
                agent = random.choice(("ann", "bob", None))
                change = Assigned(agent, minute(now), "" if agent else "over_capacity", random.choice((None, "ann")))
            case "owe":
                owed = now - random.randint(0, 3)
                change = Owed(minute(owed), agent, minute(now), "" if agent else "nobody_on_duty")
            case "earlier" if owed is not None:
                owed -= random.randint(0, 2)
                change = Owed(minute(owed), agent, minute(now))
            case "seen" if owed is not None:
                change = Seen(random.choice(("ann", "bob")), minute(now))
            case "bot" if owed is not None:
                change = BotAnswered(minute(now))
            case "window" if owed is not None:
                change = WindowClosed(minute(owed), minute(now))
            case "answer" if owed is not None:
                change, owed = Answered(minute(owed), minute(now), "ann"), None
            case _:
                since = None if owed is None else minute(owed)
                change, owed = Closed(since, minute(now), "ann", "resolved"), None
        told.append(Told(f"{conversation_id}{now}", now, conversation, change))
    return told


def recount(told: list[Told]) -> list[tuple]:
    """Beginning, end, ending, lost window, bot and who looked, of each wait of a conversation, in a few lines."""
    waits: list[list] = []
    for change in (each.change for each in told):
        begun = bool(waits) and waits[-1][1] is None
        match change:
            case Owed(since) if begun:
                waits[-1][0] = since
            case Owed(since):
                waits.append([since, None, None, None, None, ()])
            case BotAnswered(at) if waits[-1][4] is None:
                waits[-1][4] = at
            case Seen(agent_id, _) if agent_id not in waits[-1][5]:
                waits[-1][5] = (*waits[-1][5], agent_id)
            case WindowClosed(_, at) if waits[-1][3] is None:
                waits[-1][3] = at
            case Answered(_, at) | Closed(_, at) if begun:
                waits[-1][1:3] = at, change.ending
    return sorted(map(tuple, waits), key=lambda each: each[0])


def facts_of(waits: list[Wait]) -> list[tuple]:
    found = [
        (
            wait.owed_since,
            wait.end_time,
            wait.ending,
            wait.window_lost_time,
            wait.bot_time,
            tuple(each.agent_id for each in wait.opened),
        )
        for wait in waits
    ]
    return sorted(found, key=lambda each: each[0])


@pytest.mark.parametrize("seed", range(40))
def test_batches_repeats_and_other_conversations_in_between_change_no_wait(seed):
    random = Random(seed)
    lanes = {name: lane(random, name) for name in "xyz"}
    queues = {name: list(told) for name, told in lanes.items()}
    kept, waits = Conversations(), dict[str, Wait]()
    while any(queues.values()):
        batch = []
        for _ in range(random.randint(1, 12)):
            name = random.choice([name for name, left in queues.items() if left] or ["x"])
            batch += queues[name][:1]
            del queues[name][:1]
            batch += random.sample(lanes[name], random.randint(0, 1))
        batch.sort(key=lambda each: (each.conversation.conversation_id, each.position))
        kept.fold(each for each in batch if each not in queues[each.conversation.conversation_id])
        waits |= kept.waits
    for name, told in lanes.items():
        mine = [wait for wait in waits.values() if wait.conversation_id == name]
        assert facts_of(mine) == recount(told)
        assert sum(wait.first for wait in mine) == min(len(mine), 1)


@pytest.mark.parametrize("seed", range(40))
def test_a_wait_is_the_sum_of_its_parts_and_agents_miss_nothing_that_they_did_not_have(seed):
    conversations = Conversations()
    conversations.fold(lane(Random(seed), "x"))
    clock = BusinessClock(Calendar(ZONES[0]))
    for wait in conversations.waits.values():
        until = wait.end_time or minute(20_000)
        found = segments(wait, until)
        assert sum(((each.end - each.start) for each in found), timedelta()) == max(
            until - wait.owed_since, timedelta()
        )
        assert all((each.part is Part.AGENT) == (each.agent_id is not None) for each in found)
        held = {each.agent_id for each in found}
        for miss in agent_misses(dated(wait, clock), minute(20_000), clock):
            assert miss.agent_id in held
            assert wait.owed_since <= miss.since < miss.time <= until


intervals = st.builds(
    lambda weekday, start, length: Interval(weekday, start, start + length),
    st.integers(0, 6),
    st.integers(0, 95).map(lambda quarter: 15 * quarter),
    st.integers(1, 40).map(lambda quarter: 15 * quarter),
)
schedules = st.builds(
    Hours,
    st.sampled_from(ZONES),
    st.lists(intervals, min_size=1, max_size=6).map(tuple),
    st.frozensets(st.integers(0, 12).map(lambda day: date(2026, 10, 20) + timedelta(days=day)), max_size=3),
)


def works(hours: Hours, at: datetime) -> bool:
    """Whether somebody works at an instant that is no edge, by the wall clock."""
    wall = at.astimezone(hours.zone).replace(tzinfo=None)
    for each in hours.intervals:
        for days in (0, 1):
            day = wall.date() - timedelta(days=days)
            start = datetime.combine(day, datetime.min.time()) + timedelta(minutes=each.start)
            end = datetime.combine(day, datetime.min.time()) + timedelta(minutes=each.end)
            if day.weekday() == each.weekday and day not in hours.holidays and start <= wall < end:
                return True
    return False


def is_even(at: datetime, zone: ZoneInfo) -> bool:
    """Whether the wall clock is not set within a day of it: what is worked then, two tests of their own say."""
    return all(
        (at + shift).astimezone(zone).utcoffset() == at.astimezone(zone).utcoffset()
        for shift in (timedelta(days=-1), timedelta(days=1))
    )


@settings(max_examples=60)
@given(schedules, st.integers(0, 14 * 96), st.integers(0, 96))
def test_the_clock_runs_exactly_while_somebody_works(hours, start, length):
    clock = BusinessClock(Calendar(ZONES[0]), (Version(datetime(2000, 1, 1, tzinfo=UTC), hours),))
    quarters = [minute(15 * number) for number in range(start, start + length)]
    counted = [at for at in quarters if is_even(at, hours.zone)]
    for at in counted:
        expected = timedelta(minutes=15) if works(hours, at + 7 * MINUTE) else timedelta()
        assert clock.elapsed(at, at + 15 * MINUTE) == expected


# At a quarter of an hour a week that is within the 1,200 days that are looked through for somebody who works.
@settings(max_examples=100)
@given(schedules, st.integers(0, 20_000), st.integers(1, 2_400), st.integers(0, 20_000), schedules)
def test_when_the_clock_has_run_for_so_long_it_has_run_for_so_long(hours, start, length, change, later):
    versions = (Version(datetime(2000, 1, 1, tzinfo=UTC), hours), Version(minute(change), later))
    clock = BusinessClock(Calendar(ZONES[0]), versions)
    end = clock.after(minute(start), length * MINUTE)
    assert end is not None
    assert clock.elapsed(minute(start), end) == length * MINUTE
    assert clock.elapsed(minute(start), end - MINUTE / 2) < length * MINUTE
    close = clock.close_of_next_day(minute(start))
    assert close is not None
    assert clock.elapsed(minute(start), close) > timedelta()


@settings(max_examples=100)
@given(schedules, schedules, st.integers(0, 5_000), st.integers(0, 5_000), st.integers(0, 5_000))
def test_an_account_runs_by_the_workspaces_clock_until_its_own_schedule_begins(general, own, begin, start, length):
    calendar = Calendar(ZONES[0])
    always, since = Version(datetime(2000, 1, 1, tzinfo=UTC), general), Version(minute(begin), own)
    clocks = Clocks(calendar, {None: (always,), "mine": (since,)})
    theirs, mine = clocks.of("other"), clocks.of("mine")
    assert theirs == BusinessClock(calendar, (always,))
    alone = BusinessClock(calendar, (since._replace(start=always.start),))
    cut = min(max(minute(begin), minute(start)), minute(start + length))
    before, after = theirs.elapsed(minute(start), cut), alone.elapsed(cut, minute(start + length))
    assert mine.elapsed(minute(start), minute(start + length)) == before + after


@settings(max_examples=100)
@given(
    st.lists(st.tuples(st.integers(-5, 60), st.one_of(st.none(), st.integers(-5, 60))), max_size=6),
    st.integers(0, 50),
    st.integers(1, 30),
)
def test_what_an_agent_could_not_read_is_told_minute_by_minute(texts, start, length):
    told = [(minute(since), None if until is None else minute(until)) for since, until in texts]
    segment = Segment(Part.AGENT, minute(start), minute(start + length), "ann")
    found = Circumstances(untranslated=told).unread(segment, minute(0))
    expected = sum(
        any(0 <= since <= at and (until is None or at < until) for since, until in texts)
        for at in range(start, start + length)
    )
    assert sum(((until - since) for since, until in found), timedelta()) == expected * MINUTE
    assert all(before[1] <= after[0] for before, after in pairwise(found))
