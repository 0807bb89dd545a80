"""The database `lobby`, and one login per service that can do nothing until its migrations say so."""

import asyncpg

DATABASE = "lobby"

LET_IN = """
    LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS
"""


def role_of(service: str) -> str:
    """The role by which a service works in the database."""
    return f"lobby_{service}"


async def ensure_database(admin_url: str, database: str = DATABASE) -> None:
    """The database exists and is closed to everybody who was not let in by name. May be repeated."""
    connection = await asyncpg.connect(admin_url)
    try:
        if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", database):
            await run_formatted(connection, "CREATE DATABASE %I", database)
        await run_formatted(connection, "REVOKE ALL ON DATABASE %I FROM PUBLIC", database)
    finally:
        await connection.close()


async def ensure_role(admin_url: str, role: str, password: str) -> None:
    """The role can log in to the URL's database and can do nothing else yet. May be repeated."""
    connection = await asyncpg.connect(admin_url)
    try:
        if not await connection.fetchval("SELECT 1 FROM pg_roles WHERE rolname = $1", role):
            await run_formatted(connection, "CREATE ROLE %I", role)
        # Said each time, so that a role can do exactly this whatever an older version granted.
        await run_formatted(connection, f"ALTER ROLE %I {LET_IN} PASSWORD %L", role, password)
        database = await connection.fetchval("SELECT current_database()")
        await run_formatted(connection, "GRANT CONNECT ON DATABASE %I TO %I", database, role)
    finally:
        await connection.close()


async def run_formatted(connection: "asyncpg.Connection[asyncpg.Record]", template: str, *values: str) -> None:
    """The statement has run, its names (%I) and literals (%L) quoted by the server: DDL has no parameters."""
    places = ", ".join(f"${position}::text" for position in range(2, len(values) + 2))
    statement = await connection.fetchval(f"SELECT format($1, {places})", template, *values)
    await connection.execute(statement)
