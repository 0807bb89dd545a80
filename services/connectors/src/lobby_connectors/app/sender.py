"""Calls the platforms: what was committed is sent, chat by chat in order, as fast as their gates let it."""

import asyncio
import random
import secrets
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import asyncpg
from aiohttp import ClientSession
from opentelemetry.trace import SpanKind

from lobby_common import tracing
from lobby_common.events import EventLog
from lobby_common.ids import derive_id
from lobby_common.log import get_logger
from lobby_common.times import utc_now
from lobby_connectors import events, metrics
from lobby_connectors.app.calls import MAY_BEGIN, account_of
from lobby_connectors.app.outcomes import NotCalled, Outcomes, Result
from lobby_connectors.directory import Directory
from lobby_connectors.domain.accounts import Account
from lobby_connectors.domain.kinds import State
from lobby_connectors.platforms.failures import SendFailure, UnknownOutcome
from lobby_connectors.platforms.interface import Accepted, Outgoing
from lobby_connectors.platforms.registry import PLATFORMS
from lobby_connectors.store import AWAY, gates, queue
from lobby_connectors.store.queue import Job, Room

_LOG = get_logger("sender")

_LOCKS = 0x4C0B
"""First number of the advisory locks that processes hold while they send."""
_LIMITS = {name: platform.limits for name, platform in PLATFORMS.items()}
_IDLE_SECONDS = 1.0
_SHORTEST_PAUSE = 0.02
_TIDY_SECONDS = 5.0
_FORGET_SECONDS = 3600.0
_GRACE_SECONDS = 4.0
_BEGIN_SECONDS = 60.0
"""After a claim, or the request before, within which the next request must begin."""
_SLACK_SECONDS = 40.0
"""What is left of a claim after the last moment to begin and the call's own time-out."""


if TYPE_CHECKING:
    from asyncpg.pool import PoolConnectionProxy

    Holder = PoolConnectionProxy[asyncpg.Record]


