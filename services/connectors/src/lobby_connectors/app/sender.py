"""Calls the platforms: what was committed is sent, chat by chat in order; what became of it is committed and told."""

import asyncio
import random
import secrets
from functools import partial
from typing import TYPE_CHECKING, Any

import asyncpg
from aiohttp import ClientSession
from msgspec import Struct
from opentelemetry.trace import SpanKind

from lobby_common import tracing
from lobby_common.events import EventLog, Tx
from lobby_common.ids import derive_id
from lobby_common.log import get_logger
from lobby_common.times import utc_now
from lobby_connectors import events, metrics
from lobby_connectors.app import states
from lobby_connectors.app.calls import account_of
from lobby_connectors.directory import Directory
from lobby_connectors.domain import accounts as account_rules
from lobby_connectors.domain import sending
from lobby_connectors.domain.accounts import Account
from lobby_connectors.domain.items import Attachment
from lobby_connectors.domain.kinds import Delivery, Direction, Kind, State
from lobby_connectors.domain.sending import Standing
from lobby_connectors.platforms.failures import (
    RateLimited,
    Rejected,
    SendFailure,
    Unavailable,
    UnknownOutcome,
)
from lobby_connectors.platforms.interface import Accepted, Outgoing
from lobby_connectors.platforms.registry import PLATFORMS
from lobby_connectors.store import AWAY, QUERIES, messages

_LOG = get_logger("sender")

_LOCKS = 0x4C0B
"""First number of the advisory locks that processes hold while they send."""
_IDLE_SECONDS = 1.0
_ORPHANS_SECONDS = 5.0
_GRACE_SECONDS = 4.0


if TYPE_CHECKING:
    from datetime import datetime

    from asyncpg.pool import PoolConnectionProxy

    Holder = PoolConnectionProxy[asyncpg.Record]


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


