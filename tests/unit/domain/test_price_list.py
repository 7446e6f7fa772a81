"""Which price a message has, and which amounts are one."""

from __future__ import annotations

import random
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sendout.domain.errors import SendoutError
from sendout.domain.prices import MAX_UNITS, NANOS, Money, Price, PriceList, check_country, check_money


def price(contact_point_id: str, country: str, start: int, nanos: int = 1) -> Price:
    return Price(uuid.UUID(int=start), contact_point_id, country, start, "EUR", nanos, 0)


def naive(prices: list[Price], contact_point_id: str, country: str, at: int) -> Price | None:
    """The rule as the contract says it: of those that fit, contact point before all, country before all, latest."""
    fit = [
        one
        for one in prices
        if one.contact_point_id in ("", contact_point_id) and one.country in ("", country) and one.start_time <= at
    ]
    return max(fit, key=lambda one: (one.contact_point_id != "", one.country != "", one.start_time), default=None)


PRICES = st.lists(
    st.builds(price, st.sampled_from(["", "main", "other"]), st.sampled_from(["", "GB", "FR"]), st.integers(0, 9)),
    unique_by=lambda one: (one.contact_point_id, one.country, one.start_time),
)


@given(
    PRICES, st.sampled_from(["main", "other", "third"]), st.sampled_from(["GB", "FR", "US", ""]), st.integers(-1, 10)
)
def test_the_price_is_the_one_the_rule_names(prices: list[Price], point: str, country: str, at: int) -> None:
    """For random prices the lookup finds exactly the one that the contract's order of precedence names."""
    shuffled = random.Random(1).sample(prices, len(prices))
    assert PriceList(shuffled).find(point, country, at) == naive(prices, point, country, at)


def test_a_price_holds_from_its_very_start() -> None:
    """The moment at which a price begins is the first one it holds at."""
    prices = PriceList([price("", "", 5), price("", "", 9)])
    assert [getattr(prices.find("main", "GB", at), "start_time", None) for at in (4, 5, 8, 9)] == [None, 5, 5, 9]


@pytest.mark.parametrize(
    ("currency", "units", "nanos", "expected"),
    [
        ("EUR", 0, 70_000_000, 70_000_000),
        ("eur", 1, 1, NANOS + 1),
        ("JPY", 0, 0, 0),
        ("USD", MAX_UNITS, 0, MAX_UNITS * NANOS),
    ],
)
def test_an_amount_is_units_and_nanos(currency: str, units: int, nanos: int, expected: int) -> None:
    """Units and nanos become one whole number of nanos; the currency's letters become capitals."""
    assert check_money("price.per_segment", currency, units, nanos) == Money(expected, currency.upper())


@pytest.mark.parametrize(
    ("currency", "units", "nanos", "field", "quoted"),
    [
        ("", 1, 0, "price.per_segment.currency_code", "''"),
        ("EURO", 1, 0, "price.per_segment.currency_code", "'EURO'"),
        ("€", 1, 0, "price.per_segment.currency_code", "'€'"),
        ("EUR", 1, NANOS, "price.per_segment.nanos", "1000000000"),
        ("EUR", 0, -NANOS, "price.per_segment.nanos", "-1000000000"),
        ("EUR", 1, -1, "price.per_segment", "1 units and -1 nanos"),
        ("EUR", -1, 1, "price.per_segment", "-1 units and 1 nanos"),
        ("EUR", -1, -1, "price.per_segment", "-1 units and -1 nanos"),
        ("EUR", 0, -1, "price.per_segment", "0 units and -1 nanos"),
        ("EUR", MAX_UNITS, 1, "price.per_segment", "1000000 units and 1 nanos"),
        ("EUR", 2**63 - 1, 0, "price.per_segment", f"{2**63 - 1} units"),
    ],
)
def test_no_amount_is_refused_by_its_field(currency: str, units: int, nanos: int, field: str, quoted: str) -> None:
    """What is no price names the field and quotes what was given."""
    with pytest.raises(SendoutError) as caught:
        check_money("price.per_segment", currency, units, nanos)
    (violation,) = caught.value.violations
    assert violation.field == field
    assert quoted in violation.description


def test_a_country_is_a_code_that_exists() -> None:
    """A two-letter code in any letter case, or none for all; anything else is refused."""
    assert [check_country("country", typed) for typed in ("", "fr", " GB ")] == ["", "FR", "GB"]
    for typed in ("FRA", "ZZ", "France", "001"):
        with pytest.raises(SendoutError, match="two-letter"):
            check_country("country", typed)
