"""Readers of an event table that look right and are not (reliability.md I5), kept as controls.

They read a copy of the events whose ids come from a sequence, written by a trigger in the same transactions.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from sendout.storage.engine import Database

Change = tuple[str, int]
"""A message, and its version: one more with each change."""

_COPY = (
    "CREATE TABLE naive_event (id bigserial PRIMARY KEY, xid bigint NOT NULL, message text NOT NULL, "
    "version int NOT NULL)",
    "CREATE FUNCTION copy_event() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
    "INSERT INTO naive_event (xid, message, version) VALUES (pg_current_xact_id()::text::bigint, "
    "NEW.notification_id || '.' || NEW.index, NEW.refusals); RETURN NEW; END $$",
    "CREATE TRIGGER copy_event AFTER UPDATE ON message FOR EACH ROW EXECUTE FUNCTION copy_event()",
)
_VERSIONS = text("SELECT message, version FROM naive_event")
_XMIN = "pg_snapshot_xmin(pg_current_snapshot())::text::bigint"
_BY_ID = text("SELECT id, message, version FROM naive_event WHERE id > :last ORDER BY id LIMIT 500")
_BY_ID_WITH_XMIN = text(f"SELECT id, message, version, xid < {_XMIN} FROM naive_event WHERE id > :last ORDER BY id")
_BY_XID = text(
    "SELECT xid, id, message, version FROM naive_event "
    f"WHERE (xid, id) > (:xid, :last) AND xid < {_XMIN} ORDER BY xid, id LIMIT 500"
)


async def copy_events(database: Database) -> None:
    """Begin to copy every change of a message; its `refusals` are its version."""
    async with database.write() as connection:
        for statement in _COPY:
            await connection.execute(text(statement))


async def committed(database: Database) -> set[Change]:
    """Every change that was committed."""
    async with database.read() as connection:
        return {(message, version) for message, version in await connection.execute(_VERSIONS)}


@dataclass
class Findings:
    """What a reader got wrong."""

    read: int
    missed: int
    repeated: int
    inversions: int

    @property
    def caught(self) -> bool:
        return bool(self.missed or self.repeated or self.inversions)


def judge(seen: list[Change], expected: set[Change]) -> Findings:
    """Compare what a reader saw, in its order, with what was committed."""
    latest: defaultdict[str, int] = defaultdict(int)
    inversions = 0
    for message, version in seen:
        inversions += version < latest[message]
        latest[message] = max(latest[message], version)
    return Findings(len(seen), len(expected - set(seen)), len(seen) - len(set(seen)), inversions)


async def by_id(connection: AsyncConnection) -> AsyncIterator[list[Change]]:
    """`id > cursor ORDER BY id`: misses what is committed after a later id was read."""
    last = 0
    while True:
        rows = (await connection.execute(_BY_ID, {"last": last})).all()
        await connection.rollback()
        last = rows[-1][0] if rows else last
        yield [(message, version) for _, message, version in rows]


async def by_id_waiting_at_holes(connection: AsyncConnection) -> AsyncIterator[list[Change]]:
    """As `by_id`, but a hole is waited for until the rows behind it are of transactions below xmin."""
    last = 0
    while True:
        rows = (await connection.execute(_BY_ID_WITH_XMIN, {"last": last})).all()
        await connection.rollback()
        taken: list[Change] = []
        for identifier, message, version, settled in rows:
            if identifier != last + 1 and not settled:
                break
            last = identifier
            taken.append((message, version))
        yield taken


async def by_transaction(connection: AsyncConnection) -> AsyncIterator[list[Change]]:
    """(xid, id) order below xmin: complete, but a transaction with an early xid may write a later change."""
    xid = last = 0
    while True:
        rows = (await connection.execute(_BY_XID, {"xid": xid, "last": last})).all()
        await connection.rollback()
        xid, last = rows[-1][:2] if rows else (xid, last)
        yield [(message, version) for _, _, message, version in rows]


NAIVE = (by_id, by_id_waiting_at_holes, by_transaction)
