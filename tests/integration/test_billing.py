"""What is booked for the bill when a message is handed to a carrier, and at which price."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

import pytest
from sqlalchemy import select, update

from sendout.domain.prices import Price
from sendout.domain.states import State
from sendout.storage import prices
from sendout.storage.changes import Change, FactsCache, apply
from sendout.storage.engine import Database
from sendout.storage.prices import KEPT_S, PriceBook
from sendout.storage.tables import event_head, message, usage
from tests.conftest import FakeClock
from tests.integration.seed import T0, Seed, seeded


async def keep_price(database: Database, nanos: int, *, point: str = "", country: str = "", start: int = 0) -> Price:
    """A price in euros."""
    fresh = Price(uuid.uuid4(), point, country, start, "EUR", nanos, T0)
    async with database.write() as connection:
        assert await prices.create(connection, fresh)
    return fresh


@pytest.fixture
async def seed(database: Database) -> Seed:
    async with database.write() as connection:
        await connection.execute(update(event_head).values(position=1_000))  # above the events that a seed writes
    return await seeded(database)


async def sending(seed: Seed, countries: Sequence[str], segments: int = 1) -> uuid.UUID:
    """A notification whose messages are in hand, one for each of these countries."""
    identifier = await seed.notification([State.SENDING] * len(countries))
    async with seed.database.write() as connection:
        for index, country in enumerate(countries):
            await connection.execute(
                update(message)
                .where(message.c.notification_id == identifier, message.c.index == index)
                .values(country=country, segments=segments)
            )
    return identifier


async def move(seed: Seed, facts: FactsCache, identifier: uuid.UUID, states: Sequence[State], at: int = T0) -> None:
    """Bring the messages into these states, by index."""
    async with seed.database.write() as connection:
        await apply(connection, facts, [Change(identifier, i, state) for i, state in enumerate(states)], at)


async def booked(database: Database) -> list[tuple[Any, ...]]:
    """(index, country, segments, nanos, currency, time) of every usage row, by time and index."""
    columns = (usage.c.index, usage.c.country, usage.c.segments, usage.c.nanos, usage.c.currency, usage.c.time)
    async with database.read() as connection:
        rows = await connection.execute(select(*columns).order_by(usage.c.time, usage.c.index))
        return [tuple(row) for row in rows]


async def test_a_message_is_booked_once_at_the_price_of_its_segments(seed: Seed) -> None:
    """S7: the hand-over books country and price of all segments; a receipt later books nothing more."""
    await keep_price(seed.database, 70, country="GB")
    await keep_price(seed.database, 50)
    identifier = await sending(seed, ["GB", "FR", ""], segments=3)
    facts = FactsCache()
    await move(seed, facts, identifier, [State.SENT] * 3)
    await move(seed, facts, identifier, [State.DELIVERED] * 3, T0 + 5)
    assert await booked(seed.database) == [
        (0, "GB", 3, 210, "EUR", T0),
        (1, "FR", 3, 150, "EUR", T0),
        (2, "", 3, 150, "EUR", T0),
    ]


async def test_what_was_not_handed_over_is_not_booked(seed: Seed) -> None:
    """S7: refused by the carrier before it left, failed or suppressed: no usage row."""
    await keep_price(seed.database, 70)
    identifier = await sending(seed, ["GB"] * 3)
    await move(seed, FactsCache(), identifier, [State.FAILED, State.SUPPRESSED, State.QUEUED])
    assert await booked(seed.database) == []


async def test_without_a_price_the_segments_are_booked_alone(seed: Seed) -> None:
    """A message without a price that fits has neither amount nor currency, and is booked all the same."""
    await keep_price(seed.database, 70, country="GB")
    identifier = await sending(seed, ["GB", "FR"])
    await move(seed, FactsCache(), identifier, [State.SENT] * 2)
    assert await booked(seed.database) == [(0, "GB", 1, 70, "EUR", T0), (1, "FR", 1, None, "", T0)]


async def test_a_price_holds_from_its_start_and_changes_nothing_before(seed: Seed) -> None:
    """Messages are priced at the time of their hand-over, by the price that holds at that moment."""
    await keep_price(seed.database, 70)
    await keep_price(seed.database, 80, start=T0 + 10)
    facts = FactsCache()
    for at in (T0 + 9, T0 + 10):
        await move(seed, facts, await sending(seed, ["GB"]), [State.SENT], at)
    assert [(row[3], row[5]) for row in await booked(seed.database)] == [(70, T0 + 9), (80, T0 + 10)]


async def test_a_process_knows_a_new_price_within_ten_seconds(seed: Seed, clock: FakeClock) -> None:
    """Prices are kept for ten seconds: until then the old one is booked, from then on the new one."""
    facts = FactsCache(prices=PriceBook(clock))
    await keep_price(seed.database, 70)
    await move(seed, facts, await sending(seed, ["GB"]), [State.SENT], T0)
    later = await keep_price(seed.database, 80, start=T0)
    clock.advance(KEPT_S - 0.001)
    await move(seed, facts, await sending(seed, ["GB"]), [State.SENT], T0 + 1)
    clock.advance(0.001)
    await move(seed, facts, await sending(seed, ["GB"]), [State.SENT], T0 + 2)
    async with seed.database.write() as connection:
        assert await prices.remove(connection, later.id)
        assert not await prices.remove(connection, later.id)
    clock.advance(KEPT_S)
    await move(seed, facts, await sending(seed, ["GB"]), [State.SENT], T0 + 3)
    assert [row[3] for row in await booked(seed.database)] == [70, 70, 80, 70]


async def test_an_estimate_is_the_sum_over_countries_or_nothing(database: Database, clock: FakeClock) -> None:
    """The preview's cost adds up segments by country; where one price is unknown there is none."""
    await keep_price(database, 70, country="GB")
    await keep_price(database, 50, point="main", country="FR")
    book = PriceBook(clock)
    async with database.read() as connection:
        assert await book.estimate(connection, "main", {"GB": 3, "FR": 2}, T0) == (310, "EUR")
        assert await book.estimate(connection, "other", {"GB": 3, "FR": 2}, T0) is None
        assert await book.estimate(connection, "main", {"GB": 3, "US": 1}, T0) is None
        assert await book.estimate(connection, "main", {}, T0) is None


async def test_one_price_for_one_start(database: Database) -> None:
    """A second price for the same contact point, country and start is not kept."""
    fresh = await keep_price(database, 70, country="GB", start=5)
    async with database.write() as connection:
        assert not await prices.create(connection, Price(uuid.uuid4(), "", "GB", 5, "EUR", 80, T0))
        assert await prices.create(connection, Price(uuid.uuid4(), "main", "GB", 5, "EUR", 80, T0))
        assert await prices.currency_in_use(connection) == "EUR"
        assert [one.nanos for one in await prices.list_page(connection, 9, None, contact_point_id="main")] == [80]
        assert fresh in await prices.list_page(connection, 9, None)
