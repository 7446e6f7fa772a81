"""Builders of WebhookSubscriptionService."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from sendout.client._calls import Call, Listing, listing, unary
from sendout.v1 import event_pb2, webhook_subscription_pb2
from sendout.v1 import webhook_subscription_service_pb2 as pb

_SERVICE = "WebhookSubscriptionService/"


@listing
def webhook_subscriptions(
    *, page_size: int = 0
) -> Listing[pb.ListWebhookSubscriptionsResponse, webhook_subscription_pb2.WebhookSubscription]:
    """Who is called with events, newest first, with how it goes."""
    request = pb.ListWebhookSubscriptionsRequest(page_size=page_size)
    call = Call(_SERVICE + "ListWebhookSubscriptions", request, pb.ListWebhookSubscriptionsResponse)
    return Listing(call, lambda page: page.subscriptions)


@unary
def get_webhook_subscription(subscription_id: str) -> Call[pb.GetWebhookSubscriptionResponse]:
    """One subscription, with how it goes."""
    request = pb.GetWebhookSubscriptionRequest(subscription_id=subscription_id)
    return Call(_SERVICE + "GetWebhookSubscription", request, pb.GetWebhookSubscriptionResponse)


@unary
def create_webhook_subscription(
    url: str,
    *,
    event_types: Sequence[event_pb2.DeliveryEventType] = (),
    contact_points: Sequence[str] = (),
    topics: Sequence[str] = (),
    crm_system: str = "",
) -> Call[pb.CreateWebhookSubscriptionResponse]:
    """Have a URL called with every event that the filters take, from now on.

    The secret is in this answer alone, so a lost answer is not asked for again.
    """
    subscription = webhook_subscription_pb2.WebhookSubscription(
        url=url, event_types=event_types, contact_point_ids=contact_points, topic_ids=topics, crm_system=crm_system
    )
    request = pb.CreateWebhookSubscriptionRequest(subscription=subscription)
    return Call(_SERVICE + "CreateWebhookSubscription", request, pb.CreateWebhookSubscriptionResponse, retry_safe=False)


@unary
def rotate_webhook_secret(
    subscription_id: str, *, overlap: timedelta | None = None
) -> Call[pb.RotateWebhookSecretResponse]:
    """Change the secret; for the overlap (24 hours where it is left out) calls are signed with the old one as well."""
    request = pb.RotateWebhookSecretRequest(subscription_id=subscription_id)
    if overlap is not None:
        request.overlap.FromTimedelta(overlap)
    return Call(_SERVICE + "RotateWebhookSecret", request, pb.RotateWebhookSecretResponse, retry_safe=False)


@unary
def test_webhook_subscription(subscription_id: str) -> Call[pb.TestWebhookSubscriptionResponse]:
    """Call the URL once, now, with an event of type TEST."""
    request = pb.TestWebhookSubscriptionRequest(subscription_id=subscription_id)
    return Call(_SERVICE + "TestWebhookSubscription", request, pb.TestWebhookSubscriptionResponse)


@unary
def delete_webhook_subscription(subscription_id: str) -> Call[pb.DeleteWebhookSubscriptionResponse]:
    """Call a URL no more."""
    request = pb.DeleteWebhookSubscriptionRequest(subscription_id=subscription_id)
    return Call(_SERVICE + "DeleteWebhookSubscription", request, pb.DeleteWebhookSubscriptionResponse, retry_safe=False)
