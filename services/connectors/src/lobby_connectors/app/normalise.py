"""Raw webhooks that were not parsed are parsed again: by the normaliser in the background, or by a person's call."""

import asyncio
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
from lobby_connectors.app.recording import After, Left, record
from lobby_connectors.directory import Directory
from lobby_connectors.domain.webhooks import Verdict, Webhook
from lobby_connectors.store import AWAY, BAD_ROW, QUERIES, messages
from lobby_connectors.store import webhooks as store
from lobby_connectors.store.webhooks import RawWebhook

_LOG = get_logger("normaliser")

_PAUSE = 1.0
_PAGE = 20
_WAITING_PAGE = 500
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
        await self._directory.refresh()
        left: Left | None = None
        async with self._log.transaction() as tx:
            raw = await store.lock(tx.conn, webhook_id, workspace_id)
            if raw is not None:
                left = await self._record(tx, raw)
        if left is not None:
            if left.accounts_changed:
                await self._directory.refresh()
            self._after.take(left)

    async def _record(self, tx: Tx, raw: RawWebhook) -> Left | None:
        account = self._directory.find(raw.account_id)
        if account is None:
            await store.write_verdict(
                tx.conn, raw.webhook_id, Verdict(state="quarantined", reason="the account was disconnected", problems=1)
            )
            return None
        reading = read(Webhook(raw.webhook_id, account, raw.body, raw.received_time, raw.traceparent), self._directory)
        verdicts, left = await record(tx, [reading], self._directory, again=True)
        # What our own code could not do twice it will not do the third time: it rests until somebody has mended it.
        verdict = verdicts[0]
        verdict.state = "quarantined" if reading.problems else "parsed"
        await store.write_verdict(tx.conn, raw.webhook_id, verdict)
        return left


def _quarantined(row: asyncpg.Record) -> Quarantined:
    return Quarantined(
        row["webhook_id"], row["account_id"], row["body"], row["received_time"], row["state"], row["reason"]
    )
