"""History, events and setting up: what is asked and what is printed."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime, timedelta

import grpc
import pytest
import typer
from google.protobuf.timestamp_pb2 import Timestamp

from sendout.cli import output
from sendout.cli.arguments import future, past
from sendout.v1 import api_key_service_pb2 as keys_pb
from sendout.v1 import contact_point_service_pb2 as points_pb
from sendout.v1 import history_service_pb2 as history_pb
from sendout.v1 import message_pb2, topic_pb2
from sendout.v1 import topic_service_pb2 as topics_pb
from sendout.v1.api_key_pb2 import ApiKey
from sendout.v1.contact_point_pb2 import ContactPoint
from sendout.v1.event_pb2 import DELIVERY_EVENT_TYPE_STATE_CHANGED, DeliveryEvent
from sendout.v1.recipient_pb2 import CrmRecord
from sendout.v1.role_pb2 import PERMISSION_VIEW_HISTORY
from sendout.v1.role_service_pb2 import CreateRoleResponse
from sendout.v1.tally_pb2 import Tally, TopicTally
from sendout.v1.topic_pb2 import Topic
from sendout.v1.user_service_pb2 import WhoAmIResponse
from tests.unit.cli.conftest import Run
from tests.unit.client.fake_server import Fail, FakeServer, Streamed, hangs

NOT_YET = Fail(grpc.StatusCode.UNIMPLEMENTED, "NOT_IMPLEMENTED", "Not here.")


def tally(topic: str, accepted: int) -> TopicTally:
    return TopicTally(topic=Topic(topic_id=topic, label=topic.title()), tally=Tally(accepted=accepted))


TALLIES = history_pb.ListTopicTalliesResponse(
    tallies=[tally("default", 1200), tally("outages", 34)], total=Tally(accepted=1234)
)


def test_history_counts_an_interval(server: FakeServer, run: Run) -> None:
    """S36, S39: the interval goes to the server, and its counts come by topic and in total."""
    server.on("ListTopicTallies", TALLIES)
    done = run("history", "--since", "7d")
    assert done.exit_code == 0, done.output
    assert [line.split()[:3] for line in done.stdout.splitlines()[1:]] == [
        ["default", "Default", "1,200"],
        ["outages", "Outages", "34"],
        ["Total", "1,234", "0"],
    ]
    (request,) = server.requests("ListTopicTallies")
    asked = datetime.now(UTC) - request.start_time.ToDatetime(tzinfo=UTC)
    assert abs(asked - timedelta(days=7)) < timedelta(minutes=1)
    assert not request.HasField("end_time")


def test_history_of_one_topic(server: FakeServer, run: Run) -> None:
    """S40: --topic gives that topic alone, disabled or not, and its total; an unknown one is an error."""
    server.on("ListTopicTallies", TALLIES)
    done = run("history", "--topic", "outages", "--output", "json")
    answer = json.loads(done.stdout)
    assert [one["topic"]["topicId"] for one in answer["tallies"]] == ["outages"]
    assert answer["total"]["accepted"] == "34"
    assert server.requests("ListTopicTallies")[0].state == topic_pb2.TOPIC_STATE_FILTER_BOTH
    missing = run("history", "--topic", "nonsense")
    assert missing.exit_code == 1
    assert 'no topic "nonsense"' in missing.stderr


def recent(*indexes: int) -> list[message_pb2.Message]:
    return [
        message_pb2.Message(
            message_id=f"n.{index}", phone_number="+14155550101", delivered=message_pb2.DELIVERY_INDICATOR_YES
        )
        for index in indexes
    ]


def test_recent_messages_are_limited(server: FakeServer, run: Run) -> None:
    """S41, S43: recent messages come newest first over several pages, with number and delivery, up to the limit."""
    pages = [
        history_pb.ListRecentMessagesResponse(messages=recent(5, 4), next_page_token="2"),
        history_pb.ListRecentMessagesResponse(messages=recent(3, 2)),
    ]
    server.on("ListRecentMessages", *pages, *pages)
    done = run("history", "recent", "outages", "--limit", "3")
    rows = [line.split() for line in done.stdout.splitlines()[1:]]
    assert [row[:2] for row in rows] == [["+14155550101", "yes"]] * 3
    assert [word for row in rows for word in row if word.startswith("n.")] == ["n.5", "n.4", "n.3"]
    whole = json.loads(run("history", "recent", "outages", "--limit", "3", "--output", "json").stdout)
    assert [one["messageId"] for one in whole["messages"]] == ["n.5", "n.4", "n.3"]


def test_a_message_has_its_timeline(server: FakeServer, run: Run) -> None:
    """S44: one message is shown with its text, its trace and every state it had."""
    step = message_pb2.StateChange(
        state=message_pb2.MESSAGE_STATE_SENT, time=Timestamp(seconds=1_767_225_600), state_text="The carrier took it."
    )
    detail = message_pb2.MessageDetail(text="Hello\nthere", changes=[step], trace_id="cd" * 16, may_still_change=True)
    server.on("GetMessage", history_pb.GetMessageResponse(message=detail))
    done = run("message", "n.0")
    assert "Hello there" in done.stdout
    assert "cd" * 16 in done.stdout
    assert "may still change" in done.stdout
    assert "2026-01-01 00:00:00 UTC  sent   The carrier took it." in done.stdout


@pytest.mark.security("inputs", "CSV/formula starts in exports")
def test_export_is_csv_that_runs_nothing(server: FakeServer, run: Run) -> None:
    """An export has numbers in full and the CRM record, and what others wrote cannot become a formula."""
    record = CrmRecord(system="=cmd()", object="Lead", record_id="00Q1")
    rows = [
        history_pb.ExportedMessage(
            topic_id="outages", message=message_pb2.Message(phone_number="+1", crm_record=record)
        )
    ]
    server.on("ExportMessages", Streamed([history_pb.ExportMessagesResponse(messages=rows)]))
    (row,) = csv.DictReader(io.StringIO(run("history", "export").stdout))
    assert (row["phone_number"], row["topic_id"], row["crm_system"]) == ("'+1", "outages", "'=cmd()")
    (line,) = run("history", "export", "--output", "json").stdout.splitlines()
    assert json.loads(line)["topicId"] == "outages"
    server.on("ExportMessages", Streamed([]))
    assert run("history", "export").stdout.startswith("message_id,phone_number,")


def batch(token: str, *ids: str) -> history_pb.StreamDeliveryEventsResponse:
    events = [
        DeliveryEvent(
            event_id=one,
            type=DELIVERY_EVENT_TYPE_STATE_CHANGED,
            old_state=message_pb2.MESSAGE_STATE_SENT,
            new_state=message_pb2.MESSAGE_STATE_DELIVERED,
        )
        for one in ids
    ]
    return history_pb.StreamDeliveryEventsResponse(events=events, resume_token=token)


def test_events_end_when_they_have_caught_up(server: FakeServer, run: Run) -> None:
    """Events come one a line as JSON; without --follow the first heartbeat after the
    opening answer ends them, and stderr has the token."""
    server.on(
        "StreamDeliveryEvents", Streamed([batch("t0"), batch("t1", "a", "b"), batch("t2", "c"), batch("t3"), hangs])
    )
    done = run("events", "--from", "earliest", "--topic", "outages", "--output", "json")
    assert done.exit_code == 0, done.output
    assert [json.loads(line)["eventId"] for line in done.stdout.splitlines()] == ["a", "b", "c"]
    assert "sendout events --from t3" in done.stderr
    (request,) = server.requests("StreamDeliveryEvents")
    assert (request.resume_token, list(request.topic_ids)) == ("EARLIEST", ["outages"])
    in_words = run("events", "--from", "t0")
    assert "sent → delivered" in in_words.stdout
    assert server.requests("StreamDeliveryEvents")[1].resume_token == "t0"


def test_topics_are_managed(server: FakeServer, run: Run) -> None:
    """S45 to S50, S53: topics are created, renamed, disabled, activated, and listed by state."""
    topic = Topic(topic_id="outages", label="Outages", state=topic_pb2.TOPIC_STATE_ACTIVE)
    for name in ("Create", "Update", "Disable", "Activate"):
        server.on(f"{name}Topic", getattr(topics_pb, f"{name}TopicResponse")(topic=topic))
    server.on("ListTopics", topics_pb.ListTopicsResponse(topics=[topic]))
    for arguments in (
        ("create", "Outages", "--id", "outages"),
        ("rename", "outages", "Outages"),
        ("disable", "outages"),
        ("activate", "outages"),
        ("list", "--state", "both"),
    ):
        done = run("topics", *arguments)
        assert done.exit_code == 0, done.output
        assert "outages" in done.stdout
        assert "outages" in json.dumps(json.loads(run("topics", *arguments, "--output", "json").stdout))
    assert server.requests("UpdateTopic")[0].update_mask.paths == ["label"]
    assert server.requests("ListTopics")[0].state == topic_pb2.TOPIC_STATE_FILTER_BOTH


def test_a_keys_secret_is_the_output(server: FakeServer, run: Run) -> None:
    """A new key's secret is all that stdout holds, so that a script can take it."""
    answer = keys_pb.CreateApiKeyResponse(api_key=ApiKey(api_key_id="k1", principal_id="billing"), secret="so_secret")
    server.on("CreateApiKey", answer)
    done = run("keys", "create", "Billing", "--role", "agents", "--expires", "90d")
    assert done.stdout == "so_secret\n"
    assert "not shown again" in done.stderr
    assert list(server.requests("CreateApiKey")[0].role_ids) == ["agents"]
    server.on("ListApiKeys", keys_pb.ListApiKeysResponse(api_keys=[ApiKey(api_key_id="k1")]))
    server.on("RevokeApiKey", keys_pb.RevokeApiKeyResponse(api_key=ApiKey(api_key_id="k1")))
    assert "k1" in run("keys", "list", "--all").stdout
    assert "Revoked key k1" in run("keys", "revoke", "k1").stdout
    assert server.requests("ListApiKeys")[0].include_revoked


