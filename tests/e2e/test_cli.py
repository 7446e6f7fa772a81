"""The command line against `sendout up`, as a newcomer uses both: nothing set but what `up` wrote."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from sendout.client import Client, InvalidArgument
from tests.e2e.running import Running, environment, up

COMMAND = [sys.executable, "-c", "from sendout.cli import main; main()"]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One `sendout up` for all tests of this file."""
    with up(tmp_path_factory.mktemp("cli")) as started:
        yield started


def sendout(running: Running, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Run the command in the home that `up` set up."""
    return subprocess.run(
        [*COMMAND, *arguments],
        env=environment(running.home, **more),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=running.home,
    )


def answer(running: Running, *arguments: str) -> Any:
    """The JSON that a command prints."""
    done = sendout(running, *arguments, "--output", "json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_newcomers_first_send(running: Running) -> None:
    """S1, S30: with nothing but the profile that `up` wrote a send is accepted, followed to its end, and counted."""
    topic = answer(running, "topics", "create", "First steps")["topic"]["topicId"]
    done = sendout(
        running, "send", "--to", "+14155550101, +14155550151,", "--text", "Hello", "--topic", topic, "--wait"
    )
    assert done.returncode == 0, done.stderr
    assert "Accepted: 2 messages from main" in done.stdout
    assert "2 of 2 final: 1 delivered, 1 undelivered" in done.stdout
    assert "+14155550151  undelivered" in done.stdout
    assert "\x1b" not in done.stdout
    tally = answer(running, "history", "--since", "1h", "--topic", topic)["total"]
    assert (tally["accepted"], tally["delivered"], tally["undelivered"]) == ("2", "1", "1")


def test_a_message_can_be_looked_up(running: Running) -> None:
    """S41, S43, S44: a send is found under recent messages, and its message shows text, timeline and trace."""
    topic = answer(running, "topics", "create", "Looked up")["topic"]["topicId"]
    sent = answer(running, "send", "--to", "+14155550101", "--text", "Find me", "--topic", topic, "--wait")
    assert sent["notification"]["progress"]["done"] is True
    (row,) = answer(running, "history", "recent", topic)["messages"]
    assert (row["phoneNumber"], row["delivered"]) == ("+14155550101", "DELIVERY_INDICATOR_YES")
    detail = answer(running, "message", row["messageId"])["message"]
    assert detail["text"] == "Find me"
    assert detail["changes"][-1]["state"] == "MESSAGE_STATE_DELIVERED"
    watched = sendout(running, "watch", sent["notification"]["notificationId"])
    assert f"Trace: {detail['traceId']}" in watched.stdout


def test_problem_numbers_are_shown(running: Running) -> None:
    """S31: a refused send shows every problem number as it was typed; skipping them sends to the others."""
    refused = sendout(running, "send", "--to", "+14155550101, abc, 12", "--text", "Hello")
    assert refused.returncode == 1
    assert "'abc'" in refused.stderr
    assert "'12'" in refused.stderr
    skipped = sendout(running, "send", "--to", "+14155550101, abc", "--text", "Hello", "--invalid-recipients", "skip")
    assert skipped.returncode == 1
    assert "Accepted: 1 message" in skipped.stdout
    assert "\nabc" in skipped.stdout


def test_long_texts_are_acknowledged(running: Running) -> None:
    """S26 to S29: a text of two segments is refused with the option that accepts it, and then goes out."""
    send = ("send", "--to", "+14155550101", "--text", "x" * 161)
    refused = sendout(running, *send)
    assert refused.returncode == 1
    assert "--max-segments 2" in refused.stderr
    assert answer(running, *send, "--max-segments", "2")["notification"]["segments"] == 2


def test_the_agent_may_send_and_not_administer(running: Running) -> None:
    """S4, S6: the agent's key sends and follows, and is refused what needs an administrator."""
    keyed = {"SENDOUT_TARGET": running.target, "SENDOUT_API_KEY": running.agent_key}
    done = sendout(running, "send", "--to", "+14155550101", "--text", "Hello", "--wait", **keyed)
    assert done.returncode == 0, done.stderr
    refused = sendout(running, "roles", "list", **keyed)
    assert refused.returncode == 1
    assert refused.stderr.startswith("sendout: ")


def test_the_client_needs_one_line(running: Running) -> None:
    """The Python client sends with one line, also to more people than fit in one request."""
    with Client(running.target, api_key=running.admin_key) as client:
        answer = client.send(to=["+14155550101"], text="Hello")
        assert client.wait(answer.notification.notification_id, timeout=60).done
        many = client.send((f"+1415555{index:04}" for index in range(10_001) if index < 10_000), "Hello")
        assert many.accepted_count == 10_000
        client.cancel(many.notification.notification_id)
        with pytest.raises(InvalidArgument) as caught:
            client.send([*(f"+1415556{index:04}" for index in range(10_000)), "abc"], "Hello")
        assert caught.value.reason == "RECIPIENT_INVALID"


def test_events_and_export_tell_what_became_of_a_send(running: Running) -> None:
    """I5, S43: events without --follow end after every state change; no cell of the export starts a formula."""
    topic = answer(running, "topics", "create", "Told")["topic"]["topicId"]
    answer(running, "send", "--to", "+14155550101", "--text", "Told", "--topic", topic, "--wait")
    told = sendout(running, "events", "--from", "earliest", "--topic", topic, "--output", "json")
    assert told.returncode == 0, told.stderr
    states = [json.loads(line)["newState"].removeprefix("MESSAGE_STATE_") for line in told.stdout.splitlines()]
    assert states == ["QUEUED", "SENDING", "SENT", "DELIVERED"]
    (row,) = csv.DictReader(io.StringIO(sendout(running, "history", "export", "--topic", topic).stdout))
    assert (row["phone_number"], row["state"], row["delivered"]) == ("'+14155550101", "delivered", "yes")
