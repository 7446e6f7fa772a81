"""A caller who hangs up in the middle of a write leaves nothing behind that others would have to wait for."""

from __future__ import annotations

import asyncio

from sqlalchemy import text

from sendout.storage.engine import Database

CANCELLED = 100
AT_ONCE_S = 5.0  # half of what a writer waits for SQLite's lock


async def test_a_cancelled_writer_lets_go(database: Database, database_url: str) -> None:
    """Whoever is cancelled at any moment of a write, here or beside it, holds no lock afterwards."""
    other = Database(database_url)
    async with database.write() as connection:
        await connection.execute(text("CREATE TABLE written (n INTEGER)"))
    for turn in range(CANCELLED):
        writers = [asyncio.create_task(_write(engine)) for engine in (database, other)]
        await asyncio.sleep(turn * 0.006 / CANCELLED)  # what is to be hit: every moment of some milliseconds
        for writer in writers:
            writer.cancel()
        await asyncio.gather(*writers, return_exceptions=True)
        async with asyncio.timeout(AT_ONCE_S):
            await _write(database)
            await _write(other)
    await other.close()


async def _write(engine: Database) -> None:
    async with engine.write() as connection:
        await connection.execute(text("INSERT INTO written VALUES (1)"))
        await connection.execute(text("SELECT count(*) FROM written"))