def test_only_what_is_given_changes(server: FakeServer, run: Run) -> None:
    """S3, S5: an update names the fields that were given, an empty role list is nobody, and nothing is no update."""
    server.on("UpdateContactPoint", points_pb.UpdateContactPointResponse())
    options = ("--send-role", "", "--no-emoji", "--quiet-hours", "21:00-08:00 Europe/Paris")
    assert run("contact-points", "update", "main", *options).exit_code == 0
    (request,) = server.requests("UpdateContactPoint")
    assert request.update_mask.paths == ["emoji_enabled", "quiet_hours", "send_notification_roles"]
    point = request.contact_point
    assert (point.contact_point_id, list(point.send_notification_roles)) == ("main", [])
    assert point.HasField("emoji_enabled")
    assert (point.quiet_hours.start, point.quiet_hours.fallback_time_zone) == ("21:00", "Europe/Paris")
    assert run("contact-points", "update", "main").exit_code == 2
    assert run("contact-points", "update", "main", "--quiet-hours", "always").exit_code == 2
    run("contact-points", "update", "main", "--quiet-hours", "")
    assert not server.requests("UpdateContactPoint")[1].contact_point.HasField("quiet_hours")


def test_contact_points_are_created_and_shown(server: FakeServer, run: Run) -> None:
    """A contact point is created with its settings, shown and listed."""
    point = ContactPoint(contact_point_id="main", label="Main line", sender="+14155550001", enabled=True)
    server.on("CreateContactPoint", points_pb.CreateContactPointResponse(contact_point=point))
    server.on("GetContactPoint", points_pb.GetContactPointResponse(contact_point=point))
    done = run(
        "contact-points",
        "create",
        "Main line",
        "--sender",
        "+14155550001",
        "--carrier",
        "simulator",
        "--burst-segments",
        "5",
    )
    assert done.exit_code == 0, done.output
    asked = server.requests("CreateContactPoint")[0].contact_point
    assert (asked.label, asked.carrier, asked.burst_segments) == ("Main line", "simulator", 5)
    assert "main (Main line)" in run("contact-points", "get", "main").stdout
    assert "nobody" in run("contact-points", "list", "--sendable").stdout
    assert server.requests("ListContactPoints")[0].sendable_only


