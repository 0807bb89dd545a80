"""Real servers for tests: databases cloned from a migrated template, and a broker that is empty again."""

import os
import sys
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import asyncpg
import nats

from lobby_local import Nats, Postgres, ensure_role
from lobby_local.roles import role_of
from lobby_local.tool import run_tool


@dataclass(frozen=True, slots=True)
class Database:
    """A database of one test with the migrated schema of one service."""

    name: str
    url: str
    """As the service's own role."""
    admin_url: str


class Databases:
    """The databases on one test server."""

    def __init__(self, server: Postgres, logs: Path) -> None:
        self._server = server
        self._logs = logs
        self._templates: dict[str, str] = {}
        self._numbers = count(1)

    async def make(self, service: str) -> Database:
        """A fresh database; the first one of a service takes a migration, each other some milliseconds."""
        if service not in self._templates:
            self._templates[service] = await self._make_template(service)
        template = self._templates[service]
        name = f"{service}_{next(self._numbers)}"
        await self._admin(f"CREATE DATABASE {name} TEMPLATE {template}", *await self._settings(template, name))
        return Database(name, self._server.url(name, role_of(service)), self._server.url(name))

    async def drop(self, database: Database) -> None:
        """The database is gone, whoever was still connected."""
        await self._admin(f"DROP DATABASE IF EXISTS {database.name} WITH (FORCE)")

    async def _make_template(self, service: str) -> str:
        name = f"template_{service}"
        await self._admin(f"CREATE DATABASE {name}")
        url = self._server.url(name)
        role = role_of(service)
        await ensure_role(url, role, self._server.password_of(role))
        env = os.environ | {"LOBBY_MIGRATION_DATABASE_URL": url, "LOBBY_DATABASE_URL": self._server.url(name, role)}
        command = [sys.executable, "-m", f"lobby_{service}", "migrate"]
        await run_tool(command, env, log=self._logs / f"{service}-migrate.log")
        return name

    async def _settings(self, template: str, name: str) -> list[str]:
        """What a clone does not inherit: the settings of roles in the database, such as the search path."""
        connection = await asyncpg.connect(self._server.url("postgres"))
        try:
            rows = await connection.fetch(
                """
                SELECT format('ALTER ROLE %I IN DATABASE %I SET %s', rolname, $2::text, setting) AS statement
                FROM pg_db_role_setting
                JOIN pg_database ON pg_database.oid = setdatabase
                JOIN pg_roles ON pg_roles.oid = setrole
                CROSS JOIN unnest(setconfig) AS setting
                WHERE datname = $1
                """,
                template,
                name,
            )
        finally:
            await connection.close()
        return [row["statement"] for row in rows]

    async def _admin(self, *statements: str) -> None:
        connection = await asyncpg.connect(self._server.url("postgres"))
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()


async def empty(server: Nats) -> None:
    """The broker has no stream."""
    client = await nats.connect(server.url())
    try:
        jetstream = client.jetstream()
        for stream in await jetstream.streams_info():
            await jetstream.delete_stream(stream.config.name or "")
    finally:
        await client.close()
