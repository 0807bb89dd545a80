"""Messages on their way out: claimed for a call, due later, left behind, expired."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct

from lobby_common.events.log import Connection
from lobby_connectors.domain.items import Attachment
from lobby_connectors.domain.kinds import Direction, Kind
from lobby_connectors.domain.pacing import Pace
from lobby_connectors.platforms.interface import Limits
from lobby_connectors.store import QUERIES, messages
from lobby_connectors.store.messages import Target


class Job(Struct, frozen=True):
    """A claimed message with what is needed to send it."""

    message_id: str
    account_id: str
    chat: str
    text: str
    attachments: tuple[Attachment, ...]
    parts: int
    parts_done: int
    traceparent: str
    claim: int
    probe: bool
    """The account's breaker is open, and this call asks whether the platform answers again."""
    watched: bool
    """The account's calls are counted, also those that work."""


class Room(Struct, frozen=True):
    """What a process has room for."""

    calls: int
    of_one_account: int
    under_way: Mapping[str, int]
    """Calls by account."""

    def full(self) -> list[str]:
        """Returns the accounts that have no room left."""
        return [account for account, calls in self.under_way.items() if calls >= self.of_one_account]


async def claim(
    conn: Connection, sender: int, room: Room, limits: Mapping[str, Limits], own: Mapping[str, Pace]
) -> list[tuple[Job, Target]]:
    """The messages that may go now are `sending`. `limits` are by platform, `own` are accounts with another pace."""
    chats = [each.chat_pace for each in limits.values()]
    rows = await conn.fetch(
        QUERIES["claim_sends"],
        sender,
        room.calls,
        list(limits),
        [each.pace.step for each in limits.values()],
        [each.pace.burst for each in limits.values()],
        [each.step if each else None for each in chats],
        [each.burst if each else None for each in chats],
        list(own),
        [each.step for each in own.values()],
        [each.burst for each in own.values()],
        list(room.under_way),
        list(room.under_way.values()),
        room.of_one_account,
    )
    return [(_job(row), _target(row)) for row in rows]


async def next_due(conn: Connection, full: Sequence[str]) -> float | None:
    """Returns the seconds until a message may go, apart from `full` accounts; None where none waits."""
    seconds: float | None = await conn.fetchval(QUERIES["next_due"], full)
    return seconds


async def find_orphans(conn: Connection, locks: int, longest: float) -> list[tuple[str, int]]:
    """Returns (message, claim) of those whose process died, or has been at it for longer than `longest` seconds."""
    return [(row["message_id"], row["claim"] or 0) for row in await conn.fetch(QUERIES["find_orphans"], locks, longest)]


async def find_expired(conn: Connection) -> list[str]:
    """Returns queued messages that waited as long as they may, as far as their rows know."""
    return [row["message_id"] for row in await conn.fetch(QUERIES["find_expired"])]


async def find_window(conn: Connection, target: Target, hours: int | None) -> datetime | None:
    """Returns when the window that the customer's last message opened closes; None where it is closed or never does."""
    if hours is None:
        return None
    end: datetime | None = await conn.fetchval(QUERIES["find_window"], target.account_id, target.chat, hours)
    return end


async def keep_waiting(conn: Connection, message_id: str, until: datetime) -> None:
    """The message may wait until then."""
    await conn.execute(QUERIES["keep_waiting"], message_id, until)


async def extend(conn: Connection, message_id: str, window_hours: int | None) -> None:
    """The message may wait as long as one that is sent now."""
    await conn.execute(QUERIES["extend_send"], message_id, window_hours)


async def go_on(conn: Connection, message_id: str) -> None:
    """The message's next request begins now."""
    await conn.execute(QUERIES["go_on"], message_id)


def _job(row: Any) -> Job:
    return Job(
        row["message_id"],
        row["account_id"],
        row["chat"],
        row["text"],
        messages.attachments_of(row["attachments"]),
        row["parts"],
        row["parts_done"],
        row["traceparent"],
        row["claim"],
        row["shut"],
        row["watched"],
    )


def _target(row: Any) -> Target:
    return Target(
        message_id=row["message_id"],
        workspace_id=row["workspace_id"],
        account_id=row["account_id"],
        chat=row["chat"],
        platform_message_id=row["platform_message_id"],
        direction=Direction.OUTBOUND,
        kind=Kind(row["kind"]),
        text=row["text"],
        author_kind="agent",
        author_id=row["author_id"],
        edit_time=None,
        delete_time=None,
        reactions=(),
        reaction_time=None,
        conversation_id=row["conversation_id"] or "",
        seen_seq=row["seen_seq"] or 0,
        standing=messages.standing_of(row),
        traceparent=row["traceparent"],
    )
