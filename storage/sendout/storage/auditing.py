"""What the auditor compares: the counts of one UTC day by its tallies, and by its rows with what retention deleted.

Both sides come from one statement, so from one snapshot: writers at work make no difference.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from sqlalchemy import Select, and_, case, func, literal, select, union_all
from sqlalchemy.ext.asyncio import AsyncConnection

from sendout.domain.ids import time_of
from sendout.domain.retention import DAY_US
from sendout.domain.states import COUNTED_AS, State
from sendout.domain.tallies import GRAINS, Counts
from sendout.storage.reading import first_id
from sendout.storage.tables import archived, message, notification, tally, tally_delta
from sendout.storage.tables.history import COUNTS

_DAY_GRAIN = GRAINS[0]


def counts_of(state: int, messages: int, sent: int, segments: int) -> Counts:
    """What so many messages in one state count, of which `sent` were sent with `segments` segments."""
    outcome = COUNTED_AS.get(State(state))
    kept = Counts(accepted=messages, sent=sent, segments=segments)
    return kept + Counts(**{outcome: messages}) if outcome else kept


async def days(connection: AsyncConnection) -> range:
    """The starts of all UTC days from the first to the last of which anything is on record."""
    statement = union_all(
        select(func.min(tally.c.bucket), func.max(tally.c.bucket)).where(tally.c.grain == _DAY_GRAIN),
        select(func.min(tally_delta.c.bucket), func.max(tally_delta.c.bucket)),
        select(func.min(archived.c.day), func.max(archived.c.day)),
    )
    found = {time for row in await connection.execute(statement) for time in row if time is not None}
    for order in (notification.c.id, notification.c.id.desc()):
        found.update(
            map(time_of, (await connection.execute(select(notification.c.id).order_by(order).limit(1))).scalars())
        )
    if not found:
        return range(0)
    first, last = min(found) // DAY_US, max(found) // DAY_US
    return range(first * DAY_US, (last + 1) * DAY_US, DAY_US)


async def read_day(connection: AsyncConnection, day: int) -> tuple[dict[str, Counts], dict[str, Counts]]:
    """(by the tallies, by rows and archive) counts by topic of the notifications created on one UTC day."""
    statement = union_all(
        _sums(tally).where(tally.c.grain == _DAY_GRAIN, tally.c.bucket == day),
        _sums(tally_delta).where(tally_delta.c.bucket >= day, tally_delta.c.bucket < day + DAY_US),
        _sums(archived, kept=1).where(archived.c.day == day),
        _rows(day),
    )
    sides: tuple[defaultdict[str, Counts], ...] = (defaultdict(Counts), defaultdict(Counts))
    for kept, topic_id, state, *values in await connection.execute(statement):
        numbers = [int(value) for value in values]
        counts = Counts(*numbers) if state == 0 else counts_of(state, numbers[0], numbers[1], numbers[-1])
        sides[kept][topic_id] += counts
    return sides[0], sides[1]


def _sums(table: Any, kept: int = 0) -> Select[Any]:
    sums = (func.sum(table.c[name]) for name in COUNTS)
    return select(literal(kept), table.c.topic_id, literal(0), *sums).group_by(table.c.topic_id)


def _rows(day: int) -> Select[Any]:
    """Messages of the day by topic and state, in the columns of `_sums`: the outcomes are left to `counts_of`."""
    first, last = first_id(day), first_id(day + DAY_US + 1000)
    created = notification.c.create_time
    sent = case((message.c.sent_time.is_not(None), message.c.segments), else_=0)
    empty = [literal(0) for _ in COUNTS[2:-1]]
    return (
        select(
            literal(1),
            notification.c.topic_id,
            message.c.state,
            func.count(),
            func.count(message.c.sent_time),
            *empty,
            func.sum(sent),
        )
        .join(notification, notification.c.id == message.c.notification_id)
        .where(
            and_(notification.c.id >= first, notification.c.id < last, created >= day, created < day + DAY_US),
            and_(message.c.notification_id >= first, message.c.notification_id < last),
        )
        .group_by(notification.c.topic_id, message.c.state)
    )
