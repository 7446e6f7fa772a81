"""`contact-points`: which fields the options set, what is left alone, and what is shown."""

from __future__ import annotations

import grpc
import pytest

from sendout.v1 import contact_point_service_pb2 as pb
from sendout.v1.contact_point_pb2 import (
    CONSENT_POLICY_BLOCK_OPTED_OUT,
    CONSENT_POLICY_REQUIRE_OPT_IN,
    ContactPoint,
)
from tests.unit.cli.conftest import Run
from tests.unit.client.fake_server import Fail, FakeServer

POINT = ContactPoint(contact_point_id="main", label="Main line", sender="+14155550001", carrier="simulator")

OPTIONS = {
    ("--require-opt-in",): ("consent_policy", CONSENT_POLICY_REQUIRE_OPT_IN),
    ("--block-opted-out",): ("consent_policy", CONSENT_POLICY_BLOCK_OPTED_OUT),
    ("--number-messages-per-hour", "5"): ("number_messages_per_hour", 5),
    ("--number-messages-per-hour", "0"): ("number_messages_per_hour", 0),
    ("--max-backlog-hours", "12"): ("max_backlog_hours", 12),
    ("--fallback-carrier", "b", "--fallback-carrier", "a"): ("fallback_carriers", ["b", "a"]),
    ("--fallback-carrier", ""): ("fallback_carriers", []),
    ("--opt-out-reply", "You get no more."): ("opt_out_reply", "You get no more."),
    ("--opt-in-reply", "Welcome."): ("opt_in_reply", "Welcome."),
    ("--help-reply", ""): ("help_reply", ""),
}


@pytest.mark.parametrize("typed", OPTIONS, ids=" ".join)
def test_an_option_changes_its_field_alone(server: FakeServer, run: Run, typed: tuple[str, ...]) -> None:
    """The mask of an update names the option's field and no other, also where it is emptied."""
    name, value = OPTIONS[typed]
    server.on("UpdateContactPoint", pb.UpdateContactPointResponse(contact_point=POINT))
    done = run("contact-points", "update", "main", *typed)
    assert done.exit_code == 0, done.output
    (request,) = server.requests("UpdateContactPoint")
    assert list(request.update_mask.paths) == [name]
    found = getattr(request.contact_point, name)
    assert (list(found) if isinstance(value, list) else found) == value
    assert request.contact_point.contact_point_id == "main"


def test_a_new_one_with_everything(server: FakeServer, run: Run) -> None:
    """Every later setting may be given at creation."""
    server.on("CreateContactPoint", pb.CreateContactPointResponse(contact_point=POINT))
    base = ("contact-points", "create", "Main line", "--sender", "+14155550001", "--carrier", "simulator")
    words = [word for typed in list(OPTIONS)[::2] for word in typed]
    done = run(*base, *words)
    assert done.exit_code == 0, done.output
    (request,) = server.requests("CreateContactPoint")
    made = request.contact_point
    assert (made.consent_policy, made.number_messages_per_hour) == (CONSENT_POLICY_REQUIRE_OPT_IN, 5)
    assert (made.max_backlog_hours, list(made.fallback_carriers)) == (12, [])
    assert (made.opt_out_reply, made.opt_in_reply, made.help_reply) == ("", "Welcome.", "")


def test_what_is_shown(server: FakeServer, run: Run) -> None:
    """Each of them has a line, in words where the value alone says nothing."""
    full = ContactPoint()
    full.CopyFrom(POINT)
    full.MergeFrom(
        ContactPoint(
            consent_policy=CONSENT_POLICY_REQUIRE_OPT_IN, number_messages_per_hour=1_000, max_backlog_hours=2_160,
            fallback_carriers=["spare", "third"], opt_out_reply="Gone.", help_reply="Call us.",
        )
    )  # fmt: skip
    server.on("GetContactPoint", pb.GetContactPointResponse(contact_point=full))
    lines = [" ".join(line.split()) for line in run("contact-points", "get", "main").stdout.splitlines()]
    for line in (
        "Carrier simulator, then spare, then third",
        "Sends to who opted in",
        "Per number and hour 1,000",
        "Backlog at most 2,160 h",
        "Answer to STOP Gone.",
        "Answer to START built in",
        "Answer to HELP Call us.",
    ):
        assert line in lines


def test_what_the_server_refuses(server: FakeServer, run: Run) -> None:
    """The field at fault and its sentence are shown, with status 1."""
    problem = ("contact_point.help_reply", "An answer cannot be a keyword itself. Write a sentence. You gave 'HELP'.")
    server.on("UpdateContactPoint", Fail(grpc.StatusCode.INVALID_ARGUMENT, "FIELD_INVALID", violations=[problem]))
    done = run("contact-points", "update", "main", "--help-reply", "HELP")
    assert done.exit_code == 1
    assert "An answer cannot be a keyword itself." in done.stderr


@pytest.mark.parametrize("typed", [("--number-messages-per-hour", "-1"), ("--max-backlog-hours", "x"), ()])
def test_what_is_typed_wrong(server: FakeServer, run: Run, typed: tuple[str, ...]) -> None:
    """A negative or other number, and an update of nothing, do not reach the server."""
    done = run("contact-points", "update", "main", *typed)
    assert done.exit_code == 2
    assert not server.requests("UpdateContactPoint")
