"""Migrations: they make the tables that the code knows, many may start at once, and a strange schema is refused."""

from __future__ import annotations

import asyncio
import sqlite3
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, insert, select, text
from sqlalchemy.exc import DBAPIError

from sendout.domain.clock import SystemClock
from sendout.storage.engine import Database
from sendout.storage.migrate import _config, check_schema, migrate
from sendout.storage.tables import inbound, metadata
from tests.conftest import asyncpg_url


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


@pytest.fixture(params=["sqlite", "postgres"])
async def empty(request: pytest.FixtureRequest, tmp_path: Path, postgres_server: str) -> AsyncIterator[Database]:
    """A database without a table."""
    if request.param == "sqlite":
        made = Database(f"sqlite+aiosqlite:///{tmp_path}/empty.db")
        yield made
        await made.close()
        return
    admin = Database(asyncpg_url(postgres_server, "postgres"), pool_size=1)
    name = f"e{uuid.uuid4().hex[:12]}"
    async with admin.engine.connect() as connection:
        raw = await connection.execution_options(isolation_level="AUTOCOMMIT")
        await raw.execute(text(f"CREATE DATABASE {name}"))
        made = Database(asyncpg_url(postgres_server, name))
        yield made
        await made.close()
        await raw.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    await admin.close()


async def upgrade_to(database: Database, revision: str) -> None:
    def upgrade(connection: Connection) -> None:
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, revision)

    async with database.write() as connection:
        await connection.run_sync(upgrade)


TEXTS = ["Yes", "Grüße 🎉 \\x41 'quoted'", "", "line\nline"]


async def test_replies_are_kept_by_the_upgrade(empty: Database) -> None:
    """0006: replies of an older version read back as they were, whole and unassigned; longer addresses fit then."""
    await upgrade_to(empty, "0005")
    async with empty.write() as connection:
        for place, said in enumerate(TEXTS):
            await connection.execute(
                text(
                    "INSERT INTO inbound (id, carrier, number, sender, text, receive_time, handled) "
                    "VALUES (:id, 'main', '+14155550101', '+14155550001', :said, :time, :handled)"
                ),
                {"id": f"r{place}", "said": said, "time": 1_000 + place, "handled": place == 0},
            )
    await migrate(empty, SystemClock())
    await check_schema(empty)
    async with empty.read() as connection:
        rows = (await connection.execute(select(inbound).order_by(inbound.c.receive_time))).all()
    assert [row.text for row in rows] == TEXTS
    assert [(row.id, row.receive_time, row.handled) for row in rows] == [
        (f"r{place}", 1_000 + place, place == 0) for place in range(len(TEXTS))
    ]
    assert {(row.carrier, row.number, row.sender) for row in rows} == {("main", "+14155550101", "+14155550001")}
    assert {(row.part, row.parts, row.reference, row.reply_id) for row in rows} == {(1, 1, None, None)}
    assert {(row.keyword, row.contact_point_id, row.conversation_id) for row in rows} == {("", "", None)}
    long = {"carrier": "main", "number": "n" * 32, "sender": "s" * 32, "text": "half \ud83d", "receive_time": 1}
    async with empty.write() as connection:
        await connection.execute(insert(inbound).values(id="long", **long))
        assert (
            await connection.execute(select(inbound.c.text).where(inbound.c.id == "long"))
        ).scalar_one() == "half \ud83d"


async def test_many_starters_at_once(tmp_path: Path) -> None:
    """Eight processes' worth of migrations on one empty SQLite file all succeed."""
    databases = [Database(f"sqlite+aiosqlite:///{tmp_path}/new.db", pool_size=1) for _ in range(8)]
    await asyncio.gather(*(migrate(database, SystemClock()) for database in databases))
    for database in databases:
        await check_schema(database)
        await database.close()


async def test_a_new_file_in_use_is_waited_for(tmp_path: Path) -> None:
    """Whoever opens a new SQLite file while another writes to it waits, also where SQLite itself does not."""
    database = Database(f"sqlite+aiosqlite:///{tmp_path}/new.db")
    other = sqlite3.connect(tmp_path / "new.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    opening = asyncio.create_task(check_schema(database))
    done, _ = await asyncio.wait([opening], timeout=0.3)
    assert not done
    other.rollback()
    with pytest.raises(RuntimeError, match="sendout migrate"):
        await opening
    other.close()
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
