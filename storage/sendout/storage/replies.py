"""Replies as they came in, raw and once, and what handling them needs to know.

A reply is one row of `inbound`, or one for each part of its text. Handled ones name in `reply_id` the row that stands
for the whole; what it turned out to be is on that row alone.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    Integer,
    LargeBinary,
    Select,
    SmallInteger,
    String,
    and_,
    or_,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from sendout.domain.contact_points import ContactPoint
from sendout.domain.keywords import Keyword
from sendout.domain.replies import ANSWER_EVERY_S, SAME_ANSWER_EVERY_S, Purpose, whole_text
from sendout.domain.states import State
from sendout.storage import contact_points
from sendout.storage.keys import NUMBER_KEYS, Key
from sendout.storage.rows import Columns, insert_into, insert_rows, rows_parameters, rows_table
from sendout.storage.tables import inbound, is_unhandled, keyword_answer, message, notification


@dataclass(frozen=True, slots=True)
class Part:
    """What came from a carrier at once: a whole text, or one part of it. Times in microseconds since 1970."""

    id: str
    carrier: str
    number: str
    sender: str
    text: str
    reference: int | None
    part: int
    parts: int
    receive_time: int


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply as it is shown: joined, its number in E.164 where it is one. Text and number are empty once purged."""

    id: str
    text: str
    number: str
    keyword: str
    conversation_id: int | None
    receive_time: int


@dataclass(frozen=True, slots=True)
class Sent:
    """The last notification that a number got from one contact point."""

    notification_id: uuid.UUID
    index: int
    contact_point_id: str
    topic_id: str

    @property
    def message(self) -> Key:
        """Which message it was."""
        return self.notification_id, self.index


_PART_COLUMNS: Columns = {
    "id": String(),
    "carrier": String(),
    "number": String(),
    "sender": String(),
    "text": LargeBinary(),
    "reference": Integer(),
    "part": SmallInteger(),
    "parts": SmallInteger(),
    "receive_time": BigInteger(),
}


async def insert_parts(connection: AsyncConnection, parts: Sequence[Part]) -> set[str]:
    """Keep what came in; answers the ids of those that were not there yet."""
    rows = [
        [
            *(of.id, of.carrier, of.number, of.sender, of.text.encode("utf-8", "surrogatepass")),
            *(of.reference, of.part, of.parts, of.receive_time),
        ]
        for of in sorted(parts, key=lambda of: of.id)
    ]
    return set(await insert_rows(connection, inbound, _PART_COLUMNS, rows, or_ignore=True, returning="id"))


_PART = tuple(inbound.c[name] for name in _PART_COLUMNS)


async def waiting(connection: AsyncConnection, limit: int) -> list[Part]:
    """What is not handled yet, oldest first."""
    statement = select(*_PART).where(is_unhandled).order_by(inbound.c.receive_time, inbound.c.id).limit(limit)
    return [Part(*row) for row in await connection.execute(statement)]


async def lock_parts(connection: AsyncConnection, one: Part) -> list[Part]:
    """Every part that is there of the text that `one` belongs to, in order, held until the commit; empty where somebody
    else has handled it. A part that came twice stands twice."""
    chosen: list[Any] = [is_unhandled]
    if one.parts > 1:
        chosen += [
            inbound.c.carrier == one.carrier,
            inbound.c.number == one.number,
            inbound.c.sender == one.sender,
            inbound.c.reference.is_not_distinct_from(one.reference),
            inbound.c.parts == one.parts,
        ]
    else:
        chosen.append(inbound.c.id == one.id)
    rows = await connection.execute(select(*_PART).where(*chosen).order_by(inbound.c.id).with_for_update())
    found = [Part(*row) for row in rows]
    return sorted(found, key=lambda of: (of.part, of.receive_time, of.id))


async def mark_handled(
    connection: AsyncConnection,
    parts: Sequence[Part],
    *,
    keyword: str = "",
    contact_point_id: str = "",
    conversation_id: int | None = None,
) -> str:
    """Note what these parts of one reply turned out to be; answers its id, which is that of its first part."""
    reply_id = parts[0].id
    ids = [of.id for of in parts]
    await connection.execute(update(inbound).where(inbound.c.id.in_(ids)).values(handled=True, reply_id=reply_id))
    await connection.execute(
        update(inbound)
        .where(inbound.c.id == reply_id)
        .values(keyword=keyword, contact_point_id=contact_point_id, conversation_id=conversation_id)
    )
    return reply_id


