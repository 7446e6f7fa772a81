"""`consents`: what is asked, what is printed, which line of a file is at fault, and the exit status."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from sendout.cli import consents, output
from sendout.client import Client
from sendout.v1 import consent_service_pb2 as pb
from sendout.v1.consent_pb2 import (
    CONSENT_SCOPE_CONTACT_POINT,
    CONSENT_SCOPE_ORGANISATION,
    CONSENT_SOURCE_RECORDED,
    CONSENT_SOURCE_REPLY,
    CONSENT_STATE_OPTED_IN,
    CONSENT_STATE_OPTED_OUT,
    Consent,
)
from tests.unit.cli.conftest import Run
from tests.unit.client.fake_server import Fail, FakeServer

SAID = Timestamp(seconds=1_767_225_600)
OUT = Consent(
    phone_number="+14155550101",
    scope=CONSENT_SCOPE_ORGANISATION,
    state=CONSENT_STATE_OPTED_OUT,
    evidence="By telephone",
    consent_time=SAID,
    source=CONSENT_SOURCE_RECORDED,
    principal_id="ann",
)
IN = Consent(
    phone_number="+14155550101",
    scope=CONSENT_SCOPE_CONTACT_POINT,
    contact_point_id="main",
    state=CONSENT_STATE_OPTED_IN,
    consent_time=SAID,
    source=CONSENT_SOURCE_REPLY,
)


def test_record(server: FakeServer, run: Run) -> None:
    """An opt-out without a contact point is for the whole organisation, and the word that holds is shown."""
    server.on("RecordConsent", pb.RecordConsentResponse(consent=OUT))
    done = run("consents", "record", "+14155550101", "opted-out", "--evidence", "By telephone")
    assert done.exit_code == 0, done.output
    assert done.stdout == "+14155550101, the whole organisation: opted out, said 2026-01-01 00:00:00 UTC.\n"
    (request,) = server.requests("RecordConsent")
    assert (request.consent.scope, request.consent.contact_point_id) == (CONSENT_SCOPE_ORGANISATION, "")
    assert (request.consent.state, request.consent.evidence) == (CONSENT_STATE_OPTED_OUT, "By telephone")
    assert not request.consent.HasField("consent_time")


def test_a_later_word_that_stands_is_pointed_out(server: FakeServer, run: Run) -> None:
    """Where a later word holds, the person is told that theirs did not change it."""
    server.on("RecordConsent", pb.RecordConsentResponse(consent=OUT))
    options = ("--contact-point", "main", "--said", "2026-01-01T00:00:00+00:00")
    done = run("consents", "record", "+14155550101", "opted-in", *options)
    assert done.exit_code == 0, done.output
    assert done.stderr == "A later word is on record; it stays.\n"
    (request,) = server.requests("RecordConsent")
    assert (request.consent.scope, request.consent.contact_point_id) == (CONSENT_SCOPE_CONTACT_POINT, "main")
    assert request.consent.consent_time == SAID


def test_get(server: FakeServer, run: Run) -> None:
    """The words that apply are listed with how they came, and what they come to."""
    server.on("GetConsent", pb.GetConsentResponse(consents=[IN, OUT], sendable=False))
    done = run("consents", "get", "+14155550101", "--contact-point", "main")
    assert done.exit_code == 0, done.output
    heading, first, second, last = done.stdout.splitlines()
    assert heading.split() == ["For", "Word", "Said", "How", "By", "Evidence"]
    assert first.startswith("main")
    assert "reply" in first
    assert second.startswith("the whole organisation")
    assert "By telephone" in second
    assert last == "It may not be sent to."


def test_nothing_on_record(server: FakeServer, run: Run) -> None:
    """A number without a word ends with the server's sentence and status 1."""
    server.on("GetConsent", Fail(grpc.StatusCode.NOT_FOUND, "CONSENT_NOT_FOUND", "Nothing is on record."))
    done = run("consents", "get", "+14155550101")
    assert (done.exit_code, done.stderr) == (1, "sendout: Nothing is on record.\n")


