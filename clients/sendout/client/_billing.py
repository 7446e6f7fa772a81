"""Builders of PriceService and UsageService."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from sendout.client._calls import Call, Listing, listing, unary
from sendout.client._times import timestamp
from sendout.client.money import money
from sendout.v1 import price_pb2, usage_pb2
from sendout.v1 import price_service_pb2 as prices_pb
from sendout.v1 import usage_service_pb2 as usage_pb


@unary
def create_price(
    per_segment: Decimal,
    currency: str,
    *,
    contact_point: str = "",
    country: str = "",
    start: datetime | None = None,
) -> Call[prices_pb.CreatePriceResponse]:
    """Set what a segment costs from `start` on, or from now: for a contact point or all, a country or all.

    With a start a lost answer is asked for again.
    """
    price = price_pb2.Price(
        contact_point_id=contact_point,
        country=country,
        per_segment=money(per_segment, currency),
        start_time=timestamp(start),
    )
    request = prices_pb.CreatePriceRequest(price=price)
    return Call("PriceService/CreatePrice", request, prices_pb.CreatePriceResponse, retry_safe=start is not None)


@listing
def prices(
    *, contact_point: str = "", country: str = "", page_size: int = 0
) -> Listing[prices_pb.ListPricesResponse, price_pb2.Price]:
    """Prices, the latest first."""
    request = prices_pb.ListPricesRequest(contact_point_id=contact_point, country=country, page_size=page_size)
    return Listing(Call("PriceService/ListPrices", request, prices_pb.ListPricesResponse), lambda page: page.prices)


@unary
def delete_price(price_id: str) -> Call[prices_pb.DeletePriceResponse]:
    """Delete a price; what was sent while it held keeps it."""
    request = prices_pb.DeletePriceRequest(price_id=price_id)
    return Call("PriceService/DeletePrice", request, prices_pb.DeletePriceResponse)


@listing
def usage(
    *,
    start: datetime,
    end: datetime,
    group_by: Sequence[usage_pb2.UsageDimension] = (),
    time_zone: str = "",
    contact_point: str = "",
    topic: str = "",
    country: str = "",
    page_size: int = 0,
) -> Listing[usage_pb.GetUsageResponse, usage_pb2.UsageRow]:
    """Billable segments and their cost, for what carriers took from `start` up to, not including, `end`.

    Every page has the total of all of them; `whole()` gives rows and total in one answer.
    """
    request = usage_pb.GetUsageRequest(
        start_time=timestamp(start),
        end_time=timestamp(end),
        group_by=group_by,
        time_zone=time_zone,
        contact_point_id=contact_point,
        topic_id=topic,
        country=country,
        page_size=page_size,
    )
    return Listing(Call("UsageService/GetUsage", request, usage_pb.GetUsageResponse), lambda page: page.rows)
