"""Saved texts. A tag stands once among the shared ones, and once among those of each owner."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import delete, insert, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from sendout.domain.snippets import Snippet
from sendout.storage.tables import snippet

_SNIPPET = select(
    snippet.c.id,
    snippet.c.owner_id,
    snippet.c.tag,
    snippet.c.text,
    snippet.c.create_time,
    snippet.c.update_time,
)


async def get(connection: AsyncConnection, snippet_id: uuid.UUID, *, lock: bool = False) -> Snippet | None:
    """One snippet; with `lock` it is held by this transaction alone."""
    statement = _SNIPPET.where(snippet.c.id == snippet_id)
    row = (await connection.execute(statement.with_for_update() if lock else statement)).one_or_none()
    return None if row is None else Snippet(*row)


async def list_page(
    connection: AsyncConnection, limit: int, after: Sequence[Any] | None, owner_ids: Collection[str]
) -> list[Snippet]:
    """Snippets of these owners by tag; `after` is (tag, owner's id) of the last one of the page before."""
    order = (snippet.c.tag, snippet.c.owner_id)
    statement = _SNIPPET.where(snippet.c.owner_id.in_(owner_ids)).order_by(*order).limit(limit)
    if after is not None:
        statement = statement.where(tuple_(*order) > tuple_(*after))
    return [Snippet(*row) for row in await connection.execute(statement)]


async def create(connection: AsyncConnection, fresh: Snippet) -> None:
    """Insert a snippet. IntegrityError where its owner has one with its tag."""
    await connection.execute(insert(snippet).values(**asdict(fresh)))


async def save(connection: AsyncConnection, changed: Snippet) -> None:
    """Write tag, text and update time. IntegrityError where its owner has another with its tag."""
    await connection.execute(
        update(snippet)
        .where(snippet.c.id == changed.id)
        .values(tag=changed.tag, text=changed.text, update_time=changed.update_time)
    )


async def remove(connection: AsyncConnection, snippet_id: uuid.UUID) -> None:
    """Delete a snippet."""
    await connection.execute(delete(snippet).where(snippet.c.id == snippet_id))
