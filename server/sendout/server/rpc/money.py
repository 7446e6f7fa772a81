"""Amounts as they go out: nanos of a currency's unit become google.type.Money."""

from __future__ import annotations

from google.type.money_pb2 import Money

from sendout.domain.prices import NANOS


def money(amount: tuple[int, str] | None) -> Money | None:
    """(nanos, currency) as Money; None stays None, which leaves a field unset. Amounts are not negative."""
    if amount is None:
        return None
    nanos, currency = amount
    return Money(currency_code=currency, units=nanos // NANOS, nanos=nanos % NANOS)
