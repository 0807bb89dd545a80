"""Where people came from first: by which account, and by which ad, post or link."""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from lobby_identity.domain.identifiers import ChannelUserId, WorkspaceId


class Source(NamedTuple):
    """What the platform said of an ad, post or link; all empty where somebody came by himself."""

    source_type: str = ""
    source_id: str = ""
    click_id: str = ""
    source_url: str = ""
    headline: str = ""


class Touch(NamedTuple):
    """A channel user came to an account."""

    channel_user_id: ChannelUserId
    workspace_id: WorkspaceId
    account_id: str
    platform: int
    at: datetime
    source: Source = Source()


def first(touches: Iterable[Touch]) -> Touch | None:
    """Returns the earliest; of those at one time one with a source, for platforms tell both apart. None of none."""
    return min(touches, key=_order, default=None)


def _order(touch: Touch) -> tuple[datetime, bool, ChannelUserId]:
    return touch.at, not touch.source.source_type, touch.channel_user_id
