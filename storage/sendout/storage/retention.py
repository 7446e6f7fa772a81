"""Purging: what each step of retention finds and deletes. Every step is a short transaction of the caller's.

Work on messages goes by primary key through notifications that are done and were so for long enough; a column of the
notification says what is purged already. No step writes a tally, and only `raise_floor` touches the event head.
"""

from __future__ import annotations

import uuid
from collections import Counter, defaultdict
from collections.abc import Sequence
from enum import IntFlag
from typing import Any

from sqlalchemy import Column, ColumnElement, Select, Table, and_, delete, exists, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from sendout.domain.retention import DAY_US, MOST_ROWS, Part
from sendout.domain.states import FINAL
from sendout.domain.tallies import Counts
from sendout.storage.auditing import counts_of
from sendout.storage.reading import first_id
from sendout.storage.rows import insert_into
from sendout.storage.tables import (
    archived,
    audit,
    carrier_ref,
    conversation,
    event,
    event_head,
    inbound,
    keyword_answer,
    message,
    notification,
    progress,
    receipt,
    request,
    rerouted,
    session,
    sign_in_token,
)
from sendout.storage.tables.history import COUNTS


class Kind(IntFlag):
    """What can be purged of a notification while its rows stay; bits of `notification.purged`."""

    TEXTS = 1
    NUMBERS = 2
    REFERENCES = 4


_EVERY_MASK = range(sum(Kind) + 1)


async def due(
    connection: AsyncConnection, kind: Kind | None, before_us: int, *, after: uuid.UUID | None, limit: int
) -> Sequence[tuple[uuid.UUID, int]]:
    """(id, message count) of notifications from which `kind` has to go, or that have to go whole (None)."""
    statement = select(notification.c.id, notification.c.message_count).where(_is_due(kind, before_us))
    statement = statement.join(progress, progress.c.notification_id == notification.c.id)
    if after is not None:
        statement = statement.where(notification.c.id > after)
    rows = await connection.execute(statement.order_by(notification.c.id).limit(limit))
    return [(row[0], row[1]) for row in rows]


async def count_due(connection: AsyncConnection, kind: Kind | None, before_us: int) -> int:
    """How many messages that will be."""
    statement = select(func.coalesce(func.sum(notification.c.message_count), 0)).where(_is_due(kind, before_us))
    statement = statement.join(progress, progress.c.notification_id == notification.c.id)
    return int((await connection.execute(statement)).scalar_one())


def _is_due(kind: Kind | None, before_us: int) -> ColumnElement[bool]:
    # The id finds the rows; the last change decides, so what was scheduled far ahead is kept as long as the rest.
    old = and_(notification.c.id < first_id(before_us), progress.c.done, progress.c.update_time < before_us)
    if kind is None:
        # Readers of events need the notification, so its events go first.
        return and_(old, ~exists().where(event.c.notification_id == notification.c.id))
    return and_(old, notification.c.purged.in_([mask for mask in _EVERY_MASK if not mask & kind]))


async def erase_texts(connection: AsyncConnection, part: Part) -> None:
    """Forget the texts of these messages."""
    if part.complete:
        await _mark(connection, part, Kind.TEXTS, text=None, given_text=None)
    await connection.execute(update(message).where(_in(message, part), message.c.text.is_not(None)).values(text=None))


async def erase_numbers(connection: AsyncConnection, part: Part) -> None:
    """Forget the numbers of these messages, also those that were typed and skipped; the keyed hashes stay."""
    if part.complete:
        await _forget_skipped(connection, part.ids)
        await _mark(connection, part, Kind.NUMBERS)
    await connection.execute(
        update(message).where(_in(message, part), message.c.number.is_not(None)).values(number=None)
    )


async def _forget_skipped(connection: AsyncConnection, ids: Sequence[uuid.UUID]) -> None:
    """What a replay of the request says: places and problems remain, without what was typed."""
    columns = (request.c.principal_id, request.c.request_id, request.c.skipped)
    for principal_id, request_id, skipped in (
        await connection.execute(select(*columns).where(request.c.notification_id.in_(ids)))
    ).all():
        if skipped:
            await connection.execute(
                update(request)
                .where(request.c.principal_id == principal_id, request.c.request_id == request_id)
                .values(skipped=[[place, "", problem] for place, _, problem in skipped])
            )


async def delete_references(connection: AsyncConnection, part: Part) -> None:
    """Forget the carrier's ids of these messages: a receipt that comes now finds none."""
    if part.complete:
        await _mark(connection, part, Kind.REFERENCES)
    await _deleted(connection, carrier_ref, _in(carrier_ref, part))


