"""The commands that run Sendout, for `sendout` (mounted through an entry point) and for `python -m sendout.server`."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import typer
from pydantic import TypeAdapter, ValidationError
from sqlalchemy.exc import SQLAlchemyError

from sendout.domain.clock import SystemClock
from sendout.server import app, processes
from sendout.server.auditing import TallyAuditor
from sendout.server.carriers.registry import capabilities_of
from sendout.server.config import ConfigError, Settings, load_settings
from sendout.server.config_check import SECRET_NAME, Level, check_retention
from sendout.server.config_check import check_config as findings_of
from sendout.server.config_sections import Duration
from sendout.server.logs import configure_logging
from sendout.server.retention import Retention
from sendout.server.telemetry import setup
from sendout.server.trying import OwnPhones, Trial, Wanted, abilities, shown
from sendout.server.up import up as run_up
from sendout.storage import contact_points
from sendout.storage.engine import Database
from sendout.storage.handsets import HandsetStore
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


carriers = typer.Typer(help="The carriers that are set up, and a test of one.", no_args_is_help=True)


@carriers.command("list")
def list_carriers(config: Path | None = _CONFIG) -> None:
    """List the carriers of the settings: name, type, what each does. Connects to none."""
    _run(_list_carriers, config)


async def _list_carriers(settings: Settings) -> None:
    found = capabilities_of({name: app.configured(settings, name) for name in settings.carriers})
    for name, can in found.items():
        typer.echo(f"{name:<16} {settings.carriers[name].type:<12} {', '.join(abilities(can))}")


@carriers.command("test")
def try_carrier(
    name: str = typer.Argument(metavar="NAME", help="The carrier, as the settings name it."),
    number: str = typer.Argument(metavar="NUMBER", help="A phone of your own, with + and country code."),
    sender: str = typer.Option("", "--sender", help="What the phone shows. Otherwise that of a contact point."),
    text: str = typer.Option("This is a test of Sendout.", "--text", help="What to send."),
    wait: str = typer.Option("30s", "--wait", help="How long to wait for a receipt: 30s, 2m."),
    config: Path | None = _CONFIG,
    database_url: str | None = _DATABASE,
) -> None:
    """Send one real SMS through one carrier and show each step. It costs what an SMS costs.

    Reads the settings that `dispatch` reads, connects, sends, and waits for the receipt. It makes no notification:
    nothing shows in the history, and no server, dispatcher or Redis need run. A dispatcher may run: whatever the
    provider tells this test that is not about it is refused, and so told again to the dispatcher.

    Status 0 where the carrier took the message and, if a receipt came in time, the phone has it; 1 otherwise, with what
    to check. The carrier `simulator` takes numbers such as +14155550101, and needs the database for its phones.

    Example: sendout carriers test main-smsc +33612345678 --sender Garage --wait 2m
    """
    trial = partial(_try, name=name, wanted=Wanted(number, sender, text, _wait(wait)))
    _run(trial, config, database_url=database_url, log_format="console", log_level="warning")


def _wait(typed: str) -> float:
    try:
        return TypeAdapter(Duration).validate_python(typed)
    except ValidationError:
        raise typer.BadParameter(f"{typed!r} is no time. Write 30s or 2m.", param_hint="--wait") from None


async def _try(settings: Settings, *, name: str, wanted: Wanted) -> None:
    configure_logging(settings)
    if name not in settings.carriers:
        raise RuntimeError(f"No carrier is named {name!r}. The settings have: {', '.join(sorted(settings.carriers))}.")
    clock = SystemClock()
    began = clock.monotonic()

    def say(subject: str, what: str) -> None:
        typer.echo(f"{clock.monotonic() - began:8.3f} s  {subject:<11} {what}")

    chosen = settings.carriers[name]
    say("Carrier", f"{name}, of type {chosen.type}, at {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC")
    for key, value in shown(chosen.model_extra or {}, SECRET_NAME).items():
        say("", f"{key} = {value}")
    async with AsyncExitStack() as stack:
        resources: dict[str, Any] = {}
        if chosen.type == app.SIMULATOR:
            resources["handsets"] = OwnPhones(HandsetStore(await stack.enter_async_context(_database(settings))))
        trial = Trial(name, app.configured(settings, name), clock, resources, say)
        await trial.run(replace(wanted, sender=wanted.sender or await _sender_of(settings, name)))


async def _sender_of(settings: Settings, carrier: str) -> str:
    """The sender of a contact point that sends through this carrier."""
    try:
        async with _database(settings) as database, database.read() as connection:
            points = [point for point, _ in await contact_points.list_all(connection, 1_000, None)]
    except (RuntimeError, OSError, SQLAlchemyError):
        raise RuntimeError("Give --sender: the database that has the contact points cannot be read.") from None
    for point in points:
        if carrier in (point.carrier, *point.fallback_carriers):
            return point.sender
    raise RuntimeError(f"Give --sender: no contact point sends through {carrier!r}.")


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
    application.add_typer(carriers, name="carriers", rich_help_panel="Running Sendout")
    application.add_typer(retention, name="retention", rich_help_panel="Running Sendout")
