"""Two small services made for tests: `connectors` tells, `identity` hears."""

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Sequence

import asyncpg
import pytest_asyncio

from lobby.events.v1.batch_pb2 import Event
from lobby_common import ids
from lobby_common.config import Secret, ServiceConfig
from lobby_common.events import Incoming, Tx
from lobby_common.events.log import Connection
from lobby_common.postgres import migrate
from lobby_local import Nats, Postgres


@dataclasses.dataclass
class Recorder:
    """Writes each event's id into a table, and tells it on."""

    handles: tuple[type[Event], ...] = (Event,)
    evident: tuple[type[Event], ...] = (Event,)
    poison: set[str] = dataclasses.field(default_factory=set)
    tell_on: bool = False

    async def apply(self, tx: Tx, events: Sequence[Incoming]) -> None:
        for each in events:
            if each.payload.id in self.poison:
                raise ValueError(f"poison {each.payload.id}")
        await tx.conn.execute(
            "INSERT INTO heard (event_id, key) SELECT * FROM unnest($1::text[], $2::text[])",
            [each.event.id for each in events],
            [each.event.key for each in events],
        )
        if self.tell_on:
            for each in events:
                tx.tell(
                    Event(id=f"on-{each.event.id}"),
                    workspace_id=each.event.workspace_id,
                    key=each.event.key,
                    event_id=f"on-{each.event.id}",
                    cause_id=each.event.id,
                    traceparent=each.traceparent,
                )

    async def find_effectless(self, conn: Connection, events: Sequence[Incoming]) -> set[str]:
        rows = await conn.fetch("SELECT event_id FROM heard")
        return {each.event.id for each in events} - {row["event_id"] for row in rows}

    async def mend(self, tx: Tx, events: Sequence[Incoming]) -> None:
        await tx.conn.execute("DELETE FROM heard WHERE event_id = ANY ($1)", [each.event.id for each in events])
        await self.apply(tx, events)


@dataclasses.dataclass(frozen=True)
class World:
    """One database with both schemas, and the broker."""

    admin_url: str
    database: str
    postgres: Postgres
    broker: Nats

    def config(self, service: str, **more: str) -> ServiceConfig:
        return ServiceConfig(
            database_url=Secret(self.postgres.url(self.database, f"lobby_{service}")),
            nats_url=Secret(self.broker.url(service)),
            internal_token=Secret("token"),
            linger_max_ms=10,
            **more,
        )


@pytest_asyncio.fixture
async def world(postgres, broker) -> AsyncIterator[World]:
    name = f"common_{ids.new_id().replace('-', '')}"
    admin = await asyncpg.connect(postgres.url("postgres"))
    await admin.execute(f"CREATE DATABASE {name}")
    url = postgres.url(name)
    for service in ("connectors", "identity"):
        role_url = f"postgresql://x:{postgres.password_of(f'lobby_{service}')}@x/x"
        await migrate(url, service, "", role_url=role_url)
    connection = await asyncpg.connect(url)
    await connection.execute(
        "CREATE TABLE identity.heard (n bigserial PRIMARY KEY, event_id text UNIQUE, key text);"
        "GRANT ALL ON identity.heard, identity.heard_n_seq TO lobby_identity"
    )
    await connection.close()
    yield World(url, name, postgres, broker)
    await admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await admin.close()


async def heard(url: str) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetch("SELECT event_id, key FROM identity.heard ORDER BY n")
    finally:
        await connection.close()


async def until(condition, seconds: float = 20.0):
    """Waits for the condition with a deadline, as often as the loop allows."""
    async with asyncio.timeout(seconds):
        while not (result := await condition()):
            await asyncio.sleep(0.02)
    return result
