"""`--to-csv` of send and preview: which column has the numbers, what becomes of cells, what cannot be read."""

from __future__ import annotations

from pathlib import Path

import pytest

from sendout.v1 import notification_service_pb2 as pb
from tests.unit.cli.conftest import Run
from tests.unit.client.fake_server import FakeServer

TEXT = ("--text", "Dear {{name}}")


@pytest.fixture
def table(tmp_path: Path) -> Path:
    return tmp_path / "customers.csv"


def asked(server: FakeServer) -> list[tuple[str, dict[str, str]]]:
    """The recipients that reached the server."""
    (request,) = server.requests("PreviewNotification")
    return [(one.phone_number, dict(one.variables)) for one in request.recipients]


def preview(server: FakeServer, run: Run, table: Path, content: bytes) -> list[tuple[str, dict[str, str]]]:
    table.write_bytes(content)
    server.on("PreviewNotification", pb.PreviewNotificationResponse())
    done = run("preview", "--to-csv", str(table), *TEXT)
    assert done.stderr == ""
    return asked(server)


def test_columns_are_variables(server: FakeServer, run: Run, table: Path) -> None:
    """The other columns are values under their own names; blanks around names and cells go."""
    found = preview(server, run, table, b"name , phone_number,Car\n Ann, +14155550101 ,Polo\nBob,+14155550102,Golf\n")
    assert found == [
        ("+14155550101", {"name": "Ann", "Car": "Polo"}),
        ("+14155550102", {"name": "Bob", "Car": "Golf"}),
    ]


@pytest.mark.parametrize("heading", ["phone_number", "Phone Number", "NUMBER", "phone", "Mobile"])
def test_headings_of_numbers(server: FakeServer, run: Run, table: Path, heading: str) -> None:
    """Usual headings are known in any case."""
    assert preview(server, run, table, f"{heading},name\n+14155550101,Ann\n".encode()) == [
        ("+14155550101", {"name": "Ann"})
    ]


def test_a_spreadsheets_file(server: FakeServer, run: Run, table: Path) -> None:
    """A byte order mark, CRLF, quoted cells with commas, quotes and line ends, and letters beyond ASCII are read."""
    content = (
        "\ufeffphone_number,name,note\r\n"
        '"+14155550101","Müller, Ann","says ""hi"""\r\n'
        '+14155550102,Bob,"two\nlines"\r\n'
    )  # fmt: skip
    assert preview(server, run, table, content.encode()) == [
        ("+14155550101", {"name": "Müller, Ann", "note": 'says "hi"'}),
        ("+14155550102", {"name": "Bob", "note": "two\nlines"}),
    ]


def test_empty_cells_are_no_values(server: FakeServer, run: Run, table: Path) -> None:
    """An empty or missing cell gives no value, so the server says which is missing; an empty number is sent on."""
    content = b"phone_number,name\n+14155550101,\n+14155550102\n,Carl\n\n+14155550103,Dee,more\n"
    assert preview(server, run, table, content) == [
        ("+14155550101", {}),
        ("+14155550102", {}),
        ("", {"name": "Carl"}),
        ("+14155550103", {"name": "Dee"}),
    ]


def test_with_other_recipients(server: FakeServer, run: Run, table: Path) -> None:
    """Send takes a table beside --to, and those come first."""
    table.write_bytes(b"number,name\n+14155550102,Bob\n")
    server.on("SendNotification", pb.SendNotificationResponse())
    done = run("send", "--to", "+14155550101", "--to-csv", str(table), *TEXT)
    assert done.exit_code == 0, done.output
    (request,) = server.requests("SendNotification")
    assert [(one.phone_number, dict(one.variables)) for one in request.recipients] == [
        ("+14155550101", {}),
        ("+14155550102", {"name": "Bob"}),
    ]


BROKEN = {
    "no column": (b"name,customer\nAnn,7\n", "has no column with numbers. Name one of its columns phone_number."),
    "empty": (b"", "has no column with numbers."),
    "not UTF-8": (b"phone_number,name\n+14155550101,M\xfcller\n", "cannot be read"),
}


@pytest.mark.parametrize("command", ["send", "preview"])
@pytest.mark.parametrize("case", BROKEN.values(), ids=BROKEN)
def test_what_cannot_be_read(server: FakeServer, run: Run, table: Path, command: str, case: tuple[bytes, str]) -> None:
    """The option and the reason are named, and nothing reaches the server."""
    content, told = case
    table.write_bytes(content)
    done = run(command, "--to-csv", str(table), *TEXT)
    assert done.exit_code == 2
    shown = " ".join(done.stderr.replace("│", " ").split())
    assert told in shown
    assert "--to-csv" in shown
    assert not server.requests("SendNotification")
    assert not server.requests("PreviewNotification")


def test_a_table_that_is_not_there(server: FakeServer, run: Run, table: Path) -> None:
    """So is a file that is missing."""
    done = run("preview", "--to-csv", str(table), *TEXT)
    assert done.exit_code == 2
    assert "cannot be read" in " ".join(done.stderr.replace("│", " ").split())
