"""What a new person costs, and so what those cost who were missed: whole minor units of a currency, never a fraction.

The price of a person is the one that was in force when he came: that of the campaign in which the account was then,
where it has one, else the workspace's. What was said is never changed; whoever errs says another price from another
time on.
"""

from dataclasses import dataclass
from datetime import datetime

from lobby_common import sql
from lobby_common.caller import Caller
from lobby_common.errors import Conflict, Exhausted
from lobby_common.events.log import Connection
from lobby_common.ids import new_id
from lobby_counter import commands, store

QUERIES = sql.load("lobby_counter", "prices.sql")

MOST_PRICES = 1_000
"""Of a workspace."""


@dataclass(frozen=True, slots=True)
class Terms:
    """From `start` on a new person costs so much."""

    start: datetime
    price_minor: int
    currency: str
    campaign_id: str | None
    """Of which campaign; None: of all, and of none."""


@dataclass(frozen=True, slots=True)
class Price:
    """What a new person costs, as it was said."""

    price_id: str
    terms: Terms
    create_time: datetime


@dataclass(slots=True)
class Cost:
    """What misses cost in one currency, and of how many people."""

    missed_people: int = 0
    lost_people: int = 0
    missed_minor: int = 0
    lost_minor: int = 0


async def list_prices(conn: Connection, workspace_id: str) -> list[Price]:
    """Returns the prices of a workspace, the one that starts last first."""
    rows = await conn.fetch(QUERIES["list_prices"], workspace_id)
    return [
        Price(
            row["price_id"],
            Terms(row["start_time"], row["price_minor"], row["currency"], row["campaign_id"]),
            row["create_time"],
        )
        for row in rows
    ]


async def create_price(conn: Connection, who: Caller, terms: Terms) -> Price:
    """There is a new price.

    Raises NotFound CAMPAIGN_NOT_FOUND, Conflict PRICE_EXISTS, Exhausted TOO_MANY_PRICES.
    """
    await store.lock_workspaces(conn, [who.workspace_id])
    if terms.campaign_id is not None:
        await commands.get_campaign(conn, who.workspace_id, terms.campaign_id)
    known = await list_prices(conn, who.workspace_id)
    if len(known) >= MOST_PRICES:
        raise Exhausted("TOO_MANY_PRICES", f"a workspace has {MOST_PRICES} prices at most")
    if any((each.terms.start, each.terms.campaign_id) == (terms.start, terms.campaign_id) for each in known):
        raise Conflict("PRICE_EXISTS", "another price starts at the same time")
    price_id = new_id()
    made = await conn.fetchval(
        QUERIES["insert_price"],
        price_id,
        who.workspace_id,
        terms.campaign_id,
        terms.start,
        terms.price_minor,
        terms.currency,
        who.actor,
    )
    return Price(price_id, terms, made)
