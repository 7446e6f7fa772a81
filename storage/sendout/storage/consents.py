"""The latest word of each number: who wants messages and who does not, for one contact point or for all of them.

Who comes in: ConsentService with its imports, and whatever hears a recipient or a carrier say STOP. A word is kept
under the keyed hash of the number, so it outlives the number itself. In one transaction the words are written first
and `suppress_waiting` last, because it ends at the event head.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from functools import cache
from typing import Any

from sqlalchemy import Select, and_, bindparam, or_, select, tuple_
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from sendout.domain.states import ReasonCode, State
from sendout.storage.changes import Change, Changed, FactsCache, apply
from sendout.storage.tables import consent, is_open, message, notification, progress

ORGANISATION = ""
"""The contact point id of a word that holds for every contact point."""

_ROWS = 3_000
"""Words in one statement: eight parameters each stay below what both databases take."""
_KEYS = 10_000


class Source(StrEnum):
    """How a word came; the names of `sendout.v1.ConsentSource`."""

    REPLY = "REPLY"
    CARRIER = "CARRIER"
    RECORDED = "RECORDED"
    IMPORTED = "IMPORTED"


@dataclass(frozen=True, slots=True)
class Word:
    """What one number said. Times in microseconds since 1970: when it was said, and when it was written down."""

    number_key: bytes
    contact_point_id: str
    opted_out: bool
    source: Source
    evidence: str
    principal_id: str  # who recorded it; empty where the recipient or the carrier did
    consent_time: int
    update_time: int


async def record(connection: AsyncConnection, words: Sequence[Word]) -> set[tuple[str, bytes]]:
    """Keep each word that is not older than the one that stands; answers (contact point, key) of those that changed.

    A word that stands already, said at the same time with the same evidence, changes nothing. A number must not stand
    twice for one contact point in `words`.
    """
    ordered = sorted(words, key=lambda word: (word.number_key, word.contact_point_id))
    statement = _upsert(connection.dialect.name)
    changed: set[tuple[str, bytes]] = set()
    for start in range(0, len(ordered), _ROWS):
        rows = [asdict(word) for word in ordered[start : start + _ROWS]]
        done = await connection.execute(statement, rows, execution_options={"insertmanyvalues_page_size": _ROWS})
        changed.update((row.contact_point_id, row.number_key) for row in done)
    return changed


@cache
def _upsert(dialect: str) -> Any:
    make = postgresql.insert if dialect == "postgresql" else sqlite.insert
    statement: Any = make(consent)
    given = statement.excluded
    kept = [column.name for column in consent.c if not column.primary_key]
    differs = or_(
        consent.c.opted_out != given.opted_out,
        consent.c.source != given.source,
        consent.c.evidence != given.evidence,
    )
    same_time = and_(consent.c.consent_time == given.consent_time, differs)
    return statement.on_conflict_do_update(
        index_elements=[consent.c.number_key, consent.c.contact_point_id],
        set_={name: given[name] for name in kept},
        where=or_(consent.c.consent_time < given.consent_time, same_time),
    ).returning(consent.c.number_key, consent.c.contact_point_id)


async def words_of(connection: AsyncConnection, contact_point_id: str, number_key: bytes) -> list[Word]:
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
) -> list[Word]:
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


def place(word: Word) -> tuple[int, bytes, str]:
    """Where a word stands in the listing."""
    return word.update_time, word.number_key, word.contact_point_id


def _word(row: Any) -> Word:
    return Word(**dict(row._mapping) | {"source": Source(row.source)})


async def suppress_waiting(
    connection: AsyncConnection, facts: FactsCache, contact_point_id: str, number_keys: Sequence[bytes], now_us: int
) -> list[Changed]:
    """End every message to these numbers that has not left, from this contact point or, where it is "", from any.

    Call it once in a transaction, after everything else: it ends with the event head. What is accepted meanwhile by a
    transaction that began earlier is left out by its claim (I7).
    """
    if not number_keys or not await _any_waiting(connection, contact_point_id):
        return []
    statement = _messages(contact_point_id, State.HELD, State.QUEUED)
    statement = statement.order_by(message.c.notification_id, message.c.index).with_for_update(of=message)
    found: list[Change] = []
    for keys in _chunks(number_keys):
        rows = await connection.execute(statement, {"keys": keys})
        found += [
            Change(row.notification_id, row.message_index, State.SUPPRESSED, ReasonCode.OPTED_OUT) for row in rows
        ]
    return await apply(connection, facts, found, now_us)


async def being_sent(connection: AsyncConnection, contact_point_id: str, number_keys: Sequence[bytes]) -> set[bytes]:
    """Those of these numbers to which a message is on its way out, from this contact point or, where it is "", any."""
    found: set[bytes] = set()
    for keys in _chunks(number_keys):
        rows = await connection.execute(_messages(contact_point_id, State.SENDING), {"keys": keys})
        found.update(row.number_key for row in rows)
    return found


def _messages(contact_point_id: str, *states: State) -> Select[Any]:
    """Messages to `keys`, found by the index on their key: it names the notification too."""
    columns = (message.c.notification_id, message.c.index.label("message_index"), message.c.number_key)
    statement = select(*columns).where(
        message.c.number_key.in_(bindparam("keys", expanding=True)), message.c.state.in_([*map(int, states)])
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


def _chunks(keys: Sequence[bytes]) -> Iterator[list[bytes]]:
    for start in range(0, len(keys), _KEYS):
        yield list(keys[start : start + _KEYS])
