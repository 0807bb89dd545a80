"""PostgreSQL: the pool as the service's own role, and migrations as the administrator."""

import asyncio
import re
from collections.abc import Collection
from importlib import resources
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import asyncpg

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

AWAY = (
    asyncpg.PostgresConnectionError,  # class 08
    asyncpg.InsufficientResourcesError,  # class 53: disk full, too many connections
    asyncpg.OperatorInterventionError,  # class 57: going down, coming up
    asyncpg.PostgresSystemError,  # class 58
    asyncpg.ReadOnlySQLTransactionError,  # a standby that is not promoted yet
    asyncpg.InterfaceError,
    asyncpg.IdleInTransactionSessionTimeoutError,  # this process stood still for longer than a transaction may
    asyncpg.InternalClientError,  # what a connection says that was killed while it was idle
    OSError,
    TimeoutError,
)
"""What tells that the database is away or full: the same statement may work later."""

COLLIDED = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError)
"""What tells that two transactions were in each other's way: the same one works when it is repeated."""

UNFIT = (
    asyncpg.SyntaxOrAccessError,  # class 42: a right was taken away, a table or a column is not there
    asyncpg.ObjectNotInPrerequisiteStateError,  # class 55: somebody holds what is not waited for
    asyncpg.FeatureNotSupportedError,  # class 0A: also a plan that a migration made invalid
    asyncpg.InternalServerError,  # class XX: also a table or an index that is damaged
)
"""What tells that the database or the code is not as it should be: no value that a statement is given is to blame."""

_IDLE_SECONDS = 5
"""A transaction may wait this long for its next statement: one that stands still holds its locks no longer."""

_CONNECT_SECONDS = 5.0
"""A server that does not answer within this time is as good as away."""

_STEP = re.compile(r"(\d{4})_\w+\.sql")
_APART = re.compile(r"^(?:CREATE|DROP) INDEX CONCURRENTLY", re.MULTILINE)
"""Tells a migration of a hot table's index: its statements run one by one, outside of transactions, beside writers."""
_LOOK_SECONDS = 0.1

_EXPANDS = "-- Expands:"
"""How a migration begins after which code of the release before goes on, and may even start (docs/upgrades.md)."""


class SchemaTooNew(Exception):
    """The database was migrated by newer code than this, in a way that this cannot live with."""


async def create_pool(url: str, *, schema: str, size: int) -> asyncpg.Pool:
    """Returns a pool of at most `size` connections that see only `schema`, synchronous commits on."""
    pool = await asyncpg.create_pool(
        url,
        connect=_Servers(url).connect,
        min_size=1,
        max_size=size,
        command_timeout=30,
        reset=_leave_as_it_is,
        server_settings={
            "application_name": f"lobby-{schema}",
            "search_path": schema,
            "synchronous_commit": "on",
            "idle_in_transaction_session_timeout": f"{_IDLE_SECONDS}s",
            "jit": "off",
        },
    )
    assert pool is not None
    return pool


class _Servers:
    """The servers that an address names: the first that answers is asked, and again first from then on.

    asyncpg itself goes to the next server only when one refuses: one that is silent would keep it from the others.
    """

    def __init__(self, url: str) -> None:
        self._urls = each_alone(url)

    async def connect(self, *_: object, **options: Any) -> asyncpg.Connection:
        """Returns a connection. Raises what the last server said."""
        last: BaseException = OSError("no server is named")
        for url in list(self._urls):
            try:
                connection: asyncpg.Connection = await asyncpg.connect(url, **options | {"timeout": _CONNECT_SECONDS})
            except (*AWAY, asyncpg.TargetServerAttributeNotMatched) as error:
                last = error
            else:
                self._urls.sort(key=lambda each: each != url)
                return connection
        raise last


def each_alone(url: str) -> list[str]:
    """Returns the addresses of the single servers of an address that names several; else the address itself."""
    parts = urlsplit(url)
    user, at, hosts = parts.netloc.rpartition("@")
    return [parts._replace(netloc=f"{user}{at}{host}").geturl() for host in hosts.split(",")]


async def _leave_as_it_is(_: object) -> None:
    """A connection goes back as it is: we set nothing outside transactions, and asyncpg's own reset is a round trip."""


def steps(package: str) -> list[tuple[str, str]]:
    """Returns name and text of the migrations of a package: common's first, each set in order of number."""
    return _steps_of("lobby_common", "common/") + (_steps_of(package, "") if package else [])


def _steps_of(package: str, prefix: str) -> list[tuple[str, str]]:
    folder: Traversable = resources.files(package).joinpath("migrations")
    if not folder.is_dir():
        return []
    names = sorted(each.name for each in folder.iterdir() if _STEP.fullmatch(each.name))
    return [(prefix + name, folder.joinpath(name).read_text()) for name in names]


