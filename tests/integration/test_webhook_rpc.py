"""WebhookSubscriptionService over a real socket, and a reply that is handed off to an agent platform by webhook."""

from __future__ import annotations

import pytest

from sendout.client import InvalidArgument, NotFound, PermissionDenied
from sendout.domain.clock import SystemClock
from sendout.server.config import load_settings
from sendout.storage.ring import Rings, connect
from sendout.v1 import event_pb2, webhook_subscription_pb2
from tests.integration.pipeline import GOOD, Pipeline
from tests.integration.test_consent_rpc import Running, running
from tests.integration.test_conversation_rpc import written
from tests.integration.webhook_receiver import delivering, receiver

__all__ = ["running"]


@pytest.fixture(autouse=True)
def _loopback_may_be_called(monkeypatch: pytest.MonkeyPatch) -> None:
    """For the server that `running` starts."""
    monkeypatch.setenv("SENDOUT_WEBHOOKS_ALLOW_LOOPBACK", "true")


async def test_a_reply_is_handed_off(running: Running, valkey_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a recipient writes back reaches the platform with notification, message, recipient and conversation."""
    root = load_settings(secret_key="s" * 32).secrets.derive("webhooks")
    monkeypatch.setattr("tests.integration.webhook_receiver.ROOT", root)
    rings = Rings(connect(valkey_url))
    pipe = Pipeline(running.database, rings, valkey_url, SystemClock(), {"delivery_delay_s": 0.01})
    async with receiver() as received, pipe.dispatcher(), delivering(running.database):
        created = await running.admin.create_webhook_subscription(
            received.url, event_types=[event_pb2.DELIVERY_EVENT_TYPE_REPLY_RECEIVED], contact_points=["main"]
        )
        sent = await running.agent.send(GOOD[:3], "The garage is closed.", contact_point="main")
        identifier = sent.notification.notification_id
        await running.agent.wait(identifier)
        await running.agent.rpc(written(GOOD[1], "Until when?"))
        (call,) = await received.until(1)
        event = call.event
        assert call.signed_with(created.secret)
        assert event["type"] == "DELIVERY_EVENT_TYPE_REPLY_RECEIVED"
        assert event["message"]["messageId"] == f"{identifier}.1"
        assert event["message"]["phoneNumber"] == event["reply"]["phoneNumber"] == GOOD[1]
        assert event["reply"]["text"] == "Until when?"
        assert event["reply"]["conversationId"]
        assert event["contactPointId"] == "main"
    await rings.close()


async def test_the_service(running: Running) -> None:
    """Create, get, list, test, rotate and delete over the wire; the secret is told at creation and rotation alone."""
    admin = running.admin
    async with receiver() as received:
        created = await admin.create_webhook_subscription(received.url, topics=["default"], crm_system="salesforce")
        one = created.subscription
        assert created.secret.startswith("whsec_")
        assert (one.url, list(one.topic_ids), one.crm_system) == (received.url, ["default"], "salesforce")
        assert one.state == webhook_subscription_pb2.WEBHOOK_SUBSCRIPTION_STATE_ACTIVE
        assert (await admin.get_webhook_subscription(one.subscription_id)).subscription == one
        second = await admin.create_webhook_subscription(received.url)
        listed = [found async for found in admin.webhook_subscriptions(page_size=1)]
        assert [found.subscription_id for found in listed] == [
            second.subscription.subscription_id,
            one.subscription_id,
        ]
        tested = await admin.test_webhook_subscription(one.subscription_id)
        assert tested.taken
        assert received.calls[-1].signed_with(created.secret)
        rotated = await admin.rotate_webhook_secret(one.subscription_id)
        assert rotated.secret != created.secret
        assert rotated.subscription.HasField("previous_secret_expire_time")
        await admin.delete_webhook_subscription(one.subscription_id)
        with pytest.raises(NotFound) as gone:
            await admin.get_webhook_subscription(one.subscription_id)
        assert gone.value.reason == "WEBHOOK_SUBSCRIPTION_NOT_FOUND"


async def test_refusals(running: Running) -> None:
    """Agents may nothing of it; a private address, an unknown topic and a type that no stream has are named."""
    with pytest.raises(PermissionDenied):
        await running.agent.create_webhook_subscription("https://example.com/")
    with pytest.raises(InvalidArgument) as private:
        await running.admin.create_webhook_subscription("https://169.254.169.254/latest")
    assert [one.field for one in private.value.violations] == ["subscription.url"]
    with pytest.raises(NotFound) as unknown:
        await running.admin.create_webhook_subscription("http://127.0.0.1:9/", topics=["nothing"])
    assert unknown.value.reason == "TOPIC_NOT_FOUND"
    with pytest.raises(InvalidArgument) as strange:
        await running.admin.create_webhook_subscription(
            "http://127.0.0.1:9/", event_types=[event_pb2.DELIVERY_EVENT_TYPE_TEST]
        )
    assert [one.field for one in strange.value.violations] == ["subscription.event_types[0]"]
