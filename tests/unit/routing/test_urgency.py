from datetime import UTC, datetime, timedelta

from lobby_routing.domain import Conversation
from lobby_routing.domain.urgency import FIRST_RANK, rank

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)


def owed(name: str, waits: int, *, closes: int | None = None, priority: int = 0) -> Conversation:
    return Conversation(
        name,
        "workspace",
        "account",
        "whatsapp",
        "user",
        "contact",
        "chat",
        owed_since=NOW - timedelta(minutes=waits),
        window_close_time=None if closes is None else NOW + timedelta(minutes=closes),
        priority=priority,
    )


def test_what_is_lost_first_comes_first():
    in_order = [
        owed("window closes soon", 1, closes=5),
        owed("window closes late", 500, closes=1400, priority=9),
        owed("no window, important platform", 1, priority=9),
        owed("no window, waits long", 90),
        owed("no window, waits shortly", 2),
        owed("window lost", 3000, closes=-1, priority=9),
        owed("owed nothing", 0)._replace(owed_since=None, last_message_time=NOW),
        owed("owed nothing, older", 0)._replace(owed_since=None, last_message_time=NOW - timedelta(days=1)),
    ]
    assert sorted(in_order, key=lambda each: rank(each, NOW)) == in_order
    assert rank(in_order[0], NOW) > FIRST_RANK
