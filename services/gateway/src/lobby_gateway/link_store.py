"""Links and the keys that they gave in PostgreSQL."""

from datetime import datetime

import asyncpg

from lobby_common import sql
from lobby_common.events.log import Connection
from lobby_gateway.links import MOST_KEYS, Link, Visit
from lobby_gateway.passwords import Hashed

QUERIES = sql.load("lobby_gateway", "links.sql")


async def count_links(conn: Connection, workspace_id: str, sheet_id: str) -> int:
    """Returns how many links to the sheet are not deleted."""
    found: int = await conn.fetchval(QUERIES["count_links"], workspace_id, sheet_id)
    return found


async def add_link(conn: Connection, link: Link, token_hash: bytes, password: Hashed) -> None:
    """The link is there."""
    await conn.execute(
        QUERIES["insert_link"],
        link.link_id,
        link.workspace_id,
        link.sheet_id,
        token_hash,
        password.digest,
        password.salt,
        password.n,
        password.r,
        password.p,
        link.display_name,
        link.create_time,
        link.expire_time,
    )


async def lock_link(conn: Connection, workspace_id: str, sheet_id: str, link_id: str) -> Link | None:
    """Returns the link, deleted or not; until the transaction ends nobody else changes it."""
    row = await conn.fetchrow(QUERIES["lock_link"], workspace_id, sheet_id, link_id)
    return Link(**row) if row else None


async def lock_link_by_token(conn: Connection, token_hash: bytes) -> tuple[Link, Hashed] | None:
    """Returns the link of a token, and its password; until the transaction ends nobody else changes it."""
    row = await conn.fetchrow(QUERIES["lock_link_by_token"], token_hash)
    if row is None:
        return None
    columns = dict(row)
    password = Hashed(**{name: columns.pop(f"password_{name}") for name in ("digest", "salt", "n", "r", "p")})
    return Link(**columns), password


async def list_links(
    pool: asyncpg.Pool, workspace_id: str, sheet_id: str, after: tuple[datetime, str] | None, limit: int
) -> list[Link]:
    """Returns at most `limit` links to the sheet, oldest first, those after `after`."""
    create_time, link_id = after or (None, None)
    rows = await pool.fetch(QUERIES["list_links"], workspace_id, sheet_id, create_time, link_id, limit)
    return [Link(**row) for row in rows]


async def save_link(conn: Connection, link: Link) -> None:
    """The link is as given."""
    await conn.execute(
        QUERIES["update_link"],
        link.link_id,
        link.delete_time,
        link.last_open_time,
        link.wrong_passwords,
        link.retry_time,
    )


async def add_visit(conn: Connection, visit: Visit, secret_hash: bytes) -> None:
    """The visit's key holds; of those that the link gave before, only the newest do that have not ended."""
    link_id = visit.link.link_id
    await conn.execute(
        QUERIES["insert_link_key"], visit.key_id, link_id, secret_hash, visit.start_time, visit.expire_time
    )
    await conn.execute(QUERIES["prune_link_keys"], link_id, visit.start_time, MOST_KEYS)
