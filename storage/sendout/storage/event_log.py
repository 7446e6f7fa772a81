"""The event log's writing end: one counter row, taken last, makes positions dense (reliability.md I5)."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Integer,
    SmallInteger,
    String,
    Uuid,
    bindparam,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from sendout.storage.engine import note_events
from sendout.storage.rows import Columns, as_script, rows_parameters, rows_table
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


_RUN_COLUMNS: Columns = {
    "place": BigInteger(),  # 0 for the last one, below it for those before
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
    """Give the runs the next positions. Must be the last write of the transaction: it takes the head row.

    On PostgreSQL nothing happens before the commit, with which it goes in one message.
    """
    if not runs:
        return
    rows = [
        (
            *(place, r.notification_id, r.first, r.last, r.from_state, r.state, r.reason, r.attempt, r.time),
            *(int(r.kind), r.reference, r.contact_point_id),
        )
        for place, r in enumerate(runs, 1 - len(runs))
    ]
    append = _append(connection.dialect.name, any(r.kind for r in runs))
    steps = (
        (_ADVANCE_HEAD, {"count": len(runs)}),
        (append, rows_parameters(connection, "runs", _RUN_COLUMNS, rows)),
    )
    if connection.dialect.name == "postgresql":
        note_events(connection, "".join(as_script(statement, parameters) for statement, parameters in steps))
        return
    for statement, parameters in steps:
        await connection.execute(statement, parameters)
    note_events(connection)


_ADVANCE_HEAD = (
    update(event_head)
    .where(event_head.c.id == 1)
    .values(position=event_head.c.position + bindparam("count", type_=BigInteger))
)


@cache
def _append(dialect: str, with_states: bool) -> Any:
    """What is told of a message that did not change comes with its state at this position.

    Who holds the head sees every change that has a lower position, and none that will have a higher one.
    """
    runs = rows_table(dialect, "runs", _RUN_COLUMNS)
    cells: dict[str, ColumnElement[Any]] = {name: runs.c[name] for name in _RUN_COLUMNS if name != "place"}
    source = runs.join(event_head, event_head.c.id == 1)
    if with_states:
        about = (runs.c.notification_id == message.c.notification_id) & (runs.c.first == message.c.index)
        source = source.outerjoin(message, (runs.c.kind != int(EventKind.STATE_CHANGED)) & about)
        now = {"from_state": message.c.state} | {name: message.c[name] for name in ("state", "reason", "attempt")}
        cells |= {name: func.coalesce(cell, runs.c[name]) for name, cell in now.items()}
    chosen = select(event_head.c.position + runs.c.place, *cells.values()).select_from(source)
    return insert(event).from_select(["position", *cells], chosen)
