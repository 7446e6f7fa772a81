"""Writing a notification: the request id, the notification, its messages in bulk, its counts and its accept event."""

from __future__ import annotations

import json
import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from sendout.domain.states import ReasonCode, State
from sendout.storage.changes import QUARTER_HOUR_US, add_tally
from sendout.storage.engine import driver_of
from sendout.storage.event_log import MAX_RUN, Run, append_events
from sendout.storage.ranges import Range, mean_segments
from sendout.storage.rows import insert_once
from sendout.storage.tables import notification, progress, request


@dataclass(frozen=True, slots=True)
class SeenRequest:
    """What an earlier request with the same id left."""

    fingerprint: bytes
    notification_id: uuid.UUID
    skipped: list[Any]


async def claim_request(
    connection: AsyncConnection,
    principal_id: str,
    request_id: str,
    *,
    fingerprint: bytes,
    notification_id: uuid.UUID,
    skipped: Sequence[Any],
    now_us: int,
) -> SeenRequest | None:
    """Record the request id; where it stands already (also just committed by another), what it stands for.

    A second inserter waits for the first one's transaction, so N concurrent calls leave one notification.
    """
    values = {
        "principal_id": principal_id,
        "request_id": request_id,
        "fingerprint": fingerprint,
        "notification_id": notification_id,
        "skipped": list(skipped),
        "create_time": now_us,
    }
    if await insert_once(connection, request, **values):
        return None
    row = (
        await connection.execute(
            select(request.c.fingerprint, request.c.notification_id, request.c.skipped).where(
                request.c.principal_id == principal_id, request.c.request_id == request_id
            )
        )
    ).one()
    return SeenRequest(*row)


@dataclass(frozen=True, slots=True)
class Start:
    """How a message begins: its state and why, and until when it is held (None where it is not)."""

    state: State
    reason: ReasonCode
    due_time: int | None


@dataclass(slots=True)
class _Alike:
    """Neighbours that begin in the same state for the same reason."""

    first: int
    last: int
    start: Start
    segments: int  # of all of them


class Starts:
    """How the messages of one notification begin, gathered in the order of their indexes."""

    def __init__(self) -> None:
        self.counts: Counter[State] = Counter()
        self.release_time: int | None = None
        self._alike: list[_Alike] = []

    def add(self, index: int, segments: int, start: Start) -> None:
        """The next message."""
        last = self._alike[-1] if self._alike else None
        if last and last.start.state is start.state and last.start.reason is start.reason:
            last.last = index
            last.segments += segments
        else:
            self._alike.append(_Alike(index, index, start, segments))
        self.counts[start.state] += 1
        if start.due_time is not None and (self.release_time is None or start.due_time < self.release_time):
            self.release_time = start.due_time

    def queued_ranges(self, notification_id: uuid.UUID) -> list[Range]:
        """What may be sent at once."""
        return [
            Range(notification_id, of.first, of.last, mean_segments(of.segments, of.last - of.first + 1))
            for of in self._alike
            if of.start.state is State.QUEUED
        ]

    def runs(self, notification_id: uuid.UUID, now_us: int) -> list[Run]:
        """The accept events: one for all where all begin alike, else runs that are as short as all others."""
        longest = MAX_RUN if len(self._alike) > 1 else len(self)
        return [
            Run(notification_id, first, last, 0, int(of.start.state), of.start.reason.value, 0, now_us)
            for of in self._alike
            for first in range(of.first, of.last + 1, longest)
            for last in (min(first + longest - 1, of.last),)
        ]

    def __len__(self) -> int:
        return self.counts.total()


async def insert_notification(connection: AsyncConnection, values: Mapping[str, Any], starts: Starts) -> None:
    """The notification and its row of counts."""
    await connection.execute(insert(notification).values(**values))
    await connection.execute(
        insert(progress).values(
            notification_id=values["id"],
            contact_point_id=values["contact_point_id"],
            update_time=values["create_time"],
            release_time=starts.release_time,
            **{state.name.lower(): count for state, count in starts.counts.items()},
        )
    )


