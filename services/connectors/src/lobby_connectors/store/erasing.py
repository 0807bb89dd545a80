"""Messages and raw webhooks of people who were forgotten."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from lobby_common import sql
from lobby_common.events.log import Connection
from lobby_common.ids import new_id
from lobby_connectors.domain.erasing import Forgotten

_QUERIES = sql.load("lobby_connectors", "erasing.sql")

SKEW = timedelta(minutes=10)
"""How much earlier than a message its webhook may have come or its event been told, by another process's clock."""


class Erasable(NamedTuple):
    """A message of which something personal is left."""

    message_id: str
    chat: str
    platform_message_id: str
    delivery: int | None
    received_time: datetime
    webhook_id: str | None


async def lock_messages(
    conn: Connection, workspace_id: str, account_id: str, message_ids: Collection[str]
) -> list[Erasable]:
    """Returns those of the messages of which something is left, ours to change."""
    rows = await conn.fetch(_QUERIES["lock_messages_to_erase"], workspace_id, account_id, list(message_ids))
    return [Erasable(*row) for row in rows]


async def list_part_ids(conn: Connection, message_ids: Collection[str]) -> frozenset[str]:
    """Returns the platform's ids of further parts of the messages."""
    rows = await conn.fetch(_QUERIES["list_part_ids"], list(message_ids))
    return frozenset(row["platform_message_id"] for row in rows)


async def erase_messages(conn: Connection, message_ids: Collection[str], chat: str) -> None:
    """Nothing personal is left of the messages; they stand in `chat`."""
    await conn.execute(_QUERIES["erase_messages"], list(message_ids), chat)


async def erase_chats(conn: Connection, account_id: str, chats: Collection[str]) -> None:
    """What else is kept of the chats is gone."""
    await conn.execute(_QUERIES["erase_chats"], account_id, list(chats))


async def order_raw_erasure(
    conn: Connection, workspace_id: str, account_id: str, erasable: Sequence[Erasable], whose: Forgotten
) -> None:
    """Bodies received since shortly before the first message will be looked through, wherever his webhooks came to."""
    await conn.execute(
        _QUERIES["order_raw_erasure"],
        new_id(),
        workspace_id,
        [each.webhook_id for each in erasable if each.webhook_id],
        account_id,
        sorted(whose.chats),
        sorted(whose.platform_message_ids),
        sorted(whose.message_ids),
        min(each.received_time for each in erasable) - SKEW,
    )


async def find_raw_erasure(conn: Connection) -> Any:
    """Returns the oldest order, ours until the transaction ends; None where there is none."""
    return await conn.fetchrow(_QUERIES["find_raw_erasure"])


async def find_bodies(
    conn: Connection, since: datetime, until: datetime, account_ids: Collection[str], chats: Collection[str]
) -> Sequence[Any]:
    """Returns the webhooks of a period that name one of the chats."""
    return await conn.fetch(_QUERIES["find_bodies"], since, until, list(account_ids), list(chats))


async def find_erased(conn: Connection, message_ids: Collection[str]) -> frozenset[str]:
    """Returns those of the messages whose customer was forgotten."""
    rows = await conn.fetch(_QUERIES["find_erased_messages"], list(message_ids))
    return frozenset(row["message_id"] for row in rows)


async def erase_bodies(conn: Connection, webhook_ids: Collection[str]) -> None:
    """Of the bodies only their digests are left."""
    await conn.execute(_QUERIES["erase_bodies"], list(webhook_ids))


async def move_raw_erasure(conn: Connection, erasure_id: str, done: datetime, *, ends: bool) -> None:
    """What was received before `done` is looked through."""
    if ends:
        await conn.execute(_QUERIES["end_raw_erasure"], erasure_id)
    else:
        await conn.execute(_QUERIES["move_raw_erasure"], erasure_id, done)
