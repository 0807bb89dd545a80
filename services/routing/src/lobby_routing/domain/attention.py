"""What an agent has in the foreground or wraps up, and for how long. One at a time, so his times never overlap."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

IDLE = timedelta(minutes=2)
"""Who has done nothing for longer is idle since the last time he did."""
LONGEST = timedelta(minutes=10)
"""Times that take longer are told in pieces."""
WRAP_UP = timedelta(minutes=10)
"""Who wraps up for longer has forgotten to say that he is done."""


@dataclass(frozen=True, slots=True)
class Focus:
    """Since `start_time` the agent has the conversation in the foreground; then he did something there last."""

    conversation_id: str
    start_time: datetime
    beat_time: datetime
    wrap_up: bool = False
    """He said that he wraps it up: until he says that he is done nothing else is asked of him."""

    def is_idle(self, now: datetime) -> bool:
        """Returns whether he has done nothing for too long, or wraps up for too long."""
        return now - self.start_time > WRAP_UP if self.wrap_up else now - self.beat_time > IDLE


@dataclass(frozen=True, slots=True)
class Handled:
    """An agent handled a conversation from `start_time` to `end_time`."""

    conversation_id: str
    start_time: datetime
    end_time: datetime
    wrap_up: bool = False
    """He wrapped it up."""


def beat(focus: Focus | None, conversation_id: str, now: datetime) -> tuple[Focus, Handled | None]:
    """He does something in the conversation; returns what is in the foreground, and what he has handled so far.

    Whoever wraps it up goes on with that.
    """
    if focus is None:
        return Focus(conversation_id, now, now), None
    now = max(now, focus.beat_time)
    stays = focus.conversation_id == conversation_id and not focus.is_idle(now)
    if stays and focus.wrap_up:
        return focus, None
    if stays and now - focus.start_time < LONGEST:
        return replace(focus, beat_time=now), None
    return Focus(conversation_id, now, now), end(focus, now)


def wrap_up(focus: Focus | None, conversation_id: str, now: datetime) -> tuple[Focus, Handled | None]:
    """He wraps the conversation up, in the foreground or not; returns that, and what he has handled so far."""
    if focus is None:
        return Focus(conversation_id, now, now, wrap_up=True), None
    now = max(now, focus.beat_time)
    if focus.wrap_up and focus.conversation_id == conversation_id and not focus.is_idle(now):
        return focus, None
    return Focus(conversation_id, now, now, wrap_up=True), end(focus, now)


def end(focus: Focus, now: datetime) -> Handled | None:
    """Returns what he handled when nothing is in the foreground any more; None where that is no time at all."""
    until = max(now, focus.beat_time)
    if focus.is_idle(now):
        until = focus.start_time + WRAP_UP if focus.wrap_up else focus.beat_time
    handled = Handled(focus.conversation_id, focus.start_time, until, focus.wrap_up)
    return handled if until > focus.start_time else None
