"""Purchases as the workspace's own system tells them: once each, and with the contact that was named."""

from random import Random
from typing import Any

import pytest

from lobby.identity.v1 import events_pb2 as told_pb
from lobby.identity.v1 import purchase_pb2
from lobby.identity.v1 import purchase_service_pb2 as pb
from lobby_common import ids
from lobby_common.errors import Conflict, Invalid, NotFound
from lobby_common.times import from_proto, to_proto
from tests.component.identity.conftest import WA1, Identity, at, erase, wrote


async def people(identity: Identity, count: int = 3) -> list[str]:
    said = await identity.hear(*(wrote(WA1, f"phone:+668111100{number:02}", minutes=number) for number in range(count)))
    return [each.contact_id for each in said]


async def buys(identity: Identity, contact_id: str, amount: str = "12.50", currency: str = "USD", **more: Any):
    if isinstance(amount, int):
        more["amount_minor"], amount = amount, ""
    request = pb.RecordPurchaseRequest(contact_id=contact_id, amount=amount, currency=currency, **more)
    with identity.calls():
        return (await identity.purchases.RecordPurchase(request, None)).purchase


async def refund(identity: Identity, purchase_id: str, amount: str, **more: str) -> purchase_pb2.Purchase:
    request = pb.RefundPurchaseRequest(purchase_id=purchase_id, amount=amount, **more)
    with identity.calls():
        return (await identity.purchases.RefundPurchase(request, None)).purchase


async def void(identity: Identity, purchase_id: str) -> purchase_pb2.Purchase:
    with identity.calls():
        return (await identity.purchases.VoidPurchase(pb.VoidPurchaseRequest(purchase_id=purchase_id), None)).purchase


async def listed(identity: Identity, contact_id: str, role: str = "owner", **more: Any) -> pb.ListPurchasesResponse:
    with identity.calls(role, ids.new_id() if role == "agent" else ""):
        request = pb.ListPurchasesRequest(contact_id=contact_id, **more)
        return await identity.purchases.ListPurchases(request, None)


async def spends(identity: Identity, contact_id: str) -> dict[str, str]:
    return {each.currency: each.amount for each in (await identity.contact(contact_id)).spends}


async def test_a_purchase_is_kept_as_it_was_told(identity):
    [contact_id, *_] = await people(identity)
    items = [purchase_pb2.PurchaseItem(name="Shoe", sku="S1"), purchase_pb2.PurchaseItem(name="Lace", quantity=2)]
    told = await buys(identity, contact_id, external_id="order-1", time=to_proto(at(5)), items=items)
    [purchase] = (await listed(identity, contact_id)).purchases
    assert purchase == told
    assert (purchase.amount_minor, purchase.amount, purchase.currency) == (1250, "12.50", "USD")
    assert [(each.name, each.quantity) for each in purchase.items] == [("Shoe", 1), ("Lace", 2)]
    assert (purchase.external_id, purchase.actor, from_proto(purchase.time)) == ("order-1", "key-1", at(5))


async def test_a_contact_shows_what_he_spent_by_currency(identity):
    [contact_id, *_] = await people(identity)
    await buys(identity, contact_id, "12.50", time=to_proto(at(1)))
    await buys(identity, contact_id, 750, time=to_proto(at(9)))
    await buys(identity, contact_id, "90000", "VND")
    usd, vnd = (await identity.contact(contact_id)).spends
    assert (usd.currency, usd.amount_minor, usd.amount, usd.purchase_count) == ("USD", 2000, "20.00", 2)
    assert from_proto(usd.last_purchase_time) == at(9)
    assert (vnd.currency, vnd.amount_minor, vnd.amount) == ("VND", 90000, "90000")


async def test_the_same_external_id_is_one_purchase(identity):
    [contact_id, other, _] = await people(identity)
    first = await buys(identity, contact_id, external_id="order-1")
    assert await buys(identity, contact_id, external_id="order-1") == first
    assert await spends(identity, contact_id) == {"USD": "12.50"}
    assert len(await identity.told(told_pb.ContactChanged)) == 1
    for who, amount in ((contact_id, "13"), (other, "12.50")):
        with pytest.raises(Conflict, match="PURCHASE_DIFFERS"):
            await buys(identity, who, amount, external_id="order-1")


async def test_a_purchase_of_the_other_contact_of_a_person_is_known_too(identity):
    one, other, _ = await people(identity)
    first = await buys(identity, one, external_id="order-1")
    await identity.merge(other, one)
    assert await buys(identity, other, external_id="order-1") == first


async def test_what_was_paid_back_is_not_spent_and_is_paid_back_once(identity):
    [contact_id, *_] = await people(identity)
    purchase = await buys(identity, contact_id)
    first = await refund(identity, purchase.purchase_id, "2.50", external_id="r1")
    assert first.refunded_minor == 250
    assert await refund(identity, purchase.purchase_id, "2.50", external_id="r1") == first
    assert await spends(identity, contact_id) == {"USD": "10.00"}
    with pytest.raises(Conflict, match="REFUND_DIFFERS"):
        await refund(identity, purchase.purchase_id, "3", external_id="r1")
    with pytest.raises(Conflict, match="REFUND_TOO_LARGE"):
        await refund(identity, purchase.purchase_id, "10.01")
    await refund(identity, purchase.purchase_id, "10")
    assert await spends(identity, contact_id) == {"USD": "0.00"}


