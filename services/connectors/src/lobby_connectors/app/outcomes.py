"""What became of calls: committed with its message, its account's state and its gates, and told."""

import asyncio
import random

from lobby_common.events import EventLog, Tx
from lobby_common.log import get_logger
from lobby_common.times import utc_now
from lobby_connectors import events, metrics
from lobby_connectors.app import states
from lobby_connectors.directory import Directory
from lobby_connectors.domain import accounts as account_rules
from lobby_connectors.domain import breaker, sending
from lobby_connectors.domain.accounts import Account
from lobby_connectors.domain.breaker import Outcome
from lobby_connectors.domain.kinds import Delivery, State
from lobby_connectors.domain.sending import Standing
from lobby_connectors.platforms.failures import (
    BadCredentials,
    RateLimited,
    SendFailure,
    Unavailable,
    UnknownOutcome,
)
from lobby_connectors.platforms.interface import Accepted
from lobby_connectors.platforms.registry import PLATFORMS
from lobby_connectors.store import AWAY, gates, messages, queue
from lobby_connectors.store.messages import Target
from lobby_connectors.store.queue import Job

_LOG = get_logger("sender")
_PASSING = (State.STARTING, State.CONNECTED)

Result = Accepted | SendFailure


class NotCalled(SendFailure):
    """Nothing was asked of the platform: of the account's gate this says nothing."""

    reason = "REJECTED"


class Outcomes:
    """Keeps what became of calls. `attempts`: tries of what surely did not arrive, 0: until it expires."""

    def __init__(self, log: EventLog, directory: Directory, *, attempts: int, chance: random.Random) -> None:
        self._log = log
        self._directory = directory
        self._attempts = attempts
        self._chance = chance

    async def settle(self, job: Job, account: Account | None, part: int, result: Result) -> bool:
        """What became of a part is committed, however long the database is away. Returns whether to go on."""
        pause = 0.1
        goes_on = False
        stored = False
        while not stored:
            try:
                async with self._log.transaction() as tx:
                    goes_on = await self._store(tx, job, account, part, result)
                stored = True
            except Exception:  # noqa: BLE001  # what the platform answered must not be lost, whatever breaks here
                _LOG.exception("result_waits", message_id=job.message_id, retry_in=pause)
                await asyncio.sleep(pause)
                pause = min(pause * 2, 5.0)
        if account is not None and _moves(account, result):
            await self._refresh()
        return goes_on

    async def recover(self, message_id: str, claim: int) -> None:
        """A message whose process is gone or stands still is queued where that is safe, else of unknown outcome."""
        async with self._log.transaction() as tx:
            target = await messages.lock(tx.conn, message_id, None)
            if target is None or target.standing is None or target.lock_time is None:
                return
            if target.standing.delivery is not Delivery.SENDING or target.claim != claim:
                return
            safe = self._is_safe(self._directory.find(target.account_id))
            await self._write(tx, target, sending.resumed(target.standing, target.lock_time, safe=safe))

    async def expire(self, message_id: str) -> None:
        """A queued message that waited as long as it may fails and says so, unless its customer wrote meanwhile."""
        async with self._log.transaction() as tx:
            target = await messages.lock(tx.conn, message_id, None)
            if target is None or target.standing is None or target.standing.delivery is not Delivery.QUEUED:
                return
            account = self._directory.find(target.account_id)
            hours = PLATFORMS[account.platform].limits.window_hours if account else None
            until = await queue.find_window(tx.conn, target, hours)
            if until is not None:
                await queue.keep_waiting(tx.conn, message_id, until)
                return
            await self._write(tx, target, sending.expired(target.standing))

    async def _refresh(self) -> None:
        try:
            await self._directory.refresh()
        except AWAY:
            return  # the directory looks again within a second anyway

    async def _store(self, tx: Tx, job: Job, account: Account | None, part: int, result: Result) -> bool:
        """The rule for results: while the message is still this claim's, they decide; later ones only by `late`."""
        target = await messages.lock(tx.conn, job.message_id, None)
        if target is None or target.standing is None or target.lock_time is None:
            return False
        if isinstance(result, Accepted):
            await _name(tx, target, part, result.platform_message_id)
        same = target.claim == job.claim
        if same and target.standing.delivery is Delivery.SENDING:
            after = self._judge(target, account, result)
        else:
            refusal = None if isinstance(result, Accepted) else result.refusal()
            after = sending.late(target.standing, part, refusal, target.lock_time, same=same)
        if after != target.standing or isinstance(result, Accepted):
            await self._write(tx, target, after, account)
        if account is not None and not isinstance(result, NotCalled):
            await _show(tx, account, job, result, after)
        goes_on = same and after.delivery is Delivery.SENDING
        if goes_on:
            await queue.go_on(tx.conn, job.message_id)
        return goes_on

    def _judge(self, target: Target, account: Account | None, result: Result) -> Standing:  # noqa: PLR0911  # a table
        standing, now = target.standing, target.lock_time
        assert standing is not None
        assert now is not None
        if isinstance(result, Accepted):
            return sending.accepted(standing, now)
        refusal = result.refusal()
        if isinstance(result, RateLimited):
            return sending.held_back(standing, refusal, _wait(result, standing), now, target.expire_time)
        if isinstance(result, BadCredentials):
            return sending.not_let_in(standing, refusal, now, self._chance)
        if isinstance(result, Unavailable):
            return sending.not_sent(standing, refusal, now, self._attempts, self._chance)
        if isinstance(result, UnknownOutcome):
            if self._is_safe(account) and not 0 < self._attempts <= standing.attempts:
                return sending.not_sent(standing, refusal, now, self._attempts, self._chance)
            return sending.unknown(standing, refusal)
        return sending.refused(standing, refusal)

    def _is_safe(self, account: Account | None) -> bool:
        return account is not None and PLATFORMS[account.platform].resends_safely

    async def _write(self, tx: Tx, target: Target, after: Standing, account: Account | None = None) -> None:
        before, target.standing = target.standing, after
        assert before is not None
        now = utc_now()
        target.delivery_time = now
        await messages.update(tx.conn, [target])
        if before.accept_time is None and after.accept_time is not None and account is not None:
            events.tell_sent(tx, account.platform, target, after.accept_time)
        if after.delivery is not before.delivery:
            events.tell_delivery(tx, target, now)


