"""Everything Sendout can refuse, by name.

A refusal carries a public `Reason`, a sentence for people and, where it helps, the fields at fault and when to try
again. It is raised by commands and domain rules and mapped to a gRPC status in exactly one place (`server.rpc.errors`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, StrEnum


class Category(Enum):
    """What kind of refusal: one per gRPC status the contract uses."""

    INVALID_ARGUMENT = "invalid_argument"
    FAILED_PRECONDITION = "failed_precondition"
    NOT_FOUND = "not_found"
    ALREADY_EXISTS = "already_exists"
    PERMISSION_DENIED = "permission_denied"
    UNAUTHENTICATED = "unauthenticated"
    RESOURCE_EXHAUSTED = "resource_exhausted"
    OUT_OF_RANGE = "out_of_range"
    UNAVAILABLE = "unavailable"
    DEADLINE_EXCEEDED = "deadline_exceeded"
    UNIMPLEMENTED = "unimplemented"
    INTERNAL = "internal"


class Reason(StrEnum):
    """Public reasons: the names of the enum `sendout.v1.ErrorReason` (a test holds the two equal)."""

    RECIPIENT_INVALID = "RECIPIENT_INVALID"
    TEXT_EMPTY = "TEXT_EMPTY"
    TEXT_INVALID = "TEXT_INVALID"
    EMOJI_NOT_ENABLED = "EMOJI_NOT_ENABLED"
    VARIABLE_MISSING = "VARIABLE_MISSING"
    FIELD_INVALID = "FIELD_INVALID"
    PAGE_TOKEN_INVALID = "PAGE_TOKEN_INVALID"
    SEGMENTS_NOT_ACCEPTED = "SEGMENTS_NOT_ACCEPTED"
    TOPIC_DISABLED = "TOPIC_DISABLED"
    DEFAULT_TOPIC_IMMUTABLE = "DEFAULT_TOPIC_IMMUTABLE"
    CONTACT_POINT_DISABLED = "CONTACT_POINT_DISABLED"
    NO_SENDABLE_RECIPIENTS = "NO_SENDABLE_RECIPIENTS"
    COUNTRY_NOT_ALLOWED = "COUNTRY_NOT_ALLOWED"
    ALREADY_FINISHED = "ALREADY_FINISHED"
    ROLE_BUILT_IN = "ROLE_BUILT_IN"
    CONTACT_POINT_NOT_FOUND = "CONTACT_POINT_NOT_FOUND"
    TOPIC_NOT_FOUND = "TOPIC_NOT_FOUND"
    NOTIFICATION_NOT_FOUND = "NOTIFICATION_NOT_FOUND"
    MESSAGE_NOT_FOUND = "MESSAGE_NOT_FOUND"
    ROLE_NOT_FOUND = "ROLE_NOT_FOUND"
    API_KEY_NOT_FOUND = "API_KEY_NOT_FOUND"
    USER_NOT_FOUND = "USER_NOT_FOUND"
    SNIPPET_NOT_FOUND = "SNIPPET_NOT_FOUND"
    CONVERSATION_NOT_FOUND = "CONVERSATION_NOT_FOUND"
    CONSENT_NOT_FOUND = "CONSENT_NOT_FOUND"
    PRICE_NOT_FOUND = "PRICE_NOT_FOUND"
    WEBHOOK_SUBSCRIPTION_NOT_FOUND = "WEBHOOK_SUBSCRIPTION_NOT_FOUND"
    TOPIC_LABEL_TAKEN = "TOPIC_LABEL_TAKEN"
    ID_TAKEN = "ID_TAKEN"
    REQUEST_ID_REUSED = "REQUEST_ID_REUSED"
    SEND_NOT_PERMITTED = "SEND_NOT_PERMITTED"
    ROLE_REQUIRED = "ROLE_REQUIRED"
    CREDENTIALS_MISSING = "CREDENTIALS_MISSING"
    CREDENTIALS_INVALID = "CREDENTIALS_INVALID"
    REQUEST_RATE_EXCEEDED = "REQUEST_RATE_EXCEEDED"
    BACKLOG_FULL = "BACKLOG_FULL"
    QUOTA_EXCEEDED = "QUOTA_EXCEEDED"
    RESUME_TOKEN_EXPIRED = "RESUME_TOKEN_EXPIRED"
    STORAGE_UNAVAILABLE = "STORAGE_UNAVAILABLE"
    QUEUE_UNAVAILABLE = "QUEUE_UNAVAILABLE"
    STREAM_ENDED = "STREAM_ENDED"
    IDENTITY_PROVIDER_UNAVAILABLE = "IDENTITY_PROVIDER_UNAVAILABLE"
    DEADLINE_TOO_SHORT = "DEADLINE_TOO_SHORT"
    NOT_IMPLEMENTED = "NOT_IMPLEMENTED"
    INTERNAL = "INTERNAL"


_CATEGORY_BY_SUFFIX = {
    "_NOT_FOUND": Category.NOT_FOUND,
    "_INVALID": Category.INVALID_ARGUMENT,
    "_TAKEN": Category.ALREADY_EXISTS,
    "_UNAVAILABLE": Category.UNAVAILABLE,
}
_CATEGORY = {
    Reason.TEXT_EMPTY: Category.INVALID_ARGUMENT,
    Reason.EMOJI_NOT_ENABLED: Category.INVALID_ARGUMENT,
    Reason.VARIABLE_MISSING: Category.INVALID_ARGUMENT,
    Reason.REQUEST_ID_REUSED: Category.ALREADY_EXISTS,
    Reason.SEND_NOT_PERMITTED: Category.PERMISSION_DENIED,
    Reason.ROLE_REQUIRED: Category.PERMISSION_DENIED,
    Reason.CREDENTIALS_MISSING: Category.UNAUTHENTICATED,
    Reason.CREDENTIALS_INVALID: Category.UNAUTHENTICATED,
    Reason.REQUEST_RATE_EXCEEDED: Category.RESOURCE_EXHAUSTED,
    Reason.BACKLOG_FULL: Category.RESOURCE_EXHAUSTED,
    Reason.QUOTA_EXCEEDED: Category.RESOURCE_EXHAUSTED,
    Reason.RESUME_TOKEN_EXPIRED: Category.OUT_OF_RANGE,
    Reason.STREAM_ENDED: Category.UNAVAILABLE,
    Reason.DEADLINE_TOO_SHORT: Category.DEADLINE_EXCEEDED,
    Reason.NOT_IMPLEMENTED: Category.UNIMPLEMENTED,
    Reason.INTERNAL: Category.INTERNAL,
}


def category_of(reason: Reason) -> Category:
    """The category a reason belongs to; what no row and no suffix names is a failed precondition."""
    if reason in _CATEGORY:
        return _CATEGORY[reason]
    for suffix, category in _CATEGORY_BY_SUFFIX.items():
        if reason.endswith(suffix):
            return category
    return Category.FAILED_PRECONDITION


@dataclass(frozen=True, slots=True)
class Violation:
    """One problem with one field: `field` as a caller would write it (`recipients[3].phone_number`)."""

    field: str
    description: str


class SendoutError(Exception):
    """A refusal with a public reason; its text is a sentence for the caller that says what to do next."""

    def __init__(
        self,
        reason: Reason,
        message: str,
        *,
        violations: Sequence[Violation] = (),
        metadata: Mapping[str, str] | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.violations = tuple(violations)
        self.metadata = dict(metadata or {})
        self.retry_after = retry_after  # seconds, or None where trying again cannot help

    @property
    def category(self) -> Category:
        return category_of(self.reason)


def field_invalid(field: str, typed: object, problem: str) -> SendoutError:
    """FIELD_INVALID for one field; `problem` is a sentence, `typed` is quoted beside it (cut at 80 characters)."""
    quoted = repr(typed)[:80]
    text = f"{field}: {problem} You gave {quoted}."
    return SendoutError(Reason.FIELD_INVALID, text, violations=[Violation(field, f"{problem} You gave {quoted}.")])


def not_found(reason: Reason, kind: str, identifier: str) -> SendoutError:
    """`kind` in plain words ("topic"); the id comes back as it was typed."""
    return SendoutError(reason, f"There is no {kind} {identifier[:80]!r}.", metadata={"id": identifier[:80]})
