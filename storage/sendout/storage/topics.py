"""Topics: created, renamed, disabled and activated, never deleted (a trigger refuses it)."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Select, and_, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from sendout.domain.topics import Topic
from sendout.storage.tables import topic

_COLUMNS = (
    topic.c.id,
    topic.c.label,
    topic.c.label_key,
    topic.c.is_default,
    topic.c.disabled,
    topic.c.create_time,
    topic.c.disable_time,
)


async def get(connection: AsyncConnection, topic_id: str) -> Topic | None:
    """One topic."""
    return await _one(connection, select(*_COLUMNS).where(topic.c.id == topic_id))


async def lock(connection: AsyncConnection, topic_id: str) -> Topic | None:
    """The same, held against being disabled until the commit; others may hold it too (I9)."""
    return await _one(connection, select(*_COLUMNS).where(topic.c.id == topic_id).with_for_update(read=True))


async def lock_to_change(connection: AsyncConnection, topic_id: str) -> Topic | None:
    """The same, held by this transaction alone."""
    return await _one(connection, select(*_COLUMNS).where(topic.c.id == topic_id).with_for_update())


async def active_with_key(connection: AsyncConnection, label_key: str) -> Topic | None:
    """The active topic that has this label, whatever the letter case."""
    return await _one(connection, select(*_COLUMNS).where(topic.c.label_key == label_key, ~topic.c.disabled))


async def list_topics(
    connection: AsyncConnection, *, disabled: bool | None, after: str | None = None, limit: int | None = None
) -> list[Topic]:
    """The default topic first, then by label; `disabled` None means both kinds, `after` is the last id of the page
    before."""
    statement = select(*_COLUMNS).order_by(topic.c.is_default.desc(), topic.c.label_key, topic.c.id).limit(limit)
    if disabled is not None:
        statement = statement.where(topic.c.disabled == disabled)
    if after is not None:
        last = await get(connection, after)
        if last is None:
            return []
        statement = statement.where(~topic.c.is_default)
        if not last.is_default:
            same_label = and_(topic.c.label_key == last.label_key, topic.c.id > last.id)
            statement = statement.where(or_(topic.c.label_key > last.label_key, same_label))
    return [Topic(*row) for row in await connection.execute(statement)]


async def create(connection: AsyncConnection, fresh: Topic) -> None:
    """Insert a topic. IntegrityError where its id exists or an active topic has its label."""
    await connection.execute(
        insert(topic).values(
            id=fresh.id, label=fresh.label, label_key=fresh.label_key, create_time=fresh.create_time, disabled=False
        )
    )


async def save(connection: AsyncConnection, changed: Topic) -> None:
    """Write the label and whether it is disabled. IntegrityError where another active topic has its label."""
    await connection.execute(
        update(topic)
        .where(topic.c.id == changed.id)
        .values(
            label=changed.label,
            label_key=changed.label_key,
            disabled=changed.disabled,
            disable_time=changed.disable_time,
        )
    )


async def _one(connection: AsyncConnection, statement: Select[Any]) -> Topic | None:
    row = (await connection.execute(statement)).first()
    return None if row is None else Topic(*row)
