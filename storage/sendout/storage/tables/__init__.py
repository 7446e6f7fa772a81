"""The tables, one module per group. Times are microseconds since 1970 (UTC) as BIGINT on both databases."""

from sendout.storage.tables.base import metadata
from sendout.storage.tables.delivery import (
    carrier_ref,
    inbound,
    is_parked,
    is_unhandled,
    keyword_answer,
    receipt,
    simulator_message,
    worker,
)
from sendout.storage.tables.history import archived, event, event_head, tally, tally_delta, usage
from sendout.storage.tables.identity import (
    api_key,
    audit,
    principal,
    principal_role,
    quota_use,
    role,
    session,
    sign_in_token,
)
from sendout.storage.tables.notification import is_open, message, notification, progress, request, rerouted
from sendout.storage.tables.settings import consent, contact_point, conversation, price, role_grant, snippet, topic
from sendout.storage.tables.webhooks import webhook_subscription

__all__ = [
    "api_key",
    "archived",
    "audit",
    "carrier_ref",
    "consent",
    "contact_point",
    "conversation",
    "event",
    "event_head",
    "inbound",
    "is_open",
    "is_parked",
    "is_unhandled",
    "keyword_answer",
    "message",
    "metadata",
    "notification",
    "price",
    "principal",
    "principal_role",
    "progress",
    "quota_use",
    "receipt",
    "request",
    "rerouted",
    "role",
    "role_grant",
    "session",
    "sign_in_token",
    "simulator_message",
    "snippet",
    "tally",
    "tally_delta",
    "topic",
    "usage",
    "webhook_subscription",
    "worker",
]
