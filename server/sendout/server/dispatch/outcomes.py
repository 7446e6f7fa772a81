"""From what a carrier answered to what becomes of the message: one table, one retry schedule, no I/O.

Source: reliability.md I2 and 5.5. A message is tried again only after a definite "not sent" or "refused for now".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from sendout.domain.states import ReasonCode, State
from sendout.server.carriers.base import Outcome, OutcomeKind

MOST_REFUSALS = 5
"""Refusals-for-now after which a message fails."""

MOST_TRIES = 2
"""Tries that come to nothing with one carrier, after which a message goes on through the next."""
BAD_TRIES = frozenset({OutcomeKind.NOT_SENT, OutcomeKind.REFUSED_FOR_NOW})

_FIRST_RETRY_S = 5.0
_LONGEST_RETRY_S = 3600.0
_NOT_SENT_RETRY_S = 2.0
THROTTLE_PAUSE_S = 2.0

_FINAL = {
    OutcomeKind.NUMBER_REFUSED: ReasonCode.NUMBER_REFUSED,
    OutcomeKind.OPTED_OUT: ReasonCode.OPTED_OUT,
    OutcomeKind.CONTENT_REFUSED: ReasonCode.CONTENT_REFUSED,
    OutcomeKind.SENDER_REFUSED: ReasonCode.SENDER_REFUSED,
    OutcomeKind.REFUSED: ReasonCode.CARRIER_REFUSED,
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """The next state; `retry_after` (seconds) where it goes back to the queue; `refusal` where the try counts.

    `carrier` is another account that it goes on through.
    """

    state: State
    reason: ReasonCode
    retry_after: float | None = None
    refusal: int = 0
    carrier: str | None = None


def judge(outcome: Outcome, refusals: int, random: Callable[[], float]) -> Verdict:
    """What one outcome means for a message with so many earlier refusals. `random` gives [0, 1)."""
    kind = outcome.kind
    if kind is OutcomeKind.ACCEPTED:
        return Verdict(State.SENT, ReasonCode.NONE)
    if kind is OutcomeKind.UNKNOWN:
        return Verdict(State.UNCONFIRMED, ReasonCode.NO_ANSWER)
    if kind in _FINAL:
        return Verdict(State.REJECTED, _FINAL[kind])
    if kind is OutcomeKind.NOT_SENT:
        return Verdict(State.QUEUED, ReasonCode.RETRYING, _NOT_SENT_RETRY_S * (0.5 + random()))
    if kind is OutcomeKind.THROTTLED:
        pause = outcome.retry_after or THROTTLE_PAUSE_S
        return Verdict(State.QUEUED, ReasonCode.THROTTLED, pause * (1 + 0.2 * random()))
    if refusals + 1 >= MOST_REFUSALS:
        return Verdict(State.FAILED, ReasonCode.TOO_MANY_ATTEMPTS, refusal=1)
    return Verdict(State.QUEUED, ReasonCode.RETRYING, outcome.retry_after or retry_delay(refusals, random), refusal=1)


def rerouted(verdict: Verdict, outcome: Outcome, tries: int, other: str | None, *, at_once: bool) -> Verdict:
    """The same, through the carrier `other`, where this one has failed often enough or `at_once`.

    Only for what certainly did not leave: not sent, or refused for now. `tries` are the earlier ones with this carrier
    that came to nothing.
    """
    came_to_nothing = verdict.state is State.QUEUED and outcome.kind in BAD_TRIES
    if other is None or not came_to_nothing or not (at_once or tries + 1 >= MOST_TRIES):
        return verdict
    return replace(verdict, reason=ReasonCode.FALLBACK, retry_after=0.0, carrier=other)


def retry_delay(refusals: int, random: Callable[[], float]) -> float:
    """Full jitter over an exponential ceiling: 5 s, 10 s, 20 s … at most an hour."""
    return min(_LONGEST_RETRY_S, _FIRST_RETRY_S * 2.0**refusals) * random()