class Sender:
    """Sends what is due. `sending` is committed before each call, so a crash leaves a trace of what may have left.

    A message belongs to one claim. The claim ends with the process, which its advisory lock shows at once, or after
    120 s (with the usual time-out), when the process must stand still; the message is of unknown outcome then, or
    queued again where the platform knows its key. So a process begins no request later than 60 s after its claim, by a
    clock that goes on while it is stopped; what it hears after the claim ended is judged by `sending.late`.
    """

    def __init__(
        self,
        log: EventLog,
        session: ClientSession,
        directory: Directory,
        *,
        concurrency: int,
        attempts: int,
        timeout: float,
        chance: random.Random | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._log = log
        self._session = session
        self._directory = directory
        self._concurrency = concurrency
        self._longest = _BEGIN_SECONDS + timeout + _SLACK_SECONDS
        self._clock = clock
        chance = chance or random.Random()  # noqa: S311  # jitter needs no secrecy
        self._outcomes = Outcomes(log, directory, attempts=attempts, chance=chance)
        self._number = secrets.randbelow(1 << 31)
        self._holder: Holder | None = None
        self._wake = asyncio.Event()
        self._under_way: dict[str, tuple[asyncio.Task[None], Job]] = {}
        self._pause = _SHORTEST_PAUSE

    def wake(self) -> None:
        """Something may be due."""
        self._wake.set()

    async def run(self) -> None:
        """Sends until cancelled; then calls under way get a moment to end."""
        try:
            await self._loop()
        finally:
            if self._under_way:
                tasks = [task for task, _ in self._under_way.values()]
                _, late = await asyncio.wait(tasks, timeout=_GRACE_SECONDS)
                for task in late:
                    task.cancel()
            await self._let_go()

    async def _loop(self) -> None:
        loop = asyncio.get_running_loop()
        tidied, forgot = -_TIDY_SECONDS, loop.time()
        while True:
            self._wake.clear()
            try:
                await self._hold()
                if loop.time() - tidied >= _TIDY_SECONDS:
                    await self.tidy()
                    tidied = loop.time()
                if loop.time() - forgot >= _FORGET_SECONDS:
                    await self._forget()
                    forgot = loop.time()
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

    async def tidy(self) -> None:
        """Messages that were left under way are taken back, and those that waited too long say so."""
        async with self._log.pool.acquire() as conn:
            orphans = await queue.find_orphans(conn, _LOCKS, self._longest)
            expired = await queue.find_expired(conn)
        for message_id, claim in orphans:
            if message_id not in self._under_way:
                await self._outcomes.recover(message_id, claim)
        for message_id in expired:
            await self._outcomes.expire(message_id)

    async def _forget(self) -> None:
        async with self._log.pool.acquire() as conn:
            await gates.forget(conn)

    async def _start_due(self) -> float:
        """Calls for what is due have begun. Returns how long nothing more will be."""
        room = self._room()
        if room.calls <= 0:
            return _IDLE_SECONDS
        began = self._clock()
        jobs = await self._claim(room)
        for job in jobs:
            task = asyncio.create_task(self._send(job, began), name=f"send {job.message_id}")
            self._under_way[job.message_id] = (task, job)
            task.add_done_callback(partial(self._ended, job.message_id))
        if jobs:
            self._pause = _SHORTEST_PAUSE
            return 0.0
        async with self._log.pool.acquire() as conn:
            left = await queue.next_due(conn, self._room().full())
        return _IDLE_SECONDS if left is None else min(left if left > 0 else self._longer(), _IDLE_SECONDS)

    def _longer(self) -> float:
        """Something may go that was not claimed: another process holds its gate, which takes a moment or for ever."""
        pause, self._pause = self._pause, self._pause * 2
        return pause

    def _room(self) -> Room:
        """An account that answers slowly leaves a quarter of the calls to others."""
        under_way = Counter(job.account_id for _, job in self._under_way.values())
        return Room(self._concurrency - len(self._under_way), max(1, self._concurrency * 3 // 4), under_way)

    def _ended(self, message_id: str, _: object) -> None:
        del self._under_way[message_id]
        self._wake.set()

    async def _claim(self, room: Room) -> list[Job]:
        async with self._log.transaction() as tx:
            claimed = await queue.claim(tx.conn, self._number, room, _LIMITS, self._directory.paces)
            now = utc_now()
            for _, target in claimed:
                events.tell_delivery(tx, target, now)
            # Before the claim is committed: after it nothing may keep a call from beginning.
            await self._directory.ensure({job.account_id for job, _ in claimed})
        return [job for job, _ in claimed]

    async def _send(self, job: Job, began: float) -> None:
        for part in range(job.parts_done, job.parts):
            account = self._directory.find(job.account_id)
            try:
                with tracing.span("connectors send", job.traceparent, SpanKind.CLIENT):
                    result: Result = await self._call(job, account, part, began + _BEGIN_SECONDS)
            except SendFailure as failure:
                result = failure
            except Exception as error:  # noqa: BLE001  # a bug in a client must not leave the message under way for ever
                _LOG.exception("send_broke", message_id=job.message_id)
                result = UnknownOutcome(f"our own fault: {type(error).__name__}")
            platform = account.platform if account else "other"
            metrics.SENDS.labels(platform, result.reason if isinstance(result, SendFailure) else "ACCEPTED").inc()
            began = self._clock()
            if not await self._outcomes.settle(job, account, part, result):
                return

    async def _call(self, job: Job, account: Account | None, part: int, until: float) -> Accepted:
        if account is None:
            raise NotCalled("the account was disconnected")
        if account.state is State.DISABLED:
            raise NotCalled("the account is switched off")
        platform = PLATFORMS[account.platform]
        # The retry key never changes: what the platform took once under it, it never takes twice.
        retry_key = derive_id(None, job.message_id, "retry key")
        outgoing = Outgoing(job.message_id, job.chat, job.text, job.attachments, retry_key)
        view = account_of(account)
        MAY_BEGIN.set(lambda: self._clock() < until)
        return await platform.send(self._session, view, platform.render(view, outgoing)[part])