@dataclass(frozen=True, slots=True)
class NewMessage:
    """One message to be inserted."""

    index: int
    number: str
    number_key: bytes
    country: str
    segments: int
    text: str | None  # only where personalised
    crm_record: dict[str, str] | None
    start: Start


@dataclass(frozen=True, slots=True)
class Forbidden:
    """A notification of which nothing more will be claimed, as it was at that moment."""

    principal_id: str
    contact_point_id: str
    message_count: int
    done: bool


_MESSAGE_COLUMNS = (
    "notification_id",
    "index",
    "number",
    "number_key",
    "country",
    "state",
    "previous",
    "reason",
    "segments",
    "attempt",
    "refusals",
    "due_time",
    "text",
    "crm_record",
)
_SQLITE_INSERT = "INSERT INTO message ({}) VALUES ({})".format(
    ", ".join(f'"{name}"' for name in _MESSAGE_COLUMNS), ", ".join("?" for _ in _MESSAGE_COLUMNS)
)


async def insert_messages(
    connection: AsyncConnection, notification_id: uuid.UUID, messages: Sequence[NewMessage]
) -> None:
    """All messages in bulk: COPY on PostgreSQL, executemany on SQLite. The transaction must have begun."""
    if connection.dialect.name == "postgresql":
        driver = await driver_of(connection)
        await driver.copy_records_to_table(
            "message", columns=_MESSAGE_COLUMNS, records=[_cells(notification_id, one) for one in messages]
        )
        return
    key = notification_id.hex
    await connection.exec_driver_sql(_SQLITE_INSERT, [_cells(key, one) for one in messages])


def _cells(notification_id: uuid.UUID | str, of: NewMessage) -> tuple[Any, ...]:
    state = int(of.start.state)
    return (
        *(notification_id, of.index, of.number, of.number_key, of.country, state, state, of.start.reason.value),
        *(of.segments, 0, 0, of.start.due_time, of.text),
        None if of.crm_record is None else json.dumps(of.crm_record),
    )


async def book_accept(connection: AsyncConnection, values: Mapping[str, Any], starts: Starts) -> None:
    """The tally delta and the events of an accepted notification. The transaction's last write."""
    await count_accepted(connection, values)
    await append_events(connection, starts.runs(values["id"], values["create_time"]))


async def count_accepted(connection: AsyncConnection, values: Mapping[str, Any]) -> None:
    """The tally delta alone, for those who tell the events themselves."""
    created = values["create_time"]
    await add_tally(
        connection,
        values["topic_id"],
        values["contact_point_id"],
        created - created % QUARTER_HOUR_US,
        Counter(accepted=values["message_count"]),
    )


async def update_skipped(
    connection: AsyncConnection, principal_id: str, request_id: str, skipped: Sequence[Any]
) -> None:
    """Complete what a replay of this request will say about the recipients left out."""
    await connection.execute(
        update(request)
        .where(request.c.principal_id == principal_id, request.c.request_id == request_id)
        .values(skipped=list(skipped))
    )


async def load(connection: AsyncConnection, notification_id: uuid.UUID) -> dict[str, Any]:
    """The whole row of a notification that exists."""
    rows = await connection.execute(select(notification).where(notification.c.id == notification_id))
    return dict(rows.mappings().one())


async def forbid_claims(connection: AsyncConnection, notification_id: uuid.UUID) -> Forbidden | None:
    """Mark a notification as canceled, so that no claim that begins later takes any of it.

    None where there is no such notification. Whoever finds that the caller may not do this rolls back.
    """
    marked = (
        update(notification)
        .where(notification.c.id == notification_id)
        .values(canceled=True)
        .returning(notification.c.principal_id, notification.c.contact_point_id, notification.c.message_count)
    )
    row = (await connection.execute(marked)).first()
    if row is None:
        return None
    done = await connection.execute(select(progress.c.done).where(progress.c.notification_id == notification_id))
    return Forbidden(row.principal_id, row.contact_point_id, row.message_count, done.scalar_one())
