"""PurchaseService: proto in, use-case, proto out."""

from datetime import datetime

from lobby.identity.v1 import purchase_pb2
from lobby.identity.v1 import purchase_service_pb2 as pb
from lobby.identity.v1.events_pb2 import ContactChanged
from lobby.identity.v1.purchase_service_pb2_grpc import PurchaseServiceServicer
from lobby_common import caller, pages, tracing
from lobby_common.caller import Caller
from lobby_common.events import EventLog, Tx
from lobby_common.ids import new_id
from lobby_common.requests import answer_once
from lobby_common.times import from_proto, to_proto, utc_now
from lobby_identity.api import visible_person
from lobby_identity.app import purchasing, staging
from lobby_identity.app.purchasing import Bought
from lobby_identity.clients import Visibility
from lobby_identity.domain.identifiers import ContactId, WorkspaceId
from lobby_identity.domain.purchases import Item, Purchase, to_decimal
from lobby_identity.life_cycle_api import tell_moved
from lobby_identity.store import purchases as store


class PurchaseApi(PurchaseServiceServicer):
    """Records purchases and lists them."""

    def __init__(self, log: EventLog, visibility: Visibility) -> None:
        self._log = log
        self._visibility = visibility

    async def RecordPurchase(self, request: pb.RecordPurchaseRequest, context: object) -> pb.RecordPurchaseResponse:
        """The purchase is there."""
        who = caller.current()
        wanted = _wanted(who, request, utc_now())

        async with self._log.transaction() as tx:

            async def make() -> pb.RecordPurchaseResponse:
                workspace_id = WorkspaceId(who.workspace_id)
                bought = await purchasing.record(tx.conn, workspace_id, wanted)
                _tell(tx, who, bought)
                if bought.is_news:
                    moved = await staging.move_buyer(tx.conn, workspace_id, wanted.contact_id, wanted.purchase_id)
                    tell_moved(tx, who, moved)
                return pb.RecordPurchaseResponse(purchase=purchase_proto(bought.purchase))

            return await answer_once(tx, "RecordPurchase", request.request_id, pb.RecordPurchaseResponse, make)

    async def ListPurchases(self, request: pb.ListPurchasesRequest, context: object) -> pb.ListPurchasesResponse:
        """Returns a page, the newest first."""
        who = caller.current()
        size, after = pages.size(request.page_size), pages.decode_after(request.page_token)
        person = await visible_person(self._log, self._visibility, who, request.contact_id)
        async with self._log.pool.acquire() as conn:
            found = await store.list_purchases(conn, person.record_ids, after, size + 1)
        answer = pb.ListPurchasesResponse(purchases=[purchase_proto(each) for each in found[:size]])
        if len(found) > size:
            answer.next_page_token = pages.encode(found[size - 1].time.isoformat(), found[size - 1].purchase_id)
        return answer

    async def VoidPurchase(self, request: pb.VoidPurchaseRequest, context: object) -> pb.VoidPurchaseResponse:
        """The purchase is as if it had never been."""
        who = caller.current()

        async with self._log.transaction() as tx:

            async def make() -> pb.VoidPurchaseResponse:
                bought = await purchasing.void(tx.conn, WorkspaceId(who.workspace_id), request.purchase_id, utc_now())
                _tell(tx, who, bought)
                return pb.VoidPurchaseResponse(purchase=purchase_proto(bought.purchase))

            return await answer_once(tx, "VoidPurchase", request.request_id, pb.VoidPurchaseResponse, make)

    async def RefundPurchase(self, request: pb.RefundPurchaseRequest, context: object) -> pb.RefundPurchaseResponse:
        """So much more of the purchase is paid back."""
        who = caller.current()

        async with self._log.transaction() as tx:

            async def make() -> pb.RefundPurchaseResponse:
                bought = await purchasing.refund(
                    tx.conn,
                    WorkspaceId(who.workspace_id),
                    request.purchase_id,
                    amount=(request.amount_minor if request.HasField("amount_minor") else None, request.amount),
                    external_id=_storable(request.external_id),
                    actor=who.actor,
                    now=utc_now(),
                )
                _tell(tx, who, bought)
                return pb.RefundPurchaseResponse(purchase=purchase_proto(bought.purchase))

            return await answer_once(tx, "RefundPurchase", request.request_id, pb.RefundPurchaseResponse, make)


def _wanted(who: Caller, request: pb.RecordPurchaseRequest, now: datetime) -> Purchase:
    """Returns the purchase that is asked for. Raises Invalid BAD_AMOUNT."""
    minor = request.amount_minor if request.HasField("amount_minor") else None
    return Purchase(
        new_id(),
        ContactId(request.contact_id),
        _storable(request.external_id),
        purchasing.read_amount(minor, request.amount, request.currency),
        request.currency,
        from_proto(request.time) if request.HasField("time") else now,
        tuple(Item(_storable(each.name), _storable(each.sku), each.quantity or 1) for each in request.items),
        0,
        None,
        who.actor,
        now,
    )


def _storable(text: str) -> str:
    return text.replace("\x00", "\ufffd").strip()


def _tell(tx: Tx, who: Caller, bought: Bought) -> None:
    """Screens read the contact anew, where something changed."""
    if not bought.is_news:
        return
    contact_id = bought.purchase.contact_id
    tx.tell(
        ContactChanged(contact_id=contact_id, fields=["purchases"]),
        workspace_id=who.workspace_id,
        key=contact_id,
        event_id=new_id(),
        traceparent=tracing.current(),
    )


def purchase_proto(purchase: Purchase) -> purchase_pb2.Purchase:
    """Returns a purchase as the contract has it."""
    return purchase_pb2.Purchase(
        purchase_id=purchase.purchase_id,
        contact_id=purchase.contact_id,
        external_id=purchase.external_id,
        amount_minor=purchase.amount_minor,
        amount=to_decimal(purchase.amount_minor, purchase.currency),
        currency=purchase.currency,
        time=to_proto(purchase.time),
        items=[
            purchase_pb2.PurchaseItem(name=each.name, sku=each.sku, quantity=each.quantity) for each in purchase.items
        ],
        refunded_minor=purchase.refunded_minor,
        void_time=to_proto(purchase.void_time) if purchase.void_time else None,
        actor=purchase.actor,
        create_time=to_proto(purchase.create_time),
    )
