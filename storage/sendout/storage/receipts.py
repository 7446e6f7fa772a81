"""Carrier references and raw receipts: stored once, matched when both halves are there.

Who comes in: the settling of outcomes, with the references of what carriers took, and the intake with their receipts.
"""

from __future__ import annotations

import hashlib
import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import BigInteger, Boolean, Integer, SmallInteger, String, Uuid, bindparam, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from sendout.domain.states import ReasonCode, State
from sendout.storage.keys import KEYS, Key, same_message
from sendout.storage.rows import Columns, insert_rows, rows_parameters, rows_table
from sendout.storage.tables import carrier_ref, is_parked, message, receipt

_LONGEST_REF = 128

_REF_COLUMNS: Columns = {
    "carrier": String(),
    "ref": String(),
    "part": SmallInteger(),
    "notification_id": Uuid(),
    "index": Integer(),
    "parts": SmallInteger(),
    "refused": SmallInteger(),
}


@dataclass(frozen=True, slots=True)
class Reference:
    """A carrier's own id for one message, or for one of its `parts`, of which it `refused` some for good."""

    carrier: str
    ref: str
    part: int
    notification_id: uuid.UUID
    index: int
    parts: int = 1
    refused: int = 0


def kept(ref: str) -> str:
    """A reference as it is kept: what a column cannot hold, and no sound carrier sends, becomes its hash."""
    if len(ref) <= _LONGEST_REF and ref.isprintable():
        return ref
    return "sha256:" + hashlib.sha256(ref.encode(errors="surrogatepass")).hexdigest()


async def insert_references(connection: AsyncConnection, references: Sequence[Reference]) -> None:
    """Keep references; one that is known stays as it is."""
    rows = sorted((r.carrier, kept(r.ref), r.part, r.notification_id, r.index, r.parts, r.refused) for r in references)
    if rows:
        await insert_rows(connection, carrier_ref, _REF_COLUMNS, rows, or_ignore=True)


@dataclass(frozen=True, slots=True)
class Referred:
    """What a reference stands for: a message, or one of its `parts`."""

    key: Key
    part: int
    parts: int


_SOUGHT: Columns = {"carrier": String(), "ref": String()}


def not_sought_by(carrier: Any) -> Any:
    """The column, in a form by which nothing is looked up. While a table is young and PostgreSQL has no statistics of
    it, it takes the references of one account for few, reads all of them, and compares each with each."""
    return func.coalesce(carrier, "")


async def find_references(connection: AsyncConnection, carrier: str, refs: Sequence[str]) -> dict[str, Referred]:
    """What these references (as they are kept) stand for; unknown ones are left out."""
    parameters = rows_parameters(connection, "sought", _SOUGHT, [(carrier, ref) for ref in refs])
    rows = await connection.execute(_find(connection.dialect.name), parameters)
    return {row.ref: Referred((row.notification_id, row.message_index), row.part, row.parts) for row in rows}


@cache
def _find(dialect: str) -> Any:
    sought = rows_table(dialect, "sought", _SOUGHT)
    return select(
        carrier_ref.c.ref,
        carrier_ref.c.notification_id,
        carrier_ref.c.index.label("message_index"),
        carrier_ref.c.part,
        carrier_ref.c.parts,
    ).join(sought, (carrier_ref.c.ref == sought.c.ref) & (carrier_ref.c.carrier == sought.c.carrier))


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
    "submit_time": BigInteger(),
}


async def insert_receipts(connection: AsyncConnection, rows: Sequence[dict[str, Any]]) -> set[str]:
    """Keep raw receipts; answers the ids of those that were not there yet.

    A row's `number_key`, where it has one, says for which number a parked receipt seeks its message.
    """
    cells = sorted(tuple(row[name] for name in _RECEIPT_COLUMNS) for row in rows)
    fresh = set(await insert_rows(connection, receipt, _RECEIPT_COLUMNS, cells, or_ignore=True, returning="id"))
    keyed = [{"of": row["id"], "key": row["number_key"]} for row in rows if row["id"] in fresh and row["number_key"]]
    if keyed:
        statement = update(receipt).where(receipt.c.id == bindparam("of")).values(number_key=bindparam("key"))
        await connection.execute(statement, keyed)
    return fresh


@dataclass(frozen=True, slots=True)
class Parked:
    """A parked receipt whose message is known by now."""

    id: str
    refers: Referred
    ref: str
    state: State
    reason: ReasonCode


async def parked(connection: AsyncConnection, carrier: str, limit: int) -> list[Parked]:
    """Parked receipts of a carrier account whose message is known by now, oldest first."""
    rows = await connection.execute(_PARKED.limit(limit), {"carrier": carrier})
    return [
        Parked(
            row.id,
            Referred((row.notification_id, row.message_index), row.part, row.parts),
            row.ref,
            State(row.state),
            ReasonCode(row.reason),
        )
        for row in rows
    ]


_PARKED = (
    select(
        receipt.c.id,
        receipt.c.ref,
        receipt.c.state,
        receipt.c.reason,
        carrier_ref.c.notification_id,
        carrier_ref.c.index.label("message_index"),
        carrier_ref.c.part,
        carrier_ref.c.parts,
    )
    .join(
        carrier_ref,
        (carrier_ref.c.ref == receipt.c.ref) & (carrier_ref.c.carrier == not_sought_by(receipt.c.carrier)),
    )
    .where(is_parked, receipt.c.carrier == bindparam("carrier"))
    .order_by(receipt.c.receive_time, receipt.c.id)
)


async def unpark(connection: AsyncConnection, ids: Sequence[str]) -> None:
    """These receipts have been dealt with."""
    done = update(receipt).where(receipt.c.id.in_(list(ids)))
    await connection.execute(done.values(parked=False, number_key=None))


async def give_up(connection: AsyncConnection, before_us: int) -> dict[str, int]:
    """Stop looking for the messages of receipts that came before; answers how many there were, by carrier."""
    done = update(receipt).where(is_parked, receipt.c.receive_time < before_us)
    rows = await connection.execute(done.values(parked=False, number_key=None).returning(receipt.c.carrier))
    return Counter(rows.scalars())


async def message_states(connection: AsyncConnection, keys: Sequence[Key]) -> dict[Key, State]:
    """Where messages stand."""
    parameters = rows_parameters(connection, "keys", KEYS, keys)
    rows = await connection.execute(_states(connection.dialect.name), parameters)
    return {(row.notification_id, row.message_index): State(row.state) for row in rows}


@cache
def _states(dialect: str) -> Any:
    keys = rows_table(dialect, "keys", KEYS)
    return select(message.c.notification_id, message.c.index.label("message_index"), message.c.state).join(
        keys, same_message(message, keys)
    )