def test_roles_and_whoami(server: FakeServer, run: Run) -> None:
    """Roles are created with permissions, and a caller learns who it is and from where it may send."""
    server.on("CreateRole", CreateRoleResponse())
    assert run("roles", "create", "Supervisors", "--permission", "view-history").exit_code == 0
    assert list(server.requests("CreateRole")[0].role.permissions) == [PERMISSION_VIEW_HISTORY]
    me = WhoAmIResponse(principal_id="billing", label="Billing", sendable_contact_point_ids=["main"])
    server.on("WhoAmI", me)
    assert "May send from  main" in run("whoami").stdout
    assert json.loads(run("whoami", "--output", "json").stdout)["principalId"] == "billing"


def test_times_are_read_as_people_write_them() -> None:
    """Relative times count back or ahead, dates are local, zones are kept, and nonsense is refused."""
    now = datetime.now(UTC)
    assert abs(now - past("12h") - timedelta(hours=12)) < timedelta(minutes=1)
    assert abs(future("2w") - now - timedelta(weeks=2)) < timedelta(minutes=1)
    assert past("2026-03-01") == datetime(2026, 3, 1).astimezone()
    assert past("2026-03-01T09:00Z") == datetime(2026, 3, 1, 9, tzinfo=UTC)
    for nonsense in ("7", "d", "-7d", "7 years", "999999w", ""):
        with pytest.raises(typer.BadParameter):
            past(nonsense)


def test_a_table_never_breaks_a_number(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """On a terminal that is too narrow for a table the columns come as plain lines, each number in one piece."""
    monkeypatch.setattr(output, "on_terminal", lambda: True)
    monkeypatch.setenv("COLUMNS", "40")
    output.table(("Number", "State", "Why"), [("+14155550101", "undelivered", "The phone could not be reached.")])
    assert "+14155550101  undelivered  The phone could not be reached." in capsys.readouterr().out
    monkeypatch.setenv("COLUMNS", "50")
    output.table(("Number", "State", "Why"), [("+14155550101", "undelivered", "The phone could not be reached.")])
    assert "+14155550101  undelivered  The phone could not" in capsys.readouterr().out