async def _mark(connection: AsyncConnection, part: Part, kind: Kind, **values: Any) -> None:
    marked = notification.c.purged.bitwise_or(int(kind))
    await connection.execute(
        update(notification).where(notification.c.id.in_(part.ids)).values(purged=marked, **values)
    )


async def delete_messages(connection: AsyncConnection, part: Part) -> None:
    """Delete these messages where they are final, and book what they counted for the auditor.

    With the last of them goes the notification, and the request id that made it.
    """
    locked = await connection.execute(
        select(notification.c.id, notification.c.topic_id, notification.c.create_time)
        .where(notification.c.id.in_(part.ids))
        .order_by(notification.c.id)
        .with_for_update()
    )
    known = {row.id: (row.create_time - row.create_time % DAY_US, row.topic_id) for row in locked}
    gone = await connection.execute(
        delete(message)
        .where(_in(message, part), message.c.state.in_([*map(int, FINAL)]))
        .returning(message.c.notification_id, message.c.state, message.c.sent_time, message.c.segments)
    )
    alike = Counter((known[id_], state, segments, sent is not None) for id_, state, sent, segments in gone)
    counts: defaultdict[tuple[int, str], Counts] = defaultdict(Counts)
    for (key, state, segments, sent), messages in alike.items():
        counts[key] += counts_of(state, messages, sent * messages, sent * messages * segments)
    await _archive(connection, counts)
    await _deleted(connection, carrier_ref, _in(carrier_ref, part))
    if part.complete:
        await _delete_empty(connection, part.ids)


async def _archive(connection: AsyncConnection, counts: dict[tuple[int, str], Counts]) -> None:
    if not counts:
        return
    statement = insert_into(connection.dialect.name, archived)
    added = {name: archived.c[name] + statement.excluded[name] for name in COUNTS}
    statement = statement.on_conflict_do_update(index_elements=("day", "topic_id"), set_=added)
    rows = [
        {"day": day, "topic_id": topic_id} | {name: getattr(of, name) for name in COUNTS}
        for (day, topic_id), of in sorted(counts.items(), key=lambda item: item[0])
    ]
    await connection.execute(statement, rows)


async def _delete_empty(connection: AsyncConnection, ids: Sequence[uuid.UUID]) -> None:
    left = set(
        (
            await connection.execute(select(message.c.notification_id).where(message.c.notification_id.in_(ids)))
        ).scalars()
    )
    empty = [identifier for identifier in ids if identifier not in left]
    await _deleted(connection, request, request.c.notification_id.in_(empty))
    await _deleted(connection, rerouted, rerouted.c.notification_id.in_(empty))
    await _deleted(connection, progress, progress.c.notification_id.in_(empty))
    await _deleted(connection, notification, notification.c.id.in_(empty))


def _in(table: Table, part: Part) -> ColumnElement[bool]:
    return and_(table.c.notification_id.in_(part.ids), table.c.index.between(part.first, part.last))


# --- what has no notification ---------------------------------------------------------------------------------------


async def last_old_event(connection: AsyncConnection, before_us: int) -> int | None:
    """The last position of the oldest events kept, up to the first that has to stay; None where none has to go."""
    floor = select(event_head.c.floor).where(event_head.c.id == 1).scalar_subquery()
    oldest = select(event.c.position, event.c.time).where(event.c.position > floor)
    last = None
    for position, time in await connection.execute(oldest.order_by(event.c.position).limit(MOST_ROWS)):
        if time >= before_us:
            break
        last = position
    return last


async def raise_floor(connection: AsyncConnection, position: int) -> None:
    """From now on no reader begins at or before `position`. The only write of its transaction: it holds the head."""
    await connection.execute(
        update(event_head).where(event_head.c.id == 1, event_head.c.floor < position).values(floor=position)
    )


async def delete_events(connection: AsyncConnection) -> int:
    """Delete the oldest events that lie at or below the floor."""
    floor = select(event_head.c.floor).where(event_head.c.id == 1).scalar_subquery()
    oldest = select(event.c.position).where(event.c.position <= floor).order_by(event.c.position).limit(MOST_ROWS)
    return await _deleted(connection, event, event.c.position.in_(oldest))


async def delete_receipts(connection: AsyncConnection, before_us: int) -> int:
    """Delete the oldest raw receipts."""
    oldest = select(receipt.c.id).where(receipt.c.receive_time < before_us)
    return await _deleted(connection, receipt, receipt.c.id.in_(_first(oldest, receipt.c.receive_time)))