def test_list(server: FakeServer, run: Run) -> None:
    """Filters and the limit reach the server; JSON prints its answer."""
    server.on("ListConsents", pb.ListConsentsResponse(consents=[OUT]))
    done = run("consents", "list", "--state", "opted-out", "--contact-point", "main", "--limit", "7")
    assert done.exit_code == 0, done.output
    assert "opted out" in done.stdout
    (request,) = server.requests("ListConsents")
    assert (request.state, request.contact_point_id, request.page_size) == (CONSENT_STATE_OPTED_OUT, "main", 7)
    assert json.loads(run("consents", "list", "--output", "json").stdout)["consents"][0]["principalId"] == "ann"


FILE = """\ufeffphone_number, state,contact_point,evidence,consent_time
'+14155550101,opted-out,,"By letter,
two pages",2026-01-01T00:00:00+00:00
+14155550102,OPTED_IN,main, kept as it is ,

+14155550103,maybe,,,
12,opted out,,,
+14155550104,opted-in,,,yesterday
"""


@pytest.fixture
def imported(server: FakeServer) -> FakeServer:
    """A server that finds something wrong with the third word that it gets."""
    problem = pb.ConsentProblem(index=2, phone_number="12", description="The number is too short.")
    server.on("ImportConsents", pb.ImportConsentsResponse(recorded_count=1, unchanged_count=1, problems=[problem]))
    return server


@pytest.mark.parametrize("name", ["words.csv", "-"])
def test_import(imported: FakeServer, run: Run, tmp_path: Path, name: str) -> None:
    """Rows are sent as words; what is wrong, here or at the server, is listed by line of the file, with status 1."""
    (tmp_path / "words.csv").write_text(FILE, newline="")
    done = run("consents", "import", name if name == "-" else str(tmp_path / name), input=FILE)
    assert done.exit_code == 1, done.output
    (parts,) = imported.requests("ImportConsents")
    first, second, third = [word for part in parts for word in part.consents]
    assert (first.phone_number, first.evidence, first.consent_time) == ("+14155550101", "By letter,\ntwo pages", SAID)
    assert (first.scope, first.state) == (CONSENT_SCOPE_ORGANISATION, CONSENT_STATE_OPTED_OUT)
    assert (second.contact_point_id, second.evidence) == ("main", " kept as it is ")
    assert (second.scope, second.state) == (CONSENT_SCOPE_CONTACT_POINT, CONSENT_STATE_OPTED_IN)
    assert not second.HasField("consent_time")
    assert third.phone_number == "12"
    assert done.stdout.splitlines()[:3] == [
        "Recorded: 1 word.",
        "On record already, or older than what is: 1 word.",
        "",
    ]
    assert "Left out: 3 rows." in done.stdout
    table = [line.split(maxsplit=2) for line in done.stdout.splitlines()[-3:]]
    assert [(line, number) for line, number, _ in table] == [
        ("6", "+14155550103"),
        ("7", "12"),
        ("8", "+14155550104"),
    ]
    assert table[0][2] == "state: Write opted-in or opted-out. The file has 'maybe'."
    assert table[2][2].startswith("consent_time: 'yesterday' is no time.")


def test_import_in_json(imported: FakeServer, run: Run, tmp_path: Path) -> None:
    """JSON has the server's answer with every problem row, counted as rows of the file from 0."""
    (tmp_path / "words.csv").write_text(FILE)
    answer = json.loads(run("consents", "import", str(tmp_path / "words.csv"), "--output", "json").stdout)
    assert (answer["recordedCount"], [one["index"] for one in answer["problems"]]) == (1, [2, 3, 4])


def test_import_without_problems(server: FakeServer, run: Run) -> None:
    """A clean file ends with status 0 and says only what was recorded."""
    server.on("ImportConsents", pb.ImportConsentsResponse(recorded_count=1))
    done = run("consents", "import", "-", input="state,phone_number\nopted-out,+14155550101\n")
    assert (done.exit_code, done.stdout) == (0, "Recorded: 1 word.\n")


