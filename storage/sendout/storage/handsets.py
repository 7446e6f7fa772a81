"""The simulator's phones: every submit as one row, the receipts that are still due, and what the phones wrote.

It lies on the far side of the carrier interface, so nothing of the product may read it but the simulator itself and
the calls that show its phones. Tests judge by `read_submits` what was really handed over, when and how often.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import BigInteger, Integer, String, and_, bindparam, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from sendout.storage.engine import Database
from sendout.storage.rows import rows_parameters, rows_table
from sendout.storage.tables import simulator_message

_log = logging.getLogger(__name__)
_phone = simulator_message.c

_NEVER = 0
"""As `receive_time`: the phone never shows it."""


@dataclass(frozen=True, slots=True)
class Submit:
    """One submit as the far side saw it; `submit_ns` is monotonic and comparable between processes of one machine."""

    message_id: str
    attempt: int
    number: str
    segments: int
    submit_ns: int
    refused: bool  # answered with a definite refusal: the phone never gets it
    ref: str


@dataclass(frozen=True, slots=True)
class DueMessage:
    """A message of which at least one receipt is due; `receipts` are all that are still to come, in order."""

    ref: str
    message_id: str
    receipts: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Handset:
    """A phone that shows at least one text."""

    number: str
    messages: int
    last_time: int  # microseconds since 1970


@dataclass(frozen=True, slots=True)
class HandsetMessage:
    """A text on a phone, received or written there."""

    id: int
    ref: str
    message_id: str
    sender: str
    text: str
    segments: int
    receive_time: int  # microseconds since 1970
    from_handset: bool


class HandsetStore:
    """What the simulator carrier is lent: `carriers.simulator.HandsetStore` says what each call promises."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def insert_submits(self, rows: Sequence[Mapping[str, Any]]) -> bool:
        """True once committed, False where certainly nothing was stored; raises where neither is certain."""
        committing = False
        try:
            async with self._database.write() as connection:
                await connection.execute(insert(simulator_message), [_stored(row) for row in rows])
                committing = True
        except Exception as error:
            if committing:
                raise
            _log.warning("%d submits were not stored: %s", len(rows), type(error).__name__)
            return False
        return True

    async def next_due(self) -> int | None:
        """When the next receipt is due: cheap, and it waits for no writer."""
        async with self._database.read() as connection:
            found: int | None = (await connection.execute(_NEXT_DUE)).scalar_one()
            return found

    async def take_due(self, now_us: int, until_us: int, limit: int) -> list[DueMessage]:
        """Claim at most `limit` messages by moving what is due to `until_us`; rows that others hold are passed over."""
        async with self._database.write() as connection:
            found = await connection.execute(_TAKE_DUE, {"now": now_us, "until": until_us, "at_most": limit})
            return [DueMessage(*row) for row in found]

    async def advance(
        self, claimed_until: int, rest: Sequence[tuple[str, int | None, Sequence[Mapping[str, Any]]]]
    ) -> None:
        """Per ref: when its next receipt is due and what is still to come. A claim that was lost changes nothing."""
        done = [(ref,) for ref, due, _ in rest if due is None]
        more = [{"wanted": ref, "due": due, "to_come": to_come} for ref, due, to_come in rest if due is not None]
        async with self._database.write() as connection:
            if done:
                parameters = rows_parameters(connection, "done", _REFS, done) | {"claimed": claimed_until}
                await connection.execute(_finish(connection.dialect.name), parameters)
            if more:
                await connection.execute(_ADVANCE, [row | {"claimed": claimed_until} for row in more])


def _stored(row: Mapping[str, Any]) -> dict[str, Any]:
    columns = dict(row)
    if columns["receive_time"] is None:
        columns["receive_time"] = _NEVER
    return columns | {"from_handset": False}


