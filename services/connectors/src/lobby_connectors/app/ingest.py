"""Webhooks in: verified, then written with what they say and what is told of it in one transaction, then accepted."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime
from enum import Enum, auto

from msgspec import Struct
from msgspec.structs import replace

from lobby_common import tracing
from lobby_common.events import EventLog
from lobby_common.log import get_logger
from lobby_connectors import metrics
from lobby_connectors.app.reading import names_unknown, read
from lobby_connectors.app.recording import After, record
from lobby_connectors.directory import Directory
from lobby_connectors.domain.webhooks import Reading, Verdict, Webhook, postponed
from lobby_connectors.platforms.registry import PLATFORMS
from lobby_connectors.store import AWAY, BAD_ROW
from lobby_connectors.store import webhooks as store

_LOG = get_logger("ingest")

_LARGEST_GROUP = 512 * 1024
"""Bytes of bodies in one transaction; a larger body goes alone."""
_MOST_AT_ONCE = 2_000
"""Things said in one transaction. WhatsApp promises to put no more than 1000 into a webhook."""
_SECONDS = 4.0
"""A transaction that takes longer is given up: the platform will send its webhooks again."""


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

    def __init__(self, log: EventLog, directory: Directory, after: After, transactions: int) -> None:
        self._log = log
        self._directory = directory
        self._after = after
        self._free = asyncio.Semaphore(transactions)

    async def take(self, posts: Sequence[Post]) -> list[Outcome]:
        """Each is durable, or has its verdict."""
        try:
            await self._directory.ensure({post.account_id for post in posts} - {""})
        except AWAY:
            return [Outcome.UNAVAILABLE] * len(posts)
        judged = [self._admit(post) for post in posts]
        admitted = [each for each in judged if isinstance(each, Webhook)]
        stored: dict[int, Outcome] = {}
        groups = _groups(admitted)
        for group, outcome in zip(groups, await asyncio.gather(*map(self._store, groups)), strict=True):
            stored.update((id(webhook), outcome) for webhook in group)
        outcomes = [stored[id(each)] if isinstance(each, Webhook) else each for each in judged]
        metrics.count_webhooks((post.platform, outcome.name) for post, outcome in zip(posts, outcomes, strict=True))
        return outcomes

    def _admit(self, post: Post) -> Webhook | Outcome:
        account = self._directory.find(post.account_id)
        platform = PLATFORMS.get(post.platform)
        if account is None or platform is None or account.platform != post.platform:
            return Outcome.UNKNOWN_ACCOUNT
        if not platform.verify(account.credentials, post.body, post.signature):
            return Outcome.BAD_SIGNATURE
        return Webhook(post.webhook_id, account, post.body, post.received_time, post.traceparent)

    async def _store(self, group: Sequence[Webhook]) -> Outcome:
        try:
            with _spans(group) as traced:
                async with asyncio.timeout(_SECONDS), self._free:
                    await self._record(await self._read(traced))
        except AWAY as error:
            _LOG.warning("ingest_failed", webhooks=len(group), error=type(error).__name__)
            return Outcome.UNAVAILABLE
        return Outcome.ACCEPTED

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
            await store.insert(
                tx.conn, [(reading.webhook, verdict) for reading, verdict in zip(readings, verdicts, strict=True)]
            )
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
        webhook = readings[0].webhook
        verdict = Verdict(state="pending", reason=f"not stored: {type(error).__name__}")
        async with self._log.transaction() as tx:
            await store.insert(tx.conn, [(webhook, verdict)])


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
