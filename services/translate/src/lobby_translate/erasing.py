"""Texts of people who were forgotten: their translations, and what the memory keeps of them, go; languages stay."""

from collections.abc import Sequence
from typing import Any, Final

from lobby.routing.v1.events_pb2 import ConversationErased
from lobby_common import sql
from lobby_common.events import Incoming, Tx
from lobby_common.events import erasing as log_erasing
from lobby_common.events.log import Connection
from lobby_translate import store
from lobby_translate.arrivals import id_of
from lobby_translate.store import ChatKey

_QUERIES: Final = sql.load("lobby_translate", "erasing.sql")


async def find_chats(conn: Connection, events: Sequence[Incoming]) -> set[ChatKey]:
    """Returns the chats in which the messages of these conversations stand."""
    payloads: list[Any] = [one.payload for one in events]
    ids = [message_id for payload in payloads for message_id in payload.message_ids]
    if not ids:
        return set()
    return {(row["account_id"], row["chat"]) for row in await conn.fetch(_QUERIES["find_chats_of"], ids)}


async def erase(tx: Tx, events: Sequence[Incoming]) -> None:
    """Nothing is left of the texts of the conversations, also of those that are still on their way."""
    for one in events:
        payload: Any = one.payload
        assert isinstance(payload, ConversationErased)
        await _erase(tx, one.event.workspace_id, payload)


async def _erase(tx: Tx, workspace_id: str, told: ConversationErased) -> None:
    ids = sorted(map(id_of, told.message_ids))
    chat = (id_of(told.account_id), f"erased/{told.conversation_id}")
    await store.lock_messages(tx.conn, ids)
    stood = [(row["account_id"], row["chat"]) for row in await tx.conn.fetch(_QUERIES["find_chats_of"], ids)]
    since = await tx.conn.fetchval(_QUERIES["find_first"], ids)
    await tx.conn.execute(_QUERIES["forget_memories"], [*ids, *map(store.mark_of, stood)])
    await store.forget_messages(tx.conn, {message_id: (id_of(workspace_id), chat) for message_id in ids})
    await tx.conn.execute(_QUERIES["leave_chats"], ids, chat[1])
    if since is not None:
        await log_erasing.order(
            tx.conn, workspace_id, told.account_id, marks=(), since=since, message_ids=told.message_ids
        )
