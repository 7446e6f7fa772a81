"""The latest word of each number: who wants messages and who does not, for one contact point or for all of them.

Who comes in: ConsentService with its imports, and whatever hears a recipient or a carrier say STOP. A word is kept
under the keyed hash of the number, so it outlives the number itself. In one transaction the words are written first
and `suppress_waiting` last, because it ends at the event head.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Any

from sqlalchemy import LargeBinary, Select, and_, or_, select, tuple_
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from sendout.domain.states import ReasonCode, State
from sendout.storage.changes import Change, Changed, FactsCache, apply
from sendout.storage.rows import Columns, rows_parameters, rows_table
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
_KEY_COLUMNS: Columns = {"number_key": LargeBinary()}


async def record(connection: AsyncConnection, words: Sequence[Consent]) -> set[tuple[str, bytes]]:
    """Keep each word that is not older than the one that stands; answers (contact point, key) of those that changed.

    A word that stands already, said at the same time with the same evidence, changes nothing. A number must not stand
    twice for one contact point in `words`.
    """
    ordered = sorted(words, key=lambda word: (word.number_key, word.contact_point_id))
    rows = [[getattr(word, name) for name in _WORD_COLUMNS] for word in ordered]
    parameters = rows_parameters(connection, "words", _WORD_COLUMNS, rows)
    changed = await connection.execute(_upsert(connection.dialect.name), parameters)
    return {(row.contact_point_id, row.number_key) for row in changed}


@cache
def _upsert(dialect: str) -> Any:
    words = rows_table(dialect, "words", _WORD_COLUMNS)
    make: Any = postgresql.insert if dialect == "postgresql" else sqlite.insert
    # SQLite's grammar needs a WHERE between SELECT and ON CONFLICT.
    chosen = select(*(words.c[name] for name in _WORD_COLUMNS)).where(words.c.number_key.is_not(None))
    statement = make(consent).from_select([*_WORD_COLUMNS], chosen)
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
    connection: AsyncConnection, facts: FactsCache, contact_point_id: str, number_keys: Sequence[bytes], now_us: int
) -> list[Changed]:
    """End every message to these numbers that has not left, from this contact point or, where it is "", from any.

    Call it once in a transaction, after everything else: it ends with the event head. What is accepted meanwhile by a
    transaction that began earlier is left out by its claim (I7).
    """
    if not number_keys or not await _any_waiting(connection, contact_point_id):
        return []
    statement = _messages(connection.dialect.name, contact_point_id, State.HELD, State.QUEUED)
    rows = await connection.execute(
        statement.order_by(message.c.notification_id, message.c.index).with_for_update(of=message),
        rows_parameters(connection, "keys", _KEY_COLUMNS, [(key,) for key in number_keys]),
    )
    found = [Change(row.notification_id, row.message_index, State.SUPPRESSED, ReasonCode.OPTED_OUT) for row in rows]
    return await apply(connection, facts, found, now_us)


async def being_sent(connection: AsyncConnection, contact_point_id: str, number_keys: Sequence[bytes]) -> set[bytes]:
    """Those of these numbers to which a message is on its way out, from this contact point or, where it is "", any."""
    statement = _messages(connection.dialect.name, contact_point_id, State.SENDING)
    keys = rows_parameters(connection, "keys", _KEY_COLUMNS, [(key,) for key in number_keys])
    return {row.number_key for row in await connection.execute(statement, keys)}


def _messages(dialect: str, contact_point_id: str, *states: State) -> Select[Any]:
    """Messages to `keys`, found by the index on their key: it names the notification too."""
    keys = rows_table(dialect, "keys", _KEY_COLUMNS)
    statement = (
        select(message.c.notification_id, message.c.index.label("message_index"), message.c.number_key)
        .join(keys, keys.c.number_key == message.c.number_key)
        .where(message.c.state.in_([*map(int, states)]))
    )
    if contact_point_id == ORGANISATION:
        return statement
    return statement.join(notification, notification.c.id == message.c.notification_id).where(
        notification.c.contact_point_id == contact_point_id
    )


async def _any_waiting(connection: AsyncConnection, contact_point_id: str) -> bool:
    """Whether anything at all waits there: an import into a quiet installation need not look up each number."""
    statement = select(progress.c.notification_id).where(is_open, progress.c.held + progress.c.queued > 0).limit(1)
    if contact_point_id != ORGANISATION:
        statement = statement.where(progress.c.contact_point_id == contact_point_id)
    return (await connection.execute(statement)).first() is not None
