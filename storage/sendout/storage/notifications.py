"""Writing a notification: the request id, the notification, its messages in bulk, its counts and its accept event."""

from __future__ import annotations

import json
import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from sendout.domain.states import State
from sendout.storage.changes import QUARTER_HOUR_US, add_tally
from sendout.storage.event_log import Run, append_events
from sendout.storage.tables import consent, notification, progress, request


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
    make = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    values = {
        "principal_id": principal_id,
        "request_id": request_id,
        "fingerprint": fingerprint,
        "notification_id": notification_id,
        "skipped": list(skipped),
        "create_time": now_us,
    }
    done = await connection.execute(make(request).values(**values).on_conflict_do_nothing())
    if done.rowcount:
        return None
    row = (
        await connection.execute(
            select(request.c.fingerprint, request.c.notification_id, request.c.skipped).where(
                request.c.principal_id == principal_id, request.c.request_id == request_id
            )
        )
    ).one()
    return SeenRequest(*row)


async def insert_notification(connection: AsyncConnection, values: Mapping[str, Any], first_state: State) -> None:
    """The notification and its row of counts, all messages in `first_state`. Messages may follow in chunks."""
    await connection.execute(insert(notification).values(**values))
    await connection.execute(
        insert(progress).values(
            notification_id=values["id"],
            contact_point_id=values["contact_point_id"],
            update_time=values["create_time"],
            **{first_state.name.lower(): values["message_count"]},
        )
    )


@dataclass(frozen=True, slots=True)
class NewMessage:
    """One message to be inserted."""

    index: int
    number: str
    number_key: bytes
    segments: int
    text: str | None = None  # only where personalised
    crm_record: dict[str, str] | None = None


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
    "state",
    "previous",
    "reason",
    "segments",
    "attempt",
    "refusals",
    "text",
    "crm_record",
)


async def insert_messages(
    connection: AsyncConnection, notification_id: uuid.UUID, messages: Sequence[NewMessage], state: State, reason: str
) -> None:
    """All messages in bulk: COPY on PostgreSQL, executemany on SQLite. The transaction must have begun."""
    code = int(state)
    if connection.dialect.name == "postgresql":
        raw = await connection.get_raw_connection()
        driver: Any = raw.driver_connection
        await driver.copy_records_to_table(
            "message",
            columns=_MESSAGE_COLUMNS,
            records=[
                (
                    *(notification_id, m.index, m.number, m.number_key, code, code, reason, m.segments, 0, 0, m.text),
                    _json(m.crm_record),
                )
                for m in messages
            ],
        )
        return
    key = notification_id.hex
    await connection.exec_driver_sql(
        _SQLITE_INSERT,
        [
            (
                *(key, m.index, m.number, m.number_key, code, code, reason, m.segments, 0, 0, m.text),
                _json(m.crm_record),
            )
            for m in messages
        ],
    )


_SQLITE_INSERT = (
    'INSERT INTO message (notification_id, "index", number, number_key, state, previous, reason, segments, attempt, '
    "refusals, text, crm_record) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)


def _json(value: dict[str, str] | None) -> str | None:
    return None if value is None else json.dumps(value)


async def book_accept(connection: AsyncConnection, values: Mapping[str, Any], first_state: State, reason: str) -> None:
    """The tally delta and the one event of an accepted notification. The transaction's last write."""
    created = values["create_time"]
    await add_tally(
        connection,
        values["topic_id"],
        values["contact_point_id"],
        created - created % QUARTER_HOUR_US,
        Counter(accepted=values["message_count"]),
    )
    whole = Run(values["id"], 0, values["message_count"] - 1, 0, int(first_state), reason, 0, created)
    await append_events(connection, [whole])


_OPTED_OUT = select(consent.c.number_key).where(
    consent.c.opted_out,
    consent.c.contact_point_id.in_(["", bindparam("contact_point_id")]),
    consent.c.number_key.in_(bindparam("keys", expanding=True)),
)
_ANY_OPT_OUT = (
    select(consent.c.number_key)
    .where(consent.c.opted_out, consent.c.contact_point_id.in_(["", bindparam("contact_point_id")]))
    .limit(1)
)


async def opted_out_keys(connection: AsyncConnection, contact_point_id: str, keys: Sequence[bytes]) -> set[bytes]:
    """Which of these number keys may not be texted from this contact point."""
    if (await connection.execute(_ANY_OPT_OUT, {"contact_point_id": contact_point_id})).first() is None:
        return set()
    found: set[bytes] = set()
    for start in range(0, len(keys), 10_000):
        chunk = list(keys[start : start + 10_000])
        rows = await connection.execute(_OPTED_OUT, {"contact_point_id": contact_point_id, "keys": chunk})
        found.update(rows.scalars())
    return found


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