class Sender:
    """Sends what is due. `sending` is committed before each call, so a crash leaves a trace of what may have left."""

    def __init__(
        self,
        log: EventLog,
        session: ClientSession,
        directory: Directory,
        *,
        concurrency: int,
        attempts: int,
        chance: random.Random | None = None,
    ) -> None:
        self._log = log
        self._session = session
        self._directory = directory
        self._concurrency = concurrency
        self._attempts = attempts
        self._chance = chance or random.Random()  # noqa: S311  # jitter needs no secrecy
        self._number = secrets.randbelow(1 << 31)
        self._holder: Holder | None = None
        self._wake = asyncio.Event()
        self._under_way: dict[str, asyncio.Task[None]] = {}

    def wake(self) -> None:
        """Something may be due."""
        self._wake.set()

    async def run(self) -> None:
        """Sends until cancelled; then calls under way get a moment to end."""
        try:
            await self._loop()
        finally:
            if self._under_way:
                _, late = await asyncio.wait(self._under_way.values(), timeout=_GRACE_SECONDS)
                for task in late:
                    task.cancel()
            await self._let_go()

    async def _loop(self) -> None:
        looked = -_ORPHANS_SECONDS
        loop = asyncio.get_running_loop()
        while True:
            self._wake.clear()
            try:
                await self._hold()
                if loop.time() - looked >= _ORPHANS_SECONDS:
                    await self.recover()
                    looked = loop.time()
                pause = await self._start_due()
            except AWAY as error:
                _LOG.warning("sender_waits", error=type(error).__name__)
                pause = _IDLE_SECONDS
            if pause > 0:
                await self._sleep(pause)

    async def _sleep(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._wake.wait(), seconds)
        except TimeoutError:
            return

    async def _hold(self) -> None:
        """An advisory lock shows other processes that this one lives; it goes with the connection."""
        if self._holds():
            return
        await self._let_go()
        self._holder = await self._log.pool.acquire()
        try:
            await self._holder.execute("SELECT pg_advisory_lock($1, $2)", _LOCKS, self._number)
        except BaseException:
            await self._let_go()
            raise

    def _holds(self) -> bool:
        try:
            return self._holder is not None and not self._holder.is_closed()
        except asyncpg.InterfaceError:  # the pool took the connection back when it broke
            return False

    async def _let_go(self) -> None:
        """The connection is the pool's again, which takes the lock off it."""
        holder, self._holder = self._holder, None
        if holder is not None:
            await self._log.pool.release(holder)

    async def recover(self) -> None:
        """Messages under way in a process that died are queued where that is safe, else of unknown outcome."""
        orphans = await self._log.pool.fetch(QUERIES["find_orphans"], _LOCKS)
        for row in orphans:
            if row["message_id"] not in self._under_way:
                async with self._log.transaction() as tx:
                    await self._recover(tx, row["message_id"])

    async def _recover(self, tx: Tx, message_id: str) -> None:
        target = await messages.lock(tx.conn, message_id, None)
        if target is None or target.standing is None or target.standing.delivery is not Delivery.SENDING:
            return
        account = self._directory.find(target.account_id)
        safe = account is not None and PLATFORMS[account.platform].resends_safely
        await self._write(tx, target, sending.resumed(target.standing, utc_now(), safe=safe))

    async def _start_due(self) -> float:
        """Calls for what is due have begun. Returns how long nothing more will be."""
        free = self._concurrency - len(self._under_way)
        if free <= 0:
            return _IDLE_SECONDS
        jobs = await self._claim(free)
        await self._directory.ensure({job.account_id for job in jobs})
        for job in jobs:
            task = asyncio.create_task(self._send(job), name=f"send {job.message_id}")
            self._under_way[job.message_id] = task
            task.add_done_callback(partial(self._ended, job.message_id))
        if jobs:
            return 0.0
        due: datetime | None = await self._log.pool.fetchval(QUERIES["next_due"])
        left = (due - utc_now()).total_seconds() if due else _IDLE_SECONDS
        # A due message that was not claimed waits for the one before it in its chat, whose end wakes us.
        return min(left, _IDLE_SECONDS) if left > 0 else _IDLE_SECONDS

    def _ended(self, message_id: str, _: object) -> None:
        del self._under_way[message_id]
        self._wake.set()

    async def _claim(self, limit: int) -> list[Job]:
        async with self._log.transaction() as tx:
            rows = await tx.conn.fetch(QUERIES["claim_sends"], self._number, utc_now(), limit)
            now = utc_now()
            for row in rows:
                events.tell_delivery(tx, _target(row), now)
        return [_job(row) for row in rows]

    async def _send(self, job: Job) -> None:
        for part in range(job.parts_done, job.parts):
            account = self._directory.find(job.account_id)
            try:
                with tracing.span("connectors send", job.traceparent, SpanKind.CLIENT):
                    result: Accepted | SendFailure = await self._call(job, account, part)
            except SendFailure as failure:
                result = failure
            except Exception as error:  # noqa: BLE001  # a bug in a client must not leave the message under way for ever
                _LOG.exception("send_broke", message_id=job.message_id)
                result = UnknownOutcome(f"our own fault: {type(error).__name__}")
            platform = account.platform if account else "other"
            metrics.SENDS.labels(platform, result.reason if isinstance(result, SendFailure) else "ACCEPTED").inc()
            if not await self._settle(job, account, part, result):
                return

    async def _call(self, job: Job, account: Account | None, part: int) -> Accepted:
        if account is None:
            raise Rejected("the account was disconnected")
        if account.state is State.DISABLED:
            raise Rejected("the account is switched off")
        platform = PLATFORMS[account.platform]
        # The retry key never changes: what the platform took once under it, it never takes twice.
        retry_key = derive_id(None, job.message_id, "retry key")
        outgoing = Outgoing(job.message_id, job.chat, job.text, job.attachments, retry_key)
        view = account_of(account)
        return await platform.send(self._session, view, platform.render(view, outgoing)[part])

    async def _settle(self, job: Job, account: Account | None, part: int, result: Accepted | SendFailure) -> bool:
        """What became of a part is committed, however long the database is away. Returns whether to go on."""
        pause = 0.1
        delivery: Delivery | None = None
        stored = False
        while not stored:
            try:
                async with self._log.transaction() as tx:
                    delivery = await self._store(tx, job, account, part, result)
                stored = True
            except Exception:  # noqa: BLE001  # what the platform answered must not be lost, whatever breaks here
                _LOG.exception("result_waits", message_id=job.message_id, retry_in=pause)
                await asyncio.sleep(pause)
                pause = min(pause * 2, 5.0)
        if account is not None and _moves(account, result):
            await self._refresh()
        return delivery is Delivery.SENDING

    async def _refresh(self) -> None:
        try:
            await self._directory.refresh()
        except AWAY:
            return  # the directory looks again within a second anyway

    async def _store(
        self, tx: Tx, job: Job, account: Account | None, part: int, result: Accepted | SendFailure
    ) -> Delivery | None:
        target = await messages.lock(tx.conn, job.message_id, None)
        if target is None or target.standing is None:
            return None
        if isinstance(result, Accepted):
            await self._name(tx, target, part, result.platform_message_id)
        after = self._judge(target.standing, account, part, result)
        await self._write(tx, target, after, account)
        if account is not None:
            await _show(tx, account, result, after)
        return after.delivery

    def _judge(
        self, standing: Standing, account: Account | None, part: int, result: Accepted | SendFailure
    ) -> Standing:
        now = utc_now()
        if isinstance(result, Accepted):
            return standing if standing.parts_done > part and standing.parts > 1 else sending.accepted(standing, now)
        refusal = result.refusal()
        if isinstance(result, RateLimited):
            return sending.held_back(standing, refusal, result.wait, now)
        if isinstance(result, Unavailable):
            return sending.not_sent(standing, refusal, now, self._attempts, self._chance)
        if isinstance(result, UnknownOutcome):
            safe = account is not None and PLATFORMS[account.platform].resends_safely
            if safe and standing.attempts < self._attempts:
                return sending.not_sent(standing, refusal, now, self._attempts, self._chance)
            return sending.unknown(standing, refusal)
        return sending.refused(standing, refusal)

    async def _name(self, tx: Tx, target: messages.Target, part: int, platform_message_id: str) -> None:
        """The platform's id is known; receipts that came before it wait for it and are found by the normaliser."""
        if not platform_message_id:
            return
        generation = target.standing.generation if target.standing else 0
        if part == 0:
            if target.platform_message_id not in ("", platform_message_id):
                # Receipts of the attempt before still name it by its old id.
                old = (target.account_id, target.platform_message_id, target.message_id, 0, generation - 1)
                await messages.insert_parts(tx.conn, [old])
            target.platform_message_id = platform_message_id
        else:
            row = (target.account_id, platform_message_id, target.message_id, part, generation)
            await messages.insert_parts(tx.conn, [row])

    async def _write(self, tx: Tx, target: messages.Target, after: Standing, account: Account | None = None) -> None:
        before, target.standing = target.standing, after
        assert before is not None
        now = utc_now()
        target.delivery_time = now
        await messages.update(tx.conn, [target])
        if before.accept_time is None and after.accept_time is not None and account is not None:
            events.tell_sent(tx, account.platform, target, after.accept_time)
        if after.delivery is not before.delivery:
            events.tell_delivery(tx, target, now)


def _moves(account: Account, result: Accepted | SendFailure) -> bool:
    """Returns whether the result can have changed the account's state."""
    if isinstance(result, Accepted):
        return account_rules.called(account.state) is not None
    return result.account is not None or isinstance(result, Unavailable)


async def _show(tx: Tx, account: Account, result: Accepted | SendFailure, after: Standing) -> None:
    """What a call shows of its account."""
    if isinstance(result, Accepted):
        if account_rules.called(account.state) is not None:
            await states.move(tx, account.account_id, State.CONNECTED, "", sources=account_rules.HEALED_BY_CALL)
    elif result.account is not None:
        await states.move(tx, account.account_id, *result.account)
    elif isinstance(result, Unavailable) and after.attempts > 1:
        # Once may be chance.
        passing = (State.STARTING, State.CONNECTED)
        await states.move(tx, account.account_id, State.TRANSIENT_DISCONNECT, "unavailable", sources=passing)


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
    )


def _target(row: Any) -> messages.Target:
    return messages.Target(
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
