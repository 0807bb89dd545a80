"""Messages of people who were forgotten: texts, files, addresses and the platform's ids go, and raw bodies soon after.

Ids, times, deliveries and counts stay: nothing that is proved changes. A body that holds something of somebody else too
stays as it is, and so does one that nobody understood. Repeating changes nothing.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from lobby_common.errors import Unavailable
from lobby_common.events import EventLog
from lobby_common.events import erasing as log_erasing
from lobby_common.events.log import Connection
from lobby_connectors import events
from lobby_connectors.app.reading import read
from lobby_connectors.directory import Directory
from lobby_connectors.domain.erasing import Forgotten, erased_chat, id_of
from lobby_connectors.domain.kinds import Delivery
from lobby_connectors.domain.webhooks import Reading, Webhook
from lobby_connectors.store import erasing as store

_PAUSE = 1.0
_REST = 4.0
"""Rest per second of work: messages go first."""
_WINDOW = timedelta(hours=1)
"""Of raw webhooks in one transaction."""


@dataclass(frozen=True, slots=True)
class Erasure:
    """The messages of a conversation whose customer was forgotten, and when he was."""

    workspace_id: str
    account_id: str
    conversation_id: str
    message_ids: Sequence[str]
    at: datetime


async def erase_conversation(log: EventLog, erasure: Erasure) -> None:
    """Nothing personal is left of the messages, and of what was told of them. Raises Unavailable SEND_UNDER_WAY."""
    async with log.transaction() as tx:
        workspace_id, account_id = erasure.workspace_id, erasure.account_id
        found = await store.lock_messages(tx.conn, workspace_id, account_id, erasure.message_ids)
        if not found:
            return
        if any(each.delivery == Delivery.SENDING for each in found):
            raise Unavailable("SEND_UNDER_WAY", "a message is being sent to this customer just now")
        whose = await _whose(tx.conn, found)
        since = min(each.received_time for each in found) - store.SKEW
        await store.erase_messages(tx.conn, whose.message_ids, erased_chat(erasure.conversation_id))
        await store.erase_chats(tx.conn, account_id, whose.chats)
        await store.order_raw_erasure(tx.conn, workspace_id, account_id, found, whose)
        await log_erasing.order(
            tx.conn,
            workspace_id,
            account_id,
            marks=whose.message_ids,
            since=since,
            message_ids=whose.message_ids,
            keys=[events.key_of(account_id, chat) for chat in whose.chats],
            until=erasure.at,
        )


async def _whose(conn: Connection, found: Sequence[store.Erasable]) -> Forgotten:
    message_ids = frozenset(each.message_id for each in found)
    parts = await store.list_part_ids(conn, message_ids)
    platform_ids = frozenset(each.platform_message_id for each in found if each.platform_message_id)
    return Forgotten(frozenset(each.chat for each in found), platform_ids | parts, message_ids)


@dataclass(frozen=True, slots=True)
class _Due:
    """Whose bodies are looked for, and how far that is."""

    erasure_id: str
    account_ids: list[str]
    whose: Forgotten
    done: datetime
    until: datetime


class RawEraser:
    """Empties raw webhooks, one hour of them after the other."""

    def __init__(self, log: EventLog, directory: Directory) -> None:
        self._log = log
        self._directory = directory

    async def run(self) -> None:
        """Works until cancelled."""
        while True:
            began = time.monotonic()
            worked = await self.take()
            await asyncio.sleep((time.monotonic() - began) * _REST if worked else _PAUSE)

    async def take(self) -> bool:
        """The next hour of what is due is looked through. Returns whether anything was due."""
        async with self._log.pool.acquire() as conn, conn.transaction():
            row = await store.find_raw_erasure(conn)
            if row is None:
                return False
            due = _due(row)
            until = min(due.done + _WINDOW, due.until)
            if his := await self._find_his(conn, due, until):
                await store.erase_bodies(conn, his)
            await store.move_raw_erasure(conn, due.erasure_id, until, ends=until == due.until)
        return True

    async def _find_his(self, conn: Connection, due: _Due, until: datetime) -> list[str]:
        """Returns the webhooks of the hour that hold nothing of anybody else."""
        rows = await store.find_bodies(conn, due.done, until, due.account_ids, due.whose.chats)
        readings = [reading for row in rows if (reading := self._read(row)) is not None and not reading.problems]
        erased = await store.find_erased(conn, {id_of(said) for each in readings for said in each.said} - {""})
        return [each.webhook.webhook_id for each in readings if due.whose.owns_all(each.said, erased)]

    def _read(self, row: Any) -> Reading | None:
        account = self._directory.find(row["account_id"])
        if account is None:
            return None
        webhook = Webhook(row["webhook_id"], account, row["body"], row["received_time"], row["traceparent"])
        return read(webhook, self._directory)


def _due(row: Any) -> _Due:
    whose = Forgotten(frozenset(row["chats"]), frozenset(row["platform_message_ids"]), frozenset(row["message_ids"]))
    return _Due(row["erasure_id"], row["account_ids"], whose, row["done_time"], row["until_time"])
