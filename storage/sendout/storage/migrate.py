"""Bring a database to the schema this version knows, and refuse one it does not.

`sendout migrate` and `sendout up` run it; servers only check. Many starters at once are safe: they queue for one lock.
"""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, insert, select, text

from sendout.domain.clock import Clock
from sendout.domain.permissions import ADMIN, EVERYONE, SERVER, Permission
from sendout.storage.engine import Database
from sendout.storage.tables import event_head, principal, role, topic

_LOCK = 5_047_113_901  # any number that is ours alone
DEFAULT_TOPIC = "default"


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return config


async def migrate(database: Database, clock: Clock) -> None:
    """Run every migration that is missing and see that the built-in rows stand."""
    async with database.write() as connection:
        if database.is_postgres:
            await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        await connection.run_sync(_upgrade)
        await connection.run_sync(_seed, clock.now_us())


async def check_schema(database: Database) -> None:
    """Raise with what to do where the schema is not the one this version knows."""
    async with database.read() as connection:
        current = await connection.run_sync(lambda sync: MigrationContext.configure(sync).get_current_revision())
    known = ScriptDirectory.from_config(_config()).get_current_head()
    if current != known:
        raise RuntimeError(f"The database is at schema {current}, this version needs {known}. Run `sendout migrate`.")


def _upgrade(connection: Connection) -> None:
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _seed(connection: Connection, now_us: int) -> None:
    def missing(table: Any, key: Any) -> bool:
        return connection.execute(select(table.c.id).where(table.c.id == key)).first() is None

    if missing(event_head, 1):
        connection.execute(insert(event_head).values(id=1, position=0, epoch=secrets.token_hex(8)))
    if missing(topic, DEFAULT_TOPIC):
        connection.execute(
            insert(topic).values(
                id=DEFAULT_TOPIC, label="Default", label_key="default", is_default=True, create_time=now_us
            )
        )
    if missing(principal, SERVER):
        connection.execute(insert(principal).values(id=SERVER, kind="server", label="Sendout", create_time=now_us))
    for role_id, label, permissions in (
        (EVERYONE, "Everyone", [Permission.VIEW_HISTORY, Permission.MANAGE_TOPICS]),
        (ADMIN, "Administrators", list(Permission)),
    ):
        if missing(role, role_id):
            connection.execute(
                insert(role).values(id=role_id, label=label, permissions=[*map(str, permissions)], built_in=True)
            )
