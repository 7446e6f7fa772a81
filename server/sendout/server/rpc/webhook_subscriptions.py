"""WebhookSubscriptionService: the systems that are called with delivery events."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sendout.domain.errors import field_invalid
from sendout.domain.webhooks import OVERLAP_S
from sendout.server.commands.webhook_subscriptions import Seen, Wanted, WebhookSubscriptions
from sendout.server.rpc.context import current_caller
from sendout.server.rpc.convert import seconds, timestamp
from sendout.server.rpc.pages import Pages
from sendout.storage.event_log import EventKind
from sendout.v1 import event_pb2, webhook_subscription_pb2, webhook_subscription_service_pb2_grpc
from sendout.v1 import webhook_subscription_service_pb2 as pb

_KINDS = {event_pb2.DeliveryEventType.Value(f"DELIVERY_EVENT_TYPE_{kind.name}"): kind for kind in EventKind}


class WebhookSubscriptionServicer(webhook_subscription_service_pb2_grpc.WebhookSubscriptionServiceServicer):
    """Parses, calls `WebhookSubscriptions` and converts."""

    def __init__(self, subscriptions: WebhookSubscriptions, pages: Pages) -> None:
        self._subscriptions = subscriptions
        self._pages = pages

    async def CreateWebhookSubscription(
        self, request: pb.CreateWebhookSubscriptionRequest, context: Any
    ) -> pb.CreateWebhookSubscriptionResponse:
        """A new subscription; its secret is in this answer and nowhere else."""
        typed = request.subscription
        wanted = Wanted(
            typed.url, _kinds(typed.event_types), typed.contact_point_ids, typed.topic_ids, typed.crm_system
        )
        created, secret = await self._subscriptions.create(current_caller(), wanted)
        return pb.CreateWebhookSubscriptionResponse(subscription=_message(created), secret=secret)

    async def GetWebhookSubscription(
        self, request: pb.GetWebhookSubscriptionRequest, context: Any
    ) -> pb.GetWebhookSubscriptionResponse:
        """One subscription."""
        found = await self._subscriptions.get(current_caller(), request.subscription_id)
        return pb.GetWebhookSubscriptionResponse(subscription=_message(found))

    async def ListWebhookSubscriptions(
        self, request: pb.ListWebhookSubscriptionsRequest, context: Any
    ) -> pb.ListWebhookSubscriptionsResponse:
        """Subscriptions, newest first."""
        rows = await self._subscriptions.list_page(current_caller(), *self._pages.asked(request))
        shown, token = self._pages.cut(
            request, rows, lambda seen: (seen.subscription.create_time, str(seen.subscription.id))
        )
        return pb.ListWebhookSubscriptionsResponse(subscriptions=map(_message, shown), next_page_token=token)

    async def RotateWebhookSecret(
        self, request: pb.RotateWebhookSecretRequest, context: Any
    ) -> pb.RotateWebhookSecretResponse:
        """Another secret."""
        overlap = seconds(request, "overlap", OVERLAP_S)
        changed, secret = await self._subscriptions.rotate(current_caller(), request.subscription_id, overlap)
        return pb.RotateWebhookSecretResponse(subscription=_message(changed), secret=secret)

    async def TestWebhookSubscription(
        self, request: pb.TestWebhookSubscriptionRequest, context: Any
    ) -> pb.TestWebhookSubscriptionResponse:
        """Call it once."""
        event_id, answered = await self._subscriptions.test(current_caller(), request.subscription_id)
        return pb.TestWebhookSubscriptionResponse(
            taken=answered.taken, failure_text=answered.failure, event_id=event_id
        )

    async def DeleteWebhookSubscription(
        self, request: pb.DeleteWebhookSubscriptionRequest, context: Any
    ) -> pb.DeleteWebhookSubscriptionResponse:
        """Delete a subscription."""
        await self._subscriptions.delete(current_caller(), request.subscription_id)
        return pb.DeleteWebhookSubscriptionResponse()


def _kinds(types: Iterable[int]) -> frozenset[int]:
    for place, one in enumerate(types):
        if one not in _KINDS:
            raise field_invalid(f"subscription.event_types[{place}]", one, "Choose types that stand in the stream.")
    return frozenset(_KINDS[one] for one in types)


def _message(seen: Seen) -> webhook_subscription_pb2.WebhookSubscription:
    one = seen.subscription
    states = webhook_subscription_pb2
    return webhook_subscription_pb2.WebhookSubscription(
        subscription_id=str(one.id),
        url=one.url,
        event_types=[f"DELIVERY_EVENT_TYPE_{EventKind(kind).name}" for kind in sorted(one.event_kinds)],
        contact_point_ids=sorted(one.contact_point_ids),
        topic_ids=sorted(one.topic_ids),
        crm_system=one.crm_system,
        state=states.WEBHOOK_SUBSCRIPTION_STATE_DISABLED if one.disabled else states.WEBHOOK_SUBSCRIPTION_STATE_ACTIVE,
        disabled_reason=one.disabled,
        lag=seen.lag,
        success_time=timestamp(one.success_time),
        failure_time=timestamp(one.failure_time),
        failure_text=one.failure,
        failure_count=one.failures,
        create_time=timestamp(one.create_time),
        previous_secret_expire_time=timestamp(one.previous_until),
    )
