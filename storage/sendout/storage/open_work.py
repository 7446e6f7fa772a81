"""Finding what is still open, level-triggered: through the counts of each notification, never through time windows."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass

from sqlalchemy import ColumnElement, case, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from sendout.domain.states import ReasonCode, State
from sendout.storage.changes import Changed, FactsCache, change_range
from sendout.storage.engine import Database
from sendout.storage.ranges import Range, mean_segments
from sendout.storage.tables import contact_point, is_open, message, notification, progress, rerouted

CHUNK = 5_000
"""Messages changed in one transaction at the most, so that no writer waits long for the event head."""


@dataclass(frozen=True, slots=True)
class Open:
    """A notification with something left to do."""

    notification_id: uuid.UUID
    contact_point_id: str
    urgent: bool
    rate: float
    queued: int
    segments: int  # of one message
    due_since: int  # when its first message could leave


async def with_queued(connection: AsyncConnection, carrier: str) -> list[Open]:
    """Every notification with messages in QUEUED that wait for a carrier account; `queued` counts those."""
    of_this = rerouted.c.notification_id == notification.c.id
    elsewhere = select(func.coalesce(func.sum(rerouted.c.queued), 0)).where(of_this, rerouted.c.carrier != carrier)
    here = select(func.coalesce(func.sum(rerouted.c.queued), 0)).where(of_this, rerouted.c.carrier == carrier)
    queued = case(
        (notification.c.carrier == carrier, progress.c.queued - elsewhere.scalar_subquery()),
        else_=here.scalar_subquery(),
    )
    rows = await connection.execute(
        select(
            notification.c.id,
            notification.c.contact_point_id,
            notification.c.urgent,
            contact_point.c.segments_per_second,
            queued,
            notification.c.segments,
            func.coalesce(notification.c.send_time, notification.c.create_time),
        )
        .join(progress, progress.c.notification_id == notification.c.id)
        .join(contact_point, contact_point.c.id == notification.c.contact_point_id)
        .where(is_open, progress.c.queued > 0, queued > 0)
    )
    return [Open(*row) for row in rows]


async def queued_runs(connection: AsyncConnection, notification_id: uuid.UUID, carrier: str) -> list[tuple[Range, int]]:
    """The messages of one notification that are QUEUED for a carrier account, as (range, due time or 0).

    Neighbours that are due together join.
    """
    due = func.coalesce(message.c.due_time, 0)
    place = func.row_number().over(partition_by=due, order_by=message.c.index)
    islands = (
        select(message.c.index, message.c.segments, due.label("due"), (message.c.index - place).label("island"))
        .join(notification, notification.c.id == message.c.notification_id)
        .where(
            message.c.notification_id == notification_id,
            message.c.state == int(State.QUEUED),
            func.coalesce(message.c.carrier, notification.c.carrier) == carrier,
        )
        .subquery()
    )
    rows = await connection.execute(
        select(func.min(islands.c.index), func.max(islands.c.index), func.sum(islands.c.segments), islands.c.due)
        .group_by(islands.c.due, islands.c.island)
        .order_by(func.min(islands.c.index))
    )
    return [
        (Range(notification_id, first, last, mean_segments(total, last - first + 1)), due)
        for first, last, total, due in rows
    ]


async def held_due(connection: AsyncConnection, now_us: int) -> list[tuple[uuid.UUID, int]]:
    """(notification, message count) of those of which a held message is due."""
    return await _open_where(connection, progress.c.held > 0, func.coalesce(progress.c.release_time, 0) <= now_us)


async def release_due(
    database: Database, facts: FactsCache, notification_id: uuid.UUID, count: int, now_us: int
) -> AsyncIterator[list[Changed]]:
    """Queue the held messages of a notification that are due, a chunk a transaction, and note when the next one is."""
    due = or_(message.c.due_time.is_(None), message.c.due_time <= now_us)
    async for changed in change_all(
        database,
        facts,
        notification_id,
        count,
        from_states=frozenset({State.HELD}),
        state=State.QUEUED,
        reason=ReasonCode.NONE,
        now_us=now_us,
        only=due,
    ):
        yield changed
    following = (
        select(func.min(message.c.due_time))
        .where(message.c.notification_id == notification_id, message.c.state == int(State.HELD))
        .scalar_subquery()
    )
    ours = progress.c.notification_id == notification_id
    async with database.write() as connection:
        # Whoever holds a message meanwhile changes this row too: take it first, and only then look.
        await connection.execute(select(progress.c.notification_id).where(ours).with_for_update())
        await connection.execute(update(progress).where(ours).values(release_time=following))


async def overdue(connection: AsyncConnection, now_us: int) -> list[tuple[uuid.UUID, int]]:
    """Those whose validity is over and that still wait to leave."""
    return await _open_where(connection, progress.c.queued + progress.c.held > 0, notification.c.expire_time <= now_us)


async def without_receipt(connection: AsyncConnection, now_us: int, deadline_us: int) -> list[tuple[uuid.UUID, int]]:
    """Those whose receipts should have come by now: validity plus `deadline_us` is over."""
    return await _open_where(
        connection, progress.c.sent + progress.c.unconfirmed > 0, notification.c.expire_time <= now_us - deadline_us
    )


async def _open_where(connection: AsyncConnection, *conditions: ColumnElement[bool]) -> list[tuple[uuid.UUID, int]]:
    rows = await connection.execute(
        select(notification.c.id, notification.c.message_count)
        .join(progress, progress.c.notification_id == notification.c.id)
        .where(is_open, *conditions)
    )
    return [(row[0], row[1]) for row in rows]


async def change_all(
    database: Database,
    facts: FactsCache,
    notification_id: uuid.UUID,
    count: int,
    *,
    from_states: frozenset[State],
    state: State,
    reason: ReasonCode,
    now_us: int,
    only: ColumnElement[bool] | None = None,
) -> AsyncIterator[list[Changed]]:
    """Change every message of a notification that is in one of `from_states`, a chunk a transaction.

    `only` narrows it further.
    """
    for first in range(0, count, CHUNK):
        async with database.write() as connection:
            changed = await change_range(
                connection,
                facts,
                notification_id,
                first,
                min(first + CHUNK, count) - 1,
                from_states=from_states,
                state=state,
                reason=reason,
                now_us=now_us,
                only=only,
            )
        yield changed
