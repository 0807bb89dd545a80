"""Lists and reads; they change nothing."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg

from lobby_common import pages
from lobby_common.caller import Caller
from lobby_common.errors import Invalid
from lobby_common.ids import is_id
from lobby_common.times import utc_now
from lobby_routing.app import access, conversations
from lobby_routing.domain.deciding import Decision
from lobby_routing.domain.urgency import FIRST_RANK, Rank, micros, rank
from lobby_routing.store import views
from lobby_routing.store.views import Filters, View

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LARGEST_MICROS = 253_000_000_000_000_000
"""In the year 9987; times in tokens stay below."""
_LARGEST_NUMBER = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Wish:
    """What to list, before it is restricted to what the caller may see."""

    state: str = "all"
    platform: str = ""
    account_id: str = ""
    agent_id: str = ""
    unassigned: bool = False
    by_recent: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """A page of conversations."""

    views: Sequence[View] = ()
    next_page_token: str = ""
    total_owed: int = 0


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page starts: among the owed after a rank as of a time, or among the recent before a message."""

    as_of: datetime
    rank: Rank = FIRST_RANK
    recent: tuple[datetime, str] | None = None

    def token(self) -> str:
        """Returns it as a page token."""
        if self.recent is not None:
            return pages.encode("recent", micros(self.as_of), micros(self.recent[0]), self.recent[1], 0, 0, "")
        kind, window, behind, since, conversation_id = self.rank
        return pages.encode("owed", micros(self.as_of), kind, window, behind, since, conversation_id)


async def list_conversations(pool: asyncpg.Pool, caller: Caller, wish: Wish, page_size: int, page_token: str) -> Page:
    """Returns a page of what the caller may see, and how many of all pages are owed."""
    if any(given and not is_id(given) for given in (wish.account_id, wish.agent_id)):
        return Page()
    place = _place_of(page_token) or Place(utc_now())
    filters = Filters(
        caller.workspace_id,
        wish.platform or None,
        wish.account_id or None,
        wish.agent_id or None,
        wish.unassigned,
        access.viewer_of(caller) or None,
    )
    size = pages.size(page_size)
    async with pool.acquire() as conn:
        found: list[View] = []
        by_urgency = not wish.by_recent and wish.state != "closed"
        if by_urgency and place.recent is None:
            found = await views.list_owed(conn, filters, place.as_of, place.rank, size + 1)
        if len(found) <= size and not (by_urgency and wish.state == "owed"):
            found += await views.list_recent(
                conn,
                filters,
                # By urgency the owed ones are listed already.
                owed=False if by_urgency else (True if wish.state == "owed" else None),
                closed={"open": False, "closed": True}.get(wish.state),
                before=place.recent or views.NEWEST,
                limit=size + 1 - len(found),
            )
        total = 0 if wish.state == "closed" else await views.count_owed(conn, filters)
    token = _token_after(found[size - 1], place, by_urgency=by_urgency) if len(found) > size else ""
    return Page(found[:size], token, total)


async def list_decisions(
    pool: asyncpg.Pool, caller: Caller, conversation_id: str, page_size: int, page_token: str
) -> tuple[list[Decision], str]:
    """Returns a page of why the conversation went to whom, and the next page's token."""
    at, number = pages.decode(page_token, 2) or (0, 0)
    after = (_time_of(at), _number_of(number, _LARGEST_MICROS))
    size = pages.size(page_size)
    async with pool.acquire() as conn:
        await conversations.find_visible(conn, caller, conversation_id)
        found = await views.list_decisions(conn, conversation_id, after, size + 1)
    last = found[size - 1] if len(found) > size else None
    token = pages.encode(micros(last[1].time), last[0]) if last else ""
    return [decision for _, decision in found[:size]], token


async def get_chats(
    pool: asyncpg.Pool, caller: Caller, conversation_id: str
) -> tuple[View, list[str], tuple[str, ...]]:
    """Returns the conversation, its chat addresses and the languages of the agent who has it."""
    async with pool.acquire() as conn:
        found = await conversations.find_visible(conn, caller, conversation_id)
        chats = await views.list_chats(conn, conversation_id)
        holder = found.conversation.agent_id
        agent = await views.find_agent(conn, caller.workspace_id, holder) if holder else None
    return found, chats, agent.languages if agent else ()


async def filter_visible(
    pool: asyncpg.Pool, caller: Caller, contact_ids: Sequence[str], message_ids: Sequence[str]
) -> tuple[list[str], list[str]]:
    """Returns those contacts and messages that the caller may see, in the order asked."""
    viewer = access.viewer_of(caller)
    if caller.role != "agent":
        return list(contact_ids), list(message_ids)
    contacts, messages = [i for i in contact_ids if is_id(i)], [i for i in message_ids if is_id(i)]
    async with pool.acquire() as conn:
        seen = await views.filter_contacts(conn, caller.workspace_id, viewer, contacts) if contacts else set()
        read = await views.filter_messages(conn, caller.workspace_id, viewer, messages) if messages else set()
    return [i for i in contacts if i in seen], [i for i in messages if i in read]


def _token_after(last: View, place: Place, *, by_urgency: bool) -> str:
    conversation = last.conversation
    if by_urgency and conversation.owed_since is not None:
        return replace(place, rank=rank(conversation, place.as_of)).token()
    assert conversation.last_message_time is not None
    return replace(place, recent=(conversation.last_message_time, conversation.conversation_id)).token()


def _place_of(token: str) -> Place | None:
    values = pages.decode(token, 7)
    if values is None:
        return None
    kind, as_of, *rest = values
    if kind == "recent":
        return Place(_time_of(as_of), recent=(_time_of(rest[0]), _id_of(rest[1])))
    if kind != "owed":
        raise _bad_token()
    return Place(
        _time_of(as_of),
        (
            _number_of(rest[0], _LARGEST_NUMBER),
            _number_of(rest[1], _LARGEST_MICROS),
            _number_of(rest[2], _LARGEST_NUMBER),
            _number_of(rest[3], _LARGEST_MICROS),
            _id_of(rest[4]),
        ),
    )


def _time_of(value: Any) -> datetime:
    return _EPOCH + timedelta(microseconds=max(_number_of(value, _LARGEST_MICROS), 0))


def _number_of(value: Any, largest: int) -> int:
    if not isinstance(value, int) or not -largest <= value <= largest:
        raise _bad_token()
    return value


def _id_of(value: Any) -> str:
    if not isinstance(value, str) or not is_id(value):
        raise _bad_token()
    return value


def _bad_token() -> Invalid:
    return Invalid("BAD_PAGE_TOKEN", "page_token is not one that this list gave")
