"""Every status of an SMSC and what it means: the rows of sms-domain.md 10.1 in the classes of reliability.md 5.5."""

from __future__ import annotations

import pytest

from sendout.server.carriers.base import OutcomeKind
from sendout.server.carriers.smpp.status import ROWS, STATUSES, outcome_of

N, R, T = OutcomeKind.NOT_SENT, OutcomeKind.REFUSED_FOR_NOW, OutcomeKind.THROTTLED
NUMBER, SENDER, CONTENT, REFUSED = (
    OutcomeKind.NUMBER_REFUSED,
    OutcomeKind.SENDER_REFUSED,
    OutcomeKind.CONTENT_REFUSED,
    OutcomeKind.REFUSED,
)

# (code, the first time, after a refusal for now, seconds to wait)
CASES = [
    (0x01, CONTENT, CONTENT, None),
    *[(code, REFUSED, REFUSED, None) for code in (0x02, 0x03, 0x06, 0x07, 0x15, 0x33, 0x43, 0x61, 0x62)],
    *[(code, REFUSED, REFUSED, None) for code in (0xC0, 0xC1, 0xC2, 0xC3, 0xC4)],
    *[(code, N, N, None) for code in (0x04, 0x05, 0x0D, 0x0E, 0x0F)],
    *[(code, R, R, None) for code in (0x08, 0x64, 0xFF)],
    *[(code, R, REFUSED, None) for code in (0x0C, 0x11, 0x13, 0x45, 0x67)],
    *[(code, SENDER, SENDER, None) for code in (0x0A, 0x48, 0x49)],
    *[(code, NUMBER, NUMBER, None) for code in (0x0B, 0x50, 0x51)],
    (0x14, T, T, 30.0),
    (0x58, T, T, 2.0),
    *[(code, REFUSED, REFUSED, None) for code in (0x65, 0x66, 0xFE)],
]


@pytest.mark.parametrize(("code", "first", "again", "wait"), CASES)
def test_each_status_has_its_class(code: int, first: OutcomeKind, again: OutcomeKind, wait: float | None) -> None:
    """Each code is of its class the first time and after a refusal for now, with its pause, and names itself."""
    outcome = outcome_of(code, {}, 0)
    assert (outcome.kind, outcome.retry_after, outcome.unmapped, outcome.refs) == (first, wait, False, ())
    assert outcome_of(code, {}, 1).kind is again
    assert outcome.code == f"0x{code:02X} {STATUSES[code].name}"


def test_every_row_is_a_case() -> None:
    """No row is without a case, and no code has two rows."""
    assert sorted(row.code for row in ROWS) == sorted(code for code, *_ in CASES)


@pytest.mark.parametrize("code", [0x09, 0x34, 0x400, 0x4FF, 0x1234, 0xFFFFFFFF])
def test_an_unknown_status_passes_once_and_is_counted(code: int) -> None:
    """A code that no table knows is refused for now, the next time for good, and marked as unmapped."""
    first, again = outcome_of(code, {}, 0), outcome_of(code, {}, 1)
    assert (first.kind, first.unmapped) == (R, True)
    assert (again.kind, again.unmapped) == (REFUSED, True)


def test_a_provider_gives_its_own_codes_a_meaning() -> None:
    """A code of the setting has the class that the setting says, and is not unmapped."""
    own = {0x4A1: OutcomeKind.OPTED_OUT, 0x4A2: T}
    assert outcome_of(0x4A1, own, 0).kind is OutcomeKind.OPTED_OUT
    assert outcome_of(0x4A2, own, 3).kind is T
    assert not outcome_of(0x4A1, own, 0).unmapped
    assert outcome_of(0x4A3, own, 0).unmapped
