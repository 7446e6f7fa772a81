"""`send`, `preview`, `watch`, `cancel`: what is asked, what is printed where, and the exit status."""

from __future__ import annotations

import json
from pathlib import Path

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from sendout.cli import output, progress
from sendout.client import Client
from sendout.v1 import message_pb2
from sendout.v1 import notification_service_pb2 as pb
from sendout.v1.contact_point_pb2 import ContactPoint
from sendout.v1.contact_point_service_pb2 import ListContactPointsResponse
from sendout.v1.notification_pb2 import (
    INVALID_RECIPIENTS_SKIP,
    Notification,
    NotificationProgress,
    SkippedRecipient,
    StateCount,
)
from tests.unit.cli.conftest import Run
from tests.unit.client.fake_server import Fail, FakeServer, Streamed

ID = "0199b2c4-0000-7000-8000-000000000001"
NOTIFICATION = Notification(notification_id=ID, contact_point_id="main", topic_id="default", segments=1)


def sent(*skipped: SkippedRecipient, count: int = 2) -> pb.SendNotificationResponse:
    return pb.SendNotificationResponse(notification=NOTIFICATION, accepted_count=count, skipped=skipped)


def at(**states: int) -> NotificationProgress:
    counts = [StateCount(state=f"MESSAGE_STATE_{name}", count=count) for name, count in states.items()]
    done = not {"QUEUED", "SENT"} & set(states)
    finish = None if done else Timestamp(seconds=1_767_225_600)
    return NotificationProgress(counts=counts, total=sum(states.values()), done=done, estimated_finish_time=finish)


def watched(*steps: NotificationProgress) -> Streamed:
    return Streamed([pb.WatchNotificationResponse(progress=step, trace_id="ab" * 16) for step in steps])


def test_send_confirms(server: FakeServer, run: Run) -> None:
    """S22, S30: a comma-separated line of numbers is sent to, and a confirmation says so."""
    server.on("SendNotification", sent())
    done = run("send", "--to", "+14155550101, +14155550102,", "--text", "Hello")
    assert done.exit_code == 0, done.output
    assert "Accepted: 2 messages from main, topic default, 1 segment each." in done.stdout
    assert f"sendout watch {ID}" in done.stdout
    (request,) = server.requests("SendNotification")
    assert [one.phone_number for one in request.recipients] == ["+14155550101", "+14155550102"]
    assert request.request_id


def test_options_reach_the_server(server: FakeServer, run: Run) -> None:
    """Every option of send stands in the request."""
    server.on("SendNotification", sent())
    options = "--contact-point vip --topic outages --max-segments 3 --invalid-recipients skip --request-id r1 --urgent"
    done = run("send", "--to", "1", "--to", "2", "--text", "Hello", *options.split(), "--at", "2h")
    assert done.exit_code == 0, done.output
    (request,) = server.requests("SendNotification")
    assert (request.contact_point_id, request.topic_id, request.request_id) == ("vip", "outages", "r1")
    assert (request.max_segments, request.invalid_recipients) == (3, INVALID_RECIPIENTS_SKIP)
    assert request.HasField("send_time")
    assert len(request.recipients) == 2


@pytest.mark.parametrize("name", ["numbers.txt", "-"])
def test_numbers_come_from_a_file(server: FakeServer, run: Run, tmp_path: Path, name: str) -> None:
    """Numbers are read from a file or stdin, by line or comma, a byte order mark and blank lines notwithstanding."""
    server.on("SendNotification", sent())
    numbers = "+14155550101\n\n +14155550102 , +14155550103,\r\n"
    (tmp_path / "numbers.txt").write_text("\ufeff" + numbers)
    file = name if name == "-" else str(tmp_path / name)
    done = run("send", "--to-file", file, "--text", "Hello", input=numbers)
    assert done.exit_code == 0, done.output
    (request,) = server.requests("SendNotification")
    assert [one.phone_number for one in request.recipients] == [f"+1415555010{index}" for index in (1, 2, 3)]


