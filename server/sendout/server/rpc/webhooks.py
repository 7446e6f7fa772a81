"""WebhookService: what providers tell of messages and replies, by way of the gateway."""

from __future__ import annotations

from typing import Any

from sendout.server.commands.webhooks import HandleWebhook
from sendout.v1 import webhook_service_pb2, webhook_service_pb2_grpc


class WebhookServicer(webhook_service_pb2_grpc.WebhookServiceServicer):
    """Parses, calls the command and converts."""

    def __init__(self, handle: HandleWebhook) -> None:
        self._handle = handle

    async def HandleWebhook(
        self, request: webhook_service_pb2.HandleWebhookRequest, context: Any
    ) -> webhook_service_pb2.HandleWebhookResponse:
        """Store what a provider's call tells."""
        answer = await self._handle(request.carrier, request.kind, request.query, dict(request.headers), request.body)
        content_type = answer.content_type if answer.body else ""
        return webhook_service_pb2.HandleWebhookResponse(
            status=answer.status, content_type=content_type, body=answer.body
        )
