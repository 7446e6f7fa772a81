"""`webhooks`: what is asked of the server, and what is shown once."""

from __future__ import annotations

from google.protobuf.timestamp_pb2 import Timestamp

from sendout.v1 import event_pb2
from sendout.v1 import webhook_subscription_pb2 as subscription_pb
from sendout.v1 import webhook_subscription_service_pb2 as pb
from tests.unit.cli.conftest import Run
from tests.unit.client.fake_server import FakeServer

ONE = subscription_pb.WebhookSubscription(
    subscription_id="01",
    url="https://agents.example.com/sms",
    state=subscription_pb.WEBHOOK_SUBSCRIPTION_STATE_ACTIVE,
    lag=7,
    failure_count=2,
    failure_text="The receiver answered 500.",
    previous_secret_expire_time=Timestamp(seconds=1_767_225_600),
)


def test_create_shows_the_secret(run: Run, server: FakeServer) -> None:
    """Filters reach the server, and the secret stands alone on the last line."""
    answer = pb.CreateWebhookSubscriptionResponse(subscription=ONE, secret="whsec_AAAA")
    server.on("CreateWebhookSubscription", answer)
    result = run(
        *("webhooks", "create", ONE.url, "--event", "reply-received", "--event", "opted-out"),
        *("--contact-point", "main", "--topic", "outages", "--crm-system", "salesforce"),
    )
    assert result.exit_code == 0
    assert result.stdout.splitlines()[-1] == "whsec_AAAA"
    asked = server.requests("CreateWebhookSubscription")[0].subscription
    assert list(asked.event_types) == [
        event_pb2.DELIVERY_EVENT_TYPE_REPLY_RECEIVED,
        event_pb2.DELIVERY_EVENT_TYPE_OPTED_OUT,
    ]
    assert (asked.url, list(asked.contact_point_ids), list(asked.topic_ids)) == (ONE.url, ["main"], ["outages"])
    assert asked.crm_system == "salesforce"


def test_list_says_how_it_goes(run: Run, server: FakeServer) -> None:
    """State, lag, failures and the last problem are columns."""
    server.on("ListWebhookSubscriptions", pb.ListWebhookSubscriptionsResponse(subscriptions=[ONE]))
    result = run("webhooks", "list")
    assert all(part in result.stdout for part in ("active", " 7 ", " 2 ", "answered 500.", ONE.url))


def test_rotate_sends_the_overlap(run: Run, server: FakeServer) -> None:
    """Hours become a duration, also none; the new secret is shown."""
    server.on("RotateWebhookSecret", pb.RotateWebhookSecretResponse(subscription=ONE, secret="whsec_BBBB"))
    result = run("webhooks", "rotate", "01", "--overlap-hours", "0")
    asked = server.requests("RotateWebhookSecret")[0]
    assert asked.HasField("overlap")
    assert (asked.subscription_id, asked.overlap.seconds) == ("01", 0)
    assert "2026-01-01 00:00:00 UTC" in result.stdout
    assert result.stdout.splitlines()[-1] == "whsec_BBBB"


def test_a_test_that_is_not_taken_fails(run: Run, server: FakeServer) -> None:
    """The exit status says whether the receiver took it."""
    server.on("TestWebhookSubscription", pb.TestWebhookSubscriptionResponse(failure_text="The receiver answered 500."))
    result = run("webhooks", "test", "01")
    assert result.exit_code == 1
    assert "Not taken: The receiver answered 500." in result.stdout


def test_delete(run: Run, server: FakeServer) -> None:
    """The id goes through."""
    server.on("DeleteWebhookSubscription", pb.DeleteWebhookSubscriptionResponse())
    assert run("webhooks", "delete", "01").exit_code == 0
    assert server.requests("DeleteWebhookSubscription")[0].subscription_id == "01"
