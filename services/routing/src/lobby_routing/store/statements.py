"""The statements of queries.sql, with the columns of a conversation filled in."""

from collections.abc import Mapping

from lobby_common import sql

_RAW = sql.load("lobby_routing")
_COLUMNS = _RAW["conversation_columns"].partition("\n")[2]

QUERIES: Mapping[str, str] = {name: text.replace("{columns}", _COLUMNS) for name, text in _RAW.items()}
