"""Purchases as the workspace's own system tells them."""

from dataclasses import dataclass, replace
from datetime import datetime

from lobby_common.errors import Conflict, Invalid, NotFound
from lobby_common.events.log import Connection
from lobby_common.ids import is_id
from lobby_identity.app import people
from lobby_identity.domain import purchases
from lobby_identity.domain.identifiers import ContactId, WorkspaceId
from lobby_identity.domain.purchases import MOST_MINOR, Purchase
from lobby_identity.store import purchases as store
from lobby_identity.store import tags as records


@dataclass(frozen=True, slots=True)
class Bought:
    """A purchase after it, and whether it changed anything."""

    purchase: Purchase
    is_news: bool


def read_amount(minor: int | None, amount: str, currency: str) -> int:
    """Returns the amount in the smallest unit. Raises Invalid BAD_AMOUNT."""
    if (minor is None) == (amount == ""):
        raise Invalid("BAD_AMOUNT", "name the amount as amount_minor or as amount")
    found = purchases.to_minor(amount, currency) if minor is None else minor
    if found is None or not 0 < found <= MOST_MINOR:
        places = purchases.digits(currency)
        raise Invalid("BAD_AMOUNT", f"an amount in {currency} is more than nothing and has {places} digits at most")
    return found


async def record(conn: Connection, workspace_id: WorkspaceId, wanted: Purchase) -> Bought:
    """The purchase is there; one whose number is known already stays as it is.

    CONTACT_NOT_FOUND, CONTACT_ERASED, PURCHASE_DIFFERS.
    """
    record_ids = await people.records(conn, workspace_id, wanted.contact_id)
    if not await records.lock_record(conn, workspace_id, ContactId(wanted.contact_id)):
        raise Conflict("CONTACT_ERASED", "this contact was forgotten")
    if await store.insert(conn, workspace_id, wanted):
        return Bought(wanted, is_news=True)
    known = await store.get_by_external_id(conn, workspace_id, wanted.external_id)
    if known.contact_id not in record_ids or not known.is_same_as(wanted):
        raise Conflict("PURCHASE_DIFFERS", "another purchase has this external_id")
    return Bought(known, is_news=False)


async def void(conn: Connection, workspace_id: WorkspaceId, purchase_id: str, now: datetime) -> Bought:
    """The purchase is as if it had never been. PURCHASE_NOT_FOUND."""
    found = await _lock(conn, workspace_id, purchase_id)
    if found.void_time is not None:
        return Bought(found, is_news=False)
    await store.void(conn, purchase_id, now)
    return Bought(replace(found, void_time=now), is_news=True)


async def refund(
    conn: Connection,
    workspace_id: WorkspaceId,
    purchase_id: str,
    *,
    amount: tuple[int | None, str],
    external_id: str,
    actor: str,
    now: datetime,
) -> Bought:
    """So much more of the purchase is paid back; what has a number that is known already is not paid back again.

    PURCHASE_NOT_FOUND, BAD_AMOUNT, PURCHASE_VOIDED, REFUND_TOO_LARGE, REFUND_DIFFERS.
    """
    found = await _lock(conn, workspace_id, purchase_id)
    minor = read_amount(*amount, found.currency)
    if found.void_time is not None:
        raise Conflict("PURCHASE_VOIDED", "this purchase was taken back")
    known = await store.find_refund(conn, purchase_id, external_id)
    if known is not None:
        if known != minor:
            raise Conflict("REFUND_DIFFERS", "another refund of this purchase has this external_id")
        return Bought(found, is_news=False)
    if found.refunded_minor + minor > found.amount_minor:
        raise Conflict("REFUND_TOO_LARGE", "more cannot be paid back than was paid")
    await store.insert_refund(conn, purchase_id, external_id, minor, actor=actor, now=now)
    return Bought(replace(found, refunded_minor=found.refunded_minor + minor), is_news=True)


async def _lock(conn: Connection, workspace_id: WorkspaceId, purchase_id: str) -> Purchase:
    found = await store.lock(conn, workspace_id, purchase_id) if is_id(purchase_id) else None
    if found is None:
        raise NotFound("PURCHASE_NOT_FOUND", "there is no such purchase in this workspace")
    return found
