"""What Twilio's errors, HTTP statuses and message statuses mean: every row is a case.

The rows are those of sms-domain.md 10.2 and 11; where reliability.md I2 is stricter, it holds.
"""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from sendout.domain.states import FINAL, TRANSITIONS, ReasonCode, State
from sendout.server.carriers.base import Outcome, OutcomeKind
from sendout.server.carriers.twilio.codes import ERRORS, ROWS, STATUSES, Answer, alarming, end_of, outcome_of

FOR_NOW, THROTTLED, UNKNOWN = OutcomeKind.REFUSED_FOR_NOW, OutcomeKind.THROTTLED, OutcomeKind.UNKNOWN
NUMBER, SENDER, CONTENT = OutcomeKind.NUMBER_REFUSED, OutcomeKind.SENDER_REFUSED, OutcomeKind.CONTENT_REFUSED
OPTED_OUT, REFUSED = OutcomeKind.OPTED_OUT, OutcomeKind.REFUSED

NOON = round(datetime(2026, 1, 1, 12, tzinfo=UTC).timestamp() * 1_000_000)
TO_MIDNIGHT = 20 * 3600.0  # 4 o'clock in Los Angeles

# (code, outcome of a submit, seconds to wait, whether somebody must look, reason in a receipt)
CASES = [
    *[(code, THROTTLED, 60.0, True, ReasonCode.SENDER_REFUSED) for code in (20003, 20404, 30002)],
    *[(code, THROTTLED, None, False, ReasonCode.CARRIER_REFUSED) for code in (20429, 63018, 30022)],
    *[(code, THROTTLED, 60.0, False, ReasonCode.CARRIER_REFUSED) for code in (21611, 30001)],
    *[(code, THROTTLED, TO_MIDNIGHT, False, ReasonCode.CARRIER_REFUSED) for code in (30023, 30027)],
    *[(code, NUMBER, None, False, ReasonCode.NUMBER_REFUSED) for code in (21211, 21614, 21612, 30004, 30005, 30006)],
    *[
        (code, SENDER, None, True, ReasonCode.SENDER_REFUSED)
        for code in (21212, 21606, 21659, 21660, 21703, 30018, 30024, 30032, 30034)
    ],
    (21610, OPTED_OUT, None, False, ReasonCode.OPTED_OUT),
    *[(code, CONTENT, None, False, ReasonCode.CONTENT_REFUSED) for code in (21617, 30019, 30007)],
    *[(code, REFUSED, None, False, ReasonCode.CARRIER_REFUSED) for code in (21408, 21608, 30450, 30010, 30047)],
    (30003, FOR_NOW, 3600.0, False, ReasonCode.HANDSET_UNREACHABLE),
    (30017, FOR_NOW, None, False, ReasonCode.CARRIER_REFUSED),
    *[(code, UNKNOWN, None, False, ReasonCode.NONE) for code in (30008, 30410)],
    (30036, REFUSED, None, False, ReasonCode.EXPIRED_AT_CARRIER),
    *[(code, REFUSED, None, True, ReasonCode.CARRIER_REFUSED) for code in (30409, 35114, 35115, 35125)],
]


def judged(answer: Answer, refusals: int = 0, *, refusal_503: bool = False) -> Outcome:
    return outcome_of(answer, refusals=refusals, refusal_503=refusal_503, now_us=NOON)


@pytest.mark.parametrize(("code", "kind", "wait", "alarm", "reason"), CASES)
def test_each_error_has_its_class(
    code: int, kind: OutcomeKind, wait: float | None, alarm: bool, reason: ReasonCode
) -> None:
    """An error is of its class in answer to a submit, however often; in a receipt it gives its reason."""
    for refusals in (0, 3):
        outcome = judged(Answer(400, {"code": code, "status": 400}), refusals)
        assert outcome == Outcome(kind, code=str(code), retry_after=wait)
        assert alarming(outcome) is alarm
    assert end_of("failed", code) == (State.EXPIRED if code == 30036 else State.REJECTED, reason)
    assert end_of("undelivered", code) == (State.EXPIRED if code == 30036 else State.UNDELIVERED, reason)
    assert end_of("delivered", code) == (State.DELIVERED, ReasonCode.NONE)


def test_every_error_is_a_case() -> None:
    """No row is without a case, and no code has two rows."""
    assert sorted(row.code for row in ROWS) == sorted(code for code, *_ in CASES)


@pytest.mark.parametrize("code", sorted(ERRORS))
def test_a_created_message_that_failed_at_once_is_a_refusal(code: int) -> None:
    """A message that is created in the state `failed` has the class of its error, and no reference."""
    answer = Answer(201, {"sid": "SM1", "status": "failed", "error_code": code})
    assert judged(answer) == judged(Answer(400, {"code": code}))


TAKEN = {"sid": "SM1", "status": "queued", "error_code": None}
BROKEN = "unreadable"

