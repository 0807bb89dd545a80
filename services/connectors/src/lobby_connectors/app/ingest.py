"""Webhooks in: verified, then written with what they say and what is told of it in one transaction, then accepted."""

import asyncio
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime
from enum import Enum, auto

from msgspec import Struct
from msgspec.structs import replace

from lobby.connectors.v1.ingest_service_pb2 import Webhook as Spooled
from lobby_common import postgres, tracing
from lobby_common.events import EventLog
from lobby_common.log import get_logger
from lobby_common.times import from_proto
from lobby_connectors import metrics
from lobby_connectors.app.reading import names_unknown, read
from lobby_connectors.app.recording import After, record
from lobby_connectors.directory import Directory
from lobby_connectors.domain.accounts import signing
from lobby_connectors.domain.webhooks import Reading, Verdict, Webhook, postponed
from lobby_connectors.platforms.registry import PLATFORMS
from lobby_connectors.spool import Spool
from lobby_connectors.store import AWAY, BAD_ROW
from lobby_connectors.store import webhooks as store

_LOG = get_logger("ingest")

_LARGEST_GROUP = 512 * 1024
"""Bytes of bodies in one transaction; a larger body goes alone."""
_MOST_AT_ONCE = 2_000
"""Things said in one transaction. WhatsApp promises to put no more than 1000 into a webhook."""
_SECONDS = 2.0
"""A transaction that takes longer is given up, and the spool takes its webhooks (docs/adr/0010)."""
_LOOK_SECONDS = 0.5
_MOST_ATTEMPTS = 5
"""After so many failures with the database there, spooled webhooks are stored unread, for the normaliser."""
_PAUSE = 0.25


class Outcome(Enum):
    """What the gateway answers."""

    ACCEPTED = auto()
    BAD_SIGNATURE = auto()
    UNKNOWN_ACCOUNT = auto()
    UNAVAILABLE = auto()


class Post(Struct, frozen=True):
    """One POST as it arrived."""

    webhook_id: str
    platform: str
    account_id: str
    body: bytes
    signature: str
    received_time: datetime
    traceparent: str


