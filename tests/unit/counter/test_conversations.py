"""What routing tells, folded."""

from datetime import UTC, datetime, timedelta

from lobby_counter.conversations import (
    Answered,
    Assigned,
    Change,
    Closed,
    Conversation,
    Conversations,
    Owed,
    Told,
    WindowClosed,
)
from lobby_counter.waits import Ending, Hold

BEGIN = datetime(2026, 11, 22, 10, tzinfo=UTC)


def minute(number: int) -> datetime:
    return BEGIN + timedelta(minutes=number)


def told(*changes: Change, first: int = 1) -> list[Told]:
    conversation = Conversation("c", "w", "a", 1, "u")
    return [Told(f"e{n}", n, conversation, change) for n, change in enumerate(changes, first)]


def folded(*changes: Change) -> Conversations:
    conversations = Conversations()
    conversations.fold(told(*changes))
    return conversations


def test_a_wait_goes_from_the_oldest_unanswered_message_to_the_accepted_answer():
    done = folded(Owed(minute(0), None), Answered(minute(0), minute(3), "ann"))
    (wait,) = done.waits.values()
    assert (wait.owed_since, wait.end_time, wait.ending, wait.end_agent_id) == (
        minute(0),
        minute(3),
        Ending.ANSWERED,
        "ann",
    )
    assert done.open_waits == {}


def test_an_older_message_that_comes_late_moves_the_beginning_of_the_open_wait():
    done = folded(Owed(minute(5), None), Owed(minute(2), None))
    (wait,) = done.waits.values()
    assert wait.owed_since == minute(2)


def test_a_close_ends_the_wait_with_its_reason():
    done = folded(Owed(minute(0), "ann"), Closed(minute(0), minute(4), "ann", "spam"))
    (wait,) = done.waits.values()
    assert (wait.ending, wait.close_reason) == (Ending.CLOSED, "spam")


def test_a_close_where_nothing_was_owed_makes_no_wait():
    assert folded(Closed(None, minute(4), "ann", "resolved")).waits == {}


def test_an_end_without_a_known_beginning_is_written_as_it_was():
    (wait,) = folded(Answered(minute(0), minute(3), None)).waits.values()
    assert (wait.owed_since, wait.end_time) == (minute(0), minute(3))


def test_the_first_agent_stays_the_first():
    done = folded(Assigned("ann", minute(0)), Assigned(None, minute(1)), Assigned("bob", minute(2)))
    assert (done.known["c"].first_agent_id, done.known["c"].agent_id) == ("ann", "bob")
    assert done.first_assigned == {"c"}


def test_an_open_wait_belongs_to_whoever_holds_the_conversation():
    done = folded(Owed(minute(0), None), Assigned("ann", minute(1)), Assigned("bob", minute(2)))
    assert done.open_waits["c"].agent_id == "bob"


def test_what_was_folded_in_before_changes_nothing():
    events = told(Owed(minute(0), None), Answered(minute(0), minute(3), "ann"))
    done = Conversations()
    done.fold(events)
    done.waits.clear()
    done.fold(events)
    assert done.waits == {}
    assert done.open_waits == {}


def test_a_wait_knows_everybody_who_had_the_conversation_and_why_nobody_did():
    done = folded(
        Owed(minute(0), None, minute(0), "over_capacity"),
        Assigned("ann", minute(2)),
        Assigned("bob", minute(3), by_agent_id="ann"),
    )
    assert done.open_waits["c"].holds == (
        Hold(None, minute(0), "over_capacity"),
        Hold("ann", minute(2)),
        Hold("bob", minute(3), by_agent_id="ann"),
    )


def test_whoever_has_the_conversation_has_its_waits_from_their_beginning():
    done = folded(Assigned("ann", minute(0)), Owed(minute(9), "ann", minute(9)))
    assert done.open_waits["c"].holds == (Hold("ann", minute(0)),)


def test_only_the_first_wait_of_a_conversation_is_a_first_one():
    done = folded(
        Owed(minute(0), None),
        Answered(minute(0), minute(1), "ann"),
        Owed(minute(2), None),
        Answered(minute(2), minute(3), "ann"),
    )
    assert [wait.first for wait in done.waits.values()] == [True, False]


def test_who_writes_three_days_after_a_close_waits_for_the_first_time_again():
    closed = Closed(None, minute(2), "ann", "resolved")
    for later, first in ((timedelta(hours=72), False), (timedelta(hours=72, seconds=1), True)):
        done = folded(
            Owed(minute(0), None), Answered(minute(0), minute(1), "ann"), closed, Owed(minute(2) + later, None)
        )
        assert done.open_waits["c"].first is first


def test_a_window_that_closed_on_a_wait_is_of_that_wait_for_ever():
    done = folded(
        Owed(minute(0), None),
        WindowClosed(minute(0), minute(5)),
        WindowClosed(minute(0), minute(7)),
        Answered(minute(0), minute(9), "ann"),
        Owed(minute(10), None),
    )
    assert [wait.window_lost_time for wait in done.waits.values()] == [minute(5), None]
