"""Conversations: opened by a reply, continued by replies and by what people of ours answer, closed by these.

What was written to us stands in `inbound`, what we answered is a notification of its own kind with one message. A
conversation holds no text.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, or_, select, true, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from sendout.domain.ids import message_id
from sendout.domain.permissions import Grant
from sendout.domain.states import State
from sendout.storage import replies
from sendout.storage.contact_points import granted
from sendout.storage.replies import Sent
from sendout.storage.rows import insert_into
from sendout.storage.tables import conversation, inbound, message, notification


@dataclass(frozen=True, slots=True)
class Conversation:
    """An exchange with one number. Times in microseconds since 1970; the number is empty once erased."""

    id: int
    contact_point_id: str
    number: str
    notification_id: uuid.UUID | None
    message_index: int | None
    open: bool
    review: bool
    entry_count: int
    create_time: int
    update_time: int


@dataclass(frozen=True, slots=True)
class Entry:
    """One text of a conversation; `text` is empty once purged, `state` None where the recipient wrote."""

    id: str
    inbound: bool
    text: str
    time: int
    principal_id: str = ""
    state: State | None = None

    @property
    def place(self) -> tuple[int, int, str]:
        """Where it stands among the entries of its conversation."""
        return self.time, int(not self.inbound), self.id


_COLUMNS = tuple(conversation.c[name] for name in Conversation.__dataclass_fields__)


async def add_reply(
    connection: AsyncConnection,
    contact_point_id: str,
    number: str,
    number_key: bytes,
    sent: Sent | None,
    now_us: int,
    *,
    review: bool,
) -> int:
    """The open conversation of a contact point with a number, opened if there is none; answers its id.

    It is one text longer now. `sent` is what a new one is on.
    """
    statement = insert_into(connection.dialect.name, conversation).values(
        contact_point_id=contact_point_id,
        number=number,
        number_key=number_key,
        notification_id=sent.notification_id if sent else None,
        message_index=sent.index if sent else None,
        open=True,
        review=review,
        entry_count=1,
        create_time=now_us,
        update_time=now_us,
    )
    statement = statement.on_conflict_do_update(
        index_elements=[conversation.c.contact_point_id, conversation.c.number_key],
        index_where=conversation.c.open,
        set_={
            "entry_count": conversation.c.entry_count + 1,
            "update_time": now_us,
            "review": or_(conversation.c.review, statement.excluded.review),
        },
    )
    return int((await connection.execute(statement.returning(conversation.c.id))).scalar_one())


async def add_answer(connection: AsyncConnection, conversation_id: int, now_us: int) -> bool:
    """Make an open conversation one text longer; False where it is closed. It is held until the commit."""
    done = await connection.execute(
        update(conversation)
        .where(conversation.c.id == conversation_id, conversation.c.open)
        .values(entry_count=conversation.c.entry_count + 1, update_time=now_us)
    )
    return bool(done.rowcount)


async def get(connection: AsyncConnection, conversation_id: int) -> Conversation | None:
    """One conversation."""
    row = (await connection.execute(select(*_COLUMNS).where(conversation.c.id == conversation_id))).first()
    return None if row is None else Conversation(*row)


async def topic_of(connection: AsyncConnection, notification_id: uuid.UUID) -> str | None:
    """The topic that a notification is counted under; None where it is no longer kept."""
    found = await connection.execute(select(notification.c.topic_id).where(notification.c.id == notification_id))
    return found.scalar_one_or_none()


async def close(connection: AsyncConnection, conversation_id: int, now_us: int) -> bool:
    """Close a conversation, looked at; False where it was closed before."""
    done = await connection.execute(
        update(conversation)
        .where(conversation.c.id == conversation_id, conversation.c.open)
        .values(open=False, review=False, update_time=now_us)
    )
    return bool(done.rowcount)


async def list_page(
    connection: AsyncConnection,
    principal_id: str,
    limit: int,
    before: Sequence[Any] | None,
    *,
    contact_point_id: str = "",
    notification_id: uuid.UUID | None = None,
    open_ones: bool | None = None,
    needs_review: bool = False,
) -> list[Conversation]:
    """Conversations of the contact points on which the principal may converse, latest first.

    `before` is (update time, id) of the last one of the page before.
    """
    order = (conversation.c.update_time, conversation.c.id)
    statement = (
        select(*_COLUMNS)
        .where(granted(conversation.c.contact_point_id, (Grant.START_CONVERSATIONS,), principal_id))
        .order_by(*(column.desc() for column in order))
        .limit(limit)
    )
    if contact_point_id:
        statement = statement.where(conversation.c.contact_point_id == contact_point_id)
    if notification_id is not None:
        statement = statement.where(conversation.c.notification_id == notification_id)
    if open_ones is not None:
        statement = statement.where(conversation.c.open.is_(open_ones))
    if needs_review:
        statement = statement.where(conversation.c.review)
    if before is not None:
        statement = statement.where(tuple_(*order) < tuple_(*before))
    return [Conversation(*row) for row in await connection.execute(statement)]


async def entries(
    connection: AsyncConnection, conversation_id: int, limit: int, after: tuple[int, int, str] | None
) -> list[Entry]:
    """Texts of a conversation, oldest first; `after` is the place of the last one of the page before."""
    found = [*await _received(connection, conversation_id, limit, after)]
    found += await _answered(connection, conversation_id, limit, after)
    return sorted(found, key=lambda entry: entry.place)[:limit]


async def _received(
    connection: AsyncConnection, conversation_id: int, limit: int, after: tuple[int, int, str] | None
) -> list[Entry]:
    statement = (
        select(inbound.c.id)
        .where(inbound.c.conversation_id == conversation_id, _later(inbound.c.receive_time, inbound.c.id, 0, after))
        .order_by(inbound.c.receive_time, inbound.c.id)
        .limit(limit)
    )
    whole = await replies.written(connection, [*(await connection.execute(statement)).scalars()])
    return [Entry(of.id, True, of.text, of.receive_time) for of in whole.values()]


async def _answered(
    connection: AsyncConnection, conversation_id: int, limit: int, after: tuple[int, int, str] | None
) -> list[Entry]:
    place = (after[0], after[1], uuid.UUID(after[2].partition(".")[0])) if after and after[1] else after
    statement: Select[Any] = (
        select(
            notification.c.id,
            notification.c.text,
            notification.c.create_time,
            notification.c.principal_id,
            message.c.state,
        )
        .join(message, and_(message.c.notification_id == notification.c.id, message.c.index == 0))
        .where(
            notification.c.conversation_id == conversation_id,
            _later(notification.c.create_time, notification.c.id, 1, place),
        )
        .order_by(notification.c.create_time, notification.c.id)
        .limit(limit)
    )
    return [
        Entry(message_id(row.id, 0), False, row.text or "", row.create_time, row.principal_id, State(row.state))
        for row in await connection.execute(statement)
    ]


def _later(
    time: ColumnElement[int], identifier: ColumnElement[Any], source: int, after: tuple[int, int, Any] | None
) -> ColumnElement[bool]:
    """Whether an entry of this source comes after a place: at the same time, received ones come first."""
    if after is None:
        return true()
    when, last_source, last = after
    if source < last_source:
        return time > when
    if source > last_source:
        return time >= when
    return tuple_(time, identifier) > tuple_(when, last)


async def answer_of(connection: AsyncConnection, notification_id: uuid.UUID) -> Entry | None:
    """What was accepted as an answer, as it stands now."""
    row = (
        await connection.execute(
            select(notification.c.text, notification.c.create_time, notification.c.principal_id, message.c.state)
            .join(message, and_(message.c.notification_id == notification.c.id, message.c.index == 0))
            .where(notification.c.id == notification_id)
        )
    ).first()
    if row is None:
        return None
    return Entry(
        message_id(notification_id, 0), False, row.text or "", row.create_time, row.principal_id, State(row.state)
    )
