"""The event log's writing end: one counter row, taken last, makes positions dense (reliability.md I5)."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import BigInteger, Integer, SmallInteger, String, Uuid, bindparam, update
from sqlalchemy.ext.asyncio import AsyncConnection

from sendout.storage.engine import note_events
from sendout.storage.rows import Columns, insert_rows
from sendout.storage.tables import event, event_head

MAX_RUN = 512
"""Messages in one event row at the most, but for the accept event: bounds the search for one message's events."""


@dataclass(frozen=True, slots=True)
class Run:
    """Neighbouring messages of one notification that changed alike: one event row."""

    notification_id: uuid.UUID
    first: int
    last: int
    from_state: int
    state: int
    reason: str
    attempt: int
    time: int


_EVENT_COLUMNS: Columns = {
    "position": BigInteger(),
    "notification_id": Uuid(),
    "first": Integer(),
    "last": Integer(),
    "from_state": SmallInteger(),
    "state": SmallInteger(),
    "reason": String(),
    "attempt": SmallInteger(),
    "time": BigInteger(),
}


async def append_events(connection: AsyncConnection, runs: Sequence[Run]) -> None:
    """Give the runs the next positions. Must be the last write of the transaction: it holds the head row."""
    if not runs:
        return
    head = await connection.execute(_ADVANCE_HEAD, {"count": len(runs)})
    start = head.scalar_one() - len(runs) + 1
    rows = [
        (start + offset, r.notification_id, r.first, r.last, r.from_state, r.state, r.reason, r.attempt, r.time)
        for offset, r in enumerate(runs)
    ]
    await insert_rows(connection, event, _EVENT_COLUMNS, rows)
    note_events(connection)


_ADVANCE_HEAD = (
    update(event_head)
    .where(event_head.c.id == 1)
    .values(position=event_head.c.position + bindparam("count", type_=BigInteger))
    .returning(event_head.c.position)
)