def test_problem_numbers_are_shown(server: FakeServer, run: Run) -> None:
    """S31, S32: a refused send prints one sentence and every problem number on stderr, and fails."""
    violations = [
        ("recipients[0].phone_number", "'abc': letters."),
        ("recipients[2].phone_number", "'12': too short."),
    ]
    refusal = Fail(grpc.StatusCode.INVALID_ARGUMENT, "RECIPIENT_INVALID", "2 recipients are wrong.", violations)
    server.on("SendNotification", refusal)
    done = run("send", "--to", "abc, +14155550101, 12", "--text", "Hello")
    assert done.exit_code == 1
    assert done.stdout == ""
    assert done.stderr.splitlines()[:3] == [
        "sendout: 2 recipients are wrong.",
        "  'abc': letters.",
        "  '12': too short.",
    ]
    assert "--invalid-recipients skip" in done.stderr


def test_long_texts_say_what_to_accept(server: FakeServer, run: Run) -> None:
    """S27, S28: a text of several segments is refused with the option that accepts them."""
    metadata = {"encoding": "GSM_7", "segments": "3", "max_segments": "1"}
    refusal = Fail(grpc.StatusCode.FAILED_PRECONDITION, "SEGMENTS_NOT_ACCEPTED", "It needs 3.", metadata=metadata)
    server.on("SendNotification", refusal)
    done = run("send", "--to", "+14155550101", "--text", "x" * 400)
    assert done.exit_code == 1
    assert "--max-segments 3" in done.stderr


def test_a_choice_of_contact_points_is_listed(server: FakeServer, run: Run) -> None:
    """S19: with several contact points the error lists them under the option that chooses."""
    points = [ContactPoint(contact_point_id="main", label="Main"), ContactPoint(contact_point_id="vip", label="VIP")]
    server.on("ListContactPoints", ListContactPointsResponse(contact_points=points))
    done = run("send", "--to", "+14155550101", "--text", "Hello")
    assert done.exit_code == 1
    assert "--contact-point: one of main (Main), vip (VIP)" in done.stderr


