"""State changes of messages, and everything that must change with them in the same transaction.

Every change of a message's state goes through here: the row, the notification's counts, the tally deltas, the usage,
the events and, last of all, the event head. So what is counted and told is true at every commit.
"""

from __future__ import annotations

import uuid
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Integer,
    SmallInteger,
    String,
    Uuid,
    bindparam,
    case,
    func,
    insert,
    literal,
    or_,
    select,
    true,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from sendout.domain.clock import SystemClock
from sendout.domain.states import ALLOWED_PAIRS, COUNTED_AS, FINAL, OPEN, PROVES_SENT, ReasonCode, State
from sendout.storage.billing import Handed, book_usage
from sendout.storage.event_log import MAX_RUN, Run, append_events
from sendout.storage.prices import PriceBook
from sendout.storage.rerouted import book_rerouted
from sendout.storage.rows import Columns, rows_parameters, rows_table
from sendout.storage.tables import message, notification, progress, tally_delta
from sendout.storage.tables.history import COUNTS

QUARTER_HOUR_US = 900 * 1_000_000

_ALLOWED_CODES = [current * 16 + following for current, following in ALLOWED_PAIRS]
_COLUMNS: Columns = {
    "notification_id": Uuid(),
    "index": Integer(),
    "state": SmallInteger(),
    "reason": String(),
    "owner": Integer(),
    "attempt": SmallInteger(),
    "due_time": BigInteger(),
    "refusal": SmallInteger(),
    "tried": SmallInteger(),
    "carrier": String(),
}


@dataclass(frozen=True, slots=True)
class Change:
    """One wanted change. With `owner`, only where that try (owner and attempt) is still the message's last."""

    notification_id: uuid.UUID
    index: int
    state: State
    reason: ReasonCode = ReasonCode.NONE
    owner: int = 0
    attempt: int = 0
    due_time: int | None = None
    refusal: int = 0  # 1 where the try counts against the retry limit
    tried: int = 0  # 1 where the try counts against its carrier
    carrier: str | None = None  # another account, that it waits for from now on


@dataclass(frozen=True, slots=True)
class Changed:
    """One change that was made."""

    notification_id: uuid.UUID
    index: int
    previous: State
    state: State
    reason: str
    segments: int
    attempt: int
    first_sent: bool
    country: str = ""
    sent_time: int | None = None
    due_time: int | None = None  # where it is HELD now: until when
    carrier: str | None = None  # the account it was moved to, where it was

    @property
    def queues(self) -> int:
        """What it adds to those that wait for their turn."""
        return (self.state is State.QUEUED) - (self.previous is State.QUEUED)


@dataclass(frozen=True, slots=True)
class Facts:
    """What never changes about a notification and is needed to count its messages."""

    topic_id: str
    contact_point_id: str
    create_time: int
    urgent: bool
    carrier: str
    trace_id: str
    span_id: str

    @property
    def bucket(self) -> int:
        return self.create_time - self.create_time % QUARTER_HOUR_US


class FactsCache:
    """Facts by notification id, kept for the last few thousand notifications of this process, and prices."""

    def __init__(self, size: int = 4096, prices: PriceBook | None = None) -> None:
        self.prices = prices or PriceBook(SystemClock())
        self._size = size
        self._facts: dict[uuid.UUID, Facts] = {}

    async def load(self, connection: AsyncConnection, ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, Facts]:
        """Facts of these notifications; those that do not exist are left out."""
        wanted = set(ids)
        missing = [identifier for identifier in wanted if identifier not in self._facts]
        if missing:
            found = await connection.execute(_FACTS, {"ids": missing})
            self._facts.update((row.id, Facts(*row[1:])) for row in found)
            while len(self._facts) > self._size:
                self._facts.pop(next(iter(self._facts)))
        return {identifier: self._facts[identifier] for identifier in wanted if identifier in self._facts}

    def known(self, notification_id: uuid.UUID) -> Facts:
        """Facts that were loaded a moment ago."""
        return self._facts[notification_id]


_FACTS = select(
    notification.c.id,
    notification.c.topic_id,
    notification.c.contact_point_id,
    notification.c.create_time,
    notification.c.urgent,
    notification.c.carrier,
    notification.c.trace_id,
    notification.c.span_id,
).where(notification.c.id.in_(bindparam("ids", expanding=True)))

RETURNING = (
    message.c.notification_id,
    message.c.index.label("message_index"),  # a row's own `index` is the method of tuples
    message.c.previous,
    message.c.state,
    message.c.reason,
    message.c.segments,
    message.c.attempt,
    message.c.country,
    message.c.sent_time,
    message.c.carrier,
)


