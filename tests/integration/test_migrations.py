"""Migrations: they make the tables that the code knows, many may start at once, and a strange schema is refused."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from sendout.domain.clock import SystemClock
from sendout.storage.engine import Database
from sendout.storage.migrate import check_schema, migrate
from sendout.storage.tables import metadata


async def test_migrations_make_the_tables_the_code_knows(database: Database) -> None:
    """After all migrations the database differs from the tables in nothing that alembic can see."""
    async with database.read() as connection:
        differences = await connection.run_sync(
            lambda sync: compare_metadata(MigrationContext.configure(sync), metadata)
        )
    assert differences == []


async def test_migrating_again_changes_nothing(database: Database) -> None:
    """A second run leaves the built-in rows as they are."""
    await migrate(database, SystemClock())
    await check_schema(database)
    async with database.read() as connection:
        assert (await connection.execute(text("SELECT count(*) FROM topic"))).scalar_one() == 1


async def test_many_starters_at_once(tmp_path: Path) -> None:
    """Eight processes' worth of migrations on one empty SQLite file all succeed."""
    databases = [Database(f"sqlite+aiosqlite:///{tmp_path}/new.db", pool_size=1) for _ in range(8)]
    await asyncio.gather(*(migrate(database, SystemClock()) for database in databases))
    for database in databases:
        await check_schema(database)
        await database.close()


async def test_a_strange_schema_is_refused(database: Database) -> None:
    """A server does not start on a schema of another version, and says what to run."""
    async with database.write() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(RuntimeError, match="sendout migrate"):
        await check_schema(database)


async def test_topics_cannot_be_deleted(database: Database) -> None:
    """S51: not even raw SQL deletes a topic."""
    with pytest.raises(DBAPIError, match="never deleted"):
        async with database.write() as connection:
            await connection.execute(text("DELETE FROM topic"))
