"""The command line against a fake server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from sendout.cli.app import app
from sendout.v1.contact_point_pb2 import ContactPoint
from sendout.v1.contact_point_service_pb2 import ListContactPointsResponse
from tests.unit.client.fake_server import FakeServer

Run = Callable[..., Result]


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[FakeServer]:
    """A server that the environment leads to, with one contact point that the caller may use."""
    fake = FakeServer()
    point = ContactPoint(contact_point_id="main", label="Main line")
    fake.on("ListContactPoints", ListContactPointsResponse(contact_points=[point]))
    monkeypatch.setenv("SENDOUT_TARGET", fake.target)
    monkeypatch.setenv("SENDOUT_API_KEY", "so_key")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("TZ", "UTC")
    yield fake
    fake.stop()


@pytest.fixture
def run() -> Run:
    """`sendout` with these arguments; its output is no terminal."""

    def sendout(*arguments: str, input: str | None = None) -> Result:
        return CliRunner().invoke(app, list(arguments), input=input, prog_name="sendout")

    return sendout