async def erase_replies(connection: AsyncConnection, before_us: int) -> int:
    """Forget the texts of replies that were dealt with."""
    old = select(inbound.c.id).where(inbound.c.handled, inbound.c.receive_time < before_us, inbound.c.text != "")
    done = await connection.execute(update(inbound).where(inbound.c.id.in_(old.limit(MOST_ROWS))).values(text=""))
    return int(done.rowcount)


async def erase_writers(connection: AsyncConnection, before_us: int) -> int:
    """Forget the numbers of who wrote, in replies that were dealt with and in conversations that rest."""
    old = select(inbound.c.id).where(inbound.c.handled, inbound.c.receive_time < before_us, inbound.c.number != "")
    done = await connection.execute(update(inbound).where(inbound.c.id.in_(old.limit(MOST_ROWS))).values(number=""))
    resting = select(conversation.c.id).where(conversation.c.update_time < before_us, conversation.c.number != "")
    rested = await connection.execute(
        update(conversation).where(conversation.c.id.in_(resting.limit(MOST_ROWS))).values(number="")
    )
    return int(done.rowcount) + int(rested.rowcount)


async def delete_conversations(connection: AsyncConnection, before_us: int) -> int:
    """Delete the oldest conversations that rest, and the oldest replies that were dealt with."""
    resting = select(conversation.c.id).where(conversation.c.update_time < before_us)
    gone = await _deleted(connection, conversation, conversation.c.id.in_(_first(resting, conversation.c.update_time)))
    old = select(inbound.c.id).where(inbound.c.handled, inbound.c.receive_time < before_us)
    return gone + await _deleted(connection, inbound, inbound.c.id.in_(_first(old, inbound.c.receive_time)))


async def delete_answers(connection: AsyncConnection, before_us: int) -> int:
    """Forget when keywords were answered: it matters for minutes."""
    return await _deleted(connection, keyword_answer, keyword_answer.c.time < before_us)


async def delete_audit(connection: AsyncConnection, before_us: int) -> int:
    """Delete the oldest entries of the audit trail."""
    # Entries are in the order of time, so only the first ones are looked at: there is no index on the time.
    oldest = select(audit.c.id, audit.c.time).order_by(audit.c.id).limit(MOST_ROWS).subquery()
    return await _deleted(connection, audit, audit.c.id.in_(select(oldest.c.id).where(oldest.c.time < before_us)))


async def delete_sessions(connection: AsyncConnection, now_us: int) -> int:
    """Delete sessions whose time is over."""
    old = select(session.c.id_hash).where(session.c.expire_time < now_us).limit(MOST_ROWS)
    return await _deleted(connection, session, session.c.id_hash.in_(old))


async def delete_sign_in_tokens(connection: AsyncConnection, now_us: int) -> int:
    """Delete sign-in links and used id tokens whose time is over: nobody gets in with them any more."""
    old = select(sign_in_token.c.hash).where(sign_in_token.c.expire_time < now_us).limit(MOST_ROWS)
    return await _deleted(connection, sign_in_token, sign_in_token.c.hash.in_(old))


async def count_old(connection: AsyncConnection, before_us: dict[str, int]) -> dict[str, int]:
    """How many rows the steps above would purge. Looks at whole tables: for people, not for a round."""
    dealt_with = inbound.c.handled
    old: dict[str, list[tuple[Column[int], *tuple[ColumnElement[bool], ...]]]] = {
        "events": [(event.c.time,)],
        "receipts": [(receipt.c.receive_time,)],
        "replies": [(inbound.c.receive_time, dealt_with, inbound.c.text != "")],
        "writers": [
            (inbound.c.receive_time, dealt_with, inbound.c.number != ""),
            (conversation.c.update_time, conversation.c.number != ""),
        ],
        "conversations": [(conversation.c.update_time,), (inbound.c.receive_time, dealt_with)],
        "answers": [(keyword_answer.c.time,)],
        "audit": [(audit.c.time,)],
        "sessions": [(session.c.expire_time,)],
        "sign_in_tokens": [(sign_in_token.c.expire_time,)],
    }
    found: Counter[str] = Counter()
    for name, before in before_us.items():
        for time, *conditions in old[name]:
            statement = select(func.count()).select_from(time.table).where(time < before, *conditions)
            found[name] += int((await connection.execute(statement)).scalar_one())
    return found


def _first(statement: Select[Any], order: ColumnElement[int]) -> Select[Any]:
    return statement.order_by(order).limit(MOST_ROWS)


async def _deleted(connection: AsyncConnection, table: Table, condition: ColumnElement[bool]) -> int:
    return int((await connection.execute(delete(table).where(condition))).rowcount)
