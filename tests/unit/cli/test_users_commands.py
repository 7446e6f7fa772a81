"""`sendout users`: what is asked and what is printed."""

from __future__ import annotations

import json
from datetime import timedelta

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from sendout.v1 import session_service_pb2 as sessions_pb
from sendout.v1 import user_service_pb2 as users_pb
from sendout.v1.user_pb2 import User
from tests.unit.cli.conftest import Run
from tests.unit.client.fake_server import Fail, FakeServer

ADA = User(user_id="ada", label="Ada", role_ids=["agents"], external_id="ada@example.org", disabled=True)


def test_users_are_listed(server: FakeServer, run: Run) -> None:
    """One line a user, and the whole answer as JSON."""
    server.on("ListUsers", users_pb.ListUsersResponse(users=[ADA, User(user_id="bob", label="Bob")]))
    lines = run("users", "list").stdout.splitlines()
    assert lines[1].split() == ["ada", "Ada", "agents", "ada@example.org", "yes", "-"]
    assert lines[2].split() == ["bob", "Bob", "-", "-", "-"]
    answer = json.loads(run("users", "list", "--output", "json").stdout)
    assert [user["userId"] for user in answer["users"]] == ["ada", "bob"]


def test_a_user_is_created(server: FakeServer, run: Run) -> None:
    """What was given is asked for, no password among it, and the next step is named."""
    server.on("CreateUser", users_pb.CreateUserResponse(user=ADA))
    done = run("users", "create", "Ada", "--id", "ada", "--role", "agents", "--external-id", "ada@example.org")
    assert "sendout users sign-in-link ada" in done.stdout
    (request,) = server.requests("CreateUser")
    asked = request.user
    assert (asked.user_id, asked.label, list(asked.role_ids), asked.external_id) == (
        "ada",
        "Ada",
        ["agents"],
        "ada@example.org",
    )
    assert request.password == ""


@pytest.mark.parametrize(
    ("arguments", "fields", "expected"),
    [
        (["--label", "Ada L."], ["label"], User(user_id="ada", label="Ada L.")),
        (["--role", "a", "--role", "b"], ["role_ids"], User(user_id="ada", role_ids=["a", "b"])),
        (["--no-roles"], ["role_ids"], User(user_id="ada")),
        (["--external-id", ""], ["external_id"], User(user_id="ada")),
        (["--disable"], ["disabled"], User(user_id="ada", disabled=True)),
        (["--enable"], ["disabled"], User(user_id="ada")),
    ],
    ids=str,
)
def test_only_what_is_given_changes(
    server: FakeServer, run: Run, arguments: list[str], fields: list[str], expected: User
) -> None:
    """The mask names what was given, also what was emptied."""
    server.on("UpdateUser", users_pb.UpdateUserResponse(user=ADA))
    assert run("users", "update", "ada", *arguments).exit_code == 0
    (request,) = server.requests("UpdateUser")
    assert (list(request.update_mask.paths), request.user) == (fields, expected)


def test_a_change_of_nothing_is_no_change(server: FakeServer, run: Run) -> None:
    """Without anything to change nothing is asked of the server."""
    assert run("users", "update", "ada").exit_code == 2
    assert server.requests("UpdateUser") == []


def test_a_password_is_read_and_not_shown(server: FakeServer, run: Run) -> None:
    """The password comes from stdin, whole, and is printed nowhere; a refusal ends with status 1."""
    server.on("SetUserPassword", users_pb.SetUserPasswordResponse())
    done = run("users", "set-password", "ada", input=" correct horse \n")
    assert done.exit_code == 0
    assert "correct" not in done.output
    (request,) = server.requests("SetUserPassword")
    assert (request.user_id, request.password) == ("ada", " correct horse ")
    server.on("SetUserPassword", Fail(grpc.StatusCode.INVALID_ARGUMENT, "FIELD_INVALID", "Too short."))
    assert run("users", "set-password", "ada", input="short\n").exit_code == 1


def test_a_link_hides_its_token_in_the_fragment(server: FakeServer, run: Run) -> None:
    """The link alone is on stdout, for the console's address that was given; its time is asked for."""
    answer = sessions_pb.CreateSignInLinkResponse(sign_in_token="sol_x", expire_time=Timestamp(seconds=1_767_225_600))
    server.on("CreateSignInLink", answer)
    assert run("users", "sign-in-link", "ada").stdout == "http://127.0.0.1:8080/sign-in#sol_x\n"
    done = run("users", "sign-in-link", "ada", "--expires", "2h", "--gateway", "https://console.example.org/")
    assert done.stdout == "https://console.example.org/sign-in#sol_x\n"
    assert "2026-01-01 00:00:00" in done.stderr
    first, second = server.requests("CreateSignInLink")
    assert not first.HasField("lifetime")
    assert abs(second.lifetime.ToTimedelta() - timedelta(hours=2)) < timedelta(minutes=1)