def test_a_row_that_refuses_the_import(server: FakeServer, run: Run) -> None:
    """Where one row refuses the whole import, its line is named."""
    violations = [("consents[1].contact_point_id", "There is no contact point 'nowhere'.")]
    sentence = "There is no contact point 'nowhere'. Nothing was recorded."
    server.on("ImportConsents", Fail(grpc.StatusCode.NOT_FOUND, "CONTACT_POINT_NOT_FOUND", sentence, violations))
    rows = "phone_number,state,contact_point\n\n1,opted-out,\n2,?,\n3,opted-out,nowhere\n"
    done = run("consents", "import", "-", input=rows)
    assert (done.exit_code, done.stderr) == (1, f"sendout: Line 5: {sentence}\n")


def test_hints_of_a_send_stay_with_it(server: FakeServer, run: Run) -> None:
    """A wrong number is quoted, without the advice that is for sends."""
    sentence = "consent.phone_number: '12': The number is too short."
    server.on("RecordConsent", Fail(grpc.StatusCode.INVALID_ARGUMENT, "RECIPIENT_INVALID", sentence))
    done = run("consents", "record", "12", "opted-out")
    assert (done.exit_code, done.stderr) == (1, f"sendout: {sentence}\n")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("+14155550101,opted-out\n", "must name the columns"),
        ("phone_number,state,colour\n", "'colour' unknown"),
        ("", "phone_number and state missing"),
        ('phone_number,state\n"+1415', "cannot be read"),
    ],
)
def test_what_is_no_such_file(server: FakeServer, run: Run, tmp_path: Path, text: str, said: str) -> None:
    """A file without its columns, or broken, is refused before anything is sent."""
    (tmp_path / "words.csv").write_text(text)
    done = run("consents", "import", str(tmp_path / "words.csv"))
    assert done.exit_code == 2
    assert said in " ".join(done.stderr.replace("│", " ").split())
    assert server.calls == []


def test_a_file_that_is_not_there(server: FakeServer, run: Run, tmp_path: Path) -> None:
    """A missing file is a sentence, not a traceback."""
    done = run("consents", "import", str(tmp_path / "nothing.csv"))
    assert done.exit_code == 2
    assert "cannot be read" in " ".join(done.stderr.replace("│", " ").split())


def test_a_bar_on_a_terminal(imported: FakeServer, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal a bar shows how far the file is read, and that the server is at work."""
    monkeypatch.setattr(output, "on_terminal", lambda: True)
    monkeypatch.setattr(consents, "_STEP", 1)
    (tmp_path / "words.csv").write_text(FILE)
    done = run("consents", "import", str(tmp_path / "words.csv"))
    assert "Recording" in done.stdout
    assert "100%" in done.stdout


def test_large_imports_are_sent_in_parts(server: FakeServer) -> None:
    """A stream's parts hold at most 10,000 words and about 1 MiB, in order."""
    server.on("ImportConsents", pb.ImportConsentsResponse(recorded_count=25_000))
    words = [
        Consent(phone_number=f"+1415{n:07d}", state=CONSENT_STATE_OPTED_OUT, evidence="x" * (1_000 if n < 5_000 else 0))
        for n in range(25_000)
    ]
    with Client() as client:
        client.import_consents(words)
    (parts,) = server.requests("ImportConsents")
    assert max(len(part.consents) for part in parts) == 10_000
    assert max(part.ByteSize() for part in parts) < 1.1 * 2**20
    assert [word.phone_number for part in parts for word in part.consents] == [word.phone_number for word in words]


def test_times_are_local(server: FakeServer, run: Run) -> None:
    """`--said 2d` is two days ago."""
    server.on("RecordConsent", pb.RecordConsentResponse(consent=OUT))
    run("consents", "record", "+14155550101", "opted-out", "--said", "2d")
    (request,) = server.requests("RecordConsent")
    age = datetime.now(UTC) - request.consent.consent_time.ToDatetime(tzinfo=UTC)
    assert 2 * 86_400 <= age.total_seconds() < 2 * 86_400 + 60
