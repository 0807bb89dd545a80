"""SQL and rows ↔ domain. No decisions here."""

import asyncpg

from lobby_common import postgres, sql

QUERIES = sql.load("lobby_connectors")

BAD_ROW = (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError, asyncpg.ProgramLimitExceededError)
"""What one row can cause that the database refuses. Catch it before AWAY: these are PostgresErrors too."""

AWAY = (asyncpg.PostgresError, *postgres.AWAY)
"""The database's own trouble."""
