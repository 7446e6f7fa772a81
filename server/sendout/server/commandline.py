"""The commands that run Sendout, for `sendout` (mounted through an entry point) and for `python -m sendout.server`."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import typer

from sendout.domain.clock import SystemClock
from sendout.server import app, processes
from sendout.server.config import ConfigError, Settings, load_settings
from sendout.server.config_check import check_config as findings_of
from sendout.server.up import up as run_up
from sendout.storage.engine import Database
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


def register(application: typer.Typer) -> None:
    """Mount these commands."""
    for command in (up, serve, dispatch, migrate, check_config):
        application.command(command.__name__.replace("_", "-"), rich_help_panel="Running Sendout")(command)
