"""SQL and rows ↔ domain. No decisions here."""

from lobby_common import sql

QUERIES = sql.load("lobby_connectors")
