"""Reading the event stream: where its head is, pages of rows after a position, and the messages they are about.

Positions are dense, so a page is a range of positions: nothing is skipped or sorted, and a hole is noticed. A row may
stand for a million messages; its messages are read a slice at a time.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import BigInteger, Table, and_, bindparam, select
from sqlalchemy.ext.asyncio import AsyncConnection

from sendout.domain.cursors import Place
from sendout.domain.ids import time_of
from sendout.domain.states import FINAL, State
from sendout.storage import reading, replies
from sendout.storage.event_log import NO_NOTIFICATION, EventKind
from sendout.storage.reading import Message, Span
from sendout.storage.replies import Reply
from sendout.storage.tables import contact_point, event, event_head, notification, topic

PAGE_ROWS = 500
_NO_REFERENCE = frozenset({State.HELD, State.QUEUED, State.SENDING, State.UNCONFIRMED})


@dataclass(frozen=True, slots=True)
class Head:
    """The last position, the epoch it belongs to, and the floor: events up to it are no longer kept."""

    position: int
    epoch: str
    floor: int


@dataclass(frozen=True, slots=True)
class Origin:
    """What a subscriber is told about the notification of an event, or about the contact point of one without any."""

    notification_id: uuid.UUID
    contact_point_id: str
    topic_id: str
    principal_id: str
    labels: dict[str, str]
    label_bytes: int
    trace_id: str
    accept_time: int
    of_conversation: bool  # somebody's answer to a recipient

    @property
    def of_no_message(self) -> bool:
        """Whether the event belongs to no notification; without a contact point it is about the organisation."""
        return self.notification_id == NO_NOTIFICATION


@dataclass(frozen=True, slots=True)
class EventRow:
    """Messages first..last (inclusive) of one notification that changed alike; `from_state` None: just accepted."""

    position: int
    first: int
    last: int
    from_state: State | None
    state: State
    reason: str
    attempt: int
    time: int
    origin: Origin
    kind: EventKind = EventKind.STATE_CHANGED
    reference: str = ""  # the reply that caused it

    @property
    def count(self) -> int:
        """Its messages."""
        return self.last - self.first + 1


@dataclass(frozen=True, slots=True)
class Page:
    """The rows of some positions, and the head when they were read."""

    position: int
    epoch: str
    rows: Sequence[EventRow]


@dataclass(frozen=True, slots=True)
class Happening:
    """One event. `message` has the state of this event; it is None where an opt-out or opt-in belongs to none."""

    event_id: str
    after: Place  # right behind this event
    message: Message | None
    old_state: State | None  # None where it did not change
    time: int
    origin: Origin
    kind: EventKind = EventKind.STATE_CHANGED
    reply: Reply | None = None


_HEAD = select(event_head.c.position, event_head.c.epoch, event_head.c.floor).where(event_head.c.id == 1)


async def head(connection: AsyncConnection) -> Head:
    """Where the stream ends and begins, as of one moment."""
    return Head(*(await connection.execute(_HEAD)).one())


_after = bindparam("after", type_=BigInteger)
_EVENT = (
    event.c.position,
    event.c.first,
    event.c.last,
    event.c.from_state,
    event.c.state,
    event.c.reason,
    event.c.attempt,
    event.c.time,
    event.c.kind,
    event.c.reference,
    event.c.contact_point_id.label("told_of"),
    event.c.notification_id,
)
_ORIGIN = (
    notification.c.contact_point_id,
    notification.c.topic_id,
    notification.c.principal_id,
    notification.c.labels,
    notification.c.trace_id,
    notification.c.create_time,
    notification.c.conversation_id.is_not(None).label("of_conversation"),
)
# The head comes with the rows, so that "nothing there" and "purged under the reader" are told apart.
_PAGE = (
    select(event_head.c.position, event_head.c.epoch, *_EVENT, *_ORIGIN)
    .select_from(
        event_head.outerjoin(
            event, and_(event.c.position > _after, event.c.position <= _after + bindparam("limit", type_=BigInteger))
        ).outerjoin(notification, notification.c.id == event.c.notification_id)
    )
    .where(event_head.c.id == 1)
    .order_by(event.c.position)
)


async def page(connection: AsyncConnection, after: int, limit: int = PAGE_ROWS) -> Page:
    """The rows of the next `limit` positions; one statement, whatever they stand for."""
    found = (await connection.execute(_PAGE, {"after": after, "limit": limit})).all()
    origins: dict[tuple[uuid.UUID, str], Origin] = {}
    rows = [_row(row[2:], origins) for row in found if row[2] is not None]
    return Page(found[0][0], found[0][1], rows)


def _row(values: Sequence[Any], origins: dict[tuple[uuid.UUID, str], Origin]) -> EventRow:
    position, first, last, before, state, reason, attempt, time, kind, reference, told_of, notification_id, *of = values
    if (notification_id, told_of) not in origins:
        of[0] = told_of or of[0]
        origins[notification_id, told_of] = _origin(notification_id, *of)
    from_state = State(before) if before else None
    return EventRow(
        *(position, first, last, from_state, State(state) if state else State.UNKNOWN, reason, attempt, time),
        origin=origins[notification_id, told_of],
        kind=EventKind(kind),
        reference=reference,
    )


def _origin(
    notification_id: uuid.UUID,
    contact_point_id: str | None,
    topic_id: str | None,
    principal_id: str | None,
    labels: dict[str, str] | None,
    trace_id: str | None,
    accept_time: int | None,
    of_conversation: bool,
) -> Origin:
    """All but the id is None where retention has taken the notification."""
    return Origin(
        notification_id,
        contact_point_id or "",
        topic_id or "",
        principal_id or "",
        labels or {},
        len(json.dumps(labels, ensure_ascii=False).encode()) if labels else 0,
        trace_id or "",
        time_of(notification_id) if accept_time is None else accept_time,
        bool(of_conversation),
    )


@dataclass(frozen=True, slots=True)
class Slice:
    """Some of the messages of one row: `count` of them from `start`, an index within the row."""

    row: EventRow
    start: int
    count: int


async def happenings_of(connection: AsyncConnection, epoch: str, slices: Sequence[Slice]) -> list[Happening]:
    """What these slices stand for, one entry a message, in order; two statements for all of them at the most."""
    spans = [
        Span(s.row.origin.notification_id, s.row.first + s.start, s.row.first + s.start + s.count - 1)
        for s in slices
        if not s.row.origin.of_no_message
    ]
    found = {(m.notification_id, m.index): m for m in await reading.messages_in(connection, spans)}
    written = await replies.written(connection, {s.row.reference for s in slices if s.row.reference})
    return [
        Happening(
            event_id=f"{epoch}.{s.row.position}.{index}",
            after=Place(s.row.position) if index + 1 == s.row.count else Place(s.row.position - 1, index + 1),
            message=None if s.row.origin.of_no_message else _as_of(s.row, s.row.first + index, found),
            old_state=None if s.row.kind else s.row.from_state,
            time=s.row.time,
            origin=s.row.origin,
            kind=s.row.kind,
            reply=_reply(s.row, written),
        )
        for s in slices
        for index in range(s.start, s.start + s.count)
    ]


def _reply(row: EventRow, written: dict[str, Reply]) -> Reply | None:
    """What was written; one that is no longer kept leaves its time."""
    if not row.reference:
        return None
    return written.get(row.reference) or Reply(row.reference, "", "", "", None, row.time)


def _as_of(row: EventRow, index: int, found: dict[tuple[uuid.UUID, int], Message]) -> Message:
    """The message as it was right after this event: what came later does not show, so each reading gives the same."""
    now = found.get((row.origin.notification_id, index)) or _erased(row, index)
    return replace(
        now,
        state=row.state,
        reason=row.reason,
        attempt=row.attempt,
        sent_time=now.sent_time if now.sent_time is not None and now.sent_time <= row.time else None,
        final_time=_final_time(row, now),
        due_time=None,
        carrier="",
        carrier_ref="" if row.state in _NO_REFERENCE else now.carrier_ref,
    )


def _final_time(row: EventRow, now: Message) -> int | None:
    if row.state not in FINAL:
        return None
    return now.final_time if row.kind else row.time


def _erased(row: EventRow, index: int) -> Message:
    """A message that is no longer kept: its events still are, so that no stream has a gap."""
    of = row.origin
    return Message(of.notification_id, index, None, row.state, "", 0, 0, of.accept_time, None, None, None, None, "", "")


async def unknown_contact_points(connection: AsyncConnection, identifiers: Collection[str]) -> list[str]:
    """Those of these ids that belong to no contact point."""
    return await _unknown(connection, contact_point, identifiers)


async def unknown_topics(connection: AsyncConnection, identifiers: Collection[str]) -> list[str]:
    """Those of these ids that belong to no topic."""
    return await _unknown(connection, topic, identifiers)


async def _unknown(connection: AsyncConnection, table: Table, identifiers: Collection[str]) -> list[str]:
    if not identifiers:
        return []
    known = set((await connection.execute(select(table.c.id).where(table.c.id.in_(identifiers)))).scalars())
    return sorted(set(identifiers) - known)


async def sender_of(connection: AsyncConnection, notification_id: uuid.UUID) -> str | None:
    """The principal that sent a notification; None where there is none."""
    found = await connection.execute(select(notification.c.principal_id).where(notification.c.id == notification_id))
    return found.scalar_one_or_none()
