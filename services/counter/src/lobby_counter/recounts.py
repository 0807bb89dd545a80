"""Counters and campaigns that come later: everybody of their workspace is judged by what was before, page by page."""

import asyncio

from lobby_common.events import EventLog, Tx
from lobby_common.ids import derive_id
from lobby_common.log import get_logger
from lobby_common.postgres import AWAY, COLLIDED
from lobby_common.times import utc_now
from lobby_counter import judging, metrics, rule_store, store
from lobby_counter.app import greeting_of
from lobby_counter.clients import Calendars
from lobby_counter.events import tell_change
from lobby_counter.facts import Changes, Facts
from lobby_counter.judging import Told
from lobby_counter.rule_store import Work

_ENTRIES = 200
"""Judged in one transaction, with everybody who wrote them."""
_MESSAGES = 2_000
"""Copied in one transaction."""
_PAUSE_SECONDS = 1.0
"""How soon new work is seen: it may be given to any replica, and one does it."""
_LONGEST_PAUSE_SECONDS = 600.0
"""After which what failed is tried again: after 1, 2, 4 seconds and so on up to this."""

_LOG = get_logger("recounts")


class Recounts:
    """Does what `rule_store.begin_recount` asks for.

    A transaction per page, under the lock of the workspace: batches go in between, and judge by all counters whomever
    they touch. What dies begins again with its page; what fails is put off, and tried again.
    """

    def __init__(self, log: EventLog, calendars: Calendars) -> None:
        self._log = log
        self._calendars = calendars

    async def run(self) -> None:
        """All work is done, until cancelled."""
        while True:
            await self.finish()
            await asyncio.sleep(_PAUSE_SECONDS)

    async def finish(self) -> None:
        """All work that was there is done, or failed and is put off: it holds up no other."""
        async with self._log.pool.acquire() as conn:
            workspace_ids = await rule_store.find_recounted(conn)
        for workspace_id in workspace_ids:
            while await self.step(workspace_id):
                pass
        async with self._log.pool.acquire() as conn:
            waiting, failing = await rule_store.count_recounts(conn)
        metrics.RECOUNTS.labels("waiting").set(waiting)
        metrics.RECOUNTS.labels("failing").set(failing)

    async def step(self, workspace_id: str) -> bool:
        """One page is done, or the work is put off to which it belongs; returns False where there was none."""
        try:
            await self._calendars.get(workspace_id)
            return await self._step(workspace_id)
        except (*AWAY, *COLLIDED):
            raise
        except Exception as error:  # noqa: BLE001 -- the loop's own: whatever is wrong with one must not hold up the others
            await self._put_off(workspace_id, error)
            return True

    async def _put_off(self, workspace_id: str, error: Exception) -> None:
        name = type(error).__name__
        async with self._log.pool.acquire() as conn:
            found = await rule_store.put_off(conn, workspace_id, name, _LONGEST_PAUSE_SECONDS)
        metrics.RECOUNT_FAILURES.labels(name).inc()
        recount_id, failures = found or ("", 0)
        _LOG.exception("recount_failed", recount_id=recount_id, failures=failures)

    async def _step(self, workspace_id: str) -> bool:
        async with self._log.transaction() as tx:
            await store.lock_workspaces(tx.conn, [workspace_id])
            if await rule_store.copy_chat_messages(tx.conn, workspace_id, _MESSAGES):
                return True
            work = await rule_store.next_work(tx.conn, workspace_id, _ENTRIES)
            if work is None:
                return False
            if work.users:
                await self._recount(tx, workspace_id, work)
            await rule_store.move_work(tx.conn, work)
            return True

    async def _recount(self, tx: Tx, workspace_id: str, work: Work) -> None:
        conn, changes = tx.conn, Changes()
        rules = await rule_store.load_rules(conn, [workspace_id])
        ledgers = await judging.open_ledgers(conn, [workspace_id], Told(users=work.users), rules)
        ledger = ledgers[workspace_id]
        heard = await rule_store.read_greetings(conn, [], sorted(ledger.members)) if rules[workspace_id].traced else []
        greetings = (greeting_of(each, Facts()) for each in heard)
        ledger.recount([each for each in greetings if each is not None], work.cause)
        await judging.record(conn, ledgers, self._calendars.known, utc_now(), changes)
        for change in changes.by_workspace.values():
            event_id = derive_id(None, "count_changed", work.recount_id, *map(str, work.last or ()))
            tell_change(tx, workspace_id, change, event_id=event_id, cause_id=work.cause.cause_id)
