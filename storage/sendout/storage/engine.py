"""One engine per process, PostgreSQL or SQLite, with the same promises: durable commits, READ COMMITTED or stronger.

Source of the settings: reliability.md section 6 and I5 rule 3.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from weakref import WeakKeyDictionary

import asyncpg
from sqlalchemy import event, make_url, text
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.util import await_only

from sendout.domain.errors import Reason, SendoutError

_POSTGRES_SETTINGS = {
    "jit": "off",
    "statement_timeout": "30s",
    "lock_timeout": "10s",
    # How long a frozen writer keeps its rows. The event head row is not among them: `note_events`.
    "idle_in_transaction_session_timeout": "5s",
    "application_name": "sendout",
}

_log = logging.getLogger(__name__)

_BUSY_S = 10  # how long a writer waits for the others on SQLite

BYTES_OF_HEX = "sendout_bytes_of_hex"
"""A function that every SQLite connection has, for rows that come as JSON."""

_endings: WeakKeyDictionary[AsyncConnection, str] = WeakKeyDictionary()


def note_events(connection: AsyncConnection, script: str = "") -> None:
    """Mark the transaction as one that wrote events: their readers are told once it is committed.

    `script` is SQL that goes to PostgreSQL in one message with COMMIT (reliability.md I5, rule 1): whatever it locks is
    let go by the database alone, however long this process stands still. Each statement ends in a semicolon.
    """
    _endings[connection] = _endings.get(connection, "") + script


class Database:
    """The engine and the two ways to use it: `read()` and `write()`."""

    def __init__(self, url: str, *, pool_size: int = 8) -> None:
        parsed = make_url(url)
        self.is_postgres = parsed.get_backend_name() == "postgresql"
        # hide_parameters: numbers and texts must not get into exceptions and logs.
        options: dict[str, Any] = {
            "hide_parameters": True,
            "pool_size": pool_size,
            "max_overflow": 0,
            "pool_timeout": 5,
        }
        if self.is_postgres:
            options |= {"connect_args": {"server_settings": _POSTGRES_SETTINGS, "timeout": 5}, "pool_pre_ping": False}
        else:
            options |= {"connect_args": {"timeout": _BUSY_S}, "pool_size": min(pool_size, 4)}
        self._writer = asyncio.Lock()
        self.on_events: Callable[[], None] | None = None
        """Called after each commit that wrote events; it must neither block nor raise."""
        self.engine: AsyncEngine = create_async_engine(url, **options)
        if not self.is_postgres:
            _prepare_sqlite(self.engine)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A connection to read from; nothing is committed."""
        async with _translated(), self.engine.connect() as connection:
            yield connection
            await connection.rollback()

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """A transaction, committed at the end of the block and rolled back when the block raises.

        On SQLite it is BEGIN IMMEDIATE: writers wait for one another at the start, so none fails half-way. Those of
        this process wait in line: whoever only polls for SQLite's lock may be passed over again and again.
        """
        async with _translated(), self._turn(), self.engine.connect() as connection:
            if not self.is_postgres:
                await connection.exec_driver_sql("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                await connection.rollback()
                raise
            ending = _endings.get(connection)
            if ending:
                driver = await driver_of(connection)
                # CHAIN opens an empty transaction for SQLAlchemy to commit: it does not know that its own is over.
                # Where nothing came before, none is open yet, and one message is a transaction of its own.
                await driver.execute(ending + ("COMMIT AND CHAIN" if driver.is_in_transaction() else ""))
            await connection.commit()
        if ending is not None and self.on_events is not None:
            self.on_events()

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        if self.is_postgres:
            yield
            return
        async with asyncio.timeout(_BUSY_S):
            await self._writer.acquire()
        try:
            yield
        finally:
            self._writer.release()

    async def check_durable(self) -> None:
        """Raise where the server may lose what it confirmed (`fsync`, `synchronous_commit`, `full_page_writes`)."""
        if not self.is_postgres:
            return
        async with self.read() as connection:
            for name in ("fsync", "full_page_writes", "synchronous_commit"):
                value = (await connection.execute(text(f"SHOW {name}"))).scalar_one()
                if value == "off":
                    raise RuntimeError(
                        f"PostgreSQL runs with {name}=off, so it may lose accepted notifications. "
                        "Turn it on, or set SENDOUT_ACCEPT_LOSS=true if that is what you want."
                    )

    async def close(self) -> None:
        """Close every connection."""
        await self.engine.dispose()


async def driver_of(connection: AsyncConnection) -> Any:
    """The driver's own connection, for what SQLAlchemy has no words for."""
    return (await connection.get_raw_connection()).driver_connection


def _prepare_sqlite(engine: AsyncEngine) -> None:
    @event.listens_for(engine.sync_engine, "connect")
    def on_connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves
        connection.create_function(BYTES_OF_HEX, 1, bytes.fromhex, deterministic=True)
        cursor = connection.cursor()
        for pragma in (
            f"busy_timeout={_BUSY_S * 1000}",
            "synchronous=FULL",
            "foreign_keys=ON",
            "cache_size=-65536",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        _write_ahead(cursor)
        cursor.close()

    @event.listens_for(engine.sync_engine, "invalidate")
    def on_invalidate(connection: Any, _record: Any, _error: BaseException | None) -> None:
        # Whoever is cancelled in a statement leaves it unfinished, and SQLite keeps a closed connection's transaction,
        # with its lock, for as long as a statement of it lives.
        connection.rollback()


def _write_ahead(cursor: Any) -> None:
    """Make a file that is new a WAL database. Of several who do so at once SQLite refuses all but one, and does not
    wait, whatever its busy_timeout."""
    last = time.monotonic() + _BUSY_S
    while True:
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError:
            if time.monotonic() > last:
                raise
        await_only(asyncio.sleep(0.02))


# SQLSTATE classes of what passes by itself: connections, deadlocks, exhausted resources, locks not got in time, a
# transaction cut off for idling, and a server that starts, stops or cancels.
_PASSING = ("08", "25P03", "40", "53", "55P03", "57")
_NOT_TEXT = "22021"  # PostgreSQL keeps no NUL in a text


@asynccontextmanager
async def _translated() -> AsyncIterator[None]:
    """A database that is away becomes STORAGE_UNAVAILABLE; driver text goes no further."""
    try:
        yield
    except (OperationalError, InterfaceError, PoolTimeoutError, asyncpg.InterfaceError) as error:
        raise _unavailable(error) from error
    except (DBAPIError, asyncpg.PostgresError) as error:
        state = _sqlstate(error) or ""
        if getattr(error, "connection_invalidated", False) or state.startswith(_PASSING):
            raise _unavailable(error) from error
        if state == _NOT_TEXT:
            said = "A text of the request has a NUL character, which cannot be stored. Leave it out."
            raise SendoutError(Reason.FIELD_INVALID, said) from error
        raise
    except (OSError, TimeoutError) as error:
        raise _unavailable(error) from error


def _sqlstate(error: Exception) -> str | None:
    return getattr(getattr(error, "orig", None) or error, "sqlstate", None)


def _unavailable(error: Exception) -> SendoutError:
    # Its kind and no more: the text of an exception may quote a row.
    _log.warning("The database could not be used: %s, SQLSTATE %s", type(error).__name__, _sqlstate(error))
    return SendoutError(
        Reason.STORAGE_UNAVAILABLE,
        "The database cannot be used right now. Try again with the same request id; nothing is then done twice.",
        retry_after=1.0,
    )
