"""Tallies: folding deltas into the permanent counts, and reading both as one.

A read is one statement, so one snapshot: it sees a fold wholly or not at all and never counts a delta twice.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from sqlalchemy import Select, Table, and_, delete, func, or_, select, union_all
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from sendout.domain.tallies import GRAINS, Counts, bucket_of, pieces
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
    make = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    statement = make(tally)
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
