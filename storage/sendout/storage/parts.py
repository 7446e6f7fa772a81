"""What receipts said of each part of long messages.

Who comes in: the intake, for carriers that tell of each part on its own. The message's row is locked before its parts
are read: two receipts of two parts, each blind to the other, would both find the message unfinished.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from sqlalchemy import bindparam, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from sendout.domain.states import ReasonCode, State
from sendout.storage.keys import KEYS, Key, same_message
from sendout.storage.receipts import not_sought_by
from sendout.storage.rows import rows_parameters, rows_table
from sendout.storage.tables import carrier_ref, message


@dataclass(slots=True)
class Part:
    """The latest word on one part; None: no receipt has spoken of it."""

    state: State | None
    reason: ReasonCode


@dataclass(slots=True)
class Parts:
    """The parts of one message: `known` by reference, of `expected`, of which the carrier `refused` some for good."""

    expected: int
    refused: int
    known: dict[str, Part] = field(default_factory=dict)


async def lock_parts(connection: AsyncConnection, carrier: str, keys: Sequence[Key]) -> dict[Key, Parts]:
    """The parts of these messages with a carrier account, locked until the commit."""
    parameters = rows_parameters(connection, "keys", KEYS, sorted(keys))
    await connection.execute(_lock(connection.dialect.name), parameters)
    found: defaultdict[Key, Parts] = defaultdict(lambda: Parts(1, 0))
    for row in await connection.execute(_read(connection.dialect.name), parameters | {"carrier": carrier}):
        parts = found[row.notification_id, row.message_index]
        parts.expected, parts.refused = max(parts.expected, row.parts), max(parts.refused, row.refused)
        parts.known[row.ref] = Part(None if row.state is None else State(row.state), ReasonCode(row.reason or ""))
    return dict(found)


@cache
def _lock(dialect: str) -> Any:
    keys = rows_table(dialect, "keys", KEYS)
    return (
        select(message.c.state)
        .join(keys, same_message(message, keys))
        .order_by(message.c.notification_id, message.c.index)
        .with_for_update(of=message)
    )


@cache
def _read(dialect: str) -> Any:
    keys = rows_table(dialect, "keys", KEYS)
    return (
        select(
            carrier_ref.c.notification_id,
            carrier_ref.c.index.label("message_index"),
            carrier_ref.c.ref,
            carrier_ref.c.parts,
            carrier_ref.c.refused,
            carrier_ref.c.state,
            carrier_ref.c.reason,
        )
        .join(keys, same_message(carrier_ref, keys))
        .where(not_sought_by(carrier_ref.c.carrier) == bindparam("carrier"))
    )


async def keep_parts(connection: AsyncConnection, carrier: str, said: dict[str, Part]) -> None:
    """Write down the words on these references."""
    rows = [
        {"account": carrier, "of": ref, "said": part.state, "why": part.reason.value}
        for ref, part in sorted(said.items())
    ]
    if rows:
        await connection.execute(_KEEP, rows)


_KEEP = (
    update(carrier_ref)
    .where(carrier_ref.c.carrier == bindparam("account"), carrier_ref.c.ref == bindparam("of"))
    .values(state=bindparam("said"), reason=bindparam("why"))
)
