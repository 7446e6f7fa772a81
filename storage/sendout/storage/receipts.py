"""Carrier references and raw receipts: stored once, matched when both halves are there."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import BigInteger, Boolean, Integer, SmallInteger, String, Uuid, bindparam, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from sendout.domain.states import State
from sendout.storage.rows import Columns, insert_rows, rows_parameters, rows_table
from sendout.storage.tables import carrier_ref, inbound, message, receipt

_REF_COLUMNS: Columns = {
    "carrier": String(),
    "ref": String(),
    "part": SmallInteger(),
    "notification_id": Uuid(),
    "index": Integer(),
}


@dataclass(frozen=True, slots=True)
class Reference:
    """A carrier's own id for one message (or one part of it)."""

    carrier: str
    ref: str
    part: int
    notification_id: uuid.UUID
    index: int


async def insert_references(connection: AsyncConnection, references: Sequence[Reference]) -> None:
    """Keep references; one that is known stays as it is."""
    rows = sorted((r.carrier, r.ref, r.part, r.notification_id, r.index) for r in references)
    if rows:
        await insert_rows(connection, carrier_ref, _REF_COLUMNS, rows, or_ignore=True)


_SOUGHT: Columns = {"ref": String()}


async def find_references(
    connection: AsyncConnection, carrier: str, refs: Sequence[str]
) -> dict[str, tuple[uuid.UUID, int]]:
    """(notification, index) by reference; unknown ones are left out."""
    parameters = rows_parameters(connection, "sought", _SOUGHT, [(ref,) for ref in refs]) | {"carrier": carrier}
    rows = await connection.execute(_find(connection.dialect.name), parameters)
    return {row.ref: (row.notification_id, row.message_index) for row in rows}


@cache
def _find(dialect: str) -> Any:
    sought = rows_table(dialect, "sought", _SOUGHT)
    return select(carrier_ref.c.ref, carrier_ref.c.notification_id, carrier_ref.c.index.label("message_index")).join(
        sought, (carrier_ref.c.ref == sought.c.ref) & (carrier_ref.c.carrier == bindparam("carrier"))
    )


_RECEIPT_COLUMNS: Columns = {
    "id": String(),
    "carrier": String(),
    "ref": String(),
    "state": SmallInteger(),
    "reason": String(),
    "code": String(),
    "carrier_time": BigInteger(),
    "receive_time": BigInteger(),
    "parked": Boolean(),
    "raw": String(),
}


async def insert_receipts(connection: AsyncConnection, rows: Sequence[dict[str, Any]]) -> set[str]:
    """Keep raw receipts; answers the ids of those that were not there yet."""
    cells = [tuple(row[name] for name in _RECEIPT_COLUMNS) for row in rows]
    return set(await insert_rows(connection, receipt, _RECEIPT_COLUMNS, cells, or_ignore=True, returning="id"))


async def parked(connection: AsyncConnection, limit: int) -> Sequence[Any]:
    """Parked receipts whose message is known by now: (id, state, reason, notification_id, index), oldest first."""
    rows = await connection.execute(
        select(
            receipt.c.id,
            receipt.c.state,
            receipt.c.reason,
            carrier_ref.c.notification_id,
            carrier_ref.c.index.label("message_index"),
        )
        .join(carrier_ref, (carrier_ref.c.carrier == receipt.c.carrier) & (carrier_ref.c.ref == receipt.c.ref))
        .where(receipt.c.parked)
        .order_by(receipt.c.receive_time)
        .limit(limit)
    )
    return rows.all()


async def unpark(connection: AsyncConnection, ids: Sequence[str]) -> None:
    """These receipts have been dealt with."""
    await connection.execute(update(receipt).where(receipt.c.id.in_(list(ids))).values(parked=False))


async def give_up(connection: AsyncConnection, before_us: int) -> int:
    """Stop looking for the messages of receipts that came before; answers how many there were."""
    done = await connection.execute(
        update(receipt).where(receipt.c.parked, receipt.c.receive_time < before_us).values(parked=False)
    )
    return int(done.rowcount)


async def are_unanswered(
    connection: AsyncConnection, keys: Sequence[tuple[uuid.UUID, int]]
) -> set[tuple[uuid.UUID, int]]:
    """Which of these messages are with the carrier, or may be, without an answer on record."""
    found: set[tuple[uuid.UUID, int]] = set()
    for notification_id, index in keys:
        row = await connection.execute(
            select(message.c.index).where(
                message.c.notification_id == notification_id,
                message.c.index == index,
                message.c.state.in_([int(State.SENDING), int(State.UNCONFIRMED)]),
            )
        )
        if row.first() is not None:
            found.add((notification_id, index))
    return found


async def insert_inbound(connection: AsyncConnection, rows: Sequence[dict[str, Any]]) -> None:
    """Keep replies; one that is known stays as it is."""
    cells = [tuple(row[name] for name in _INBOUND_COLUMNS) for row in rows]
    await insert_rows(connection, inbound, _INBOUND_COLUMNS, cells, or_ignore=True)


_INBOUND_COLUMNS: Columns = {
    "id": String(),
    "carrier": String(),
    "number": String(),
    "sender": String(),
    "text": String(),
    "receive_time": BigInteger(),
}
