"""PriceService: what segments cost."""

from __future__ import annotations

from typing import Any

from sendout.domain.prices import Price
from sendout.server.commands.prices import Prices
from sendout.server.rpc.context import current_caller
from sendout.server.rpc.convert import micros, timestamp
from sendout.server.rpc.money import money
from sendout.server.rpc.pages import Pages
from sendout.v1 import price_pb2, price_service_pb2, price_service_pb2_grpc


class PriceServicer(price_service_pb2_grpc.PriceServiceServicer):
    """Parses, calls `Prices` and converts."""

    def __init__(self, prices: Prices, pages: Pages) -> None:
        self._prices = prices
        self._pages = pages

    async def CreatePrice(
        self, request: price_service_pb2.CreatePriceRequest, context: Any
    ) -> price_service_pb2.CreatePriceResponse:
        """A new price."""
        typed = request.price
        created = await self._prices.create(
            current_caller(),
            currency=typed.per_segment.currency_code,
            units=typed.per_segment.units,
            nanos=typed.per_segment.nanos,
            contact_point_id=typed.contact_point_id,
            country=typed.country,
            start_us=micros(typed, "start_time"),
        )
        return price_service_pb2.CreatePriceResponse(price=_message(created))

    async def ListPrices(
        self, request: price_service_pb2.ListPricesRequest, context: Any
    ) -> price_service_pb2.ListPricesResponse:
        """Prices, the latest first."""
        rows = await self._prices.list_page(
            current_caller(),
            *self._pages.asked(request),
            contact_point_id=request.contact_point_id,
            country=request.country,
        )
        shown, token = self._pages.cut(request, rows, lambda price: (price.start_time, price.id.hex))
        return price_service_pb2.ListPricesResponse(prices=[_message(price) for price in shown], next_page_token=token)

    async def DeletePrice(
        self, request: price_service_pb2.DeletePriceRequest, context: Any
    ) -> price_service_pb2.DeletePriceResponse:
        """Delete a price."""
        await self._prices.delete(current_caller(), request.price_id)
        return price_service_pb2.DeletePriceResponse()


def _message(price: Price) -> price_pb2.Price:
    return price_pb2.Price(
        price_id=str(price.id),
        contact_point_id=price.contact_point_id,
        country=price.country,
        per_segment=money((price.nanos, price.currency)),
        start_time=timestamp(price.start_time),
        create_time=timestamp(price.create_time),
    )
