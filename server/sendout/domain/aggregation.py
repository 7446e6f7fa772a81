"""From the receipts of parts to the state of their message.

Who comes in: the application of receipts, for carriers that tell of each part of a long message on its own.
Source: sms-domain.md section 10.3, rule 5.
"""

from __future__ import annotations

from collections.abc import Iterable

from sendout.domain.states import FINAL, State

_SETTLED = FINAL - {State.UNKNOWN}
_ARRIVED = frozenset({State.DELIVERED, State.PARTIALLY_DELIVERED})
_TOLD_APART = frozenset({State.EXPIRED, State.REJECTED})  # what the message as a whole can be called


def after(kept: State | None, said: State) -> State:
    """The state of one part after a receipt; None: none came before. SENT is a mere note, every other state is final.

    The first final word stays, whatever comes after it; UNKNOWN gives way to it and to nothing else.
    """
    if kept is None or (kept not in _SETTLED and said is not State.SENT):
        return said
    return kept


def combined(parts: Iterable[State | None], expected: int, *, deadline_passed: bool = False) -> State:
    """The state of a message of `expected` parts (no fewer than are given): SENT, or final once all parts are.

    Parts of which nothing is known (None) may be left out. Where some have no final word when the deadline has passed,
    or the carrier's last word on them is UNKNOWN, so is the message.
    """
    finals = [state for state in parts if state in FINAL]
    settled = {state for state in finals if state is not State.UNKNOWN}
    if len(finals) < expected:
        return State.UNKNOWN if deadline_passed else State.SENT
    if State.UNKNOWN in finals:
        return State.UNKNOWN
    if settled & _ARRIVED:
        return State.DELIVERED if settled == {State.DELIVERED} else State.PARTIALLY_DELIVERED
    return settled.pop() if len(settled) == 1 and settled <= _TOLD_APART else State.UNDELIVERED
