"""Prices: created and deleted, never changed; and the book from which every process reads them."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import delete, select, text, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from sendout.domain.clock import Clock
from sendout.domain.prices import Price, PriceList
from sendout.storage.rows import insert_once
from sendout.storage.tables import price

KEPT_S = 10.0
"""A new or deleted price is known in every process after this time."""

_COLUMNS = (
    price.c.id,
    price.c.contact_point_id,
    price.c.country,
    price.c.start_time,
    price.c.currency,
    price.c.nanos,
    price.c.create_time,
)
_ALL = select(*_COLUMNS)


class PriceBook:
    """The prices as this process knows them, read again once they are ten seconds old."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._prices = PriceList()
        self._stale_from: float | None = None

    async def load(self, connection: AsyncConnection) -> PriceList:
        """All prices."""
        now = self._clock.monotonic()
        if self._stale_from is None or now >= self._stale_from:
            self._prices = PriceList([Price(*row) for row in await connection.execute(_ALL)])
            self._stale_from = now + KEPT_S
        return self._prices

    async def estimate(
        self, connection: AsyncConnection, contact_point_id: str, segments_by_country: Mapping[str, int], at_us: int
    ) -> tuple[int, str] | None:
        """(nanos, currency) that so many segments to each country cost at a time; None where one price is unknown."""
        prices = await self.load(connection)
        nanos, currency = 0, ""
        for country, segments in segments_by_country.items():
            found = prices.find(contact_point_id, country, at_us)
            if found is None:
                return None
            nanos, currency = nanos + found.nanos * segments, found.currency
        return (nanos, currency) if currency else None


async def lock_to_create(connection: AsyncConnection) -> None:
    """Let nobody else create a price before the commit, so that two at once cannot bring in two currencies."""
    if connection.dialect.name == "postgresql":  # on SQLite writers come one at a time
        await connection.execute(text("LOCK TABLE price IN SHARE ROW EXCLUSIVE MODE"))


async def currency_in_use(connection: AsyncConnection) -> str | None:
    """The currency of the prices there are; None where there are none."""
    found: str | None = (await connection.execute(select(price.c.currency).limit(1))).scalar_one_or_none()
    return found


async def create(connection: AsyncConnection, fresh: Price) -> bool:
    """Keep a price; False where there is one for its contact point, country and start."""
    return await insert_once(connection, price, **asdict(fresh))


async def list_page(
    connection: AsyncConnection,
    limit: int,
    after: Sequence[Any] | None,
    *,
    contact_point_id: str = "",
    country: str = "",
) -> list[Price]:
    """Prices, the latest start first; `after` is (start_time, id in hex) of the last one of the page before."""
    statement = _ALL.order_by(price.c.start_time.desc(), price.c.id.desc()).limit(limit)
    if contact_point_id:
        statement = statement.where(price.c.contact_point_id == contact_point_id)
    if country:
        statement = statement.where(price.c.country == country)
    if after is not None:
        start_time, identifier = after
        statement = statement.where(tuple_(price.c.start_time, price.c.id) < (start_time, uuid.UUID(identifier)))
    return [Price(*row) for row in await connection.execute(statement)]


async def remove(connection: AsyncConnection, price_id: uuid.UUID) -> bool:
    """Delete a price; False where there is none."""
    return (await connection.execute(delete(price).where(price.c.id == price_id))).rowcount == 1
