"""Taking messages out of the queue: from a range of indexes to the messages that may be sent now.

Source: design.md, "The life of a message" 3; reliability.md 5.2, I7 and I8. The claim is committed before a permit is
asked for, and looks again at everything that may have changed since the notification was accepted.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Integer,
    SmallInteger,
    String,
    Uuid,
    and_,
    bindparam,
    case,
    exists,
    false,
    func,
    or_,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from sendout.domain.quiet_hours import held_until
from sendout.domain.states import ReasonCode, State
from sendout.domain.text import Encoding, segments_of
from sendout.storage.changes import RETURNING, Changed, FactsCache, book
from sendout.storage.keys import KEYS, same_message
from sendout.storage.ranges import Range
from sendout.storage.rows import Columns, rows_parameters, rows_table
from sendout.storage.standings import Standing, standings
from sendout.storage.tables import (
    consent,
    message,
    worker,
)


@dataclass(frozen=True, slots=True)
class Claimed:
    """A message that is ours to send: SENDING, with this try's number."""

    notification_id: uuid.UUID
    index: int
    number: str
    number_key: bytes
    segments: int
    attempt: int
    refusals: int
    text: str
    encoding: Encoding
    tries: int = 0  # of this carrier, that came to nothing
    heeds_opt_out: bool = True


@dataclass(frozen=True, slots=True)
class Claim:
    """What came of claiming some ranges."""

    claimed: list[Claimed]
    standings: dict[uuid.UUID, Standing]
    changed: list[Changed]


class WorkerDead(Exception):
    """This incarnation was declared dead: it may claim nothing more."""


_RANGE_COLUMNS: Columns = {
    "notification_id": Uuid(),
    "first": Integer(),
    "last": Integer(),
    "to_state": SmallInteger(),
    "contact_point_id": String(),
    "require_opt_in": Boolean(),
    "carrier": String(),
    "heeds_opt_out": Boolean(),
}


async def claim(
    connection: AsyncConnection,
    facts: FactsCache,
    owner: int,
    account: str,
    ranges: Sequence[Range],
    now_us: int,
    only_with: frozenset[str] | None = None,
) -> Claim:
    """Claim what may be sent of these ranges by one carrier account, and finish what may not be sent any more.

    With `only_with` nothing is claimed but what may also go through one of these accounts; the rest is paused.
    Raises WorkerDead where `owner` has been fenced: nothing is changed then.
    """
    await _lock_worker(connection, owner)
    found = await standings(connection, [r.notification_id for r in ranges], now_us)
    if only_with is not None:
        found = {identifier: _unless_elsewhere(standing, only_with) for identifier, standing in found.items()}
    sendable = [r for r in ranges if r.notification_id in found and found[r.notification_id].verdict is None]
    rows: list[Any] = []
    held = await _hold(connection, found, sendable, now_us)
    if sendable:
        parameters = _range_parameters(connection, found, sendable, State.SENDING)
        parameters |= {"owner": owner, "account": account, "now": now_us}
        rows = [*await connection.execute(_claim_statement(connection.dialect.name), parameters)]
    changed = [*held, *(_left_queue(row, State.SENDING) for row in rows)]
    # Fewer than asked for: some were claimed before, canceled - or opted out since, and those end here.
    if len(changed) < sum(r.last - r.first + 1 for r in sendable):
        changed += await _finish(connection, found, sendable, (State.SUPPRESSED, ReasonCode.OPTED_OUT), now_us)
    for verdict, reason in {(s.verdict, s.reason) for s in found.values()}:
        if verdict is not None and verdict is not State.QUEUED:
            ended = [r for r in ranges if _verdict(found, r) == (verdict, reason)]
            changed += await _finish(connection, found, ended, (verdict, reason), now_us)
    await book(connection, facts, changed, now_us)
    claimed = [_claimed(row, found[row.notification_id]) for row in rows]
    claimed.sort(key=lambda c: (c.notification_id.int, c.index))
    return Claim(claimed, found, changed)


def _unless_elsewhere(standing: Standing, only_with: frozenset[str]) -> Standing:
    may_go = standing.verdict is not None or not only_with.isdisjoint(standing.carriers)
    return standing if may_go else replace(standing, verdict=State.QUEUED)


def _claimed(row: Any, standing: Standing) -> Claimed:
    own: str | None = row.text
    return Claimed(
        row.notification_id,
        row.message_index,
        row.number,
        row.number_key,
        row.segments,
        row.attempt,
        row.refusals,
        standing.text if own is None else own,
        Encoding(standing.encoding) if own is None else segments_of(own)[0],
        row.tries,
        standing.heeds_opt_out,
    )


def _verdict(found: dict[uuid.UUID, Standing], of: Range) -> tuple[State | None, ReasonCode] | None:
    standing = found.get(of.notification_id)
    return (standing.verdict, standing.reason) if standing else None


async def _lock_worker(connection: AsyncConnection, owner: int) -> None:
    """Shared with other claims, exclusive with the recovery that declares this worker dead."""
    alive = select(worker.c.id).where(worker.c.id == owner, worker.c.dead == false()).with_for_update(read=True)
    if (await connection.execute(alive)).first() is None:
        raise WorkerDead(f"incarnation {owner}")


def _range_parameters(
    connection: AsyncConnection, found: dict[uuid.UUID, Standing], ranges: Sequence[Range], state: State
) -> dict[str, Any]:
    rows = [
        (
            *(r.notification_id, r.first, r.last, int(state)),
            *(standing.contact_point_id, standing.require_opt_in, standing.carriers[0], standing.heeds_opt_out),
        )
        for r in sorted(ranges, key=lambda r: (r.notification_id.int, r.first))
        for standing in (found[r.notification_id],)
    ]
    return rows_parameters(connection, "ranges", _RANGE_COLUMNS, rows)