async def _show(tx: Tx, account: Account, job: Job, result: Result, after: Standing) -> None:
    """What a call shows of its account: its state and its gates."""
    if isinstance(result, Accepted):
        if account_rules.called(account.state) is not None:
            await states.move(tx, account.account_id, State.CONNECTED, "", sources=account_rules.HEALED_BY_CALL)
    elif result.account is not None:
        await states.move(tx, account.account_id, *result.account)
    elif isinstance(result, Unavailable) and after.attempts > 1:
        # Once may be chance.
        await states.move(tx, account.account_id, State.TRANSIENT_DISCONNECT, "unavailable", sources=_PASSING)
    if isinstance(result, RateLimited):
        await _pause(tx, job, _wait(result, after), chat=result.chat)
        return
    if isinstance(result, SendFailure) and result.wait:
        await _pause(tx, job, result.wait, chat=False)
    outcome = _outcome(result)
    if job.watched or outcome is not Outcome.WORKED:
        await _count(tx, account, job, outcome)


async def _pause(tx: Tx, job: Job, seconds: float, *, chat: bool) -> None:
    """All processes wait, not the message alone."""
    if chat:
        await gates.pause_chat(tx.conn, job.account_id, job.chat, seconds)
    else:
        await gates.pause_account(tx.conn, job.account_id, seconds)


async def _count(tx: Tx, account: Account, job: Job, outcome: Outcome) -> None:
    before, at = await gates.lock(tx.conn, account.account_id)
    after = breaker.counted(before, outcome, at, probe=job.probe)
    if after == before:
        return
    await gates.write(tx.conn, account.account_id, after)
    if after.shut and outcome is Outcome.FAILED:
        await states.move(tx, account.account_id, State.TRANSIENT_DISCONNECT, "unavailable", sources=_PASSING)
    if after.shut is not before.shut:
        move = "opened" if after.shut else "closed"
        metrics.BREAKERS.labels(account.platform, move).inc()
        _LOG.warning("breaker_moved", account_id=account.account_id, move=move, outcome=outcome.name)


async def _name(tx: Tx, target: Target, part: int, platform_message_id: str) -> None:
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


def _moves(account: Account, result: Result) -> bool:
    """Returns whether the result can have changed the account's state."""
    if isinstance(result, Accepted):
        return account_rules.called(account.state) is not None
    return result.account is not None or isinstance(result, Unavailable)


def _wait(result: RateLimited, standing: Standing) -> float:
    """Returns the seconds that the platform names, else twice as many as the last time."""
    return result.wait if result.wait is not None else sending.back_off(standing.attempts)


def _outcome(result: Result) -> Outcome:
    if isinstance(result, BadCredentials):
        return Outcome.REFUSED
    return Outcome.FAILED if isinstance(result, Unavailable | UnknownOutcome) else Outcome.WORKED
