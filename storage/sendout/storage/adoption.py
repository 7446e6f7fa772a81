"""Finding the message of a receipt whose reference nobody knows: one whose answer, or one part's, was lost.

Who comes in: the intake, for receipts that echo our message id, and for parked ones that name their number. Source:
reliability.md I2, "Receipts adopt UNCONFIRMED rows".
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import and_, bindparam, exists, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from sendout.domain.states import State
from sendout.storage.event_log import MAX_RUN
from sendout.storage.keys import KEYS, Key, same_message
from sendout.storage.receipts import not_sought_by
from sendout.storage.rows import rows_parameters, rows_table
from sendout.storage.tables import carrier_ref, event, is_open, is_parked, message, notification, progress, receipt

_UNANSWERED = (State.SENDING, State.UNCONFIRMED)
_ANSWERED = (State.SENT, State.UNKNOWN)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A message that may be the one. `refs`, `parts` and `refused` are what its references say; 0: there is none."""

    key: Key
    state: State
    segments: int
    refs: int
    parts: int
    refused: int
    submit_time: int | None = None  # when its last try was claimed

    def expected(self, per_part: bool) -> int:
        """How many parts it has, for a carrier that tells of each one or does not."""
        return self.parts or (self.segments if per_part else 1)

    def room(self, per_part: bool) -> int:
        """How many references it lacks."""
        return self.expected(per_part) - self.refused - self.refs


@dataclass(frozen=True, slots=True)
class Seeking:
    """A parked receipt with the messages to its number that lack a reference; `time` is the submit's or its own."""

    ref: str
    time: int
    candidates: tuple[Candidate, ...]


def _of_message(value: Any) -> Any:
    return select(value).where(same_message(carrier_ref, message)).scalar_subquery()


def _came_to(state: State) -> Any:
    """When the message came to a state last."""
    return (
        select(func.max(event.c.time))
        .where(
            event.c.notification_id == message.c.notification_id,
            event.c.state == int(state),
            event.c.first.between(message.c.index - MAX_RUN + 1, message.c.index),
            event.c.last >= message.c.index,
        )
        .scalar_subquery()
    )


_REFS = _of_message(func.count())
_PARTS = _of_message(func.coalesce(func.max(carrier_ref.c.parts), 0))
_REFUSED = _of_message(func.coalesce(func.max(carrier_ref.c.refused), 0))
_CANDIDATE = (
    message.c.notification_id,
    message.c.index.label("message_index"),
    message.c.state,
    message.c.segments,
    _REFS.label("refs"),
    _PARTS.label("parts"),
    _REFUSED.label("refused"),
)
_OF_CARRIER = func.coalesce(message.c.carrier, notification.c.carrier) == bindparam("carrier")


def _candidate(row: Any, submit_time: int | None = None) -> Candidate:
    counts = (row.segments, row.refs, row.parts, row.refused)
    return Candidate((row.notification_id, row.message_index), State(row.state), *counts, submit_time)


async def by_id(connection: AsyncConnection, carrier: str, keys: Sequence[Key]) -> dict[Key, Candidate]:
    """Those of these messages that are with a carrier account and have no final word yet."""
    parameters = rows_parameters(connection, "keys", KEYS, keys) | {"carrier": carrier}
    rows = await connection.execute(_by_id(connection.dialect.name), parameters)
    return {(row.notification_id, row.message_index): _candidate(row) for row in rows}


@cache
def _by_id(dialect: str) -> Any:
    keys = rows_table(dialect, "keys", KEYS)
    return (
        select(*_CANDIDATE)
        .join(keys, same_message(message, keys))
        .join(notification, notification.c.id == message.c.notification_id)
        .where(_OF_CARRIER, message.c.state.in_([*map(int, (*_UNANSWERED, *_ANSWERED))]))
    )


async def by_number(connection: AsyncConnection, carrier: str, limit: int) -> list[Seeking]:
    """Parked receipts of a carrier account for whose number some message lacks a reference, oldest first."""
    ids = list((await connection.execute(_SEEKING.limit(limit), {"carrier": carrier})).scalars())
    if not ids:
        return []
    found: defaultdict[tuple[str, str, int], list[Candidate]] = defaultdict(list)
    for row in await connection.execute(_BY_NUMBER, {"carrier": carrier, "ids": ids}):
        found[row.id, row.ref, row.time].append(_candidate(row, row.submit_time))
    return [Seeking(ref, time, tuple(candidates)) for (_, ref, time), candidates in found.items()]


_LACKS_REFERENCE = or_(
    message.c.state.in_([*map(int, _UNANSWERED)]),
    and_(message.c.state.in_([*map(int, _ANSWERED)]), _REFS < _PARTS - _REFUSED),
)
_IS_PARKED = and_(is_parked, receipt.c.carrier == bindparam("carrier"))
_KNOWN = exists().where(carrier_ref.c.ref == receipt.c.ref, carrier_ref.c.carrier == not_sought_by(receipt.c.carrier))
_SEEKING = (
    select(receipt.c.id)
    .where(
        _IS_PARKED,
        ~_KNOWN,
        exists(
            select(message.c.index)
            .join(notification, notification.c.id == message.c.notification_id)
            .where(message.c.number_key == receipt.c.number_key, _OF_CARRIER, _LACKS_REFERENCE)
            .correlate(receipt)
        ),
    )
    .order_by(receipt.c.receive_time, receipt.c.id)
)
_BY_NUMBER = (
    select(
        receipt.c.id,
        receipt.c.ref,
        func.coalesce(receipt.c.submit_time, receipt.c.receive_time).label("time"),
        *_CANDIDATE,
        _came_to(State.SENDING).label("submit_time"),
    )
    .join(message, message.c.number_key == receipt.c.number_key)
    .join(notification, notification.c.id == message.c.notification_id)
    .where(receipt.c.id.in_(bindparam("ids", expanding=True)), _OF_CARRIER, _LACKS_REFERENCE)
    .order_by(receipt.c.receive_time, receipt.c.id)
)


@dataclass(frozen=True, slots=True)
class Unconfirmed:
    """A message whose outcome is not on record, with its text as it was sent; its submit began between the times."""

    key: Key
    number: str
    sender: str
    text: str
    not_before: int
    not_after: int


async def unconfirmed(connection: AsyncConnection, carrier: str, limit: int) -> list[Unconfirmed]:
    """The latest UNCONFIRMED messages of a carrier account that no reference is known of."""
    rows = await connection.execute(_UNCONFIRMED.limit(limit), {"carrier": carrier})
    return [Unconfirmed((row[0], row[1]), *row[2:]) for row in rows if row.not_before and row.not_after]


_UNCONFIRMED = (
    select(
        message.c.notification_id,
        message.c.index,
        message.c.number,
        notification.c.sender,
        func.coalesce(message.c.text, notification.c.text),
        _came_to(State.SENDING).label("not_before"),
        _came_to(State.UNCONFIRMED).label("not_after"),
    )
    .join(notification, notification.c.id == message.c.notification_id)
    .join(progress, progress.c.notification_id == message.c.notification_id)
    .where(
        is_open,
        progress.c.unconfirmed > 0,
        message.c.state == int(State.UNCONFIRMED),
        message.c.number.is_not(None),
        func.coalesce(message.c.text, notification.c.text).is_not(None),
        _OF_CARRIER,
        _REFS == 0,
    )
    .order_by(message.c.notification_id.desc(), message.c.index)
)
