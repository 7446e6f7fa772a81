"""Taking messages out of the queue: from a range of indexes to the messages that may be sent now.

Source: design.md, "The life of a message" 3; reliability.md 5.2, I7 and I8. The claim is committed before a permit is
asked for, and looks again at everything that may have changed since the notification was accepted.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    Integer,
    SmallInteger,
    String,
    Uuid,
    and_,
    bindparam,
    exists,
    false,
    func,
    or_,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from sendout.domain.permissions import EVERYONE, Grant
from sendout.domain.states import ReasonCode, State
from sendout.storage.changes import RETURNING, Changed, FactsCache, book
from sendout.storage.rows import Columns, rows_parameters, rows_table
from sendout.storage.tables import (
    consent,
    contact_point,
    message,
    notification,
    principal,
    principal_role,
    role_grant,
    worker,
)


@dataclass(frozen=True, slots=True)
class Range:
    """Neighbouring messages first..last (inclusive) of one notification, each of so many segments."""

    notification_id: uuid.UUID
    first: int
    last: int
    segments: int


def joined(messages: Iterable[tuple[uuid.UUID, int, int]]) -> list[Range]:
    """Ranges that cover messages given as (notification, index, segments): neighbours of equal segments join."""
    ranges: list[Range] = []
    for identifier, index, segments in sorted(messages, key=lambda m: (m[0].int, m[1])):
        last = ranges[-1] if ranges else None
        if last and (last.notification_id, last.last + 1, last.segments) == (identifier, index, segments):
            ranges[-1] = Range(identifier, last.first, index, segments)
        else:
            ranges.append(Range(identifier, index, index, segments))
    return ranges


@dataclass(frozen=True, slots=True)
class Claimed:
    """A message that is ours to send: SENDING, with this try's number."""

    notification_id: uuid.UUID
    index: int
    number: str
    segments: int
    attempt: int
    refusals: int
    text: str


@dataclass(frozen=True, slots=True)
class Standing:
    """How a notification stands at the moment of the claim."""

    notification_id: uuid.UUID
    text: str
    encoding: int
    sender: str
    contact_point_id: str
    segments_per_second: float
    burst_segments: int
    expire_time: int
    verdict: State | None  # None: may be sent; a final state: may not any more; QUEUED: not now
    reason: ReasonCode


@dataclass(frozen=True, slots=True)
class Claim:
    """What came of claiming some ranges."""

    claimed: list[Claimed]
    standings: dict[uuid.UUID, Standing]
    changed: list[Changed]


class WorkerDead(Exception):
    """This incarnation was declared dead: it may claim nothing more."""


async def standings(connection: AsyncConnection, ids: Sequence[uuid.UUID], now_us: int) -> dict[uuid.UUID, Standing]:
    """How these notifications stand now; those that are gone are left out."""
    rows = await connection.execute(_STANDINGS, {"ids": list(set(ids))})
    return {row.id: _standing(row, now_us) for row in rows}


def _standing(row: Any, now_us: int) -> Standing:
    verdict: State | None = None
    reason = ReasonCode.NONE
    if row.canceled:
        verdict, reason = State.CANCELED, ReasonCode.CANCELED_BY_CALLER
    elif row.expire_time <= now_us:
        verdict, reason = State.EXPIRED, ReasonCode.EXPIRED_IN_QUEUE
    elif not row.permitted:
        verdict, reason = State.SUPPRESSED, ReasonCode.PERMISSION_REVOKED
    elif not row.enabled:
        verdict = State.QUEUED  # a switched-off contact point pauses, it does not throw away
    return Standing(
        row.id,
        row.text or "",
        row.encoding,
        row.sender,
        row.contact_point_id,
        row.segments_per_second,
        row.burst_segments,
        row.expire_time,
        verdict,
        reason,
    )


_HOLDS_ROLE = or_(
    role_grant.c.role_id == EVERYONE,
    exists().where(
        principal_role.c.principal_id == notification.c.principal_id,
        principal_role.c.role_id == role_grant.c.role_id,
    ),
)
_PERMITTED = and_(
    exists().where(
        role_grant.c.contact_point_id == notification.c.contact_point_id,
        role_grant.c.permission == Grant.SEND_NOTIFICATIONS.value,
        _HOLDS_ROLE,
    ),
    exists().where(principal.c.id == notification.c.principal_id, principal.c.disabled == false()),
)
_STANDINGS = (
    select(
        notification.c.id,
        notification.c.text,
        notification.c.encoding,
        notification.c.contact_point_id,
        notification.c.expire_time,
        notification.c.canceled,
        notification.c.sender,
        contact_point.c.segments_per_second,
        contact_point.c.burst_segments,
        contact_point.c.enabled,
        _PERMITTED.label("permitted"),
    )
    .join(contact_point, contact_point.c.id == notification.c.contact_point_id)
    .where(notification.c.id.in_(bindparam("ids", expanding=True)))
)