_REFS = {"ref": String()}
_NEXT_DUE = select(func.min(_phone.receipt_due)).where(_phone.receipt_due.is_not(None))
_DUE = (
    select(_phone.id)
    .where(_phone.receipt_due <= bindparam("now", type_=BigInteger))
    .order_by(_phone.receipt_due)
    .limit(bindparam("at_most", type_=Integer))
    .with_for_update(skip_locked=True)
    .cte("due")
)
_TAKE_DUE = (
    update(simulator_message)
    .where(_phone.id.in_(select(_DUE.c.id)))
    .values(receipt_due=bindparam("until", type_=BigInteger))
    .returning(_phone.ref, _phone.message_id, _phone.receipts)
)
_ADVANCE = (
    update(simulator_message)
    .where(_phone.ref == bindparam("wanted"), _phone.receipt_due == bindparam("claimed", type_=BigInteger))
    .values(receipt_due=bindparam("due", type_=BigInteger), receipts=bindparam("to_come", type_=_phone.receipts.type))
)


@cache
def _finish(dialect: str) -> Any:
    done = rows_table(dialect, "done", _REFS)
    return (
        update(simulator_message)
        .where(_phone.ref == done.c.ref, _phone.receipt_due == bindparam("claimed", type_=BigInteger))
        .values(receipt_due=None, receipts=[])
    )


async def read_submits(connection: AsyncConnection) -> list[Submit]:
    """Every submit in the order of their commits, refused and repeated ones too."""
    found = await connection.execute(
        select(
            _phone.message_id,
            _phone.attempt,
            _phone.number,
            _phone.segments,
            _phone.submit_ns,
            _phone.refused,
            _phone.ref,
        )
        .where(~_phone.from_handset)
        .order_by(_phone.id)
    )
    return [Submit(*row) for row in found]


async def list_handsets(
    connection: AsyncConnection, now_us: int, limit: int, before: tuple[int, str] | None = None
) -> list[Handset]:
    """Phones that show a text by now, latest first; `before` is (last_time, number) of the last one seen."""
    latest = func.max(_phone.receive_time)
    statement = (
        select(_phone.number, func.count(), latest)
        .where(_phone.receive_time.between(_NEVER + 1, now_us))
        .group_by(_phone.number)
        .order_by(latest.desc(), _phone.number.desc())
        .limit(limit)
    )
    if before is not None:
        statement = statement.having(or_(latest < before[0], and_(latest == before[0], _phone.number < before[1])))
    return [Handset(*row) for row in await connection.execute(statement)]


async def list_handset_messages(
    connection: AsyncConnection, number: str, now_us: int, limit: int, before: tuple[int, int] | None = None
) -> list[HandsetMessage]:
    """Texts that this phone shows by now, newest first; `before` is (receive_time, id) of the last one seen."""
    statement = (
        select(
            _phone.id,
            _phone.ref,
            _phone.message_id,
            _phone.sender,
            _phone.text,
            _phone.segments,
            _phone.receive_time,
            _phone.from_handset,
        )
        .where(_phone.number == number, _phone.receive_time.between(_NEVER + 1, now_us))
        .order_by(_phone.receive_time.desc(), _phone.id.desc())
        .limit(limit)
    )
    if before is not None:
        time, identifier = before
        statement = statement.where(
            or_(_phone.receive_time < time, and_(_phone.receive_time == time, _phone.id < identifier))
        )
    return [HandsetMessage(*row) for row in await connection.execute(statement)]


async def insert_written(
    connection: AsyncConnection, *, ref: str, number: str, sender: str, text: str, segments: int, now_us: int
) -> HandsetMessage:
    """Keep a text that a person wrote on a phone; `sender` is whom it was written to."""
    statement = (
        insert(simulator_message)
        .values(
            ref=ref,
            message_id="",
            attempt=0,
            number=number,
            sender=sender,
            text=text,
            segments=segments,
            submit_ns=0,
            receive_time=now_us,
            from_handset=True,
            refused=False,
            receipt_due=None,
            receipts=[],
        )
        .returning(_phone.id)
    )
    identifier = (await connection.execute(statement)).scalar_one()
    return HandsetMessage(identifier, ref, "", sender, text, segments, now_us, True)