class Ingest:
    """Takes webhooks in."""

    def __init__(self, log: EventLog, directory: Directory, after: After, spool: Spool, transactions: int) -> None:
        self._log = log
        self._spool = spool
        self._directory = directory
        self._after = after
        self._free = asyncio.Semaphore(transactions)

    async def take(self, posts: Sequence[Post]) -> list[Outcome]:
        """Each is durable, or has its verdict."""
        reached = await self._know({post.account_id for post in posts} - {""})
        judged = [self._admit(post, reached=reached) for post in posts]
        doubted = [post for post, each in zip(posts, judged, strict=True) if each is Outcome.BAD_SIGNATURE]
        kept, anew = await asyncio.gather(self._keep_all(judged), self._judge_anew(doubted))
        again = iter(await self._keep_all(anew))
        outcomes = [next(again) if each is Outcome.BAD_SIGNATURE else each for each in kept]
        metrics.count_webhooks((post.platform, outcome.name) for post, outcome in zip(posts, outcomes, strict=True))
        return outcomes

    async def _keep_all(self, judged: Sequence[Webhook | Outcome]) -> list[Outcome]:
        """Returns what became of each: those that were admitted are kept, the others have their verdict."""
        stored: dict[int, Outcome] = {}
        groups = _groups([each for each in judged if isinstance(each, Webhook)])
        for group, outcome in zip(groups, await asyncio.gather(*map(self._keep, groups)), strict=True):
            stored.update((id(webhook), outcome) for webhook in group)
        return [stored[id(each)] if isinstance(each, Webhook) else each for each in judged]

    async def _judge_anew(self, posts: Sequence[Post]) -> list[Webhook | Outcome]:
        """Nobody is refused for want of a secret that another replica was just given; if nobody knows, not for good."""
        if not posts:
            return []
        try:
            async with asyncio.timeout(_LOOK_SECONDS):
                await self._directory.refresh()
        except AWAY:
            return [Outcome.UNAVAILABLE for _ in posts]
        return [self._admit(post, reached=True) for post in posts]

    async def absorb(self, spooled: Sequence[Spooled]) -> None:
        """Webhooks from the spool are in the database: returns only when they are, or raises CancelledError."""
        attempts = 0
        while True:
            try:
                await self._absorb(spooled, unread=attempts >= _MOST_ATTEMPTS)
            except AWAY as error:
                _LOG.info("spool_waits", error=type(error).__name__)
                attempts += not isinstance(error, postgres.AWAY)
                await asyncio.sleep(_PAUSE)
            else:
                return

    async def _absorb(self, spooled: Sequence[Spooled], *, unread: bool) -> None:
        async with asyncio.timeout(_SECONDS * 5):
            accounts = await self._directory.find_all({each.account_id for each in spooled})
            for each in spooled:
                if each.account_id not in accounts:
                    # Its account was there when it was accepted: the database was set back to before that.
                    _LOG.error("spooled_for_nobody", webhook_id=each.webhook_id, account_id=each.account_id)
            webhooks = [
                Webhook(
                    each.webhook_id,
                    accounts[each.account_id],
                    each.body,
                    from_proto(each.received_time),
                    each.traceparent,
                )
                for each in spooled
                if each.account_id in accounts
            ]
            if unread:
                for webhook in webhooks:
                    await self._store_unread(webhook, "not stored from the spool")
            else:
                await self._record(await self._read(webhooks))

    async def _know(self, account_ids: Collection[str]) -> bool:
        """Returns whether those of the accounts that exist are known."""
        try:
            async with asyncio.timeout(_SECONDS):
                await self._directory.ensure(account_ids)
        except AWAY:
            return False
        return True

    def _admit(self, post: Post, *, reached: bool) -> Webhook | Outcome:
        account = self._directory.find(post.account_id)
        platform = PLATFORMS.get(post.platform)
        if account is None and not reached:
            return Outcome.UNAVAILABLE
        if account is None or platform is None or account.platform != post.platform:
            return Outcome.UNKNOWN_ACCOUNT
        secrets = signing(account, post.received_time)
        if not any(platform.verify(each, post.body, post.signature) for each in secrets):
            return Outcome.BAD_SIGNATURE
        return Webhook(post.webhook_id, account, post.body, post.received_time, post.traceparent)

    async def _keep(self, group: Sequence[Webhook]) -> Outcome:
        """In the database, or behind those that wait in the spool; where neither can be, the platform keeps it."""
        if self._spool.is_in_use and not await self._spool.nearly_empty_ends():
            return await self._put(group)
        try:
            with _spans(group) as traced:
                async with asyncio.timeout(_SECONDS), self._free:
                    await self._record(await self._read(traced))
        except postgres.AWAY as error:
            _LOG.warning("ingest_failed", webhooks=len(group), error=type(error).__name__)
            return await self._put(group)
        except AWAY as error:
            _LOG.warning("ingest_failed", webhooks=len(group), error=type(error).__name__)
            return Outcome.UNAVAILABLE
        return Outcome.ACCEPTED

    async def _put(self, group: Sequence[Webhook]) -> Outcome:
        return Outcome.ACCEPTED if await self._spool.put(group) else Outcome.UNAVAILABLE

    async def _read(self, group: Sequence[Webhook]) -> list[Reading]:
        readings = [read(webhook, self._directory) for webhook in group]
        if any(map(names_unknown, readings)):
            await self._directory.refresh()
            readings = [read(webhook, self._directory) for webhook in group]
        return _fitting(readings)

    async def _record(self, readings: Sequence[Reading]) -> None:
        try:
            await self._record_together(readings)
        except BAD_ROW as error:
            await self._record_apart(readings, error)
        except AWAY:
            raise
        except Exception as error:  # noqa: BLE001  # what breaks us must not keep its neighbours back, nor get lost
            _LOG.exception("record_broke", webhooks=len(readings))
            await self._record_apart(readings, error)

    async def _record_together(self, readings: Sequence[Reading]) -> None:
        async with self._log.transaction() as tx:
            verdicts, left = await record(tx, readings, self._directory)
            store.insert(tx, [(reading.webhook, verdict) for reading, verdict in zip(readings, verdicts, strict=True)])
        metrics.count_items(zip((reading.webhook.account.platform for reading in readings), verdicts, strict=True))
        if left.accounts_changed:
            await self._directory.refresh()
        self._after.take(left)

    async def _record_apart(self, readings: Sequence[Reading], error: Exception) -> None:
        """A row that the database refuses keeps only its own webhook back: that one waits for the normaliser."""
        if len(readings) > 1:
            for reading in readings:
                await self._record([reading])
            return
        await self._store_unread(readings[0].webhook, f"not stored: {type(error).__name__}")

    async def _store_unread(self, webhook: Webhook, reason: str) -> None:
        # One thing at least was said: a proof that counts none would pass it over.
        verdict = Verdict(state="pending", reason=reason, said=1, problems=1)
        async with self._log.transaction() as tx:
            store.insert(tx, [(webhook, verdict)])


@contextmanager
def _spans(group: Sequence[Webhook]) -> Iterator[list[Webhook]]:
    """Each sampled webhook has a span of its own around the block; what it causes goes on with that span's context."""
    with ExitStack() as stack:
        yield [
            replace(each, traceparent=stack.enter_context(tracing.span("connectors ingest", each.traceparent)))
            if tracing.is_sampled(each.traceparent)
            else each
            for each in group
        ]


def _fitting(readings: Sequence[Reading]) -> list[Reading]:
    """Returns the readings; those that one transaction cannot hold in time are left to the normaliser."""
    total = 0
    fitting = []
    for reading in readings:
        fits = total + len(reading.said) <= _MOST_AT_ONCE
        total += len(reading.said) if fits else 0
        fitting.append(reading if fits else postponed(reading))
    return fitting


def _groups(webhooks: Sequence[Webhook]) -> list[list[Webhook]]:
    """Returns the webhooks in order, in as many groups as their sizes want."""
    groups: list[list[Webhook]] = []
    size = 0
    for webhook in webhooks:
        if not groups or size + len(webhook.body) > _LARGEST_GROUP:
            groups.append([])
            size = 0
        groups[-1].append(webhook)
        size += len(webhook.body)
    return groups
