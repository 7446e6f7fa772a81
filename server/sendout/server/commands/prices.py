"""Prices of segments: created, listed, deleted; never changed, a newer one takes the place of an older one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from sendout.domain import ids
from sendout.domain.clock import Clock
from sendout.domain.errors import Reason, SendoutError, field_invalid, not_found
from sendout.domain.permissions import Caller, Permission
from sendout.domain.prices import Price, check_country, check_money
from sendout.server.commands.history import require_contact_point
from sendout.storage import audit
from sendout.storage import prices as store
from sendout.storage.engine import Database


class Prices:
    """The use cases of PriceService."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock

    async def create(
        self,
        caller: Caller,
        *,
        currency: str,
        units: int,
        nanos: int,
        contact_point_id: str = "",
        country: str = "",
        start_us: int | None = None,
    ) -> Price:
        """A price that holds from `start_us` on, or from now: for a contact point or all, a country or all.

        Every process books by it ten seconds later at the latest.
        """
        caller.require(Permission.ADMINISTER)
        amount = check_money("price.per_segment", currency, units, nanos)
        now = self._clock.now_us()
        fresh = Price(
            ids.uuid7(now, self._clock.random_bytes),
            contact_point_id,
            check_country("price.country", country),
            now if start_us is None else start_us,
            amount.currency,
            amount.nanos,
            now,
        )
        async with self._database.write() as connection:
            await require_contact_point(connection, contact_point_id)
            await store.lock_to_create(connection)
            await _require_currency(connection, fresh.currency)
            if not await store.create(connection, fresh):
                raise SendoutError(
                    Reason.ID_TAKEN,
                    "There is a price for this contact point, country and start_time already. Give another start_time, "
                    "or delete that price first.",
                )
            await audit.record(connection, caller, "CreatePrice", str(fresh.id), self._clock.now_us())
        return fresh

    async def list_page(
        self,
        caller: Caller,
        limit: int,
        after: Sequence[Any] | None,
        *,
        contact_point_id: str = "",
        country: str = "",
    ) -> list[Price]:
        """Prices, the latest first."""
        caller.require(Permission.VIEW_HISTORY)
        code = check_country("country", country)
        async with self._database.read() as connection:
            return await store.list_page(connection, limit, after, contact_point_id=contact_point_id, country=code)

    async def delete(self, caller: Caller, price_id: str) -> None:
        """Delete a price. What was sent while it held keeps it."""
        caller.require(Permission.ADMINISTER)
        parsed = ids.check_uuid("price_id", price_id, "price")
        async with self._database.write() as connection:
            if not await store.remove(connection, parsed):
                raise not_found(Reason.PRICE_NOT_FOUND, "price", price_id)
            await audit.record(connection, caller, "DeletePrice", price_id, self._clock.now_us())


async def _require_currency(connection: AsyncConnection, currency: str) -> None:
    used = await store.currency_in_use(connection)
    if used not in (None, currency):
        raise field_invalid(
            "price.per_segment.currency_code", currency, f"Prices here are in {used}. Give this one in {used} too."
        )