def _word(ranges: Any, opted_out: bool) -> Any:
    """Whether such a word stands for the recipient, at the contact point or for the organisation."""
    return exists().where(
        consent.c.number_key == message.c.number_key,
        consent.c.opted_out == opted_out,
        or_(consent.c.contact_point_id == ranges.c.contact_point_id, consent.c.contact_point_id == ""),
    )


def _not_agreed(ranges: Any) -> Any:
    """Whether consent keeps a message back. The last word after STOP is never kept back: only the server says it."""
    lacks = or_(_word(ranges, opted_out=True), and_(ranges.c.require_opt_in, ~_word(ranges, opted_out=False)))
    return and_(ranges.c.heeds_opt_out, lacks)


async def _hold(
    connection: AsyncConnection, found: dict[uuid.UUID, Standing], ranges: Sequence[Range], now_us: int
) -> list[Changed]:
    """Hold what the night has come for while it waited. The rules are Python's, so the numbers are read first."""
    quiet = [r for r in ranges if found[r.notification_id].quiet_hours is not None]
    if not quiet:
        return []
    dialect = connection.dialect.name
    due: list[tuple[uuid.UUID, int, int]] = []
    for row in await connection.execute(
        _queued_numbers(dialect), _range_parameters(connection, found, quiet, State.HELD)
    ):
        hours = found[row.notification_id].quiet_hours
        until = held_until(hours, row.number, row.number_key, now_us) if hours and row.number else None
        if until is not None:
            due.append((row.notification_id, row.message_index, until))
    if not due:
        return []
    parameters = rows_parameters(connection, "due", _DUE_COLUMNS, sorted(due))
    rows = await connection.execute(_hold_statement(dialect), parameters)
    return [_left_queue(row, State.HELD, row.due_time) for row in rows]


_DUE_COLUMNS: Columns = {**KEYS, "due_time": BigInteger()}


@cache
def _queued_numbers(dialect: str) -> Any:
    ranges = rows_table(dialect, "ranges", _RANGE_COLUMNS)
    return (
        select(
            message.c.notification_id, message.c.index.label("message_index"), message.c.number, message.c.number_key
        )
        .select_from(ranges)
        .join(
            message,
            and_(
                message.c.notification_id == ranges.c.notification_id,
                message.c.index.between(ranges.c.first, ranges.c.last),
            ),
        )
        .where(message.c.state == int(State.QUEUED))
    )


@cache
def _hold_statement(dialect: str) -> Any:
    due = rows_table(dialect, "due", _DUE_COLUMNS)
    return (
        update(message)
        .where(
            same_message(message, due),
            message.c.state == int(State.QUEUED),
        )
        .values(
            previous=message.c.state,
            state=int(State.HELD),
            reason=ReasonCode.QUIET_HOURS.value,
            due_time=due.c.due_time,
        )
        .returning(*RETURNING, message.c.due_time)
    )


@cache
def _claim_statement(dialect: str) -> Any:
    ranges = rows_table(dialect, "ranges", _RANGE_COLUMNS)
    now = bindparam("now", type_=BigInteger)
    return (
        update(message)
        .where(
            message.c.notification_id == ranges.c.notification_id,
            message.c.index.between(ranges.c.first, ranges.c.last),
            message.c.state == int(State.QUEUED),
            func.coalesce(message.c.due_time, 0) <= now,
            func.coalesce(message.c.carrier, ranges.c.carrier) == bindparam("account", type_=String),
            ~_not_agreed(ranges),
        )
        .values(
            previous=message.c.state,
            state=ranges.c.to_state,
            reason="",
            owner=bindparam("owner", type_=Integer),
            attempt=message.c.attempt + 1,
            due_time=None,
        )
        .returning(
            *RETURNING, message.c.number, message.c.number_key, message.c.refusals, message.c.text, message.c.tries
        )
    )


def _left_queue(row: Any, state: State, due_time: int | None = None) -> Changed:
    return Changed(
        *(row.notification_id, row.message_index, State.QUEUED, state, row.reason, row.segments, row.attempt),
        first_sent=False,
        due_time=due_time,
        carrier=row.carrier,
    )


async def _finish(
    connection: AsyncConnection,
    found: dict[uuid.UUID, Standing],
    ranges: Sequence[Range],
    end: tuple[State, ReasonCode],
    now_us: int,
) -> list[Changed]:
    """End the queued messages of these ranges; for OPTED_OUT, only those whose recipient did, or has not agreed."""
    state, reason = end
    parameters = _range_parameters(connection, found, ranges, state) | {"now": now_us, "reason": reason.value}
    statement = _finish_statement(connection.dialect.name, reason is ReasonCode.OPTED_OUT)
    rows = await connection.execute(statement, parameters)
    return [_left_queue(row, state) for row in rows]


@cache
def _finish_statement(dialect: str, only_not_agreed: bool) -> Any:
    ranges = rows_table(dialect, "ranges", _RANGE_COLUMNS)
    conditions = [
        message.c.notification_id == ranges.c.notification_id,
        message.c.index.between(ranges.c.first, ranges.c.last),
        message.c.state == int(State.QUEUED),
    ]
    reason: Any = bindparam("reason", type_=String)
    if only_not_agreed:
        conditions.append(_not_agreed(ranges))
        reason = case((_word(ranges, opted_out=True), reason), else_=ReasonCode.NOT_OPTED_IN.value)
    return (
        update(message)
        .where(*conditions)
        .values(
            previous=message.c.state,
            state=ranges.c.to_state,
            reason=reason,
            due_time=None,
            final_time=bindparam("now", type_=BigInteger),
        )
        .returning(*RETURNING)
    )
