"""What the status codes of an SMSC mean: data, one row a code, and a rule for the codes that no row knows.

Sources: SMPP 3.4 section 5.1.3; classes of reliability.md 5.5, and of sms-domain.md 10.1 where that is silent.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from sendout.server.carriers.base import Outcome, OutcomeKind

OK = 0x00
RETRY_LATER = 0x64
"""Our answer to a deliver_sm that could not be stored: the SMSC sends it again."""
UNREADABLE = 0x65
"""Our answer to a deliver_sm that cannot be read: sending it again would not help."""
UNKNOWN_COMMAND = 0x03


class Row(NamedTuple):
    """One status of a submit. `once`: for now the first time, for good the next. `alarm`: we or our account are at
    fault, and somebody must look. `rebind`: the session is of no more use."""

    code: int
    name: str
    kind: OutcomeKind
    retry_after: float | None = None
    once: bool = False
    alarm: bool = False
    rebind: bool = False


_NOT_SENT, _FOR_NOW, _THROTTLED = OutcomeKind.NOT_SENT, OutcomeKind.REFUSED_FOR_NOW, OutcomeKind.THROTTLED
_NUMBER, _SENDER, _CONTENT = OutcomeKind.NUMBER_REFUSED, OutcomeKind.SENDER_REFUSED, OutcomeKind.CONTENT_REFUSED
_REFUSED = OutcomeKind.REFUSED

ROWS = (
    # Permanent, and our own fault.
    Row(0x01, "RINVMSGLEN", _CONTENT, alarm=True),
    Row(0x02, "RINVCMDLEN", _REFUSED, alarm=True),
    Row(0x03, "RINVCMDID", _REFUSED, alarm=True),
    Row(0x06, "RINVPRTFLG", _REFUSED, alarm=True),
    Row(0x07, "RINVREGDLVFLG", _REFUSED, alarm=True),
    Row(0x15, "RINVSERTYP", _REFUSED, alarm=True),
    Row(0x33, "RINVNUMDESTS", _REFUSED, alarm=True),
    Row(0x43, "RINVESMCLASS", _REFUSED, alarm=True),
    Row(0x61, "RINVSCHED", _REFUSED, alarm=True),
    Row(0x62, "RINVEXPIRY", _REFUSED, alarm=True),
    Row(0xC0, "RINVOPTPARSTREAM", _REFUSED, alarm=True),
    Row(0xC1, "ROPTPARNOTALLWD", _REFUSED, alarm=True),
    Row(0xC2, "RINVPARLEN", _REFUSED, alarm=True),
    Row(0xC3, "RMISSINGOPTPARAM", _REFUSED, alarm=True),
    Row(0xC4, "RINVOPTPARAMVAL", _REFUSED, alarm=True),
    # The session or the account: nothing was taken, and a new bind is needed.
    Row(0x04, "RINVBNDSTS", _NOT_SENT, rebind=True),
    Row(0x05, "RALYBND", _NOT_SENT, rebind=True),
    Row(0x0D, "RBINDFAIL", _NOT_SENT, alarm=True, rebind=True),
    Row(0x0E, "RINVPASWD", _NOT_SENT, alarm=True, rebind=True),
    Row(0x0F, "RINVSYSID", _NOT_SENT, alarm=True, rebind=True),
    # Too fast, or full. The attempt does not count.
    Row(0x14, "RMSGQFUL", _THROTTLED, retry_after=30.0),
    Row(0x58, "RTHROTTLED", _THROTTLED, retry_after=2.0),
    # May pass.
    Row(0x08, "RSYSERR", _FOR_NOW),
    Row(0x64, "RX_T_APPN", _FOR_NOW),
    Row(0xFF, "RUNKNOWNERR", _FOR_NOW),
    Row(0x45, "RSUBMITFAIL", _FOR_NOW, once=True),
    # Of other commands than submit; an SMSC that answers one of these to a submit is not understood.
    Row(0x0C, "RINVMSGID", _FOR_NOW, once=True),
    Row(0x11, "RCANCELFAIL", _FOR_NOW, once=True),
    Row(0x13, "RREPLACEFAIL", _FOR_NOW, once=True),
    Row(0x67, "RQUERYFAIL", _FOR_NOW, once=True),
    # Permanent: the sender, the number, something else.
    Row(0x0A, "RINVSRCADR", _SENDER, alarm=True),
    Row(0x48, "RINVSRCTON", _SENDER, alarm=True),
    Row(0x49, "RINVSRCNPI", _SENDER, alarm=True),
    Row(0x0B, "RINVDSTADR", _NUMBER),
    Row(0x50, "RINVDSTTON", _NUMBER),
    Row(0x51, "RINVDSTNPI", _NUMBER),
    Row(0x65, "RX_P_APPN", _REFUSED),
    Row(0x66, "RX_R_APPN", _REFUSED),
    Row(0xFE, "RDELIVERYFAILURE", _REFUSED),
)
STATUSES: Mapping[int, Row] = {row.code: row for row in ROWS}

OWN_CODES = range(0x400, 0x500)
"""The codes that each provider gives a meaning of its own; a setting says which."""
OWN_KINDS = frozenset({_FOR_NOW, _THROTTLED, _NUMBER, OutcomeKind.OPTED_OUT, _CONTENT, _SENDER, _REFUSED})


def row_of(code: int, own: Mapping[int, OutcomeKind]) -> tuple[Row, bool]:
    """The row of a code, and whether any table knows it; an unknown code is refused for now once, then for good."""
    if code in own:
        return Row(code, "OWN", own[code]), True
    known = STATUSES.get(code)
    return known or Row(code, "UNMAPPED", _FOR_NOW, once=True), known is not None


def outcome_of(code: int, own: Mapping[int, OutcomeKind], refusals: int) -> Outcome:
    """What a status other than OK means for a message that was refused for now so many times."""
    row, mapped = row_of(code, own)
    kind = OutcomeKind.REFUSED if row.once and refusals else row.kind
    return Outcome(kind, code=f"0x{code:02X} {row.name}", retry_after=row.retry_after, unmapped=not mapped)
