"""The event log's writing end: one counter row, taken last, makes positions dense (reliability.md I5)."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from functools import cache
from typing import Any

from sqlalchemy import BigInteger, Integer, SmallInteger, String, Uuid, bindparam, func, literal, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from sendout.storage.engine import note_events
from sendout.storage.keys import KEYS, same_message
from sendout.storage.rows import Columns, insert_rows, rows_parameters, rows_table
from sendout.storage.tables import event, event_head, message

MAX_RUN = 512
"""Messages in one event row at the most, but for the accept event: bounds the search for one message's events."""


NO_NOTIFICATION = uuid.UUID(int=0)
"""The notification of what belongs to no message."""


class EventKind(IntEnum):
    """What happened. Stored as a small integer; the order is that of `sendout.v1.DeliveryEventType`."""

    STATE_CHANGED = 0
    REPLY_RECEIVED = 1
    OPTED_OUT = 2
    OPTED_IN = 3


@dataclass(frozen=True, slots=True)
class Run:
    """Neighbouring messages of one notification that changed alike: one event row. Make another with `told`."""

    notification_id: uuid.UUID
    first: int
    last: int
    from_state: int
    state: int
    reason: str
    attempt: int
    time: int
    kind: EventKind = EventKind.STATE_CHANGED
    reference: str = ""  # the reply that caused it
    contact_point_id: str = ""  # of every other kind than STATE_CHANGED; "" there: the whole organisation


def told(
    kind: EventKind, contact_point_id: str, of: tuple[uuid.UUID, int] | None, now_us: int, reference: str = ""
) -> Run:
    """What a recipient said, with the message that it belongs to, if any."""
    notification_id, index = of or (NO_NOTIFICATION, 0)
    return Run(notification_id, index, index, 0, 0, "", 0, now_us, kind, reference, contact_point_id)


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
    "kind": SmallInteger(),
    "reference": String(),
    "contact_point_id": String(),
}


async def append_events(connection: AsyncConnection, runs: Sequence[Run]) -> None:
    """Give the runs the next positions. Must be the last write of the transaction: it holds the head row."""
    if not runs:
        return
    advance = _ADVANCE_HEAD_POSTGRES if connection.dialect.name == "postgresql" else _ADVANCE_HEAD
    head = await connection.execute(advance, {"count": len(runs)})
    start = head.scalar_one() - len(runs) + 1
    if any(r.kind for r in runs):
        runs = await _with_states(connection, runs)
    rows = [
        (
            *(start + offset, r.notification_id, r.first, r.last, r.from_state, r.state, r.reason, r.attempt, r.time),
            *(int(r.kind), r.reference, r.contact_point_id),
        )
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
# From here on a writer that stands still for a second is ended: while it holds the head, all others wait.
_ADVANCE_HEAD_POSTGRES = _ADVANCE_HEAD.returning(
    func.set_config("idle_in_transaction_session_timeout", "1s", literal(True))
)


async def _with_states(connection: AsyncConnection, runs: Sequence[Run]) -> list[Run]:
    """What is told of a message that did not change comes with its state at this position.

    Who holds the head sees every change that has a lower position, and none that will have a higher one.
    """
    keys = sorted({(r.notification_id, r.first) for r in runs if r.kind})
    statement = _states(connection.dialect.name)
    found = await connection.execute(statement, rows_parameters(connection, "keys", KEYS, keys))
    now = {(row.notification_id, row.message_index): row for row in found}
    return [
        replace(r, state=of.state, from_state=of.state, reason=of.reason, attempt=of.attempt)
        if r.kind and (of := now.get((r.notification_id, r.first)))
        else r
        for r in runs
    ]


@cache
def _states(dialect: str) -> Any:
    keys = rows_table(dialect, "keys", KEYS)
    return select(
        message.c.notification_id,
        message.c.index.label("message_index"),
        message.c.state,
        message.c.reason,
        message.c.attempt,
    ).join(keys, same_message(keys, message))
