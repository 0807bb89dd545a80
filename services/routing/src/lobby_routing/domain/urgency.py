"""The order of the pool: what will be lost first.

    1. conversations whose reply window is open, the one that closes first before the others;
    2. those without a window: the platform with the higher priority first, then the one who waits longest;
    3. those whose window has closed while they were owed: a free answer is lost already;
    4. those in which nothing is owed, the newest message first.

Equal windows fall back to priority and wait, and at last to the id. `list_owed` in queries.sql says the same in SQL; a
component test compares the two.
"""

from datetime import UTC, datetime, timedelta

from lobby_routing.domain.conversation import Conversation

OPEN_WINDOW, NO_WINDOW, LOST_WINDOW, NOT_OWED = range(4)

Rank = tuple[int, int, int, int, str]
"""Class, microseconds of the window's end, negative priority, microseconds of the wait's start, id."""

FIRST_RANK: Rank = (-1, 0, 0, 0, "00000000-0000-0000-0000-000000000000")
"""Before all others."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def rank(conversation: Conversation, now: datetime) -> Rank:
    """Returns what to sort by; smaller is more urgent."""
    if conversation.owed_since is None:
        newest = conversation.last_message_time
        return NOT_OWED, 0, 0, 0 if newest is None else -micros(newest), conversation.conversation_id
    window = conversation.window_close_time
    lost = window is not None and window <= now
    kind = NO_WINDOW if window is None else LOST_WINDOW if lost else OPEN_WINDOW
    return (
        kind,
        0 if window is None else micros(window),
        -conversation.priority,
        micros(conversation.owed_since),
        conversation.conversation_id,
    )


def micros(at: datetime) -> int:
    """Returns microseconds since 1970."""
    return (at - _EPOCH) // _MICROSECOND
