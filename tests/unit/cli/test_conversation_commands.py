"""`conversations`: what is asked, what is shown where a text or a number is gone, and what is sent."""

from __future__ import annotations

import json

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from sendout.v1 import conversation_service_pb2 as pb
from sendout.v1.conversation_pb2 import (
    CONVERSATION_STATE_CLOSED,
    CONVERSATION_STATE_OPEN,
    DIRECTION_INBOUND,
    DIRECTION_OUTBOUND,
    Conversation,
    ConversationEntry,
)
from sendout.v1.message_pb2 import MESSAGE_STATE_DELIVERED
from tests.unit.cli.conftest import Run
from tests.unit.client.fake_server import Fail, FakeServer

NEW_YEAR = Timestamp(seconds=1_767_225_600)
ONE = Conversation(
    conversation_id="12",
    contact_point_id="main",
    phone_number="+14155550101",
    state=CONVERSATION_STATE_OPEN,
    entry_count=3,
    update_time=NEW_YEAR,
    needs_review=True,
)


def cells(line: str) -> str:
    return " ".join(line.split())


def test_the_list(server: FakeServer, run: Run) -> None:
    """Open ones are asked for, one line each; --review and the other filters reach the server."""
    server.on("ListConversations", pb.ListConversationsResponse(conversations=[ONE]))
    done = run("conversations", "list")
    assert done.exit_code == 0, done.output
    assert any(cells(line).startswith("12 main +14155550101 3 2026-01-01") for line in done.stdout.splitlines())
    run("conversations", "list", "--closed", "--review", "--contact-point", "main", "--notification", "n1")
    plain, filtered = server.requests("ListConversations")
    assert (plain.state, plain.needs_review, plain.contact_point_id) == (CONVERSATION_STATE_OPEN, False, "")
    assert (filtered.state, filtered.needs_review) == (CONVERSATION_STATE_CLOSED, True)
    assert (filtered.contact_point_id, filtered.notification_id) == ("main", "n1")


def test_an_empty_list(server: FakeServer, run: Run) -> None:
    """Nobody wrote: a sentence and status 0."""
    server.on("ListConversations", pb.ListConversationsResponse())
    done = run("conversations", "list")
    assert (done.exit_code, "No conversations." in done.output) == (0, True)


def test_all_pages(server: FakeServer, run: Run) -> None:
    """The list goes on over pages, and as JSON it is one answer."""
    other = Conversation(conversation_id="13")
    server.on(
        "ListConversations",
        pb.ListConversationsResponse(conversations=[ONE], next_page_token="next"),
        pb.ListConversationsResponse(conversations=[other]),
    )
    done = run("conversations", "list", "--output", "json")
    assert [one["conversationId"] for one in json.loads(done.stdout)["conversations"]] == ["12", "13"]
    assert [request.page_token for request in server.requests("ListConversations")] == ["", "next"]


def test_one_with_its_texts(server: FakeServer, run: Run) -> None:
    """Texts stand in their order with way and state; a text that was purged is said to be gone."""
    entries = [
        ConversationEntry(direction=DIRECTION_INBOUND, text="Until when?", time=NEW_YEAR),
        ConversationEntry(direction=DIRECTION_OUTBOUND, text="Noon.", time=NEW_YEAR, state=MESSAGE_STATE_DELIVERED),
        ConversationEntry(direction=DIRECTION_INBOUND, time=NEW_YEAR),
    ]
    server.on("GetConversation", pb.GetConversationResponse(conversation=ONE, entries=entries))
    done = run("conversations", "show", "12")
    assert done.exit_code == 0, done.output
    lines = [cells(line) for line in done.stdout.splitlines()]
    assert "To be looked at yes" in lines
    assert "Replied to nothing that is known" in lines
    texts = [line for line in lines if " received " in line or " sent " in line]
    assert [line.partition("UTC ")[2] or line.split(maxsplit=2)[2] for line in texts] == [
        "received Until when?",
        "sent Noon. delivered",
        "received (no longer kept)",
    ]
    assert server.requests("GetConversation")[0].conversation_id == "12"


def test_one_without_its_number(server: FakeServer, run: Run) -> None:
    """After retention neither number nor texts are kept, and both are said to be gone."""
    gone = Conversation(conversation_id="12", message_id="n.0", state=CONVERSATION_STATE_CLOSED)
    server.on("GetConversation", pb.GetConversationResponse(conversation=gone))
    done = run("conversations", "show", "12")
    lines = [cells(line) for line in done.output.splitlines()]
    assert "Number no longer kept" in lines
    assert "Replied to n.0" in lines
    assert "No texts are kept." in lines


def test_reply(server: FakeServer, run: Run) -> None:
    """A reply accepts one segment unless more are accepted, carries a request id, and its message is named."""
    server.on("ReplyToConversation", pb.ReplyToConversationResponse(entry=ConversationEntry(message_id="n.0")))
    done = run("conversations", "reply", "12", "We are open.")
    run("conversations", "reply", "12", "Long.", "--max-segments", "3")
    assert done.stdout == "Accepted as n.0.\n"
    first, second = server.requests("ReplyToConversation")
    assert (first.conversation_id, first.text, first.max_segments) == ("12", "We are open.", 1)
    assert second.max_segments == 3
    assert first.request_id
    assert first.request_id != second.request_id


def test_close(server: FakeServer, run: Run) -> None:
    """Closing says which one is closed."""
    server.on("CloseConversation", pb.CloseConversationResponse(conversation=ONE))
    done = run("conversations", "close", "12")
    assert done.stdout == "Conversation 12 is closed.\n"
    assert server.requests("CloseConversation")[0].conversation_id == "12"


@pytest.mark.parametrize("words", [("show", "99"), ("reply", "99", "Hi"), ("close", "99")], ids=" ".join)
def test_one_that_is_not_there(server: FakeServer, run: Run, words: tuple[str, ...]) -> None:
    """The server's sentence is shown, with status 1."""
    refused = Fail(grpc.StatusCode.NOT_FOUND, "CONVERSATION_NOT_FOUND", "There is no conversation '99'.")
    for method in ("GetConversation", "ReplyToConversation", "CloseConversation"):
        server.on(method, refused)
    done = run("conversations", *words)
    assert done.exit_code == 1
    assert "There is no conversation '99'." in done.stderr
