"""How the commands are put together."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from typing import Any

import pytest
import typer
from typer.testing import CliRunner, Result

from sendout.cli import app as application


class FakeEntry:
    """An entry point that brings a command, or finds its extra missing."""

    name = "server"

    def __init__(self, missing: str = "") -> None:
        self._missing = missing
        self.loaded = 0

    def load(self) -> Any:
        self.loaded += 1
        if self._missing:
            raise ModuleNotFoundError(f"No module named {self._missing!r}", name=self._missing)

        def register(found: typer.Typer) -> None:
            found.command("serve")(lambda: print("serving"))

        return register


def run(monkeypatch: pytest.MonkeyPatch, entries: list[Any], *arguments: str) -> Result:
    """A fresh `sendout` that finds these entry points."""
    monkeypatch.setattr(application, "entry_points", lambda group: entries)
    monkeypatch.setattr(application.Commands, "_joined", False)
    return CliRunner().invoke(application.app, list(arguments))


def test_server_commands_come_from_entry_points(monkeypatch: pytest.MonkeyPatch) -> None:
    """A command of the server runs, and stands in the list of commands."""
    assert run(monkeypatch, [FakeEntry()], "serve").stdout == "serving\n"
    assert "serve" in run(monkeypatch, [FakeEntry()], "--help").stdout


def test_a_callers_command_does_not_load_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a caller runs does not wait for the server's imports."""
    entry = FakeEntry()
    assert run(monkeypatch, [entry], "topics", "list", "--help").exit_code == 0
    assert entry.loaded == 0


@pytest.mark.parametrize("entries", [[FakeEntry("sqlalchemy")], []], ids=["missing", "none"])
def test_a_missing_extra_says_what_to_install(monkeypatch: pytest.MonkeyPatch, entries: list[Any]) -> None:
    """Without the extra a command of the server says what to install, whatever its options, and fails."""
    done = run(monkeypatch, entries, "up", "--data-dir", "x")
    assert done.exit_code == 1
    assert "pip install 'sendout[server]'" in done.stderr


def test_our_own_mistakes_are_not_blamed_on_extras(monkeypatch: pytest.MonkeyPatch) -> None:
    """A module of ours that is missing is an error, not an extra to install."""
    done = run(monkeypatch, [FakeEntry("sendout.server.nonsense")], "serve")
    assert isinstance(done.exception, ModuleNotFoundError)


def test_every_command_explains_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every command has a sentence, and the main ones end with examples to copy."""
    for arguments in ((), ("send",), ("preview",), ("history",), ("events",), ("contact-points", "create")):
        done = run(monkeypatch, [FakeEntry()], *arguments, "--help")
        assert done.exit_code == 0
        assert "Examples:" in done.stdout


def test_the_installed_entry_point_leads_to_the_server() -> None:
    """The project's own entry point brings the commands that run Sendout."""
    found = application._commands_from_elsewhere()
    assert {"up", "serve", "dispatch", "migrate", "check-config"} <= set(found)
    assert EntryPoint("x", "sendout.cli:main", "y").load()
