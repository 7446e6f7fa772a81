"""A provider's call to the gateway: find the carrier it is for, let that verify and store it, and answer.

Nobody is authenticated here. Whoever calls proves to be the provider by its signature, which the carrier checks; the
answer gives away no more than whether a carrier of that name takes such calls.
"""

from __future__ import annotations

from collections.abc import Mapping

import structlog

from sendout.domain import limits
from sendout.server.carriers.base import TakesWebhooks, WebhookRequest, WebhookResponse


class HandleWebhook:
    """`carriers` are those that take calls, by name; they need not be started."""

    def __init__(self, carriers: Mapping[str, TakesWebhooks]) -> None:
        self._carriers = carriers
        self._log = structlog.get_logger("sendout.webhooks")

    async def __call__(
        self, carrier: str, kind: str, query: str, headers: Mapping[str, str], body: bytes
    ) -> WebhookResponse:
        """The answer for the provider; 503 where what it tells could not be stored, so that it is told again."""
        taker = self._carriers.get(carrier)
        if taker is None:
            return WebhookResponse(404)
        if len(body) > limits.MAX_WEBHOOK_BODY:
            return WebhookResponse(413)
        try:
            return await taker.webhook(WebhookRequest(kind, query, headers, body))
        except Exception as error:
            self._log.warning("webhook_not_stored", carrier=carrier, error=type(error).__name__)
            return WebhookResponse(503)
