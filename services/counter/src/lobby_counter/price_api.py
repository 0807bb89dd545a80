"""PriceService: what a new person costs."""

from datetime import datetime

import asyncpg

from lobby.counter.v1 import price_service_pb2 as pb
from lobby.counter.v1.price_service_pb2_grpc import PriceServiceServicer
from lobby_common import caller
from lobby_common.errors import Invalid
from lobby_common.events import EventLog
from lobby_common.requests import answer_once
from lobby_common.times import from_proto, to_proto, utc_now
from lobby_counter import prices
from lobby_counter.counter_api import page_of
from lobby_counter.prices import Price, Terms


class PriceApi(PriceServiceServicer):
    """Prices of the caller's workspace."""

    def __init__(self, log: EventLog, pool: asyncpg.Pool) -> None:
        self._log = log
        self._pool = pool

    async def CreatePrice(self, request: pb.CreatePriceRequest, _context: object) -> pb.CreatePriceResponse:
        """There is a new price."""
        who, start = caller.current(), _start(request)
        terms = Terms(start, request.price_minor, request.currency, request.campaign_id or None)
        async with self._log.transaction() as tx:

            async def make() -> pb.CreatePriceResponse:
                return pb.CreatePriceResponse(price=_price(await prices.create_price(tx.conn, who, terms)))

            return await answer_once(tx, "CreatePrice", request.request_id, pb.CreatePriceResponse, make)

    async def ListPrices(self, request: pb.ListPricesRequest, _context: object) -> pb.ListPricesResponse:
        """Returns a page of prices."""
        async with self._pool.acquire() as conn:
            listed = await prices.list_prices(conn, caller.current().workspace_id)
        ids = [each.price_id for each in listed]
        shown, token = page_of(listed, ids, request.page_size, request.page_token)
        return pb.ListPricesResponse(prices=map(_price, shown), next_page_token=token)


def _start(request: pb.CreatePriceRequest) -> datetime:
    if not request.HasField("start_time"):
        return utc_now()
    try:
        return from_proto(request.start_time)
    except OverflowError:
        raise Invalid("INVALID_PERIOD", "start_time lies in the years 1 to 9999") from None


def _price(price: Price) -> pb.Price:
    terms = price.terms
    return pb.Price(
        price_id=price.price_id,
        start_time=to_proto(terms.start),
        price_minor=terms.price_minor,
        currency=terms.currency,
        campaign_id=terms.campaign_id or "",
        create_time=to_proto(price.create_time),
    )