async def apply(
    connection: AsyncConnection, facts: FactsCache, changes: Sequence[Change], now_us: int, also: Sequence[Run] = ()
) -> list[Changed]:
    """Make those changes that the transition table allows and book them; answers with the ones made.

    A message must not stand twice in `changes`. `also` are events to be told after those of the changes.
    """
    if not changes:
        await append_events(connection, also)
        return []
    ordered = sorted(changes, key=lambda change: (change.notification_id.int, change.index))
    rows = [
        (
            *(c.notification_id, c.index, int(c.state), c.reason.value, c.owner, c.attempt, c.due_time, c.refusal),
            *(c.tried, c.carrier),
        )
        for c in ordered
    ]
    parameters = rows_parameters(connection, "wanted", _COLUMNS, rows) | {"now": now_us}
    changed = [
        _changed(row, now_us) for row in await connection.execute(_apply_statement(connection.dialect.name), parameters)
    ]
    await book(connection, facts, changed, now_us, also)
    return changed


@cache
def _apply_statement(dialect: str) -> Any:
    wanted = rows_table(dialect, "wanted", _COLUMNS)
    now = bindparam("now", type_=BigInteger)
    any_try = wanted.c.owner == 0
    this_try = (message.c.owner == wanted.c.owner) & (message.c.attempt == wanted.c.attempt)
    return (
        update(message)
        .where(
            message.c.notification_id == wanted.c.notification_id,
            message.c.index == wanted.c.index,
            or_(any_try, this_try),
            (message.c.state * 16 + wanted.c.state).in_(_ALLOWED_CODES),
        )
        .values(
            previous=message.c.state,
            state=wanted.c.state,
            reason=wanted.c.reason,
            due_time=wanted.c.due_time,
            refusals=message.c.refusals + wanted.c.refusal,
            tries=case((wanted.c.carrier.is_(None), message.c.tries + wanted.c.tried), else_=0),
            carrier=func.coalesce(wanted.c.carrier, message.c.carrier),
            sent_time=case(
                (wanted.c.state.in_([*map(int, PROVES_SENT)]), func.coalesce(message.c.sent_time, now)),
                else_=message.c.sent_time,
            ),
            final_time=case((wanted.c.state.in_([*map(int, FINAL)]), now), else_=None),
        )
        .returning(*RETURNING)
    )


def _changed(row: Any, now_us: int) -> Changed:
    state, previous = State(row.state), State(row.previous)
    # A message that was UNKNOWN may have been counted as sent before; its sent_time is then an earlier one.
    unsent_before = previous < State.SENT or (previous is State.UNKNOWN and row.sent_time == now_us)
    return Changed(
        *(row.notification_id, row.message_index, previous, state, row.reason, row.segments, row.attempt),
        state in PROVES_SENT and unsent_before,
        row.country,
        row.sent_time,
        carrier=row.carrier,
    )


async def change_range(
    connection: AsyncConnection,
    facts: FactsCache,
    notification_id: uuid.UUID,
    first: int,
    last: int,
    *,
    from_states: Iterable[State],
    state: State,
    reason: ReasonCode,
    now_us: int,
    only: ColumnElement[bool] | None = None,
) -> list[Changed]:
    """Change every message of first..last (inclusive) that is in one of `from_states`, and book it.

    `only` narrows it further.
    """
    statement = (
        update(message)
        .where(
            message.c.notification_id == notification_id,
            message.c.index.between(first, last),
            message.c.state.in_([*map(int, from_states)]),
            true() if only is None else only,
        )
        .values(
            previous=message.c.state,
            state=int(state),
            reason=reason.value,
            due_time=None,
            final_time=now_us if state in FINAL else None,
        )
        .returning(*RETURNING)
    )
    changed = [_changed(row, now_us) for row in await connection.execute(statement)]
    await book(connection, facts, changed, now_us)
    return changed


async def book(
    connection: AsyncConnection, facts: FactsCache, changed: Sequence[Changed], now_us: int, also: Sequence[Run] = ()
) -> None:
    """Write what follows from changes of state: progress, tally deltas, usage, events, head. Call once, at the end."""
    if not changed:
        await append_events(connection, also)
        return
    known = await facts.load(connection, (change.notification_id for change in changed))
    await _book_progress(connection, changed, now_us)
    moved = ((c.notification_id, c.carrier, c.queues) for c in changed if c.carrier is not None)
    await book_rerouted(connection, moved)
    await _book_tallies(connection, known, changed)
    await book_usage(connection, facts.prices, _handed(known, changed), now_us)
    await append_events(connection, [*_runs(changed, now_us), *also])


