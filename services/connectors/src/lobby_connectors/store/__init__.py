"""SQL and rows ↔ domain. No decisions here."""

import asyncpg

from lobby_common import sql

QUERIES = sql.load("lobby_connectors")

BAD_ROW = (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError, asyncpg.ProgramLimitExceededError)
"""What one row can cause that the database refuses. Catch it before AWAY: these are PostgresErrors too."""

AWAY = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError, TimeoutError)
"""The database's own trouble; the last of asyncpg's is what a connection says that was killed while it was idle."""
