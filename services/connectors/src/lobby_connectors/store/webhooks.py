"""Raw webhooks and their verdicts."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct

from lobby_common.events import Tx
from lobby_common.events.log import Connection
from lobby_connectors.domain.webhooks import Verdict, Webhook
from lobby_connectors.store import QUERIES


class RawWebhook(Struct, frozen=True):
    """A stored webhook that waits to be parsed."""

    webhook_id: str
    workspace_id: str
    account_id: str
    body: bytes
    received_time: datetime
    traceparent: str
    state: str
    reason: str
    attempts: int


def insert(tx: Tx, judged: Sequence[tuple[Webhook, Verdict]]) -> None:
    """At the end of the transaction the webhooks are there with their verdicts."""
    rows = [
        (
            webhook.webhook_id,
            webhook.account.workspace_id,
            webhook.account.account_id,
            webhook.body,
            webhook.received_time,
            webhook.traceparent,
            verdict.state,
            verdict.reason,
            verdict.said,
            verdict.new,
            verdict.duplicate,
            verdict.ignored,
            verdict.problems,
            ",".join(verdict.rules),
        )
        for webhook, verdict in judged
    ]
    tx.end_with(QUERIES["insert_raw_and_write_batch"], *map(list, zip(*rows, strict=True)))


async def take_pending(conn: Connection, limit: int) -> list[RawWebhook]:
    """Returns webhooks to be parsed, locked until the transaction ends."""
    return [_raw(row) for row in await conn.fetch(QUERIES["take_pending"], limit)]


async def lock(conn: Connection, webhook_id: str, workspace_id: str) -> RawWebhook | None:
    """Returns one that is not parsed, locked."""
    row = await conn.fetchrow(QUERIES["lock_raw"], webhook_id, workspace_id)
    return None if row is None else _raw(row)


async def write_verdict(conn: Connection, webhook_id: str, verdict: Verdict) -> None:
    """The verdict of a stored webhook is this one."""
    await conn.execute(
        QUERIES["write_verdict"],
        webhook_id,
        verdict.state,
        verdict.reason,
        verdict.said,
        verdict.new,
        verdict.duplicate,
        verdict.ignored,
        verdict.problems,
        ",".join(verdict.rules),
    )


async def postpone(conn: Connection, webhook_id: str, reason: str, most: int) -> None:
    """A pending webhook is tried again later, or rests in quarantine after `most` tries."""
    await conn.execute(QUERIES["postpone_raw"], webhook_id, reason, most)


def _raw(row: Any) -> RawWebhook:
    return RawWebhook(
        row["webhook_id"],
        row["workspace_id"],
        row["account_id"],
        row["body"],
        row["received_time"],
        row["traceparent"],
        row["state"],
        row["reason"],
        row["attempts"],
    )
