"""Reads what Lobby holds: its database as the administrator, its streams, its API, and the platforms' stand-in."""

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import nats
from nats.js.api import AckPolicy, ConsumerConfig
from nats.js.errors import NotFoundError

from lobby_common.times import utc_now
from lobby_connectors.domain.kinds import Delivery
from tests.chaos.observed import Hearing, Log, Observed, Outbound, Raw, Span, Stored

SERVICES = ("connectors", "identity", "routing", "counter", "translate")
_TOKEN = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")

_RAW = """
SELECT account_id::text AS account, encode(sha256(body), 'hex') AS digest, state,
    coalesce(n_said, 0) AS said, n_new AS new, n_duplicate AS duplicate, n_ignored AS ignored, n_problems AS problems,
    position('"statuses"'::bytea IN body) > 0 AND position('wamid.other'::bytea IN body) = 0 AS is_receipt
FROM connectors.raw_webhook
WHERE workspace_id = $1
"""
_STORED = """
SELECT message_id::text, account_id::text AS account, platform_message_id AS message
FROM connectors.message
WHERE workspace_id = $1 AND direction = 1
"""
_OUTBOUND = """
SELECT message_id::text, account_id::text AS account, text, delivery, accept_time IS NOT NULL AS accepted
FROM connectors.message
WHERE workspace_id = $1 AND direction = 2
"""
_ROUTED = """
SELECT message_id::text, conversation_id::text, seq
FROM routing.conversation_message
JOIN routing.conversation USING (conversation_id)
WHERE workspace_id = $1 AND inbound
"""
_LEFT = {
    "webhooks wait to be parsed": "SELECT count(*) FROM connectors.raw_webhook WHERE state = 'pending'",
    "sends wait to leave": "SELECT count(*) FROM connectors.message WHERE delivery IN (1, 2)",
    "events wait for their conversation": "SELECT count(*) FROM routing.waiting_event",
}


def _per_service(query: str) -> str:
    """The query for every service, each row with its service's name."""
    return " UNION ALL ".join(query.format(service=service) for service in SERVICES)


_PENDING = _per_service(
    "SELECT coalesce(sum(l.position - p.position), 0) AS behind FROM {service}.lane AS l"
    " JOIN {service}.lane_published AS p USING (lane)"
) + "".join(
    f" UNION ALL SELECT coalesce(sum(l.position - p.position), 0) FROM {producer}.lane AS l"
    f" JOIN {consumer}.consumer_position AS p ON p.lane = l.lane AND p.producer = '{producer}'"
    for consumer in SERVICES
    for producer in SERVICES
)