async def _book_progress(connection: AsyncConnection, changed: Sequence[Changed], now_us: int) -> None:
    deltas: defaultdict[uuid.UUID, Counter[str]] = defaultdict(Counter)
    release: dict[uuid.UUID, int] = {}
    for change in changed:
        counts = deltas[change.notification_id]
        counts[change.previous.name.lower()] -= 1
        counts[change.state.name.lower()] += 1
        if change.state is State.HELD and change.due_time is not None:
            earlier = release.get(change.notification_id, change.due_time)
            release[change.notification_id] = min(earlier, change.due_time)
    for identifier in sorted(deltas, key=lambda identifier: identifier.int):
        await add_progress(connection, identifier, deltas[identifier], now_us, release.get(identifier))


async def add_progress(
    connection: AsyncConnection,
    notification_id: uuid.UUID,
    deltas: Counter[str],
    now_us: int,
    release_us: int | None = None,
) -> None:
    """Add to the counts of one notification and mark it done once nothing of it is open.

    `release_us` is when the first of the messages that are held now is due.
    """
    added = {f"added_{state.name.lower()}": deltas[state.name.lower()] for state in State}
    release = {"release": _NEVER if release_us is None else release_us}
    await connection.execute(_ADD_PROGRESS, added | release | {"of": notification_id, "now": now_us})


def _added(state: State) -> ColumnElement[int]:
    name = state.name.lower()
    column: ColumnElement[int] = progress.c[name]
    return column + bindparam(f"added_{name}", type_=Integer)


_NEVER = 2**62
_RELEASE = bindparam("release", type_=BigInteger)

_ADD_PROGRESS = (
    update(progress)
    .where(progress.c.notification_id == bindparam("of", type_=Uuid))
    .values(
        **{state.name.lower(): _added(state) for state in State},
        update_time=bindparam("now", type_=BigInteger),
        release_time=case(
            (func.coalesce(progress.c.release_time, _NEVER) > _RELEASE, _RELEASE), else_=progress.c.release_time
        ),
        done=sum((_added(state) for state in sorted(OPEN)), literal(0)) == 0,
    )
)


async def _book_tallies(connection: AsyncConnection, known: dict[uuid.UUID, Facts], changed: Sequence[Changed]) -> None:
    deltas: defaultdict[tuple[str, str, int], Counter[str]] = defaultdict(Counter)
    for change in changed:
        of = known[change.notification_id]
        counts = deltas[of.topic_id, of.contact_point_id, of.bucket]
        if change.first_sent:
            counts["sent"] += 1
            counts["segments"] += change.segments
        if change.state in COUNTED_AS:
            counts[COUNTED_AS[change.state]] += 1
    for (topic_id, contact_point_id, bucket), counts in deltas.items():
        if counts:
            await add_tally(connection, topic_id, contact_point_id, bucket, counts)


async def add_tally(
    connection: AsyncConnection, topic_id: str, contact_point_id: str, bucket: int, counts: Counter[str]
) -> None:
    """Write one delta row; a reader adds it to the tally until a sweeper folds it in."""
    keys = {"topic_id": topic_id, "contact_point_id": contact_point_id, "bucket": bucket}
    await connection.execute(_ADD_TALLY, keys | {name: counts[name] for name in COUNTS})


_ADD_TALLY = insert(tally_delta).values(
    {name: bindparam(name) for name in ("topic_id", "contact_point_id", "bucket", *COUNTS)}
)


def _handed(known: dict[uuid.UUID, Facts], changed: Sequence[Changed]) -> list[Handed]:
    return [
        Handed(c.notification_id, c.index, of.contact_point_id, of.topic_id, c.country, c.segments)
        for c in changed
        if c.first_sent
        for of in (known[c.notification_id],)
    ]


def _runs(changed: Sequence[Changed], now_us: int) -> list[Run]:
    ordered = sorted(changed, key=lambda c: (c.notification_id.int, c.previous, c.state, c.reason, c.attempt, c.index))
    runs: list[Run] = []
    for change in ordered:
        alike = (int(change.previous), int(change.state), change.reason, change.attempt, now_us)
        if runs:
            last = runs[-1]
            joins = (
                last.notification_id == change.notification_id
                and last.last + 1 == change.index
                and change.index - last.first < MAX_RUN
                and (last.from_state, last.state, last.reason, last.attempt, last.time) == alike
            )
            if joins:
                runs[-1] = Run(last.notification_id, last.first, change.index, *alike)
                continue
        runs.append(Run(change.notification_id, change.index, change.index, *alike))
    return runs
