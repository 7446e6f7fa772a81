"""How many messages of a notification wait for a carrier of their own: the part of `progress.queued` that was moved.

Who comes in: the booking of state changes. The reconciler reads it, so that each account looks for its own only.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Iterable
from functools import cache
from typing import Any

from sqlalchemy import Uuid, bindparam
from sqlalchemy.ext.asyncio import AsyncConnection

from sendout.storage.rows import insert_into
from sendout.storage.tables import rerouted


async def book_rerouted(connection: AsyncConnection, moves: Iterable[tuple[uuid.UUID, str, int]]) -> None:
    """Add to the queued messages of (notification, carrier); rows are taken in the order of their keys."""
    deltas: Counter[tuple[uuid.UUID, str]] = Counter()
    for notification_id, carrier, delta in moves:
        deltas[notification_id, carrier] += delta
    for (notification_id, carrier), delta in sorted(deltas.items(), key=lambda item: (item[0][0].int, item[0][1])):
        if delta:
            values = {"of": notification_id, "account": carrier, "delta": delta}
            await connection.execute(_add(connection.dialect.name), values)


@cache
def _add(dialect: str) -> Any:
    statement = insert_into(dialect, rerouted).values(
        notification_id=bindparam("of", type_=Uuid), carrier=bindparam("account"), queued=bindparam("delta")
    )
    return statement.on_conflict_do_update(
        index_elements=[rerouted.c.notification_id, rerouted.c.carrier],
        set_={"queued": rerouted.c.queued + statement.excluded.queued},
    )
