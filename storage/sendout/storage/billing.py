"""Usage: one row for every message that was handed to a carrier, with what it cost at that moment, for the bill.

A row is written in the transaction that recorded the hand-over and never changed: a price that comes later reprices
nothing. What was refused or never left has none (S7).
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Integer,
    Select,
    SmallInteger,
    String,
    Uuid,
    case,
    func,
    select,
    true,
    tuple_,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from sendout.domain.prices import NANOS, Money
from sendout.domain.usage import Sums
from sendout.storage.prices import PriceBook
from sendout.storage.rows import Columns, insert_rows, rows_parameters, rows_table
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


@dataclass(frozen=True, slots=True)
class UsagePage:
    """Groups by their key, in its order, and everything together. `currencies` are those of all amounts."""

    rows: Sequence[tuple[tuple[Any, ...], Sums]]
    total: Sums
    currencies: tuple[str, ...]


async def read_usage(
    connection: AsyncConnection,
    start_us: int,
    end_us: int,
    *,
    group_by: Sequence[str] = (),
    periods: Sequence[tuple[int, int]] = (),
    only: Mapping[str, str] | None = None,
    limit: int,
    after: Sequence[Any] | None = None,
) -> UsagePage:
    """Usage of [start, end) by the columns `group_by`; "period" among them is the place in `periods`.

    `periods` must cover the interval, one following the other. `only` is what columns must hold. `after` is the key of
    the last row of the page before. One statement, so one snapshot: the total is that of the rows.
    """
    conditions = [usage.c[name] == value for name, value in (only or {}).items()]
    if "period" in group_by:
        grouped = _by_period(connection.dialect.name, group_by, conditions)
    else:
        grouped = _sums(group_by).where(usage.c.time >= start_us, usage.c.time < end_us, *conditions)
    places = [(place, *period) for place, period in enumerate(periods)]
    parameters = rows_parameters(connection, "period", _PERIOD_COLUMNS, places) if "period" in group_by else {}
    rows = (await connection.execute(_page_and_total(grouped, group_by, limit, after), parameters)).all()
    size = len(_SUMS)
    total = rows[0][:size]
    found = [(tuple(row[2 * size :]), _sums_of(row[size : 2 * size])) for row in rows if row[size] is not None]
    return UsagePage(found, _sums_of(total), tuple(sorted({*total[-2:]} - {None})))


_PERIOD_COLUMNS: Columns = {"place": Integer(), "start": BigInteger(), "stop": BigInteger()}
# Units and the rest of them are summed each for itself: all nanos together would not fit in SQLite's integers.
_SUMS: dict[str, ColumnElement[Any]] = {
    "messages": func.count(),
    "segments": func.sum(usage.c.segments),
    "unpriced": func.sum(case((usage.c.nanos.is_(None), usage.c.segments), else_=0)),
    "units": func.sum(usage.c.nanos // NANOS),
    "rest": func.sum(usage.c.nanos % NANOS),
    "first_currency": func.min(func.nullif(usage.c.currency, "")),
    "last_currency": func.max(func.nullif(usage.c.currency, "")),
}


def _sums(group_by: Sequence[str]) -> Select[Any]:
    keys = [usage.c[name] for name in group_by]
    sums = [of.label(name) for name, of in _SUMS.items()]
    return select(*keys, *sums).group_by(*keys)


def _by_period(dialect: str, group_by: Sequence[str], conditions: Sequence[ColumnElement[bool]]) -> Select[Any]:
    period = rows_table(dialect, "period", _PERIOD_COLUMNS)
    within = (usage.c.time >= period.c.start, usage.c.time < period.c.stop, *conditions)
    others = [name for name in group_by if name != "period"]
    place = period.c.place.label("period")
    if dialect == "postgresql":
        # Left to itself it may compare every row with every period; so it reads the rows of one after the other.
        sums = _sums(others).where(*within).lateral("sums")
        return select(place, *sums.c).select_from(period.join(sums, true()))
    return _sums(others).add_columns(place).where(*within).group_by(period.c.place)


def _page_and_total(grouped: Select[Any], group_by: Sequence[str], limit: int, after: Sequence[Any] | None) -> Any:
    groups = grouped.cte("groups")
    keys = [groups.c[name] for name in group_by]
    page = select(groups).where(groups.c.messages > 0).order_by(*keys).limit(limit)
    if after is not None:
        page = page.where(tuple_(*keys) > tuple_(*after))
    shown = page.subquery("page")
    of_all: dict[str, Any] = dict.fromkeys(_SUMS, func.sum) | {"first_currency": func.min, "last_currency": func.max}
    total = select(*(of_all[name](groups.c[name]).label(name) for name in _SUMS)).subquery("total")
    return (
        select(*total.c, *(shown.c[name] for name in _SUMS), *(shown.c[name] for name in group_by))
        .select_from(total.outerjoin(shown, true()))
        .order_by(*(shown.c[name] for name in group_by))
    )


def _sums_of(row: Sequence[Any]) -> Sums:
    messages, segments, unpriced, units, rest, currency, _ = row
    cost = None if units is None else Money(int(units) * NANOS + int(rest), currency)
    return Sums(int(messages or 0), int(segments or 0), cost, int(unpriced or 0))
