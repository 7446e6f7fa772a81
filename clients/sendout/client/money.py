"""Amounts as `Decimal` and as `google.type.Money`, exact to a billionth of the unit."""

from __future__ import annotations

from decimal import Decimal

from google.type.money_pb2 import Money

_NANOS = 1_000_000_000


def money(amount: Decimal, currency: str) -> Money:
    """The amount on the wire. ValueError where it has more than nine decimals."""
    nanos = amount * _NANOS
    if nanos != nanos.to_integral_value():
        raise ValueError(f"{amount} has more than nine decimals.")
    units, rest = divmod(abs(int(nanos)), _NANOS)
    sign = -1 if amount < 0 else 1
    return Money(currency_code=currency, units=sign * units, nanos=sign * rest)


def amount_of(given: Money) -> Decimal:
    """The amount without its currency."""
    return Decimal(given.units) + Decimal(given.nanos).scaleb(-9)


def in_words(given: Money) -> str:
    """The amount with its currency: at least two decimals, and no more than it has."""
    whole, _, rest = f"{amount_of(given):,.9f}".partition(".")
    return f"{whole}.{rest.rstrip('0').ljust(2, '0')} {given.currency_code}"