# (status, fields of the answer, outcome, whether somebody must look)
HTTP = [
    (201, TAKEN, OutcomeKind.ACCEPTED, False),
    (200, TAKEN, OutcomeKind.ACCEPTED, False),
    (201, TAKEN | {"status": "accepted"}, OutcomeKind.ACCEPTED, False),
    (201, None, UNKNOWN, False),
    (201, {}, UNKNOWN, False),
    (201, {"sid": ""}, UNKNOWN, False),
    (201, {"sid": 7}, UNKNOWN, False),
    (301, None, UNKNOWN, False),
    (400, {}, FOR_NOW, False),
    (400, None, UNKNOWN, False),
    (401, None, THROTTLED, True),
    (401, {}, THROTTLED, True),
    (403, None, THROTTLED, True),
    (401, {"code": 99999}, THROTTLED, True),
    (403, {"code": 99999}, FOR_NOW, False),
    (403, {"code": 21408}, REFUSED, False),
    (404, {"code": 20404}, THROTTLED, True),
    (404, None, UNKNOWN, False),
    (408, {"code": 21211}, UNKNOWN, False),
    (413, {}, FOR_NOW, False),
    (429, None, THROTTLED, False),
    (429, {"code": 20429}, THROTTLED, False),
    (429, {"code": 21211}, THROTTLED, False),
    *[(status, {"code": 21211}, UNKNOWN, False) for status in (500, 501, 502, 503, 504, 599)],
    *[(status, None, UNKNOWN, False) for status in (500, 502, 503, 504)],
]


@pytest.mark.parametrize(("http", "fields", "kind", "alarm"), HTTP)
def test_each_http_status_has_its_class(
    http: int, fields: dict[str, object] | None, kind: OutcomeKind, alarm: bool
) -> None:
    """I2: only an answer that can be read is a refusal; 5xx, cut and strange answers are unknown."""
    outcome = judged(Answer(http, fields))
    assert outcome.kind is kind
    assert outcome.refs == (("SM1",) if kind is OutcomeKind.ACCEPTED else ())
    assert alarming(outcome) is alarm


def test_a_503_is_a_refusal_only_where_the_setting_says_so() -> None:
    """I2: a server may be known to take nothing when it answers 503, but no other 5xx becomes a refusal by that."""
    assert judged(Answer(503, None, 7.0), refusal_503=True) == Outcome(FOR_NOW, code="HTTP 503", retry_after=7.0)
    assert judged(Answer(500, None), refusal_503=True).kind is UNKNOWN


@pytest.mark.parametrize(
    ("code", "given", "waits"), [(20429, None, None), (20429, 3.0, 3.0), (21611, None, 60.0), (21611, 90.0, 90.0)]
)
def test_too_fast_waits_as_long_as_it_is_told(code: int, given: float | None, waits: float | None) -> None:
    """The header Retry-After wins over the table; without either the dispatcher has a pause of its own."""
    outcome = judged(Answer(429, {"code": code}, given))
    assert (outcome.kind, outcome.retry_after) == (THROTTLED, waits)


@pytest.mark.parametrize("http", [400, 404, 422])
def test_an_unknown_error_passes_once_and_is_counted(http: int) -> None:
    """An error that no row knows is refused for now, the next time for good, and marked as unmapped."""
    first, again = (judged(Answer(http, {"code": 99999}), refusals) for refusals in (0, 1))
    assert first == Outcome(FOR_NOW, code="99999", unmapped=True)
    assert again == Outcome(REFUSED, code="99999", unmapped=True)
    assert not alarming(first)


@pytest.mark.parametrize("code", [None, True, "x", "٣٠٠٠٧", -1, [], 10**9, "21211x"])
def test_an_error_that_is_no_number_is_none(code: object) -> None:
    """What stands where the number should be and is none is passed over; the refusal is definite all the same."""
    assert judged(Answer(400, {"code": code})) == Outcome(FOR_NOW, code="HTTP 400")
    assert judged(Answer(400, {"code": code}), 1) == Outcome(REFUSED, code="HTTP 400")


STATUS_CASES = {
    "accepted": (State.SENT, ReasonCode.NONE),
    "scheduled": (State.SENT, ReasonCode.NONE),
    "queued": (State.SENT, ReasonCode.NONE),
    "sending": (State.SENT, ReasonCode.NONE),
    "sent": (State.SENT, ReasonCode.NONE),
    "delivered": (State.DELIVERED, ReasonCode.NONE),
    "read": (State.DELIVERED, ReasonCode.NONE),
    "partially_delivered": (State.PARTIALLY_DELIVERED, ReasonCode.NONE),
    "undelivered": (State.UNDELIVERED, ReasonCode.NONE),
    "failed": (State.REJECTED, ReasonCode.CARRIER_REFUSED),
    "canceled": (State.REJECTED, ReasonCode.CARRIER_REFUSED),
}


@pytest.mark.parametrize("status", STATUSES)
def test_each_status_has_its_state(status: str) -> None:
    """A status without an error, or with one that no row knows, means what its row says, which may follow SENT."""
    for code in (0, 99999):
        assert end_of(status, code) == STATUS_CASES[status]
    state, _ = end_of(status, 0)
    assert state is State.SENT or (state in FINAL and state in TRANSITIONS[State.SENT])


def test_every_status_is_a_case() -> None:
    """No status is without a case."""
    assert set(STATUSES) == set(STATUS_CASES)


def test_an_unknown_status_is_a_note() -> None:
    """What no row knows proves that the message was taken, and no more."""
    assert end_of("levitating", 30003) == (State.SENT, ReasonCode.NONE)


@pytest.mark.parametrize("code", sorted(ERRORS))
def test_no_error_leads_to_a_state_that_a_sent_message_cannot_have(code: int) -> None:
    """Whatever a receipt says, its state follows SENT, UNCONFIRMED and UNKNOWN."""
    for status in STATUSES:
        state, _ = end_of(status, code)
        for before in (State.SENT, State.UNCONFIRMED, State.UNKNOWN):
            assert state in TRANSITIONS[before] or state is State.SENT