async def test_what_was_taken_back_was_never_bought_and_is_still_listed(identity):
    [contact_id, *_] = await people(identity)
    purchase = await buys(identity, contact_id)
    first = await void(identity, purchase.purchase_id)
    assert first.HasField("void_time")
    assert await void(identity, purchase.purchase_id) == first
    assert await spends(identity, contact_id) == {}
    assert [each.purchase_id for each in (await listed(identity, contact_id)).purchases] == [purchase.purchase_id]
    with pytest.raises(Conflict, match="PURCHASE_VOIDED"):
        await refund(identity, purchase.purchase_id, "1")


@pytest.mark.parametrize("seed", range(6))
async def test_when_all_merges_are_undone_everybody_spent_what_he_spent(identity, seed):
    random = Random(seed)
    contacts = await people(identity, 4)
    alone = dict.fromkeys(contacts, 0)
    links: list[str] = []
    for _ in range(30):
        one, other = random.sample(contacts, 2)
        match random.choice(["buy", "buy", "merge", "undo"]):
            case "buy":
                amount = random.randint(1, 999)
                await buys(identity, one, amount)
                alone[one] += amount
            case "merge":
                links.append((await identity.merge(one, other)).merge.merge_id)
            case "undo" if links:
                await identity.undo(links.pop(random.randrange(len(links))))
        found = {each: await identity.contact(each) for each in contacts}
        persons = {contact.contact_id: contact for contact in found.values()}
        assert sum(each.amount_minor for contact in persons.values() for each in contact.spends) == sum(alone.values())
    for link in links:
        await identity.undo(link)
    spent = {each: sum(s.amount_minor for s in (await identity.contact(each)).spends) for each in contacts}
    assert spent == alone


async def test_purchases_are_listed_newest_first_page_by_page(identity):
    one, other, _ = await people(identity)
    await identity.merge(one, other)
    made = [
        await buys(identity, (one, other)[number % 2], number + 1, time=to_proto(at(number))) for number in range(5)
    ]
    token, found = "", []
    while True:
        page = await listed(identity, other, page_size=2, page_token=token)
        found += [each.purchase_id for each in page.purchases]
        token = page.next_page_token
        if not token:
            break
    assert found == [each.purchase_id for each in reversed(made)]
    with pytest.raises(Invalid, match="BAD_PAGE_TOKEN"):
        await listed(identity, other, page_token="bm9uc2Vuc2U")


@pytest.mark.parametrize(
    ("amount", "currency"),
    [("", "USD"), ("-1", "USD"), ("0", "USD"), ("1.234", "USD"), ("1.5", "JPY"), ("1e3", "USD"), ("9" * 15, "BHD")],
)
async def test_what_is_no_amount_is_refused(identity, amount, currency):
    [contact_id, *_] = await people(identity)
    with pytest.raises(Invalid, match="BAD_AMOUNT"):
        await buys(identity, contact_id, amount, currency)


async def test_an_amount_is_named_in_one_way(identity):
    [contact_id, *_] = await people(identity)
    with pytest.raises(Invalid, match="BAD_AMOUNT"):
        await buys(identity, contact_id, "1", amount_minor=100)


async def test_purchases_of_another_workspace_are_not_found(identity, pool):
    [contact_id, *_] = await people(identity)
    purchase = await buys(identity, contact_id)
    stranger = Identity(pool)
    for call in (
        void(stranger, purchase.purchase_id),
        refund(stranger, purchase.purchase_id, "1"),
        void(stranger, "x"),
    ):
        with pytest.raises(NotFound, match="PURCHASE_NOT_FOUND"):
            await call
    with pytest.raises(NotFound, match="CONTACT_NOT_FOUND"):
        await buys(stranger, contact_id)


async def test_an_agent_sees_purchases_of_whom_he_may_see(identity):
    one, other, _ = await people(identity)
    await buys(identity, one)
    identity.visibility.seen = {one}
    assert len((await listed(identity, one, "agent")).purchases) == 1
    with pytest.raises(NotFound, match="CONTACT_NOT_FOUND"):
        await listed(identity, other, "agent")


async def test_of_who_is_forgotten_the_amounts_stay(identity):
    [contact_id, *_] = await people(identity)
    items = [purchase_pb2.PurchaseItem(name="Lan's ring")]
    purchase = await buys(identity, contact_id, external_id="lan-1", items=items)
    await refund(identity, purchase.purchase_id, "1", external_id="lan-1-back")
    await erase(identity, contact_id)
    [left] = (await listed(identity, contact_id)).purchases
    assert (left.external_id, list(left.items), left.amount, left.refunded_minor) == ("", [], "12.50", 100)
    assert await identity.pool.fetchval("SELECT external_id FROM refund") is None
    with pytest.raises(Conflict, match="CONTACT_ERASED"):
        await buys(identity, contact_id)
