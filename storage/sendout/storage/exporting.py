"""Walking through the notifications of an interval, oldest first, a page at a time: nothing is held between pages."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from sendout.storage.reading import first_id
from sendout.storage.tables import notification


@dataclass(frozen=True, slots=True)
class Batch:
    """What its messages share."""

    id: uuid.UUID
    message_count: int
    contact_point_id: str
    topic_id: str


async def notifications_after(
    connection: AsyncConnection,
    after: uuid.UUID | None,
    *,
    start_us: int,
    end_us: int,
    topic_id: str,
    contact_point_id: str,
    limit: int,
) -> Sequence[Batch]:
    """The next notifications created in [start, end), oldest first; an empty filter does not filter."""
    created = notification.c.create_time
    statement = (
        select(
            notification.c.id,
            notification.c.message_count,
            notification.c.contact_point_id,
            notification.c.topic_id,
        )
        .where(notification.c.id < first_id(end_us + 1000), created >= start_us, created < end_us)
        .order_by(notification.c.id)
        .limit(limit)
    )
    # One lower bound: of two, SQLite would choose the first and walk from the beginning for every page.
    statement = statement.where(notification.c.id >= first_id(start_us) if after is None else notification.c.id > after)
    if topic_id:
        statement = statement.where(notification.c.topic_id == topic_id)
    if contact_point_id:
        statement = statement.where(notification.c.contact_point_id == contact_point_id)
    return [Batch(*row) for row in await connection.execute(statement)]