async def written(connection: AsyncConnection, reply_ids: Collection[str]) -> dict[str, Reply]:
    """Replies by id; those that are no longer kept are left out."""
    if not reply_ids:
        return {}
    columns = (*_PART, inbound.c.reply_id, inbound.c.keyword, inbound.c.conversation_id)
    rows = await connection.execute(
        select(*columns)
        .where(inbound.c.reply_id.in_(reply_ids))
        .order_by(inbound.c.reply_id, inbound.c.part, inbound.c.receive_time, inbound.c.id)
    )
    gathered: defaultdict[str, list[Any]] = defaultdict(list)
    for row in rows:
        gathered[row.reply_id].append(row)
    return {reply_id: _reply(reply_id, of) for reply_id, of in gathered.items()}


def _reply(reply_id: str, rows: Sequence[Any]) -> Reply:
    texts: dict[int, str] = {}
    for row in rows:
        texts.setdefault(row.part, row.text)
    lead = next((row for row in rows if row.id == reply_id), rows[0])
    return Reply(
        reply_id, whole_text([*texts.values()]), lead.number, lead.keyword, lead.conversation_id, lead.receive_time
    )


async def points_behind(connection: AsyncConnection, carrier: str, sender: str) -> list[ContactPoint]:
    """Every contact point that sends as `sender` through this carrier, enabled ones first.

    Carriers spell a number with or without its +.
    """
    digits = sender.removeprefix("+")
    found = await contact_points.sending_as(connection, [digits, f"+{digits}"])
    return [point for point in found if carrier in (point.carrier, *point.fallback_carriers)]


# What arrived, or may have: a reply can be quicker than the carrier's own answer.
_MAY_HAVE_ARRIVED = (
    State.SENDING, State.UNCONFIRMED, State.SENT, State.DELIVERED, State.PARTIALLY_DELIVERED, State.UNDELIVERED,
    State.UNKNOWN,
)  # fmt: skip


async def last_sent(
    connection: AsyncConnection, contact_point_ids: Collection[str], number_keys: Collection[bytes]
) -> dict[bytes, Sent]:
    """By number key, the last notification sent to it from one of these contact points, or from any where none is
    named."""
    if not number_keys:
        return {}
    keys = rows_parameters(connection, "keys", NUMBER_KEYS, [(key,) for key in sorted(number_keys)])
    statement = _last_sent(connection.dialect.name, tuple(sorted(contact_point_ids)))
    rows = await connection.execute(statement, keys)
    return {
        row.number_key: Sent(row.notification_id, row.message_index, row.contact_point_id, row.topic_id) for row in rows
    }


@cache
def _last_sent(dialect: str, contact_point_ids: tuple[str, ...]) -> Select[Any]:
    keys = rows_table(dialect, "keys", NUMBER_KEYS)
    each, of = message.alias("each"), notification.alias("of_each")
    arrived = or_(each.c.sent_time.is_not(None), each.c.state.in_([*map(int, _MAY_HAVE_ARRIVED)]))
    newest = (
        select(each.c.notification_id)
        .join(of, of.c.id == each.c.notification_id)
        .where(each.c.number_key == keys.c.number_key, of.c.purpose == Purpose.NOTIFICATION, arrived)
        .order_by(each.c.notification_id.desc())
        .limit(1)
        .correlate(keys)
    )
    if contact_point_ids:
        newest = newest.where(of.c.contact_point_id.in_(contact_point_ids))
    return (
        select(
            keys.c.number_key,
            message.c.notification_id,
            message.c.index.label("message_index"),
            notification.c.contact_point_id,
            notification.c.topic_id,
        )
        .select_from(keys)
        .join(
            message,
            and_(
                message.c.number_key == keys.c.number_key,
                message.c.notification_id == newest.scalar_subquery(),
            ),
        )
        .join(notification, notification.c.id == message.c.notification_id)
    )


async def take_answer(
    connection: AsyncConnection, contact_point_id: str, number_key: bytes, keyword: Keyword, now_us: int
) -> bool:
    """Whether this keyword may be answered now, and if so, note that it is. Exact at any number of callers."""
    values = {"contact_point_id": contact_point_id, "number_key": number_key, "keyword": keyword.value, "time": now_us}
    statement = insert_into(connection.dialect.name, keyword_answer).values(**values)
    last = keyword_answer.c
    statement = statement.on_conflict_do_update(
        index_elements=[last.contact_point_id, last.number_key],
        set_={"keyword": keyword.value, "time": now_us},
        where=and_(
            last.time <= now_us - ANSWER_EVERY_S * 1_000_000,
            or_(last.keyword != keyword.value, last.time <= now_us - SAME_ANSWER_EVERY_S * 1_000_000),
        ),
    ).returning(last.time)
    return (await connection.execute(statement)).first() is not None