_RANGE_COLUMNS: Columns = {
    "notification_id": Uuid(),
    "first": Integer(),
    "last": Integer(),
    "to_state": SmallInteger(),
    "contact_point_id": String(),
}


async def claim(
    connection: AsyncConnection, facts: FactsCache, owner: int, ranges: Sequence[Range], now_us: int
) -> Claim:
    """Claim what may be sent of these ranges and finish what may not be sent any more.

    Raises WorkerDead where `owner` has been fenced: nothing is changed then.
    """
    await _lock_worker(connection, owner)
    found = await standings(connection, [r.notification_id for r in ranges], now_us)
    sendable = [r for r in ranges if r.notification_id in found and found[r.notification_id].verdict is None]
    rows: list[Any] = []
    if sendable:
        parameters = _range_parameters(connection, found, sendable, State.SENDING) | {"owner": owner, "now": now_us}
        rows = [*await connection.execute(_claim_statement(connection.dialect.name), parameters)]
    changed = [_claim_changed(row) for row in rows]
    # Fewer than asked for: some were claimed before, canceled - or opted out since, and those end here.
    if len(rows) < sum(r.last - r.first + 1 for r in sendable):
        changed += await _finish(connection, found, sendable, (State.SUPPRESSED, ReasonCode.OPTED_OUT), now_us)
    for verdict, reason in {(s.verdict, s.reason) for s in found.values()}:
        if verdict is not None and verdict is not State.QUEUED:
            ended = [r for r in ranges if _verdict(found, r) == (verdict, reason)]
            changed += await _finish(connection, found, ended, (verdict, reason), now_us)
    await book(connection, facts, changed, now_us)
    claimed = [
        Claimed(
            row.notification_id,
            row.message_index,
            row.number,
            row.segments,
            row.attempt,
            row.refusals,
            row.text if row.text is not None else found[row.notification_id].text,
        )
        for row in rows
    ]
    claimed.sort(key=lambda c: (c.notification_id.int, c.index))
    return Claim(claimed, found, changed)


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
        (r.notification_id, r.first, r.last, int(state), found[r.notification_id].contact_point_id)
        for r in sorted(ranges, key=lambda r: (r.notification_id.int, r.first))
    ]
    return rows_parameters(connection, "ranges", _RANGE_COLUMNS, rows)


def _opted_out(ranges: Any) -> Any:
    return exists().where(
        consent.c.number_key == message.c.number_key,
        consent.c.opted_out,
        or_(consent.c.contact_point_id == ranges.c.contact_point_id, consent.c.contact_point_id == ""),
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
            ~_opted_out(ranges),
        )
        .values(
            previous=message.c.state,
            state=ranges.c.to_state,
            reason="",
            owner=bindparam("owner", type_=Integer),
            attempt=message.c.attempt + 1,
            due_time=None,
        )
        .returning(*RETURNING, message.c.number, message.c.refusals, message.c.text)
    )


def _claim_changed(row: Any) -> Changed:
    return Changed(
        row.notification_id,
        row.message_index,
        State.QUEUED,
        State.SENDING,
        "",
        row.segments,
        row.attempt,
        first_sent=False,
    )


async def _finish(
    connection: AsyncConnection,
    found: dict[uuid.UUID, Standing],
    ranges: Sequence[Range],
    end: tuple[State, ReasonCode],
    now_us: int,
) -> list[Changed]:
    """End the queued messages of these ranges; for OPTED_OUT, only those whose recipient did."""
    state, reason = end
    parameters = _range_parameters(connection, found, ranges, state) | {"now": now_us, "reason": reason.value}
    statement = _finish_statement(connection.dialect.name, reason is ReasonCode.OPTED_OUT)
    rows = await connection.execute(statement, parameters)
    return [
        Changed(
            r.notification_id, r.message_index, State.QUEUED, state, r.reason, r.segments, r.attempt, first_sent=False
        )
        for r in rows
    ]


@cache
def _finish_statement(dialect: str, only_opted_out: bool) -> Any:
    ranges = rows_table(dialect, "ranges", _RANGE_COLUMNS)
    conditions = [
        message.c.notification_id == ranges.c.notification_id,
        message.c.index.between(ranges.c.first, ranges.c.last),
        message.c.state == int(State.QUEUED),
    ]
    return (
        update(message)
        .where(*conditions, *([_opted_out(ranges)] if only_opted_out else []))
        .values(
            previous=message.c.state,
            state=ranges.c.to_state,
            reason=bindparam("reason"),
            due_time=None,
            final_time=bindparam("now", type_=BigInteger),
        )
        .returning(*RETURNING)
    )
