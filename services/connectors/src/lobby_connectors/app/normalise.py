"""Raw webhooks that were not parsed are parsed again: by the normaliser in the background, or by a person's call."""

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from datetime import datetime, timedelta

import asyncpg
from msgspec import Struct

from lobby_common import caller
from lobby_common.errors import NotFound
from lobby_common.events import EventLog, Tx
from lobby_common.ids import is_id
from lobby_common.log import get_logger
from lobby_connectors.app import facts
from lobby_connectors.app.reading import read
from lobby_connectors.app.recording import After, record
from lobby_connectors.directory import Directory
from lobby_connectors.domain.webhooks import Reading, Verdict, Webhook, parts
from lobby_connectors.store import AWAY, BAD_ROW, QUERIES, messages
from lobby_connectors.store import webhooks as store
from lobby_connectors.store.webhooks import RawWebhook

_LOG = get_logger("normaliser")

_PAUSE = 1.0
_PAGE = 20
_WAITING_PAGE = 500
_MOST_AT_ONCE = 1_000
"""Things said in one transaction."""
_MOST_ATTEMPTS = 6
_SWEEP_EVERY = 3600.0
_YOUNG = timedelta(minutes=5)
"""A fact and its message that did not see each other were written at the same time: looking back further finds what was
left by a crash, and is done at start and once an hour."""
_ALL = timedelta(days=3650)


class Quarantined(Struct, frozen=True):
    """A webhook in quarantine."""

    webhook_id: str
    account_id: str
    body: bytes
    received_time: datetime
    state: str
    reason: str


class Normaliser:
    """Parses again. Ids follow from what is parsed, so nothing is ever there twice."""

    def __init__(self, log: EventLog, directory: Directory, after: After) -> None:
        self._log = log
        self._directory = directory
        self._after = after

    async def run(self) -> None:
        """Takes what waits until cancelled."""
        loop = asyncio.get_running_loop()
        swept = -_SWEEP_EVERY
        while True:
            if loop.time() - swept >= _SWEEP_EVERY:
                while await self.take_waiting(_ALL):
                    continue
                await self._log.pool.execute(QUERIES["forget_waiting"])
                swept = loop.time()
            if not await self.take_pending() and not await self.take_waiting(_YOUNG):
                await asyncio.sleep(_PAUSE)

    async def take_pending(self) -> int:
        """Some pending webhooks are parsed, each in a transaction of its own. Returns how many."""
        async with self._log.pool.acquire() as conn, conn.transaction():
            waiting = await store.take_pending(conn, _PAGE)
        for raw in waiting:
            try:
                await self._parse(raw.webhook_id, raw.workspace_id)
            except BAD_ROW as error:
                await self._postpone(raw, error)
            except AWAY:
                raise
            except Exception as error:  # noqa: BLE001  # what breaks us here must not keep the others waiting for ever
                _LOG.exception("normalise_broke", webhook_id=raw.webhook_id)
                await self._postpone(raw, error)
        return len(waiting)

    async def _postpone(self, raw: RawWebhook, error: Exception) -> None:
        async with self._log.pool.acquire() as conn:
            await store.postpone(conn, raw.webhook_id, f"not stored: {type(error).__name__}", _MOST_ATTEMPTS)

    async def take_waiting(self, young: timedelta) -> int:
        """Facts not older than `young` whose message is there by now are applied. Returns how many."""
        async with self._log.transaction() as tx:
            waiting = await messages.take_waiting(tx.conn, _WAITING_PAGE, young)
            await facts.apply(tx, waiting, self._directory)
        return len(waiting)

    async def list(self, account_id: str | None, after: str | None, limit: int) -> list[Quarantined]:
        """Returns what is in quarantine in the caller's workspace, newest first."""
        rows = await self._log.pool.fetch(
            QUERIES["list_quarantine"], caller.current().workspace_id, account_id, after, limit
        )
        return [_quarantined(row) for row in rows]

    async def retry(self, webhook_id: str) -> Quarantined:
        """The webhook was parsed again. Returns it as it is then. Raises NotFound."""
        workspace_id = caller.current().workspace_id
        if not is_id(webhook_id):
            raise NotFound("QUARANTINE_ITEM_NOT_FOUND", "nothing with this id is in quarantine")
        try:
            await self._parse(webhook_id, workspace_id)
        except BAD_ROW as error:
            _LOG.warning("retry_failed", webhook_id=webhook_id, error=type(error).__name__)
        row = await self._log.pool.fetchrow(QUERIES["find_raw"], webhook_id, workspace_id)
        if row is None:
            raise NotFound("QUARANTINE_ITEM_NOT_FOUND", "nothing with this id is in quarantine")
        return _quarantined(row)

    async def _parse(self, webhook_id: str, workspace_id: str) -> None:
        """The webhook is parsed, part by part. A crash in between starts it again; ids keep anything from doubling."""
        await self._directory.refresh()
        waiting: deque[Reading] = deque()
        verdict: Verdict | None = None
        while verdict is None or waiting:
            began = time.monotonic()
            async with self._log.transaction() as tx:
                raw = await store.lock(tx.conn, webhook_id, workspace_id)
                if raw is None:
                    return
                if verdict is None:
                    waiting.extend(await self._read(tx, raw))
                    if not waiting:
                        return
                (judged,), left = await record(tx, [waiting.popleft()], self._directory, again=True)
                if verdict is None:
                    # What our own code could not do twice it will not do the third time: it rests until it is mended.
                    verdict = judged
                    verdict.state = "quarantined" if judged.problems else "parsed"
                else:
                    verdict.add(judged)
                if not waiting:
                    await store.write_verdict(tx.conn, webhook_id, verdict)
            if left.accounts_changed:
                await self._directory.refresh()
            self._after.take(left)
            if waiting:
                # As long again: what others say meanwhile comes in between.
                await asyncio.sleep(time.monotonic() - began)

    async def _read(self, tx: Tx, raw: RawWebhook) -> Sequence[Reading]:
        """Returns what it says, in parts; nothing, with its verdict written, where its account is gone."""
        account = self._directory.find(raw.account_id)
        if account is None:
            await store.write_verdict(
                tx.conn,
                raw.webhook_id,
                Verdict(state="quarantined", reason="the account was disconnected", said=1, problems=1),
            )
            return []
        webhook = Webhook(raw.webhook_id, account, raw.body, raw.received_time, raw.traceparent)
        return parts(read(webhook, self._directory), _MOST_AT_ONCE)


def _quarantined(row: asyncpg.Record) -> Quarantined:
    return Quarantined(
        row["webhook_id"], row["account_id"], row["body"], row["received_time"], row["state"], row["reason"]
    )
