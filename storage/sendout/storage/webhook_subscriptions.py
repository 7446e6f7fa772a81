"""Webhook subscriptions: their rows, their places in the event log, and the leases of the processes that deliver them.

A place only moves forward, so that a process that lost its lease without noticing can move none back.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Row, delete, func, insert, or_, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from sendout.domain.cursors import Place
from sendout.domain.webhooks import WebhookSubscription
from sendout.storage.tables import webhook_subscription as table

_LISTS = ("event_kinds", "contact_point_ids", "topic_ids")


async def create(connection: AsyncConnection, fresh: WebhookSubscription) -> None:
    """Insert a subscription."""
    await connection.execute(
        insert(table).values(
            id=fresh.id,
            url=fresh.url,
            event_kinds=sorted(fresh.event_kinds),
            contact_point_ids=sorted(fresh.contact_point_ids),
            topic_ids=sorted(fresh.topic_ids),
            crm_system=fresh.crm_system,
            generation=fresh.generation,
            position=fresh.place.position,
            index=fresh.place.index,
            create_time=fresh.create_time,
        )
    )


async def count(connection: AsyncConnection) -> int:
    """How many there are."""
    return int((await connection.execute(select(func.count()).select_from(table))).scalar_one())


async def get(
    connection: AsyncConnection, subscription_id: uuid.UUID, *, lock: bool = False
) -> WebhookSubscription | None:
    """One subscription; with `lock` it is held by this transaction alone."""
    statement = select(table).where(table.c.id == subscription_id)
    row = (await connection.execute(statement.with_for_update() if lock else statement)).one_or_none()
    return None if row is None else _subscription(row)


async def list_page(connection: AsyncConnection, limit: int, after: Sequence[Any] | None) -> list[WebhookSubscription]:
    """Subscriptions, newest first; `after` is (create_time, id) of the last one of the page before."""
    order = (table.c.create_time, table.c.id)
    statement = select(table).order_by(*(column.desc() for column in order)).limit(limit)
    if after is not None:
        statement = statement.where(tuple_(*order) < tuple_(after[0], uuid.UUID(after[1])))
    return [_subscription(row) for row in await connection.execute(statement)]


async def active(connection: AsyncConnection) -> list[WebhookSubscription]:
    """Every subscription that is not disabled."""
    statement = select(table).where(table.c.disabled == "").order_by(table.c.id)
    return [_subscription(row) for row in await connection.execute(statement)]


async def rotate(connection: AsyncConnection, subscription_id: uuid.UUID, generation: int, previous_until: int) -> None:
    """Write the generation of the secret, and until when the one before still signs."""
    await connection.execute(
        update(table).where(table.c.id == subscription_id).values(generation=generation, previous_until=previous_until)
    )


async def remove(connection: AsyncConnection, subscription_id: uuid.UUID) -> None:
    """Delete a subscription."""
    await connection.execute(delete(table).where(table.c.id == subscription_id))


# --- delivering ------------------------------------------------------------------------------------------------------


async def take(
    connection: AsyncConnection, ids: Collection[uuid.UUID], owner: str, now_us: int, until_us: int
) -> set[uuid.UUID]:
    """Lease those of these subscriptions that are this owner's or nobody's any more; answers which."""
    free = or_(table.c.owner == owner, table.c.lease_until < now_us)
    taken = await connection.execute(
        update(table).where(table.c.id.in_(ids), free).values(owner=owner, lease_until=until_us).returning(table.c.id)
    )
    return set(taken.scalars())


async def give_back(connection: AsyncConnection, owner: str) -> None:
    """End this owner's leases."""
    await connection.execute(update(table).where(table.c.owner == owner).values(lease_until=0))


async def pass_by(connection: AsyncConnection, subscription_id: uuid.UUID, place: Place) -> None:
    """Move the place on to one before which nothing was wanted."""
    await _move(connection, subscription_id, place)


async def delivered(connection: AsyncConnection, subscription_id: uuid.UUID, place: Place, now_us: int) -> None:
    """Move the place on behind an event that was taken."""
    await _move(connection, subscription_id, place, success_time=now_us, failures=0)


async def _move(connection: AsyncConnection, subscription_id: uuid.UUID, place: Place, **values: Any) -> None:
    forward = tuple_(table.c.position, table.c.index) < tuple_(place.position, place.index)
    await connection.execute(
        update(table)
        .where(table.c.id == subscription_id, forward)
        .values(position=place.position, index=place.index, **values)
    )


async def failed(connection: AsyncConnection, subscription_id: uuid.UUID, failure: str, now_us: int) -> int:
    """Note an attempt that failed; answers how many in a row did. 0 where the subscription is gone."""
    noted = await connection.execute(
        update(table)
        .where(table.c.id == subscription_id)
        .values(failures=table.c.failures + 1, failure=failure, failure_time=now_us)
        .returning(table.c.failures)
    )
    return int(noted.scalar_one_or_none() or 0)


async def disable(connection: AsyncConnection, subscription_id: uuid.UUID, why: str) -> None:
    """Deliver nothing any more."""
    await connection.execute(update(table).where(table.c.id == subscription_id).values(disabled=why))


def _subscription(row: Row[Any]) -> WebhookSubscription:
    values: dict[str, Any] = dict(row._mapping)
    values |= {name: frozenset(values[name]) for name in _LISTS}
    return WebhookSubscription(place=Place(values.pop("position"), values.pop("index")), **values)
