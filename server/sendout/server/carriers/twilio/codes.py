"""What Twilio's errors, HTTP statuses and message statuses mean: data, one row each, and rules for what no row knows.

Sources: sms-domain.md 11 and 10.2, Twilio's list of errors; where reliability.md I2 is stricter it holds: what may have
been taken is UNKNOWN, and only a definite refusal is tried again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from sendout.domain.days import day_of
from sendout.domain.states import ReasonCode, State
from sendout.server.carriers.base import Outcome, OutcomeKind

ACCOUNT_PAUSE_S = 60.0
"""Where the account itself is refused nothing is lost by waiting: messages stay queued until somebody has looked."""

QUEUE_FULL_PAUSE_S = 60.0
_DAY_CAP_ZONE = "America/Los_Angeles"

_FOR_NOW, _THROTTLED, _UNKNOWN = OutcomeKind.REFUSED_FOR_NOW, OutcomeKind.THROTTLED, OutcomeKind.UNKNOWN
_NUMBER, _SENDER, _CONTENT = OutcomeKind.NUMBER_REFUSED, OutcomeKind.SENDER_REFUSED, OutcomeKind.CONTENT_REFUSED
_OPTED_OUT, _REFUSED = OutcomeKind.OPTED_OUT, OutcomeKind.REFUSED

_REASONS = {
    _NUMBER: ReasonCode.NUMBER_REFUSED,
    _SENDER: ReasonCode.SENDER_REFUSED,
    _CONTENT: ReasonCode.CONTENT_REFUSED,
    _OPTED_OUT: ReasonCode.OPTED_OUT,
    _UNKNOWN: ReasonCode.NONE,
}


class Row(NamedTuple):
    """One error. `kind`: in answer to a submit. `reason` and `state`: in a receipt, where they do not follow from the
    kind and from the status. `alarm`: the account, the sender or we are at fault, and somebody must look."""

    code: int
    meaning: str
    kind: OutcomeKind
    retry_after: float | None = None
    alarm: bool = False
    until_midnight: bool = False  # to be held until the carriers' day ends
    reason: ReasonCode | None = None
    state: State | None = None

    def reason_in_receipt(self) -> ReasonCode:
        """Why a message ended as it did."""
        return self.reason if self.reason is not None else _REASONS.get(self.kind, ReasonCode.CARRIER_REFUSED)


def _account(code: int, meaning: str) -> Row:
    return Row(code, meaning, _THROTTLED, ACCOUNT_PAUSE_S, alarm=True, reason=ReasonCode.SENDER_REFUSED)


def _sender(code: int, meaning: str) -> Row:
    return Row(code, meaning, _SENDER, alarm=True)


ROWS = (
    # The account: nothing can be sent until somebody has looked.
    _account(20003, "credentials refused"),
    _account(20404, "no such account at this server"),
    _account(30002, "account suspended"),
    # Too fast, or full. The attempt does not count.
    Row(20429, "too many requests", _THROTTLED),
    Row(63018, "rate of the channel exceeded", _THROTTLED),
    Row(30022, "rate of the 10DLC campaign exceeded", _THROTTLED),
    Row(21611, "the sender's queue is full", _THROTTLED, QUEUE_FULL_PAUSE_S),
    Row(30001, "queue overflow", _THROTTLED, QUEUE_FULL_PAUSE_S),
    Row(30023, "10DLC segments of the day used up", _THROTTLED, until_midnight=True),
    Row(30027, "T-Mobile segments of the day used up", _THROTTLED, until_midnight=True),
    # The number.
    Row(21211, "not a phone number", _NUMBER),
    Row(21614, "not a mobile number", _NUMBER),
    Row(21612, "no route from this sender to this number", _NUMBER),
    Row(30004, "blocked by the recipient or the carrier", _NUMBER),
    Row(30005, "unknown handset", _NUMBER),
    Row(30006, "landline, or a carrier out of reach", _NUMBER),
    # The sender.
    _sender(21212, "not a valid sender"),
    _sender(21606, "the sender cannot send texts"),
    _sender(21659, "the sender is not of this provider"),
    _sender(21660, "the sender is of another account"),
    _sender(21703, "no sender in the pool can send this"),
    _sender(30018, "the sender is not provisioned"),
    _sender(30024, "numeric sender not provisioned on the carrier"),
    _sender(30032, "toll-free number not verified"),
    _sender(30034, "10DLC number not registered"),
    # The recipient said STOP: news for us too.
    Row(21610, "the recipient opted out", _OPTED_OUT),
    # The text.
    Row(21617, "text too long", _CONTENT),
    Row(30019, "content too large", _CONTENT),
    Row(30007, "filtered", _CONTENT),
    # Refused by a rule.
    Row(21408, "country not enabled", _REFUSED),
    Row(21608, "trial account: number not verified", _REFUSED),
    Row(30450, "protection against pumping", _REFUSED),
    Row(30010, "above the price limit", _REFUSED),
    Row(30047, "could not be moved out of quiet hours", _REFUSED),
    # May pass. An hour: a phone that is off is not on again in seconds.
    Row(30003, "handset unreachable", _FOR_NOW, 3600.0, reason=ReasonCode.HANDSET_UNREACHABLE),
    Row(30017, "congestion", _FOR_NOW),
    # Nobody knows what became of it.
    Row(30008, "unknown error", _UNKNOWN),
    Row(30410, "no answer from the next provider", _UNKNOWN),
    # Its time ran out in the provider's queue.
    Row(30036, "validity expired", _REFUSED, reason=ReasonCode.EXPIRED_AT_CARRIER, state=State.EXPIRED),
    # Of calls that we never make.
    Row(30409, "cannot be canceled any more", _REFUSED, alarm=True),
    Row(35114, "schedule time outside its window", _REFUSED, alarm=True),
    Row(35115, "schedule time missing or wrong", _REFUSED, alarm=True),
    Row(35125, "too many scheduled messages", _REFUSED, alarm=True),
)
ERRORS: Mapping[int, Row] = {row.code: row for row in ROWS}

STATUSES: Mapping[str, State] = {
    # With the provider: it has taken the message.
    "accepted": State.SENT,
    "scheduled": State.SENT,
    "queued": State.SENT,
    "sending": State.SENT,
    "sent": State.SENT,
    # Ends.
    "delivered": State.DELIVERED,
    "read": State.DELIVERED,
    "partially_delivered": State.PARTIALLY_DELIVERED,
    "undelivered": State.UNDELIVERED,
    "failed": State.REJECTED,
    "canceled": State.REJECTED,
}
ENDED_AT_ONCE = frozenset({"failed", "canceled"})
"""Statuses in the answer to a submit that say it will not be sent; no receipt follows them."""

_NOT_KNOWN_4XX = frozenset({408})
"""The server gave up waiting, perhaps for somebody behind it."""


class Answer(NamedTuple):
    """The provider's answer to a submit. `fields` is None where the body was not a whole JSON object."""

    http: int
    fields: Mapping[str, object] | None
    retry_after: float | None = None


