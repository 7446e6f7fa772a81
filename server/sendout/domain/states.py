"""The states of a message, which may follow which, and what each means to people.

Source of the order and of finality: design.md, "Words for state". States move forward only; a final state never
changes, except UNKNOWN, which is our own guess and gives way to what the carrier says later.
"""

from __future__ import annotations

from enum import IntEnum, StrEnum


class State(IntEnum):
    """Stored as a small integer and equal to `sendout.v1.MessageState` (a test holds the two equal)."""

    HELD = 1
    QUEUED = 2
    SENDING = 3
    UNCONFIRMED = 4
    SENT = 5
    DELIVERED = 6
    PARTIALLY_DELIVERED = 7
    UNDELIVERED = 8
    EXPIRED = 9
    REJECTED = 10
    FAILED = 11
    SUPPRESSED = 12
    CANCELED = 13
    UNKNOWN = 14


class ReasonCode(StrEnum):
    """Why a message is in its state, where the state alone does not say it."""

    NONE = ""
    SCHEDULED = "SCHEDULED"
    QUIET_HOURS = "QUIET_HOURS"
    DAILY_CAP = "DAILY_CAP"
    RETRYING = "RETRYING"
    THROTTLED = "THROTTLED"
    NO_ANSWER = "NO_ANSWER"
    WORKER_LOST = "WORKER_LOST"
    OPTED_OUT = "OPTED_OUT"
    NOT_OPTED_IN = "NOT_OPTED_IN"
    PERMISSION_REVOKED = "PERMISSION_REVOKED"
    EXPIRED_IN_QUEUE = "EXPIRED_IN_QUEUE"
    EXPIRED_AT_CARRIER = "EXPIRED_AT_CARRIER"
    NUMBER_REFUSED = "NUMBER_REFUSED"
    CONTENT_REFUSED = "CONTENT_REFUSED"
    SENDER_REFUSED = "SENDER_REFUSED"
    CARRIER_REFUSED = "CARRIER_REFUSED"
    HANDSET_UNREACHABLE = "HANDSET_UNREACHABLE"
    TOO_MANY_ATTEMPTS = "TOO_MANY_ATTEMPTS"
    POISON = "POISON"
    CANCELED_BY_CALLER = "CANCELED_BY_CALLER"
    NO_RECEIPT = "NO_RECEIPT"
    NO_HANDSET_RECEIPT = "NO_HANDSET_RECEIPT"
    FALLBACK = "FALLBACK"


OPEN = frozenset({State.HELD, State.QUEUED, State.SENDING, State.UNCONFIRMED, State.SENT})
FINAL = frozenset(State) - OPEN
_AT_CARRIER = frozenset(
    {State.DELIVERED, State.PARTIALLY_DELIVERED, State.UNDELIVERED, State.EXPIRED, State.REJECTED, State.UNKNOWN}
)
_BEFORE_CARRIER = frozenset({State.EXPIRED, State.SUPPRESSED, State.CANCELED})

TRANSITIONS: dict[State, frozenset[State]] = {
    State.HELD: _BEFORE_CARRIER | {State.QUEUED},
    # Back to HELD where the night came while it waited.
    State.QUEUED: _BEFORE_CARRIER | {State.HELD, State.SENDING, State.FAILED},
    # Back to QUEUED only on a definite "not sent" or "refused for now" (reliability I2). SUPPRESSED before its permit.
    State.SENDING: _AT_CARRIER | {State.QUEUED, State.UNCONFIRMED, State.SENT, State.FAILED, State.SUPPRESSED},
    State.UNCONFIRMED: _AT_CARRIER | {State.QUEUED, State.SENT, State.FAILED},
    State.SENT: _AT_CARRIER,
    State.UNKNOWN: _AT_CARRIER - {State.UNKNOWN},
}
"""Allowed next states; a state that is missing here allows none."""

ALLOWED_PAIRS = tuple(sorted((int(a), int(b)) for a, nexts in TRANSITIONS.items() for b in nexts))

