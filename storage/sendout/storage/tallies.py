"""Tallies: folding deltas into the permanent counts, and reading both as one.

A read is one statement, so one snapshot: it sees a fold wholly or not at all and never counts a delta twice.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    FromClause,
    Integer,
    Select,
    Table,
    and_,
    delete,
    func,
    literal,
    or_,
    select,
    true,
    union_all,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from sendout.domain.tallies import GRAINS, Counts, bucket_of, pieces
from sendout.storage.rows import Columns, insert_into, rows_parameters, rows_table
from sendout.storage.tables import tally, tally_delta
from sendout.storage.tables.history import COUNTS

_KEY = ("topic_id", "contact_point_id", "grain", "bucket")


async def fold(connection: AsyncConnection, limit: int) -> int:
    """Move up to `limit` deltas, oldest first, into the tally at every grain; answers how many.

    Part of the caller's transaction. Deltas that another folder holds are left to it.
    """
    # The lock keeps PostgreSQL from inlining the CTE, so LIMIT holds. On SQLite writers come one at a time.
    taken = (
        select(tally_delta.c.id).order_by(tally_delta.c.id).limit(limit).with_for_update(skip_locked=True).cte("taken")
    )
    deltas = (
        await connection.execute(
            delete(tally_delta)
            .where(tally_delta.c.id.in_(select(taken.c.id)))
            .returning(
                tally_delta.c.topic_id,
                tally_delta.c.contact_point_id,
                tally_delta.c.bucket,
                *(tally_delta.c[name] for name in COUNTS),
            )
        )
    ).all()
    sums: defaultdict[tuple[str, str, int, int], Counts] = defaultdict(Counts)
    for topic_id, contact_point_id, bucket, *counts in deltas:
        for grain in GRAINS:
            sums[topic_id, contact_point_id, grain, bucket_of(bucket, grain)] += Counts(*counts)
    if sums:
        await _add(connection, sums)
    return len(deltas)


async def _add(connection: AsyncConnection, sums: dict[tuple[str, str, int, int], Counts]) -> None:
    """Upsert in the order of the key, so that two folders never wait for each other in a circle."""
    statement = insert_into(connection.dialect.name, tally)
    statement = statement.on_conflict_do_update(
        index_elements=_KEY, set_={name: tally.c[name] + statement.excluded[name] for name in COUNTS}
    )
    rows = [
        dict(zip(_KEY, key, strict=True)) | {name: getattr(counts, name) for name in COUNTS}
        for key, counts in sorted(sums.items(), key=lambda item: item[0])
    ]
    await connection.execute(statement, rows)


async def read(
    connection: AsyncConnection, start_us: int, end_us: int, contact_point_id: str | None = None
) -> dict[str, Counts]:
    """Counts by topic for [start, end), whose ends lie on quarter hours; topics without any are left out."""
    cut = pieces(start_us, end_us)
    if not cut:
        return {}
    folded = or_(*(and_(tally.c.grain == p.grain, tally.c.bucket >= p.start, tally.c.bucket < p.end) for p in cut))
    waiting = and_(tally_delta.c.bucket >= start_us, tally_delta.c.bucket < end_us)
    statement = union_all(_sums(tally, folded, contact_point_id), _sums(tally_delta, waiting, contact_point_id))
    return _by_topic(await connection.execute(statement))


def _sums(table: Table, condition: Any, contact_point_id: str | None) -> Select[Any]:
    statement = select(table.c.topic_id, *(func.sum(table.c[name]) for name in COUNTS)).where(condition)
    if contact_point_id is not None:
        statement = statement.where(table.c.contact_point_id == contact_point_id)
    return statement.group_by(table.c.topic_id)


def _by_topic(rows: Iterable[Any]) -> dict[str, Counts]:
    found: defaultdict[str, Counts] = defaultdict(Counts)
    for topic_id, *sums in rows:
        found[topic_id] += Counts(*map(int, sums))  # PostgreSQL sums bigints as numeric
    return dict(found)


async def read_series(
    connection: AsyncConnection,
    buckets: Sequence[tuple[int, int]],
    *,
    topic_id: str | None = None,
    contact_point_id: str | None = None,
) -> list[Counts]:
    """Counts of each of these buckets: [start, end) on quarter hours, one following the other without gaps."""
    rows = [
        (place, piece.grain, piece.start, piece.end)
        for place, bucket in enumerate(buckets)
        for piece in pieces(*bucket)
    ]
    filters = {"topic_id": topic_id, "contact_point_id": contact_point_id}
    folded = _folded_in_pieces(connection.dialect.name, filters)
    waiting = (
        select(literal(1), tally_delta.c.bucket, *_columns(tally_delta))
        .where(tally_delta.c.bucket >= buckets[0][0], tally_delta.c.bucket < buckets[-1][1])
        .where(*_only(tally_delta, filters))
        .group_by(tally_delta.c.bucket)
    )
    parameters = rows_parameters(connection, "piece", _PIECE_COLUMNS, rows)
    starts = [start for start, _ in buckets]
    found = [Counts() for _ in buckets]
    for is_delta, at, *sums in await connection.execute(union_all(folded, waiting), parameters):
        place = bisect_right(starts, at) - 1 if is_delta else at
        found[place] += Counts(*map(int, sums))
    return found


_PIECE_COLUMNS: Columns = {"place": Integer(), "grain": Integer(), "start": BigInteger(), "stop": BigInteger()}


def _folded_in_pieces(dialect: str, filters: dict[str, str | None]) -> Select[Any]:
    """Sums of the folded tallies by place, over the parameter `piece`."""
    piece = rows_table(dialect, "piece", _PIECE_COLUMNS)
    within = (tally.c.grain == piece.c.grain, tally.c.bucket >= piece.c.start, tally.c.bucket < piece.c.stop)
    if dialect == "postgresql":
        # Left to itself it joins by grain alone and compares every bucket with every piece: a thousand times slower.
        sums = select(*_columns(tally)).where(*within, *_only(tally, filters)).lateral("sums")
        joined = select(literal(0), piece.c.place, *_columns(sums)).select_from(piece.join(sums, true()))
    else:
        joined = select(literal(0), piece.c.place, *_columns(tally)).where(*within, *_only(tally, filters))
    return joined.group_by(piece.c.place)


def _columns(table: FromClause) -> list[ColumnElement[int]]:
    return [func.coalesce(func.sum(table.c[name]), 0).label(name) for name in COUNTS]


def _only(table: Table, filters: dict[str, str | None]) -> list[ColumnElement[bool]]:
    return [table.c[name] == value for name, value in filters.items() if value is not None]
