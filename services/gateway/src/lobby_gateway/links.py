"""Links: how a sheet is shared with a partner, and how often one may guess. Pure.

LINK_NOT_FOUND       no such link in this workspace, or none that the token and the password open
INVALID_EXPIRE_TIME  the end of a link lies ahead
TOO_MANY_LINKS       a sheet has so many links already
TOO_MANY_GUESSES     too many wrong passwords in a row: the link opens for nobody for a while
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from lobby_common.errors import Conflict, Exhausted, Invalid, NotFound

OPEN_FOR = timedelta(hours=8)
"""For how long whoever opens a link sees the sheet."""
MOST_KEYS = 100
"""Keys of one link that hold at once; the oldest ends where one more is given."""
_MOST_LINKS = 100
_FREE_GUESSES = 5
_FIRST_WAIT = timedelta(seconds=30)
_LONGEST_WAIT = timedelta(hours=1)
_MOST_DOUBLINGS = 10


@dataclass(frozen=True, slots=True)
class Link:
    """A way in to one sheet."""

    link_id: str
    workspace_id: str
    sheet_id: str
    display_name: str
    create_time: datetime
    expire_time: datetime | None = None
    delete_time: datetime | None = None
    last_open_time: datetime | None = None
    wrong_passwords: int = 0
    """Since it was opened last; one that is being looked at counts as wrong until it proves right."""
    retry_time: datetime | None = None
    """Until then it opens for nobody."""

    def holds(self, at: datetime) -> bool:
        """Returns whether it can be opened, by who knows the password."""
        return self.delete_time is None and (self.expire_time is None or at < self.expire_time)


@dataclass(frozen=True, slots=True)
class Visit:
    """Somebody came in by a link, and has a key."""

    link: Link
    """As it is since."""
    key_id: str
    start_time: datetime
    expire_time: datetime
    """From then on the key stands for nobody."""


def check_new(link: Link, others: int) -> Link:
    """Returns the link as it is made. Raises Invalid INVALID_EXPIRE_TIME, Conflict TOO_MANY_LINKS."""
    if not link.holds(link.create_time):
        raise Invalid("INVALID_EXPIRE_TIME", "expire_time has to lie ahead")
    if others >= _MOST_LINKS:
        raise Conflict("TOO_MANY_LINKS", f"this sheet has {_MOST_LINKS} links: delete one first")
    return link


def guess(link: Link, at: datetime) -> Link:
    """Returns the link after one more password, which is wrong until it proves right. Raises Exhausted.

    Kept before the password is looked at, it bounds guesses that are made at once, by whatever replica.
    """
    if link.retry_time is not None and at < link.retry_time:
        seconds = (link.retry_time - at).total_seconds()
        raise Exhausted("TOO_MANY_GUESSES", "too many wrong passwords: wait before the next", retry_after=seconds)
    wrong = link.wrong_passwords + 1
    return replace(link, wrong_passwords=wrong, retry_time=at + _wait(wrong) if wrong >= _FREE_GUESSES else None)


def _wait(wrong: int) -> timedelta:
    wait: timedelta = _FIRST_WAIT * 2 ** min(wrong - _FREE_GUESSES, _MOST_DOUBLINGS)
    return min(wait, _LONGEST_WAIT)


def visit(link: Link, key_id: str, at: datetime) -> Visit:
    """Returns the visit of somebody who gives the right password now; it ends with the link at the latest."""
    end = at + OPEN_FOR
    return Visit(
        link=replace(link, wrong_passwords=0, retry_time=None, last_open_time=at),
        key_id=key_id,
        start_time=at,
        expire_time=end if link.expire_time is None else min(end, link.expire_time),
    )


def delete(link: Link, at: datetime) -> Link:
    """Returns the link, deleted; one that is deleted stays as it is."""
    return link if link.delete_time is not None else replace(link, delete_time=at)


def not_found() -> NotFound:
    """There is no such link, or the password is another: the same words for both."""
    return NotFound("LINK_NOT_FOUND", "there is no such link, or the password is another")
