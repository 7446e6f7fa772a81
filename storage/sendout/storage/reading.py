"""Reading notifications and messages: for those who follow a send and for history. Nothing here counts messages."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import Integer, Select, Uuid, and_, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from sendout.domain.replies import Purpose
from sendout.domain.states import State
from sendout.storage.event_log import MAX_RUN, EventKind
from sendout.storage.rows import Columns, rows_parameters, rows_table
from sendout.storage.tables import carrier_ref, contact_point, event, is_open, message, notification, progress

_STATES = tuple((state, state.name.lower()) for state in State)


@dataclass(frozen=True, slots=True)
class Progress:
    """How many messages of one notification are in each state; states without any are left out."""

    counts: dict[State, int]
    done: bool
    update_time: int
    release_time: int | None = None  # when the first of the held messages is released

    @property
    def total(self) -> int:
        """All its messages."""
        return sum(self.counts.values())

    @property
    def waiting(self) -> int:
        """Messages that have not left."""
        return self.counts.get(State.HELD, 0) + self.counts.get(State.QUEUED, 0)


@dataclass(frozen=True, slots=True)
class Notification:
    """One notification with its progress. Times in microseconds since 1970; `text` is None once purged."""

    id: uuid.UUID
    contact_point_id: str
    topic_id: str
    principal_id: str
    text: str | None
    encoding: int
    segments: int
    message_count: int
    urgent: bool
    create_time: int
    send_time: int | None
    expire_time: int
    labels: dict[str, str]
    trace_id: str
    given_text: str | None  # as the caller gave it, where smart encoding changed it
    replacement_count: int
    segments_per_second: float  # of its contact point
    progress: Progress


@dataclass(frozen=True, slots=True)
class Message:
    """One message. Times in microseconds since 1970; `number` is E.164, None once erased."""

    notification_id: uuid.UUID
    index: int
    number: str | None
    state: State
    reason: str
    segments: int
    attempt: int
    accept_time: int
    sent_time: int | None
    final_time: int | None
    crm_record: dict[str, str] | None
    due_time: int | None  # HELD until then, or tried again then
    carrier: str  # that it waits for or went through
    carrier_ref: str  # of the first part; empty before the carrier took it


@dataclass(frozen=True, slots=True)
class FullMessage:
    """One message with what it shares with its notification; `text` is as sent, None once purged."""

    message: Message
    text: str | None
    encoding: int
    sender: str
    contact_point_id: str
    topic_id: str
    principal_id: str
    trace_id: str


@dataclass(frozen=True, slots=True)
class Step:
    """One state change of a message."""

    state: State
    reason: str
    attempt: int
    time: int


@dataclass(frozen=True, slots=True)
class Span:
    """Messages first..last (inclusive) of one notification."""

    notification_id: uuid.UUID
    first: int
    last: int


_NOTIFICATION = (
    notification.c.id,
    notification.c.contact_point_id,
    notification.c.topic_id,
    notification.c.principal_id,
    notification.c.text,
    notification.c.encoding,
    notification.c.segments,
    notification.c.message_count,
    notification.c.urgent,
    notification.c.create_time,
    notification.c.send_time,
    notification.c.expire_time,
    notification.c.labels,
    notification.c.trace_id,
    notification.c.given_text,
    notification.c.replacement_count,
    contact_point.c.segments_per_second,
)
_COUNTED = (
    progress.c.done,
    progress.c.update_time,
    progress.c.release_time,
    *(progress.c[name] for _, name in _STATES),
)
_NOTIFICATIONS = (
    select(*_NOTIFICATION, *_COUNTED)
    .join(progress, progress.c.notification_id == notification.c.id)
    .join(contact_point, contact_point.c.id == notification.c.contact_point_id)
)

_FIRST_REF = (
    select(carrier_ref.c.ref)
    .where(carrier_ref.c.notification_id == message.c.notification_id, carrier_ref.c.index == message.c.index)
    .order_by(carrier_ref.c.part)
    .limit(1)
    .scalar_subquery()
)
_MESSAGE = (
    message.c.notification_id,
    message.c.index,
    message.c.number,
    message.c.state,
    message.c.reason,
    message.c.segments,
    message.c.attempt,
    notification.c.create_time,
    message.c.sent_time,
    message.c.final_time,
    message.c.crm_record,
    message.c.due_time,
    func.coalesce(message.c.carrier, notification.c.carrier).label("account"),
    _FIRST_REF.label("ref"),
)


async def get_notification(connection: AsyncConnection, notification_id: uuid.UUID) -> Notification | None:
    """One notification with its progress."""
    row = (await connection.execute(_NOTIFICATIONS.where(notification.c.id == notification_id))).first()
    return None if row is None else _notification(row)


async def list_notifications(
    connection: AsyncConnection,
    *,
    topic_id: str,
    contact_point_id: str,
    start_us: int | None,
    end_us: int | None,
    before: uuid.UUID | None,
    limit: int,
) -> list[Notification]:
    """Notifications created in [start, end), newest first; an empty or None filter does not filter."""
    statement = _NOTIFICATIONS.where(notification.c.purpose == Purpose.NOTIFICATION)
    statement = statement.order_by(notification.c.id.desc()).limit(limit)
    if topic_id:
        statement = statement.where(notification.c.topic_id == topic_id)
    if contact_point_id:
        statement = statement.where(notification.c.contact_point_id == contact_point_id)
    # The ids begin with the milliseconds of the creation, so they find the rows and the exact time cuts the edges.
    if start_us is not None:
        statement = statement.where(notification.c.id >= first_id(start_us), notification.c.create_time >= start_us)
    if end_us is not None:
        last = first_id(end_us + 1000)
        statement = statement.where(notification.c.id < last, notification.c.create_time < end_us)
    if before is not None:
        statement = statement.where(notification.c.id < before)
    return [_notification(row) for row in await connection.execute(statement)]


def first_id(time_us: int) -> uuid.UUID:
    """No UUIDv7 of this millisecond or a later one is smaller."""
    return uuid.UUID(int=min(max(time_us // 1000, 0), (1 << 48) - 1) << 80)


def _notification(row: Any) -> Notification:
    fields = len(_NOTIFICATION)
    counts = zip((state for state, _ in _STATES), row[fields + 3 :], strict=True)
    found = {state: count for state, count in counts if count}
    release = row.release_time if State.HELD in found else None
    values = [*row[:fields], Progress(found, row.done, row.update_time, release)]
    return Notification(*values)


async def waiting_segments(
    connection: AsyncConnection, contact_point_ids: Collection[str]
) -> dict[str, dict[uuid.UUID, int]]:
    """Segments that wait for their turn, by contact point and notification."""
    found: dict[str, dict[uuid.UUID, int]] = {identifier: {} for identifier in contact_point_ids}
    if not found:
        return found
    rows = await connection.execute(
        select(progress.c.contact_point_id, progress.c.notification_id, progress.c.queued * notification.c.segments)
        .join(notification, notification.c.id == progress.c.notification_id)
        .where(is_open, progress.c.queued > 0, progress.c.contact_point_id.in_(found))
    )
    for contact_point_id, notification_id, segments in rows:
        found[contact_point_id][notification_id] = segments
    return found


async def list_messages(
    connection: AsyncConnection, notification_id: uuid.UUID, *, states: Collection[State], after: int, limit: int
) -> list[Message]:
    """Messages of one notification by index, from the one after `after`; no states means all."""
    statement = (
        _messages()
        .where(message.c.notification_id == notification_id, message.c.index > after)
        .order_by(message.c.index)
        .limit(limit)
    )
    if states:
        statement = statement.where(message.c.state.in_([*map(int, states)]))
    return [_message(row) for row in await connection.execute(statement)]


async def recent_spans(
    connection: AsyncConnection, topic_id: str, *, start: tuple[uuid.UUID, int] | None, limit: int
) -> list[Span]:
    """Where the `limit` most recent messages of a topic stand, newest notification first, index ascending within.

    `start` is the first place wanted (notification, index); None means the newest.
    """
    statement = (
        select(notification.c.id, notification.c.message_count)
        .where(notification.c.topic_id == topic_id)
        .order_by(notification.c.id.desc())
        .limit(limit + 1)  # the one at `start` may have nothing left
    )
    if start is not None:
        statement = statement.where(notification.c.id <= start[0])
    spans: list[Span] = []
    left = limit
    for notification_id, count in await connection.execute(statement):
        first = start[1] if start is not None and notification_id == start[0] else 0
        last = min(count, first + left) - 1
        if first <= last:
            spans.append(Span(notification_id, first, last))
            left -= last - first + 1
        if not left:
            break
    return spans


async def messages_in(connection: AsyncConnection, spans: Sequence[Span]) -> list[Message]:
    """The messages of these places that still exist, in the order of the places."""
    if not spans:
        return []
    rows = [(place, span.notification_id, span.first, span.last) for place, span in enumerate(spans)]
    parameters = rows_parameters(connection, "span", _SPAN_COLUMNS, rows)
    found = await connection.execute(_spans_statement(connection.dialect.name), parameters)
    return [_message(row) for row in found]


_SPAN_COLUMNS: Columns = {"place": Integer(), "notification_id": Uuid(), "first": Integer(), "last": Integer()}


@cache
def _spans_statement(dialect: str) -> Select[Any]:
    span = rows_table(dialect, "span", _SPAN_COLUMNS)
    within = and_(
        message.c.notification_id == span.c.notification_id, message.c.index.between(span.c.first, span.c.last)
    )
    return (
        select(*_MESSAGE)
        .select_from(span)
        .join(message, within)
        .join(notification, notification.c.id == message.c.notification_id)
        .order_by(span.c.place, message.c.index)
    )


async def get_message(connection: AsyncConnection, notification_id: uuid.UUID, index: int) -> FullMessage | None:
    """One message with the text as it was sent."""
    statement = (
        select(
            *_MESSAGE,
            message.c.text.label("own_text"),
            notification.c.text.label("shared_text"),
            notification.c.encoding,
            notification.c.sender,
            notification.c.contact_point_id,
            notification.c.topic_id,
            notification.c.principal_id,
            notification.c.trace_id,
        )
        .join(notification, notification.c.id == message.c.notification_id)
        .join(contact_point, contact_point.c.id == notification.c.contact_point_id)
        .where(message.c.notification_id == notification_id, message.c.index == index)
    )
    row = (await connection.execute(statement)).first()
    if row is None:
        return None
    own_text, shared_text, *shared = row[len(_MESSAGE) :]
    return FullMessage(_message(row[: len(_MESSAGE)]), shared_text if own_text is None else own_text, *shared)


async def steps(connection: AsyncConnection, notification_id: uuid.UUID, index: int) -> list[Step]:
    """Every state change of one message, oldest first."""
    # The accept event may span the whole notification; every other run is short, so few rows are looked at.
    near = event.c.first.between(index - MAX_RUN + 1, index)
    accept = and_(event.c.first == 0, event.c.from_state == 0)
    statement = (
        select(event.c.state, event.c.reason, event.c.attempt, event.c.time)
        .where(event.c.notification_id == notification_id, or_(near, accept), event.c.last >= index)
        .where(event.c.kind == EventKind.STATE_CHANGED)
        .order_by(event.c.position)
    )
    rows = await connection.execute(statement)
    return [Step(State(state), reason, attempt, time) for state, reason, attempt, time in rows]


def _messages() -> Select[Any]:
    return select(*_MESSAGE).join(notification, notification.c.id == message.c.notification_id)


def _message(row: Any) -> Message:
    values: list[Any] = list(row)
    values[3] = State(values[3])
    values[-1] = values[-1] or ""
    return Message(*values)
