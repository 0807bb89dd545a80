"""Purchases of records."""

import json
from collections.abc import Collection
from datetime import datetime
from typing import Any

from lobby_common import sql
from lobby_common.events.log import Connection
from lobby_common.ids import new_id
from lobby_identity.domain.identifiers import ContactId, WorkspaceId
from lobby_identity.domain.purchases import Item, Purchase, Spend

_RAW = sql.load("lobby_identity", "purchases.sql")
_COLUMNS = _RAW["columns"].partition("\n")[2]
_QUERIES = {name: text.replace("{columns}", _COLUMNS) for name, text in _RAW.items()}


def _purchase(row: Any) -> Purchase:
    purchase_id, contact_id, external_id, amount, currency, at, items, *rest = row
    things = tuple(Item(*each) for each in json.loads(items))
    return Purchase(purchase_id, ContactId(contact_id), external_id, amount, currency, at, things, *rest)


async def insert(conn: Connection, workspace_id: WorkspaceId, purchase: Purchase) -> bool:
    """The purchase is there. Returns False where its number in the workspace's own system is known."""
    made: bool | None = await conn.fetchval(
        _QUERIES["insert_purchase"],
        purchase.purchase_id,
        workspace_id,
        purchase.contact_id,
        purchase.external_id,
        purchase.amount_minor,
        purchase.currency,
        purchase.time,
        json.dumps(purchase.items),
        purchase.actor,
        purchase.create_time,
    )
    return made is not None


async def get_by_external_id(conn: Connection, workspace_id: WorkspaceId, external_id: str) -> Purchase:
    """Returns the purchase that has the number; there is one."""
    return _purchase(await conn.fetchrow(_QUERIES["find_by_external_id"], workspace_id, external_id))


async def lock(conn: Connection, workspace_id: WorkspaceId, purchase_id: str) -> Purchase | None:
    """Returns a purchase of the workspace, ours to change."""
    row = await conn.fetchrow(_QUERIES["lock_purchase"], workspace_id, purchase_id)
    return None if row is None else _purchase(row)


async def list_purchases(
    conn: Connection, contacts: Collection[ContactId], after: tuple[datetime, str] | None, limit: int
) -> list[Purchase]:
    """Returns what the records bought, the newest first."""
    at, purchase_id = after or (None, None)
    rows = await conn.fetch(_QUERIES["list_purchases"], list(contacts), at, purchase_id, limit)
    return [_purchase(row) for row in rows]


async def void(conn: Connection, purchase_id: str, now: datetime) -> None:
    """The purchase is as if it had never been."""
    await conn.execute(_QUERIES["void_purchase"], purchase_id, now)


async def find_refund(conn: Connection, purchase_id: str, external_id: str) -> int | None:
    """Returns how much of the purchase was paid back under a number; None where it is not known, or none is given."""
    found: int | None = await conn.fetchval(_QUERIES["find_refund"], purchase_id, external_id)
    return found


async def insert_refund(
    conn: Connection, purchase_id: str, external_id: str, amount_minor: int, *, actor: str, now: datetime
) -> None:
    """So much more of a purchase that is locked is paid back."""
    await conn.execute(_QUERIES["insert_refund"], new_id(), purchase_id, external_id, amount_minor, actor, now)
    await conn.execute(_QUERIES["add_refund"], purchase_id, amount_minor)


async def read_spends(conn: Connection, contacts: Collection[ContactId]) -> list[tuple[ContactId, Spend]]:
    """Returns what each of the records spent, by currency."""
    return [(ContactId(row[0]), Spend(*row[1:])) for row in await conn.fetch(_QUERIES["read_spends"], list(contacts))]
