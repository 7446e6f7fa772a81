"""The latest word of each number: who wants messages and who does not, for one contact point or for all of them.

Who comes in: ConsentService with its imports, and whatever hears a recipient or a carrier say STOP. A word is kept
under the keyed hash of the number, so it outlives the number itself. In one transaction the words are written first
and `suppress_waiting` last, because it ends at the event head.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Any

from sqlalchemy import Select, and_, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from sendout.domain.replies import Purpose
from sendout.domain.states import ReasonCode, State
from sendout.storage.changes import Change, Changed, FactsCache, apply
from sendout.storage.event_log import EventKind, Run, told
from sendout.storage.keys import KEYS, NUMBER_KEYS, Key, same_message
from sendout.storage.replies import last_sent
from sendout.storage.rows import Columns, insert_into, rows_parameters, rows_table
from sendout.storage.tables import consent, is_open, message, notification, progress

ORGANISATION = ""
"""The contact point id of a word that holds for every contact point."""


class Source(StrEnum):
    """How a word came; the names of `sendout.v1.ConsentSource`."""

    REPLY = "REPLY"
    CARRIER = "CARRIER"
    RECORDED = "RECORDED"
    IMPORTED = "IMPORTED"


@dataclass(frozen=True, slots=True)
class Consent:
    """What one number said. Times in microseconds since 1970: when it was said, and when it was written down."""

    number_key: bytes
    contact_point_id: str
    opted_out: bool
    source: Source
    evidence: str
    principal_id: str  # who recorded it; empty where the recipient or the carrier did
    consent_time: int
    update_time: int


_WORD_COLUMNS: Columns = {column.name: column.type for column in consent.c}


@dataclass(frozen=True, slots=True)
class Recorded:
    """What came of recording words: (contact point, key) of those that changed, and the events to tell.

    An event is told where a number opted out or in that had not before, not where a word only got other evidence.
    """

    changed: set[tuple[str, bytes]]
    events: list[Run]


async def record(
    connection: AsyncConnection,
    words: Sequence[Consent],
    of: Mapping[bytes, Key] | None = None,
    reference: str = "",
) -> Recorded:
    """Keep each word that is not older than the one that stands.

    A word that stands already, said at the same time with the same evidence, changes nothing. A number must not stand
    twice for one contact point in `words`. The events belong to the messages in `of` by number key, or each to the last
    notification that the number got; `reference` is the reply that caused them. Tell them at the end of the
    transaction, by `suppress_waiting` or `append_events`.
    """
    ordered = sorted(words, key=lambda word: (word.number_key, word.contact_point_id))
    before = await _standing(connection, ordered)
    rows = [[getattr(word, name) for name in _WORD_COLUMNS] for word in ordered]
    parameters = rows_parameters(connection, "words", _WORD_COLUMNS, rows)
    done = await connection.execute(_upsert(connection.dialect.name), parameters)
    changed = {(row.contact_point_id, row.number_key) for row in done}
    turned = [
        word
        for word in ordered
        if (place := (word.contact_point_id, word.number_key)) in changed and before.get(place) is not word.opted_out
    ]
    return Recorded(changed, await _tell(connection, turned, of, reference))


async def _standing(connection: AsyncConnection, words: Sequence[Consent]) -> dict[tuple[str, bytes], bool]:
    """The words that stand, held until the commit, so that each turn is told once."""
    keys = rows_parameters(connection, "keys", NUMBER_KEYS, [(key,) for key in sorted({w.number_key for w in words})])
    rows = await connection.execute(_held(connection.dialect.name), keys)
    return {(row.contact_point_id, row.number_key): bool(row.opted_out) for row in rows}


@cache
def _held(dialect: str) -> Select[Any]:
    keys = rows_table(dialect, "keys", NUMBER_KEYS)
    return (
        select(consent.c.contact_point_id, consent.c.number_key, consent.c.opted_out)
        .join(keys, keys.c.number_key == consent.c.number_key)
        .order_by(consent.c.number_key, consent.c.contact_point_id)
        .with_for_update(of=consent)
    )


async def _tell(
    connection: AsyncConnection,
    turned: Sequence[Consent],
    of: Mapping[bytes, Key] | None,
    reference: str,
) -> list[Run]:
    if of is None:
        points = sorted({word.contact_point_id for word in turned})
        of = {}
        for point in points:
            keys = {word.number_key for word in turned if word.contact_point_id == point}
            sent = await last_sent(connection, [point] if point != ORGANISATION else [], keys)
            of |= {key: last.message for key, last in sent.items()}
    return [
        told(
            EventKind.OPTED_OUT if word.opted_out else EventKind.OPTED_IN,
            word.contact_point_id,
            of.get(word.number_key),
            word.update_time,
            reference,
        )
        for word in turned
    ]


@cache
def _upsert(dialect: str) -> Any:
    words = rows_table(dialect, "words", _WORD_COLUMNS)
    # SQLite's grammar needs a WHERE between SELECT and ON CONFLICT.
    chosen = select(*(words.c[name] for name in _WORD_COLUMNS)).where(words.c.number_key.is_not(None))
    statement = insert_into(dialect, consent).from_select([*_WORD_COLUMNS], chosen)
    given = statement.excluded
    differs = or_(*(consent.c[name] != given[name] for name in ("opted_out", "source", "evidence")))
    same_time = and_(consent.c.consent_time == given.consent_time, differs)
    return statement.on_conflict_do_update(
        index_elements=[consent.c.number_key, consent.c.contact_point_id],
        set_={column.name: given[column.name] for column in consent.c if not column.primary_key},
        where=or_(consent.c.consent_time < given.consent_time, same_time),
    ).returning(consent.c.number_key, consent.c.contact_point_id)


async def words_of(connection: AsyncConnection, contact_point_id: str, number_key: bytes) -> list[Consent]:
    """The words of a number that apply to a contact point, its own one before that of the organisation."""
    statement = (
        select(consent)
        .where(consent.c.number_key == number_key, consent.c.contact_point_id.in_({contact_point_id, ORGANISATION}))
        .order_by(consent.c.contact_point_id.desc())
    )
    return [_word(row) for row in await connection.execute(statement)]


async def list_page(
    connection: AsyncConnection,
    limit: int,
    after: tuple[int, bytes, str] | None,
    *,
    contact_point_id: str = "",
    opted_out: bool | None = None,
) -> list[Consent]:
    """Words, the last recorded first; `after` is the `place` of the last one of the page before."""
    columns = (consent.c.update_time, consent.c.number_key, consent.c.contact_point_id)
    statement = select(consent).order_by(*(column.desc() for column in columns)).limit(limit)
    if contact_point_id:
        statement = statement.where(consent.c.contact_point_id == contact_point_id)
    if opted_out is not None:
        statement = statement.where(consent.c.opted_out == opted_out)
    if after is not None:
        statement = statement.where(tuple_(*columns) < tuple_(*after))
    return [_word(row) for row in await connection.execute(statement)]


def place(word: Consent) -> tuple[int, bytes, str]:
    """Where a word stands in the listing."""
    return word.update_time, word.number_key, word.contact_point_id


def _word(row: Any) -> Consent:
    return Consent(**dict(row._mapping) | {"source": Source(row.source)})


async def suppress_waiting(
    connection: AsyncConnection,
    facts: FactsCache,
    contact_point_id: str | Collection[str],
    number_keys: Collection[bytes],
    now_us: int,
    also: Sequence[Run] = (),
) -> list[Changed]:
    """End what has not left for these numbers, from this contact point (or these), or from any where it is "".

    Call it once in a transaction, after everything else: it ends with the event head, where `also` is told too. What is
    accepted meanwhile by a transaction that began earlier is left out by its claim (I7).
    """
    found = await _waiting(connection, contact_point_id, number_keys)
    return await apply(connection, facts, [Change(*key, *_OPTED_OUT) for key in found], now_us, also)


_OPTED_OUT = (State.SUPPRESSED, ReasonCode.OPTED_OUT)


async def _waiting(
    connection: AsyncConnection, contact_point_id: str | Collection[str], number_keys: Collection[bytes]
) -> list[Key]:
    if not number_keys or not await _any_waiting(connection, contact_point_id):
        return []
    statement = _messages(connection.dialect.name, contact_point_id, State.HELD, State.QUEUED)
    rows = await connection.execute(
        statement.order_by(message.c.notification_id, message.c.index).with_for_update(of=message),
        rows_parameters(connection, "keys", NUMBER_KEYS, [(key,) for key in number_keys]),
    )
    return [(row.notification_id, row.message_index) for row in rows]


@dataclass(frozen=True, slots=True)
class Heard:
    """What follows from a carrier's word that recipients opted out: make the changes, tell the events after them, and
    after the commit stop (carrier, contact point, number key)."""

    changes: Sequence[Change] = ()
    events: Sequence[Run] = ()
    stopped: Sequence[tuple[str, str, bytes]] = ()


async def heard_from_carrier(connection: AsyncConnection, keys: Sequence[Key], now_us: int) -> Heard:
    """Record that the recipients of these messages opted out of their contact points, and find what else waits."""
    if not keys:
        return Heard()
    wanted = rows_parameters(connection, "of", KEYS, sorted(set(keys)))
    rows = (await connection.execute(_recipients(connection.dialect.name), wanted)).all()
    points: defaultdict[str, dict[bytes, Any]] = defaultdict(dict)
    for row in rows:
        points[row.contact_point_id][row.number_key] = row
    changes: list[Change] = []
    events: list[Run] = []
    for point, found in sorted(points.items()):
        words = [Consent(key, point, True, Source.CARRIER, "", "", now_us, now_us) for key in found]
        of = {key: (row.notification_id, row.message_index) for key, row in found.items()}
        events += (await record(connection, words, of)).events
        waiting = await _waiting(connection, point, list(found))
        changes += [Change(*key, *_OPTED_OUT) for key in waiting if key not in keys]
    return Heard(changes, events, [(row.carrier, row.contact_point_id, row.number_key) for row in rows])


@cache
def _recipients(dialect: str) -> Select[Any]:
    of = rows_table(dialect, "of", KEYS)
    return (
        select(
            message.c.notification_id,
            message.c.index.label("message_index"),
            message.c.number_key,
            notification.c.contact_point_id,
            notification.c.carrier,
        )
        .join(of, same_message(of, message))
        .join(notification, notification.c.id == message.c.notification_id)
    )


async def being_sent(connection: AsyncConnection, contact_point_id: str, number_keys: Sequence[bytes]) -> set[bytes]:
    """Those of these numbers to which a message is on its way out, from this contact point or, where it is "", any."""
    statement = _messages(connection.dialect.name, contact_point_id, State.SENDING)
    keys = rows_parameters(connection, "keys", NUMBER_KEYS, [(key,) for key in number_keys])
    return {row.number_key for row in await connection.execute(statement, keys)}


def _messages(dialect: str, contact_point_id: str | Collection[str], *states: State) -> Select[Any]:
    """Messages to `keys` that an opt-out stops, found by the index on their key: it names the notification too."""
    keys = rows_table(dialect, "keys", NUMBER_KEYS)
    statement = (
        select(message.c.notification_id, message.c.index.label("message_index"), message.c.number_key)
        .join(keys, keys.c.number_key == message.c.number_key)
        .join(notification, notification.c.id == message.c.notification_id)
        .where(message.c.state.in_([*map(int, states)]), notification.c.purpose != Purpose.LAST_WORD)
    )
    if contact_point_id == ORGANISATION:
        return statement
    return statement.where(notification.c.contact_point_id.in_(_listed(contact_point_id)))


def _listed(contact_point_id: str | Collection[str]) -> Collection[str]:
    return [contact_point_id] if isinstance(contact_point_id, str) else contact_point_id


async def _any_waiting(connection: AsyncConnection, contact_point_id: str | Collection[str]) -> bool:
    """Whether anything at all waits there: an import into a quiet installation need not look up each number."""
    statement = select(progress.c.notification_id).where(is_open, progress.c.held + progress.c.queued > 0).limit(1)
    if contact_point_id != ORGANISATION:
        statement = statement.where(progress.c.contact_point_id.in_(_listed(contact_point_id)))
    return (await connection.execute(statement)).first() is not None
