"""What an agent has in the foreground, and for how long he handled it. One at a time, so his times never overlap."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

IDLE = timedelta(minutes=2)
"""Who has done nothing for longer is idle since the last time he did."""
LONGEST = timedelta(minutes=10)
"""Times that take longer are told in pieces."""


@dataclass(frozen=True, slots=True)
class Focus:
    """Since `start_time` the agent has the conversation in the foreground; then he did something there last."""

    conversation_id: str
    start_time: datetime
    beat_time: datetime

    def is_idle(self, now: datetime) -> bool:
        """Returns whether he has done nothing for too long."""
        return now - self.beat_time > IDLE


@dataclass(frozen=True, slots=True)
class Handled:
    """An agent handled a conversation from `start_time` to `end_time`."""

    conversation_id: str
    start_time: datetime
    end_time: datetime


def beat(focus: Focus | None, conversation_id: str, now: datetime) -> tuple[Focus, Handled | None]:
    """He does something in the conversation; returns what is in the foreground, and what he has handled so far."""
    if focus is None:
        return Focus(conversation_id, now, now), None
    now = max(now, focus.beat_time)
    stays = focus.conversation_id == conversation_id and not focus.is_idle(now)
    if stays and now - focus.start_time < LONGEST:
        return replace(focus, beat_time=now), None
    return Focus(conversation_id, now, now), end(focus, now)


def end(focus: Focus, now: datetime) -> Handled | None:
    """Returns what he handled when nothing is in the foreground any more; None where that is no time at all."""
    until = focus.beat_time if focus.is_idle(now) else max(now, focus.beat_time)
    return Handled(focus.conversation_id, focus.start_time, until) if until > focus.start_time else None
