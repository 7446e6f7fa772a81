"""What a segment costs: amounts, where each price holds, and which of them a message has.

Who comes in: the commands that keep prices, the booking of usage, and the preview's estimate. Amounts are whole nanos
(a billionth of the currency's unit), so that sums are exact; the whole installation has one currency.
"""

from __future__ import annotations

import re
import uuid
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import phonenumbers

from sendout.domain.errors import field_invalid

NANOS = 1_000_000_000
MAX_UNITS = 1_000_000
"""The highest price of a segment, in units of the currency."""

_CURRENCY = re.compile(r"[A-Z]{3}", re.ASCII)


class Money(NamedTuple):
    """An amount of nanos in a currency (ISO 4217)."""

    nanos: int
    currency: str


@dataclass(frozen=True, slots=True)
class Price:
    """What one segment costs from a time on. "" stands for all contact points, or all countries."""

    id: uuid.UUID
    contact_point_id: str
    country: str
    start_time: int  # microseconds since 1970
    currency: str
    nanos: int
    create_time: int


class PriceList:
    """All prices, arranged to be looked up: O(log n) of those for one contact point and country."""

    def __init__(self, prices: Iterable[Price] = ()) -> None:
        self._from: defaultdict[tuple[str, str], list[Price]] = defaultdict(list)
        for price in sorted(prices, key=lambda price: price.start_time):
            self._from[price.contact_point_id, price.country].append(price)

    def find(self, contact_point_id: str, country: str, at_us: int) -> Price | None:
        """The price of a segment handed over at a time; None where none holds.

        Those of the contact point go before those of all, then those of the country before those of all, then the
        latest that has begun.
        """
        for key in ((contact_point_id, country), (contact_point_id, ""), ("", country), ("", "")):
            if of_key := self._from.get(key):
                begun = bisect_right(of_key, at_us, key=lambda price: price.start_time)
                if begun:
                    return of_key[begun - 1]
        return None


def check_money(field: str, currency: str, units: int, nanos: int) -> Money:
    """An amount as google.type.Money writes it, not negative; FIELD_INVALID where it is none."""
    code = currency.strip().upper()
    if not _CURRENCY.fullmatch(code):
        raise field_invalid(f"{field}.currency_code", currency, "Give a currency by its three letters, such as EUR.")
    typed = f"{units} units and {nanos} nanos"
    if not -NANOS < nanos < NANOS:
        raise field_invalid(f"{field}.nanos", nanos, f"Nanos lie between -{NANOS - 1:,} and {NANOS - 1:,}.")
    if units < 0 < nanos or nanos < 0 < units:
        raise field_invalid(field, typed, "Units and nanos have the same sign.")
    amount = units * NANOS + nanos
    if not 0 <= amount <= MAX_UNITS * NANOS:
        raise field_invalid(field, typed, f"A price lies between 0 and {MAX_UNITS:,} units.")
    return Money(amount, code)


def check_country(field: str, typed: str) -> str:
    """The country's code in capitals, "" where none is given; FIELD_INVALID where no country has it."""
    code = typed.strip().upper()
    if code and code not in phonenumbers.SUPPORTED_REGIONS:
        raise field_invalid(field, typed, "Give a country as a two-letter ISO code, such as US.")
    return code
