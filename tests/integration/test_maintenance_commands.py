"""`sendout retention run` and `sendout audit-tallies`, as an operator types them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import typer
from sqlalchemy import update
from typer.testing import CliRunner, Result

from sendout.domain.states import State
from sendout.server.commandline import register
from sendout.storage.engine import Database
from sendout.storage.tables import message
from tests.integration.seed import T0, Seed, seeded


class Operator:
    """A database file and the commands on it."""

    def __init__(self, folder: Path) -> None:
        self.url = f"sqlite+aiosqlite:///{folder}/sendout.db"
        self._application = typer.Typer()
        register(self._application)

    def types(self, *words: str) -> Result:
        return CliRunner().invoke(self._application, [*words, "--database-url", self.url])

    def on_database(self, work: Callable[[Database], Awaitable[None]]) -> None:
        async def run() -> None:
            database = Database(self.url)
            await work(database)
            await database.close()

        asyncio.run(run())


async def _fill(database: Database) -> None:
    seed: Seed = await seeded(database)
    await seed.notification([State.DELIVERED] * 3, time_us=T0 - 3_650 * 86_400_000_000)
    counts = {"accepted": 3, "sent": 3, "delivered": 3, "segments": 3}
    await seed.deltas([("default", "main", T0 - 3_650 * 86_400_000_000, counts)])


async def _spoil(database: Database) -> None:
    async with database.write() as connection:
        await connection.execute(update(message).where(message.c.index == 0).values(state=int(State.FAILED)))


@pytest.fixture
def operator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Operator:
    monkeypatch.setattr("sendout.server.commandline.configure_logging", lambda _: None)  # it would outlive the test
    made = Operator(tmp_path)
    assert made.types("migrate").exit_code == 0
    made.on_database(_fill)
    return made


def test_retention_by_hand(operator: Operator) -> None:
    """S38: a dry run says what a run then purges; a second run has nothing to do; the tallies stay right."""
    told = operator.types("retention", "run", "--dry-run").output
    assert "texts                  3 to be purged" in told
    assert "events                 1 to be purged" in told
    done = operator.types("retention", "run").output
    assert "texts                  3 purged" in done
    assert "messages               3 purged" in done
    assert operator.types("retention", "run").output == "Nothing is due.\n"
    assert "are what their messages give" in operator.types("audit-tallies").output


def test_audit_by_hand(operator: Operator) -> None:
    """I4: the command says that all is well, and names what differs with status 1."""
    good = operator.types("audit-tallies")
    assert (good.exit_code, good.output) == (0, "The tallies are what their messages give; days compared: 1.\n")
    operator.on_database(_spoil)
    bad = operator.types("audit-tallies")
    assert bad.exit_code == 1
    assert "2016-01-04 default: the tallies differ from the messages by delivered +1, failed -1." in bad.output


def test_periods_that_contradict_purge_nothing(operator: Operator, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run with settings that a server would refuse ends before it purges."""
    monkeypatch.setenv("SENDOUT_MESSAGE_DAYS", "60")
    refused = operator.types("retention", "run")
    assert refused.exit_code == 1
    assert "SENDOUT_EVENT_DAYS" in refused.output
    monkeypatch.delenv("SENDOUT_MESSAGE_DAYS")
    assert "messages               3 purged" in operator.types("retention", "run").output