def outcome_of(answer: Answer, *, refusals: int, refusal_503: bool, now_us: int) -> Outcome:
    """What an answer means for a message that was refused for now so many times."""
    if 200 <= answer.http < 300:
        return _taken(answer, refusals, now_us)
    code = error_code((answer.fields or {}).get("code"))
    label = str(code) if code else f"HTTP {answer.http}"
    if answer.http == 503 and refusal_503:
        return Outcome(_FOR_NOW, code=label, retry_after=answer.retry_after)
    if not 400 <= answer.http < 500 or answer.http in _NOT_KNOWN_4XX:
        return Outcome(_UNKNOWN, code=label)
    row = ERRORS.get(code)
    if answer.http == 429:
        return Outcome(_THROTTLED, code=label, retry_after=answer.retry_after or (row.retry_after if row else None))
    if row is not None:
        return _refusal(row, answer.retry_after, now_us)
    if answer.http == 401 or (answer.http == 403 and not code):  # a 403 with a code may be of this message alone
        return Outcome(_THROTTLED, code=f"HTTP {answer.http}", retry_after=ACCOUNT_PAUSE_S)
    if answer.fields is None:
        return Outcome(_UNKNOWN, code=label)  # of somebody in between, who may have passed it on
    return _unmapped(code, label, refusals)


def _taken(answer: Answer, refusals: int, now_us: int) -> Outcome:
    fields = answer.fields or {}
    ref = fields.get("sid")
    if not isinstance(ref, str) or not ref:
        return Outcome(_UNKNOWN, code=f"HTTP {answer.http} unreadable")
    if fields.get("status") not in ENDED_AT_ONCE:
        return Outcome(OutcomeKind.ACCEPTED, (ref,))
    code = error_code(fields.get("error_code"))
    row = ERRORS.get(code)
    return _refusal(row, None, now_us) if row else _unmapped(code, str(code or fields["status"]), refusals)


def _refusal(row: Row, retry_after: float | None, now_us: int) -> Outcome:
    if row.until_midnight:
        pause: float | None = (day_of(_DAY_CAP_ZONE, now_us).end_us - now_us) / 1_000_000
    else:
        pause = row.retry_after if retry_after is None else retry_after
    retried = row.kind in (_FOR_NOW, _THROTTLED)
    return Outcome(row.kind, code=str(row.code), retry_after=pause if retried else None)


def _unmapped(code: int, label: str, refusals: int) -> Outcome:
    """A definite refusal of unknown meaning: for now once, then for good. Without a code there is nothing to add."""
    return Outcome(_REFUSED if refusals else _FOR_NOW, code=label, unmapped=bool(code))


def alarming(outcome: Outcome) -> bool:
    """Whether somebody must look: at the account, at the sender or at us."""
    row = ERRORS.get(error_code(outcome.code))
    return row.alarm if row is not None else outcome.code in ("HTTP 401", "HTTP 403")


def end_of(status: str, code: int) -> tuple[State, ReasonCode]:
    """What a status means, with the code beside it (0 for none). One that no row knows is a note that it was taken."""
    state = STATUSES.get(status, State.SENT)
    if state in (State.SENT, State.DELIVERED, State.PARTIALLY_DELIVERED):
        return state, ReasonCode.NONE
    row = ERRORS.get(code)
    if row is None:
        return state, ReasonCode.CARRIER_REFUSED if state is State.REJECTED else ReasonCode.NONE
    return row.state or state, row.reason_in_receipt()


def error_code(given: object) -> int:
    """An error's number, which comes as a number or as text; 0 where there is none."""
    text = str(given) if isinstance(given, int | str) and not isinstance(given, bool) else ""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 6 else 0