async def migrate(admin_url: str, service: str, package: str, *, role_url: str = "") -> list[str]:
    """The service's schema is what this code expects, and its role may use that schema and reach nothing else.

    `role_url` names the role and its password; without it the role must exist or is made without a password.
    Returns the names of the steps that ran. Raises SchemaTooNew. Running twice, or twice at once, is harmless; what
    broke off is gone on with, step by step.
    """
    connection = await asyncpg.connect(admin_url)
    try:
        await _be_alone(connection, service)
        async with connection.transaction():
            await _ensure_role(connection, service, role_url)
        return await _run_steps(connection, package)
    finally:
        await connection.close()


async def _be_alone(connection: asyncpg.Connection, service: str) -> None:
    """Nobody else migrates the service's schema until the connection is closed.

    A statement that waits for the lock would be a transaction, for which an index that is made beside writers waits.
    """
    while True:
        if await connection.fetchval("SELECT pg_try_advisory_lock(hashtext($1))", f"lobby-migrate-{service}"):
            return
        await asyncio.sleep(_LOOK_SECONDS)


async def _ensure_role(connection: asyncpg.Connection, service: str, role_url: str) -> None:
    role = f"lobby_{service}"
    # Roles belong to the whole server, so migrations of several databases may race for one.
    await connection.execute("SELECT pg_advisory_xact_lock(hashtext('lobby-roles'))")
    if not await connection.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", role):
        await connection.execute(f"CREATE ROLE {role} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE")
    password = urlsplit(role_url).password if role_url else None
    if password:
        quoted = await connection.fetchval("SELECT quote_literal($1::text)", password)
        await connection.execute(f"ALTER ROLE {role} PASSWORD {quoted}")
    database = await connection.fetchval("SELECT quote_ident(current_database())")
    for statement in (
        f"CREATE SCHEMA IF NOT EXISTS {service}",
        "REVOKE ALL ON SCHEMA public FROM PUBLIC",
        f"REVOKE TEMPORARY ON DATABASE {database} FROM PUBLIC",
        f"GRANT CONNECT ON DATABASE {database} TO {role}",
        f"GRANT USAGE ON SCHEMA {service} TO {role}",
        f"ALTER DEFAULT PRIVILEGES IN SCHEMA {service} GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {role}",
        f"ALTER DEFAULT PRIVILEGES IN SCHEMA {service} GRANT USAGE, SELECT ON SEQUENCES TO {role}",
        f"ALTER ROLE {role} IN DATABASE {database} SET search_path = {service}",
        f"SET search_path = {service}",
    ):
        await connection.execute(statement)


async def _run_steps(connection: asyncpg.Connection, package: str) -> list[str]:
    await connection.execute(
        "CREATE TABLE IF NOT EXISTS migration (name text PRIMARY KEY, run_time timestamptz NOT NULL DEFAULT now());"
        "ALTER TABLE migration ADD COLUMN IF NOT EXISTS expands boolean NOT NULL DEFAULT false"
    )
    known = steps(package)
    done = await _steps_done(connection, {name for name, _ in known})
    fresh = [(name, text) for name, text in known if name not in done]
    for name, text in fresh:
        await _run_step(connection, name, text)
    await connection.execute("SELECT maintain_partitions(30)")
    return [name for name, _ in fresh]


async def _run_step(connection: asyncpg.Connection, name: str, text: str) -> None:
    is_apart = _APART.search(text) is not None
    if is_apart:
        for statement in text.strip().split(";\n"):
            await connection.execute(statement)
    async with connection.transaction():
        if not is_apart:
            await connection.execute(text)
        await connection.execute(
            "INSERT INTO migration (name, expands) VALUES ($1, $2)", name, text.startswith(_EXPANDS)
        )


async def check_schema(pool: asyncpg.Pool, package: str) -> None:
    """Raises SchemaTooNew, or RuntimeError where migrations are missing: the service must not start."""
    known = {name for name, _ in steps(package)}
    if missing := known - await _steps_done(pool, known):
        raise RuntimeError(f"migrations are missing, run `migrate` first: {', '.join(sorted(missing))}")


async def _steps_done(asked: "asyncpg.Connection | asyncpg.Pool", known: Collection[str]) -> set[str]:
    """Returns the steps that ran. Raises SchemaTooNew where one that is not known did more than expand."""
    # By way of JSON: there is no such column before the first migration by code that knows it.
    rows = await asked.fetch("SELECT name, to_jsonb(m) ->> 'expands' = 'true' AS expands FROM migration AS m")
    if newer := {row["name"] for row in rows if not row["expands"]} - set(known):
        raise SchemaTooNew(f"migrated by newer code: {', '.join(sorted(newer))}")
    return {row["name"] for row in rows}