PROVES_SENT = frozenset({State.SENT, State.DELIVERED, State.PARTIALLY_DELIVERED, State.UNDELIVERED})
"""States that a message reaches only after the carrier took it."""

# UNKNOWN is no outcome: it is counted under none until the carrier speaks, so no count ever falls.
COUNTED_AS: dict[State, str] = {
    State.DELIVERED: "delivered",
    State.UNDELIVERED: "undelivered",
    State.REJECTED: "failed",
    State.FAILED: "failed",
    State.PARTIALLY_DELIVERED: "other",
    State.EXPIRED: "other",
    State.SUPPRESSED: "other",
    State.CANCELED: "other",
}
"""Tally column of each final state."""

STATE_TEXT: dict[State, str] = {
    State.HELD: "Waiting for its time; it has not left.",
    State.QUEUED: "Waiting for its turn; it has not left.",
    State.SENDING: "Being handed to the carrier.",
    State.UNCONFIRMED: "Handed to the carrier, no answer on record. It is not sent again; a receipt may settle it.",
    State.SENT: "The carrier took it; the phone has not confirmed it yet.",
    State.DELIVERED: "The phone confirmed it.",
    State.PARTIALLY_DELIVERED: "The phone confirmed some of its parts, not all.",
    State.UNDELIVERED: "The carrier could not deliver it to the phone.",
    State.EXPIRED: "It was not delivered before its time ran out.",
    State.REJECTED: "The carrier refused it.",
    State.FAILED: "It could not be sent.",
    State.SUPPRESSED: "It was not sent: the recipient opted out, or the sender may no longer send.",
    State.CANCELED: "It was canceled before it left.",
    State.UNKNOWN: "No receipt came in time. A late one may still say what became of it.",
}

REASON_TEXT: dict[ReasonCode, str] = {
    ReasonCode.NONE: "",
    ReasonCode.SCHEDULED: "It is scheduled for later.",
    ReasonCode.QUIET_HOURS: "It is quiet hours where the recipient may be; it leaves when they end.",
    ReasonCode.DAILY_CAP: "The contact point's segments for today are used up; it goes on tomorrow.",
    ReasonCode.RETRYING: "The carrier refused it for now; it will be tried again.",
    ReasonCode.THROTTLED: "The carrier asked to slow down; it will be tried again.",
    ReasonCode.NO_ANSWER: "The carrier did not answer.",
    ReasonCode.WORKER_LOST: "The process that was sending it stopped before the answer was on record.",
    ReasonCode.OPTED_OUT: "The recipient has opted out.",
    ReasonCode.NOT_OPTED_IN: "The recipient has not opted in, which this contact point asks for.",
    ReasonCode.PERMISSION_REVOKED: "The sender's permission for this contact point was taken away.",
    ReasonCode.EXPIRED_IN_QUEUE: "Its time ran out while it waited in the queue.",
    ReasonCode.EXPIRED_AT_CARRIER: "The carrier could not deliver it in time.",
    ReasonCode.NUMBER_REFUSED: "The carrier does not accept this number.",
    ReasonCode.CONTENT_REFUSED: "The carrier does not accept this text.",
    ReasonCode.SENDER_REFUSED: "The carrier does not accept this sender.",
    ReasonCode.CARRIER_REFUSED: "The carrier refused it.",
    ReasonCode.HANDSET_UNREACHABLE: "The phone could not be reached.",
    ReasonCode.TOO_MANY_ATTEMPTS: "It was refused for now too many times.",
    ReasonCode.POISON: "Process after process stopped while sending it, so it is not tried again.",
    ReasonCode.CANCELED_BY_CALLER: "A caller canceled it.",
    ReasonCode.NO_RECEIPT: "The carrier sent no receipt before the deadline.",
    ReasonCode.NO_HANDSET_RECEIPT: "The carrier took it and will not say whether the phone got it.",
    ReasonCode.FALLBACK: "Its carrier could not take it; it goes on through the next one.",
}
