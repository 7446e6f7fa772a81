"""Prices: who may keep them, one currency for all, and how they come and go."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from google.type.money_pb2 import Money
from sqlalchemy import select

from sendout.domain.errors import Reason, SendoutError
from sendout.domain.permissions import Permission
from sendout.domain.prices import Price
from sendout.server.commands.prices import Prices
from sendout.server.rpc.context import set_caller
from sendout.server.rpc.pages import Pages
from sendout.server.rpc.prices import PriceServicer
from sendout.storage.engine import Database
from sendout.storage.tables import audit
from sendout.v1 import price_pb2
from sendout.v1 import price_service_pb2 as pb
from tests.conftest import FakeClock
from tests.integration.seed import T0, TOKENS, caller, refusal, seeded

ADMIN = caller(Permission.ADMINISTER, Permission.VIEW_HISTORY)
CENTS = {"currency": "EUR", "units": 0, "nanos": 70_000_000}


@pytest.fixture
def prices(database: Database, clock: FakeClock) -> Prices:
    return Prices(database, clock)


async def refused(attempt: Any) -> tuple[Reason, str]:
    """Reason and first field of a refusal."""
    with pytest.raises(SendoutError) as caught:
        await attempt
    return refusal(caught), next((one.field for one in caught.value.violations), "")


async def test_a_price_comes_and_goes(prices: Prices, database: Database, clock: FakeClock) -> None:
    """A price is kept as given, holds from now where no start is given, and each change leaves an audit entry."""
    await seeded(database)
    everywhere = await prices.create(ADMIN, **CENTS)
    assert (everywhere.start_time, everywhere.contact_point_id, everywhere.country) == (clock.us, "", "")
    here = await prices.create(
        ADMIN, **CENTS | {"currency": "eur"}, contact_point_id="main", country="gb", start_us=T0 + 5
    )
    assert here == Price(here.id, "main", "GB", T0 + 5, "EUR", 70_000_000, clock.us)
    assert await prices.list_page(ADMIN, 10, None) == [here, everywhere]
    assert await prices.list_page(ADMIN, 10, None, contact_point_id="main") == [here]
    assert await prices.list_page(ADMIN, 10, None, country="fr") == []
    await prices.delete(ADMIN, str(here.id))
    assert await prices.list_page(ADMIN, 10, None) == [everywhere]
    assert await refused(prices.delete(ADMIN, str(here.id))) == (Reason.PRICE_NOT_FOUND, "")
    assert await refused(prices.delete(ADMIN, "x")) == (Reason.FIELD_INVALID, "price_id")
    async with database.read() as connection:
        entries = (await connection.execute(select(audit.c.action, audit.c.object_id).order_by(audit.c.id))).all()
    assert entries == [
        ("CreatePrice", str(everywhere.id)),
        ("CreatePrice", str(here.id)),
        ("DeletePrice", str(here.id)),
    ]


async def test_prices_have_one_currency(prices: Prices) -> None:
    """Another currency is refused with the one in use, until no price is left."""
    first = await prices.create(ADMIN, **CENTS)
    with pytest.raises(SendoutError, match="Prices here are in EUR") as caught:
        await prices.create(ADMIN, **CENTS | {"currency": "USD"}, country="US")
    assert caught.value.violations[0].field == "price.per_segment.currency_code"
    await prices.delete(ADMIN, str(first.id))
    assert (await prices.create(ADMIN, **CENTS | {"currency": "USD"})).currency == "USD"


async def test_two_currencies_at_once(prices: Prices) -> None:
    """Of many first prices in two currencies at the same moment only those of one are kept."""
    outcomes = await asyncio.gather(
        *(prices.create(ADMIN, **CENTS | {"currency": "EUR" if n % 2 else "USD"}, start_us=n) for n in range(8)),
        return_exceptions=True,
    )
    kept = [one for one in outcomes if isinstance(one, Price)]
    assert len({one.currency for one in kept}) == 1
    assert len(kept) == 4
    assert await prices.list_page(ADMIN, 9, None) == sorted(kept, key=lambda one: -one.start_time)


async def test_one_price_for_one_start(prices: Prices, database: Database) -> None:
    """A second price for the same contact point, country and start is ID_TAKEN and changes nothing."""
    await seeded(database)
    kept = await prices.create(ADMIN, **CENTS, country="GB", start_us=T0)
    assert await refused(prices.create(ADMIN, **CENTS | {"units": 1}, country="GB", start_us=T0)) == (
        Reason.ID_TAKEN,
        "",
    )
    assert await prices.list_page(ADMIN, 9, None) == [kept]


async def test_what_is_no_price(prices: Prices, database: Database) -> None:
    """Each problem names its field, and whoever may not is told which permission it takes."""
    for wrong, expected in (
        ({"currency": "E"}, (Reason.FIELD_INVALID, "price.per_segment.currency_code")),
        ({"units": -1, "nanos": 0}, (Reason.FIELD_INVALID, "price.per_segment")),
        ({"country": "GBR"}, (Reason.FIELD_INVALID, "price.country")),
        ({"contact_point_id": "nope"}, (Reason.CONTACT_POINT_NOT_FOUND, "")),
    ):
        assert await refused(prices.create(ADMIN, **CENTS | wrong)) == expected  # type: ignore[arg-type]
    viewer = caller(Permission.VIEW_HISTORY)
    assert await refused(prices.create(viewer, **CENTS)) == (Reason.ROLE_REQUIRED, "")
    assert await refused(prices.delete(viewer, "x")) == (Reason.ROLE_REQUIRED, "")
    assert await refused(prices.list_page(caller(), 9, None)) == (Reason.ROLE_REQUIRED, "")
    assert await prices.list_page(viewer, 9, None) == []


async def test_prices_over_the_wire(prices: Prices) -> None:
    """Amounts go in and out as google.type.Money, and pages follow each other without gap or repeat."""
    set_caller(ADMIN)
    servicer = PriceServicer(prices, Pages(TOKENS))
    amount = Money(currency_code="EUR", units=1, nanos=5)
    made = []
    for country in ("GB", "FR", "DE", ""):  # all of the same moment
        request = pb.CreatePriceRequest(price=price_pb2.Price(per_segment=amount, country=country))
        made.append((await servicer.CreatePrice(request, None)).price)
    assert {(one.per_segment.units, one.per_segment.nanos) for one in made} == {(1, 5)}
    seen: list[price_pb2.Price] = []
    token = ""
    while True:
        page = await servicer.ListPrices(pb.ListPricesRequest(page_size=3, page_token=token), None)
        seen += page.prices
        token = page.next_page_token
        if not token:
            break
    assert sorted(one.price_id for one in seen) == sorted(one.price_id for one in made)
    await servicer.DeletePrice(pb.DeletePriceRequest(price_id=made[0].price_id), None)
    assert len((await servicer.ListPrices(pb.ListPricesRequest(), None)).prices) == 3
