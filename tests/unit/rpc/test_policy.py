"""The policy table covers the contract."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest
from google.protobuf.descriptor import MethodDescriptor

import sendout.v1
from sendout.domain.permissions import Grant
from sendout.server.rpc.policy import POLICY

FOLDER = Path(sendout.v1.__file__).parent
SERVICES = [
    service
    for path in sorted(FOLDER.glob("*_service_pb2.py"))
    for service in importlib.import_module(f"sendout.v1.{path.stem}").DESCRIPTOR.services_by_name.values()
]
METHODS: list[MethodDescriptor] = [method for service in SERVICES for method in service.methods]
# Here only some calls need the permission, which the command knows.
DECIDED_BY_COMMAND = {
    *("SetUserPassword", "CreateSnippet", "UpdateSnippet", "DeleteSnippet"),
    *("GetNotification", "WatchNotification", "ListMessages", "StreamDeliveryEvents"),
}


def name_of(method: MethodDescriptor) -> str:
    return f"/{method.containing_service.full_name}/{method.name}"


def test_every_rpc_has_a_rule_and_no_rule_is_left_over() -> None:
    """S2: no RPC of the contract is open by oversight; the table and the descriptors name the same methods."""
    named = {method for method in POLICY if method.startswith("/sendout.")}
    assert named == {name_of(method) for method in METHODS}
    assert len(named) > 50


def test_only_signing_in_webhooks_and_the_standard_services_are_public() -> None:
    """Of ours only signing in, and what providers sign, need no credentials; all of ours pass the gate."""
    ours = {method for method, rule in POLICY.items() if rule.public and not rule.standard}
    assert ours == {"/sendout.v1.SessionService/CreateSession", "/sendout.v1.WebhookService/HandleWebhook"}
    standard = {method.split("/")[1] for method, rule in POLICY.items() if rule.standard}
    assert standard == {
        "grpc.health.v1.Health",
        "grpc.reflection.v1.ServerReflection",
        "grpc.reflection.v1alpha.ServerReflection",
    }


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
def test_the_table_says_what_the_contract_says(method: MethodDescriptor) -> None:
    """A permission stands where the proto comment names ROLE_REQUIRED, a grant where it names SEND_NOT_PERMITTED."""
    rule = POLICY[name_of(method)]
    source = (FOLDER / Path(method.containing_service.file.name).name).read_text()
    found = re.search(rf"((?:^  //.*\n)+)  rpc {method.name}\(", source, re.MULTILINE)
    assert found is not None
    comment = found[1]
    needs_role = "ROLE_REQUIRED" in comment and method.name not in DECIDED_BY_COMMAND
    assert (rule.permission is not None) == needs_role
    assert (rule.grant is not None) == ("SEND_NOT_PERMITTED" in comment)


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
def test_what_changes_something_is_audited(method: MethodDescriptor) -> None:
    """Every RPC but the reading ones and what providers tell names its audit action, which is its own name."""
    reads = method.name.startswith(("Get", "List", "Watch", "Stream", "Export", "Preview", "WhoAmI"))
    told = method.name == "HandleWebhook"  # stored raw, as a receipt or a reply
    assert POLICY[name_of(method)].audit_action == ("" if reads or told else method.name)


def test_sending_is_decided_by_the_send_list_alone() -> None:
    """S2, S3: sending asks for the send grant of the contact point, conversations for the other one."""
    assert POLICY["/sendout.v1.NotificationService/SendNotification"].grant is Grant.SEND_NOTIFICATIONS
    assert POLICY["/sendout.v1.ConversationService/ReplyToConversation"].grant is Grant.START_CONVERSATIONS
