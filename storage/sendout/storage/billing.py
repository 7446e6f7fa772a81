"""Usage: one row for every message that was handed to a carrier, with what it cost at that moment, for the bill.

A row is written in the transaction that recorded the hand-over and never changed: a price that comes later reprices
nothing. What was refused or never left has none (S7).
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import (
    BigInteger,
    Integer,
    SmallInteger,
    String,
    Uuid,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from sendout.storage.prices import PriceBook
from sendout.storage.rows import Columns, insert_rows
from sendout.storage.tables import usage


class Handed(NamedTuple):
    """A message that a carrier took for the first time."""

    notification_id: uuid.UUID
    message_index: int
    contact_point_id: str
    topic_id: str
    country: str
    segments: int


_COLUMNS: Columns = {
    "notification_id": Uuid(),
    "index": Integer(),
    "contact_point_id": String(),
    "topic_id": String(),
    "country": String(),
    "segments": SmallInteger(),
    "nanos": BigInteger(),
    "currency": String(),
    "time": BigInteger(),
}


async def book_usage(connection: AsyncConnection, book: PriceBook, handed: Sequence[Handed], now_us: int) -> None:
    """One row for each message, in one statement, at the price that holds now."""
    if not handed:
        return
    prices = await book.load(connection)
    rows = []
    for one in handed:
        price = prices.find(one.contact_point_id, one.country, now_us)
        cost = (price.nanos * one.segments, price.currency) if price else (None, "")
        rows.append((*one, *cost, now_us))
    await insert_rows(connection, usage, _COLUMNS, rows)
