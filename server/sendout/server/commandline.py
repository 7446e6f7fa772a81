"""The commands that run Sendout, for `sendout` (mounted through an entry point) and for `python -m sendout.server`."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import typer

from sendout.domain.clock import SystemClock
from sendout.server import app, processes
from sendout.server.auditing import TallyAuditor
from sendout.server.config import ConfigError, Settings, load_settings
from sendout.server.config_check import Level, check_retention
from sendout.server.config_check import check_config as findings_of
from sendout.server.logs import configure_logging
from sendout.server.retention import Retention
from sendout.server.telemetry import setup
from sendout.server.up import up as run_up
from sendout.storage.engine import Database
from sendout.storage.migrate import check_schema
from sendout.storage.migrate import migrate as run_migrations

_CONFIG = typer.Option(None, "--config", help="TOML file with settings.")
_DATABASE = typer.Option(None, "--database-url", help="SQL database; wins over SENDOUT_DATABASE_URL.")
_REDIS = typer.Option(None, "--redis-url", help="Redis or Valkey; wins over SENDOUT_REDIS_URL.")
_LISTEN = typer.Option(None, "--listen", help="Address and port of the gRPC server (127.0.0.1:50051).")
_DATA = typer.Option(None, "--data-dir", help="Folder of everything kept on this machine.")


def _run(main: Callable[[Settings], Coroutine[Any, Any, None]], config: Path | None, **flags: Any) -> None:
    try:
        processes.run(main(load_settings(config, **flags)))
    except (ConfigError, RuntimeError) as error:
        typer.echo(f"sendout: {error}", err=True)
        raise typer.Exit(1) from None


def up(config: Path | None = _CONFIG, data_dir: Path | None = _DATA, listen: str | None = _LISTEN) -> None:
    """Run everything on this machine: embedded stores, server, dispatcher, simulator. Ctrl-C stops it.

    The first start makes a contact point, two roles and two API keys, writes the command line's profile and prints a
    line to try. Example: sendout up --data-dir ./data
    """
    _run(run_up, config, data_dir=data_dir, listen=listen, log_format="console", log_level="warning")


def serve(
    config: Path | None = _CONFIG,
    database_url: str | None = _DATABASE,
    redis_url: str | None = _REDIS,
    listen: str | None = _LISTEN,
) -> None:
    """Run the gRPC server. Any number may run on one database."""
    _run(app.serve, config, database_url=database_url, redis_url=redis_url, listen=listen)


def dispatch(
    config: Path | None = _CONFIG, database_url: str | None = _DATABASE, redis_url: str | None = _REDIS
) -> None:
    """Run the dispatcher, which hands messages to the carriers. Any number may run on one database."""
    _run(app.dispatch, config, database_url=database_url, redis_url=redis_url)


def migrate(config: Path | None = _CONFIG, database_url: str | None = _DATABASE) -> None:
    """Bring the database to the schema of this version. Safe to run by many at once."""
    _run(_migrate, config, database_url=database_url)
    typer.echo("The database is up to date.")


async def _migrate(settings: Settings) -> None:
    database = Database(settings.storage.database_url)
    try:
        await run_migrations(database, SystemClock())
    finally:
        await database.close()


def check_config(config: Path | None = _CONFIG) -> None:
    """Read the settings, say what they mean, and what a server would refuse."""
    try:
        found = findings_of(load_settings(config))
    except ConfigError as error:
        typer.echo(f"sendout: {error}", err=True)
        raise typer.Exit(1) from None
    for finding in found:
        typer.echo(str(finding))
    if any(finding.level == "refuse" for finding in found):
        raise typer.Exit(1)


retention = typer.Typer(help="Forget what was kept long enough.", no_args_is_help=True)


@retention.callback()
def _retention() -> None:
    """Forget what was kept long enough. The settings say how long; a dispatcher does it every hour by itself."""


@retention.command("run")
def run_retention(
    dry_run: bool = typer.Option(False, "--dry-run", help="Count what would be purged, and purge nothing."),
    config: Path | None = _CONFIG,
    database_url: str | None = _DATABASE,
) -> None:
    """Purge what is due now: texts, numbers, receipts, events, messages, audit entries. Counts stay.

    Example: sendout retention run --dry-run
    """
    _run(partial(_purge, dry_run=dry_run), config, database_url=database_url)


async def _purge(settings: Settings, *, dry_run: bool) -> None:
    refused = [str(finding) for finding in check_retention(settings) if finding.level is Level.REFUSE]
    if refused:
        raise ConfigError("\n".join(refused))
    async with _database(settings) as database:
        purged: Counter[str] = Counter()
        work = Retention(database, SystemClock(), settings.retention)
        if dry_run:
            purged.update({found.what: found.rows for found in await work.preview()})
        else:
            async for step in work.run():
                purged[step.what] += step.rows
    for what, rows in purged.items():
        typer.echo(f"{what:<12}{rows:>12,}" + (" to be purged" if dry_run else " purged"))
    if not purged:
        typer.echo("Nothing is due.")


def audit_tallies(config: Path | None = _CONFIG, database_url: str | None = _DATABASE) -> None:
    """Compare the tallies with the messages, day by day. Ends with status 1 where they differ. Changes nothing."""
    _run(_audit, config, database_url=database_url)


async def _audit(settings: Settings) -> None:
    configure_logging(settings)
    days = differing = 0
    async with _database(settings) as database:
        telemetry = setup("sendout-audit", settings, SystemClock())
        async for found in TallyAuditor(database, telemetry).run():
            days += 1
            differing += len(found)
            for one in found:
                day = datetime.fromtimestamp(one.day_us // 1_000_000, UTC).date()
                columns = ", ".join(f"{name} {amount:+,}" for name, amount in one.columns().items())
                typer.echo(f"{day} {one.topic_id}: the tallies differ from the messages by {columns}.")
        await asyncio.to_thread(telemetry.shutdown)
    if differing:
        raise RuntimeError(f"{differing} tallies differ from their messages; days compared: {days}.")
    typer.echo(f"The tallies are what their messages give; days compared: {days}.")


@asynccontextmanager
async def _database(settings: Settings) -> AsyncIterator[Database]:
    database = Database(settings.storage.database_url)
    try:
        await check_schema(database)
        yield database
    finally:
        await database.close()


def register(application: typer.Typer) -> None:
    """Mount these commands."""
    for command in (up, serve, dispatch, migrate, check_config, audit_tallies):
        application.command(command.__name__.replace("_", "-"), rich_help_panel="Running Sendout")(command)
    application.add_typer(retention, name="retention", rich_help_panel="Running Sendout")