def test_an_uncertain_send_can_be_repeated(server: FakeServer, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no answer came the error names the request id with which a second try cannot send twice."""
    monkeypatch.setattr("time.sleep", lambda _: None)
    server.on("SendNotification", Fail(grpc.StatusCode.UNAVAILABLE, "STORAGE_UNAVAILABLE"))
    done = run("send", "--to", "+14155550101", "--text", "Hello")
    assert done.exit_code == 1
    assert f"--request-id {server.requests('SendNotification')[0].request_id}" in done.stderr


@pytest.mark.parametrize(("reason", "status"), [("DUPLICATE", 0), ("OPTED_OUT", 1), ("LETTERS", 1)])
def test_the_exit_status_says_whether_all_were_accepted(server: FakeServer, run: Run, reason: str, status: int) -> None:
    """A number left out makes the status 1 and is shown; a duplicate is sent to once and does not."""
    why = f"RECIPIENT_PROBLEM_REASON_{reason}"
    server.on("SendNotification", sent(SkippedRecipient(phone_number="(555) x", reason=why, description="Why not.")))
    done = run("send", "--to", "+14155550101, (555) x", "--text", "Hello", "--invalid-recipients", "skip")
    assert done.exit_code == status
    assert "(555) x  Why not." in done.stdout


def test_wait_follows_to_the_end(server: FakeServer, run: Run) -> None:
    """With --wait the progress is shown until every message is final, then the numbers that were not reached."""
    server.on("SendNotification", sent())
    server.on("WatchNotification", watched(at(QUEUED=2), at(SENT=1, DELIVERED=1), at(DELIVERED=1, UNDELIVERED=1)))
    unreached = message_pb2.Message(
        phone_number="+14155550102", state=message_pb2.MESSAGE_STATE_UNDELIVERED, reason_text="Out of reach."
    )
    server.on("ListMessages", pb.ListMessagesResponse(messages=[unreached]))
    done = run("send", "--to", "+14155550101, +14155550102", "--text", "Hello", "--wait")
    assert done.exit_code == 0, done.output
    assert "0 of 2 final: 2 queued; the last leaves about 2026-01-01 00:00:00 UTC" in done.stdout
    assert "2 of 2 final: 1 delivered, 1 undelivered" in done.stdout
    assert "+14155550102  undelivered  Out of reach." in done.stdout
    assert "\x1b" not in done.output


def test_json_is_one_object(server: FakeServer, run: Run) -> None:
    """With --output json stdout is the answer as protobuf JSON on one line; with --wait it holds the last progress."""
    server.on("SendNotification", sent())
    server.on("WatchNotification", watched(at(QUEUED=2), at(DELIVERED=2)))
    send = ("send", "--to", "+14155550101, +14155550102", "--text", "Hello", "--output", "json")
    first, last = run(*send), run(*send, "--wait")
    for done in (first, last):
        assert done.exit_code == 0, done.output
        assert len(done.stdout.splitlines()) == 1
    assert json.loads(first.stdout)["notification"]["notificationId"] == ID
    assert json.loads(first.stdout)["replayed"] is False
    assert json.loads(last.stdout)["notification"]["progress"]["done"] is True


def test_preview_tells_all(server: FakeServer, run: Run) -> None:
    """S27, S31: a preview warns of a long text and lists the problem numbers, as words or as JSON."""
    wrong = pb.RecipientPreview(index=1, phone_number="abc", description="Letters.")
    answer = pb.PreviewNotificationResponse(
        segments=2, encoding=message_pb2.ENCODING_UCS_2, acknowledgement_needed=True, recipients=[wrong]
    )
    server.on("PreviewNotification", answer)
    done = run("preview", "--to", "+14155550101, abc", "--text", "…")
    assert done.exit_code == 0, done.output
    assert "UCS-2" in done.stdout
    assert "Warning: the text is split into 2 SMS" in done.stdout
    assert "abc     Letters." in done.stdout
    in_json = run("preview", "--text", "…", "--output", "json")
    assert json.loads(in_json.stdout)["acknowledgementNeeded"] is True


def test_watch_shows_the_trace(server: FakeServer, run: Run) -> None:
    """A watch ends with the trace id, and as JSON prints one line for every change."""
    server.on("WatchNotification", watched(at(QUEUED=1), at(DELIVERED=1)))
    server.on("ListMessages", pb.ListMessagesResponse())
    done = run("watch", ID)
    assert done.exit_code == 0, done.output
    assert f"Trace: {'ab' * 16}" in done.stdout
    lines = run("watch", ID, "--output", "json").stdout.splitlines()
    assert [json.loads(line)["progress"]["done"] for line in lines] == [False, True]


def test_cancel_says_how_many(server: FakeServer, run: Run) -> None:
    """Canceling tells how many messages it reached and where the others are."""
    server.on("CancelNotification", pb.CancelNotificationResponse(canceled_count=1200, progress=at(CANCELED=1200)))
    done = run("cancel", ID)
    assert "Canceled: 1,200 messages." in done.stdout
    assert "Now: 1,200 canceled." in done.stdout


def test_wrong_usage_is_status_2(server: FakeServer, run: Run) -> None:
    """What cannot be understood ends with status 2, before anything is asked of the server."""
    for arguments in (
        ("send", "--text", "Hello"),
        ("send", "--to", "1", "--text", "x", "--at", "tomorrow"),
        ("send", "--to-file", "/nowhere/numbers", "--text", "x", "--contact-point", "main"),
        ("send", "--to", "1", "--text", "x", "--max-segments", "11"),
        ("history", "--since", "yesterday"),
        ("nonsense",),
    ):
        assert run(*arguments).exit_code == 2, arguments
    assert server.calls == []


def test_a_terminal_gets_a_bar(
    server: FakeServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """On a terminal the progress is one bar with counts; it ends full."""
    monkeypatch.setattr(output, "on_terminal", lambda: True)
    server.on("WatchNotification", watched(at(QUEUED=2), at(DELIVERED=2)))
    with Client() as client:
        last = progress.follow(client, ID)
    assert last.progress.done
    assert "2/2 2 delivered" in capsys.readouterr().out


def test_texts_cannot_steer_the_terminal(server: FakeServer, run: Run) -> None:
    """Control characters of a text from outside are not printed."""
    detail = message_pb2.MessageDetail(text="hi\x1b]0;title\x07\x9b31m\r!")
    server.on("GetMessage", _message(detail))
    done = run("message", f"{ID}.0")
    assert done.exit_code == 0, done.output
    assert not {"\x1b", "\x07", "\x9b", "\r"} & set(done.output)


def _message(detail: message_pb2.MessageDetail) -> object:
    from sendout.v1.history_service_pb2 import GetMessageResponse

    return GetMessageResponse(message=detail)