class Observer:
    """Looks at one workspace of a running stack."""

    def __init__(self, ready: Any, workspace_id: str, sandbox_url: str, logs: Path, earlier: Mapping[str, int]) -> None:
        self._ready = ready
        self._earlier = earlier
        """The last batch of each service before this test."""
        self._workspace_id = workspace_id
        self._sandbox_url = sandbox_url
        self._logs = logs

    async def pending(self) -> int:
        """Returns how much is under way: events to be published or heard, webhooks to be parsed, sends to leave."""
        connection = await asyncpg.connect(self._ready.database_url)
        try:
            behind = sum(row["behind"] for row in await connection.fetch(_PENDING))
            return int(behind + sum((await self._left(connection)).values()))
        finally:
            await connection.close()

    async def look(
        self, session: aiohttp.ClientSession, lobby: Any, secrets: Iterable[str], *, with_streams: bool
    ) -> Observed:
        """Returns everything. The databases are read first: asking for the proof mends what it finds."""
        connection = await asyncpg.connect(self._ready.database_url)
        try:
            async with connection.transaction(isolation="repeatable_read", readonly=True):
                held = await self._held(connection)
            logs, hearings = await self._logs_of(connection, with_streams=with_streams)
            # A service whose clock is ahead knows of things that have not happened yet.
            period = {
                name: (utc_now() + timedelta(hours=hours)).isoformat() for name, hours in (("from", -3), ("to", 3))
            }
            proof = await lobby.ask("GET", "/v1/proof", **period)
            totals = await lobby.ask("GET", "/v1/counts", **period)
            mended = await connection.fetch(_per_service("SELECT event_id FROM {service}.mended_effect"))
        finally:
            await connection.close()
        return Observed(
            **held,
            logs=logs,
            hearings=hearings,
            mended=[row["event_id"] for row in mended],
            # What cannot be asked is no answer, and breaks what it should have said.
            proof=proof.body if proof.status == 200 else {},
            totals=totals.body["totals"] if totals.status == 200 else {},
            platform_took=await self.taken(session),
            leaks=leaks(self._logs, secrets),
        )

    async def _held(self, connection: asyncpg.Connection) -> dict[str, Any]:
        async def rows(query: str) -> Sequence[asyncpg.Record]:
            return await connection.fetch(query, self._workspace_id)

        async def column(query: str) -> list[Any]:
            return [row[0] for row in await rows(query)]

        return {
            "raw": [Raw(**row) for row in await rows(_RAW)],
            "stored": [Stored(**row) for row in await rows(_STORED)],
            "outbound": [
                Outbound(**{**row, "delivery": Delivery(row["delivery"]).name.lower()}) for row in await rows(_OUTBOUND)
            ],
            "routed": [tuple(row) for row in await rows(_ROUTED)],
            "translated": await column("SELECT message_id::text FROM translate.message WHERE workspace_id = $1"),
            "counted": await column(
                "SELECT message_id::text FROM counter.message WHERE workspace_id = $1 AND direction = 1"
            ),
            "entries": (await column("SELECT count(*) FROM counter.entry WHERE workspace_id = $1"))[0],
            "people": (await column("SELECT count(*) FROM identity.channel_user WHERE workspace_id = $1"))[0],
            "audited_keys": await column(
                "SELECT subject_id FROM gateway.audit_entry"
                " WHERE workspace_id = $1 AND action = 'key_created' AND actor <> 'admin'"
            ),
            "left": await self._left(connection),
            "poison_events": [
                row[0]
                for row in await connection.fetch(_per_service("SELECT event_id FROM {service}.event_quarantine"))
            ],
        }

    async def _left(self, connection: asyncpg.Connection) -> dict[str, int]:
        found = {what: await connection.fetchval(query) for what, query in _LEFT.items()}
        return found | {"webhooks wait in the spool": await spooled(self._ready.nats_url)}

    async def _logs_of(
        self, connection: asyncpg.Connection, *, with_streams: bool
    ) -> tuple[dict[str, Log], dict[tuple[str, str], Hearing]]:
        logs: dict[str, Log] = {}
        hearings: dict[tuple[str, str], Hearing] = {}
        streamed = await streams(self._ready.nats_url) if with_streams else {}
        for service in SERVICES:
            batches = await connection.fetch(f"SELECT batch_id, lanes, firsts, counts FROM {service}.event_batch")
            own = range(self._earlier[service] + 1, 1 << 62)
            logs[service] = Log(
                heads=dict(await connection.fetch(f"SELECT lane, position FROM {service}.lane")),
                published=dict(await connection.fetch(f"SELECT lane, position FROM {service}.lane_published")),
                spans=[
                    Span(*span)
                    for row in batches
                    for span in zip(row["lanes"], row["firsts"], row["counts"], strict=True)
                ],
                batch_ids=frozenset(row["batch_id"] for row in batches if row["batch_id"] in own),
                streamed=frozenset(each for each in streamed[service] if each in own) if streamed else None,
            )
            positions: defaultdict[str, dict[int, int]] = defaultdict(dict)
            spans: defaultdict[str, list[Span]] = defaultdict(list)
            for row in await connection.fetch(f"SELECT producer, lane, position FROM {service}.consumer_position"):
                positions[row["producer"]][row["lane"]] = row["position"]
            for row in await connection.fetch(f"SELECT producer, lane, first, count FROM {service}.applied_range"):
                spans[row["producer"]].append(Span(row["lane"], row["first"], row["count"]))
            hearings |= {(service, producer): Hearing(positions[producer], spans[producer]) for producer in positions}
        return logs, hearings

    async def taken(self, session: aiohttp.ClientSession) -> list[tuple[str, str]]:
        """Token and account of each send that the platforms' stand-in accepted for one of our accounts."""
        found = []
        for platform in ("whatsapp", "telegram", "line"):
            async with session.get(f"{self._sandbox_url}/{platform}/sent") as answer:
                found += [
                    (match[0], sent.get("account_id", ""))
                    for sent in (await answer.json())["sent"]
                    if (match := _TOKEN.search(json.dumps(sent["body"])))
                ]
        return found


async def last_batches(database_url: str) -> dict[str, int]:
    """Returns the last batch of each service so far."""
    connection = await asyncpg.connect(database_url)
    try:
        return {
            service: await connection.fetchval(f"SELECT coalesce(max(batch_id), 0) FROM {service}.event_batch")
            for service in SERVICES
        }
    finally:
        await connection.close()


async def spooled(url: str) -> int:
    """Returns how many messages the spool holds."""
    client = await nats.connect(url)
    try:
        return int((await client.jetstream().stream_info("SPOOL")).state.messages)
    except NotFoundError:
        return 0
    finally:
        await client.close()


async def streams(url: str) -> dict[str, frozenset[int]]:
    """Returns the ids of the batches in each service's stream."""
    client = await nats.connect(url)
    try:
        return {service: await _batch_ids(client, service) for service in SERVICES}
    finally:
        await client.close()


async def _batch_ids(client: Any, service: str) -> frozenset[int]:
    """Every message's id is `<service>-<batch id>`; what tests have put in besides has none."""
    jetstream = client.jetstream()
    config = ConsumerConfig(ack_policy=AckPolicy.NONE, headers_only=True, mem_storage=True)
    reader = await jetstream.pull_subscribe(f"lobby.{service}", stream=service.upper(), config=config)
    left = (await reader.consumer_info()).num_pending
    found: set[int] = set()
    while left > 0:
        messages = await reader.fetch(min(left, 1000))
        ids = [(message.headers or {}).get("Nats-Msg-Id", "") for message in messages]
        found |= {int(each.rpartition("-")[2]) for each in ids if each}
        left -= len(messages)
    await reader.unsubscribe()
    return frozenset(found)


def leaks(folder: Path, secrets: Iterable[str]) -> list[str]:
    """Returns where a log of the folder has one of the words."""
    words = [secret.encode() for secret in secrets]
    return [
        f"{path.name}: {line[:120]!r}"
        for path in sorted(folder.glob("*.log*"))
        for line in path.read_bytes().splitlines()
        if any(word in line for word in words)
    ]
