"""Delivery receipts: from a deliver_sm to what it says of which message, by optional parameters or by text.

The text form is of appendix B of SMPP 3.4, and every SMSC has its own idea of it; so fields may stand in any order, be
missing, or be followed by anything. Optional parameters are believed before the text. Nothing here raises.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, tzinfo
from typing import NamedTuple

from sendout.domain.states import ReasonCode, State
from sendout.server.carriers.base import Receipt
from sendout.server.carriers.smpp.pdu import ShortMessage, Tag
from sendout.server.carriers.smpp.settings import ReceiptIds
from sendout.server.carriers.smpp.texts import LATIN_1, decode, octets_of, written


class Meaning(NamedTuple):
    """What a state of the SMSC is with us (sms-domain.md 10.1)."""

    word: str
    state: State
    reason: ReasonCode = ReasonCode.NONE


# By message_state (SMPP 3.4 section 5.2.28; 0 and 9 are of 5.0).
STATES = {
    0: Meaning("SCHEDULED", State.SENT),
    1: Meaning("ENROUTE", State.SENT),
    2: Meaning("DELIVRD", State.DELIVERED),
    3: Meaning("EXPIRED", State.EXPIRED, ReasonCode.EXPIRED_AT_CARRIER),
    4: Meaning("DELETED", State.REJECTED, ReasonCode.CARRIER_REFUSED),
    5: Meaning("UNDELIV", State.UNDELIVERED, ReasonCode.HANDSET_UNREACHABLE),
    6: Meaning("ACCEPTD", State.SENT),
    7: Meaning("UNKNOWN", State.SENT),  # a note: at the deadline the message becomes UNKNOWN by itself
    8: Meaning("REJECTD", State.REJECTED, ReasonCode.CARRIER_REFUSED),
    9: Meaning("SKIPPED", State.REJECTED, ReasonCode.CARRIER_REFUSED),
}
# The words of texts are cut and spelled in several ways; their first five letters tell them apart.
_BY_LETTERS = {meaning.word[:5]: meaning for meaning in STATES.values()}
_UNCLEAR = Meaning("?", State.SENT)

_LONGEST = 1000
_FIELD = re.compile(
    r"\b(id|sub|dlvrd|submit[ _]?date|done[ _]?date|stat|err)[ ]{0,3}:[ ]{0,3}"
    r"((?!(?:id|sub|dlvrd|submit|done|stat|err)\b)[!-~]{0,64})",  # an empty value does not take the next name for one
    re.IGNORECASE,
)
_TEXT = re.compile(r"\btext[ ]{0,3}:", re.IGNORECASE)
_DATES = {10: ("%y%m%d%H%M",), 12: ("%y%m%d%H%M%S", "%Y%m%d%H%M"), 14: ("%Y%m%d%H%M%S",)}
_KEPT = ("id", "stat", "err", "sub", "dlvrd", "submitdate", "donedate")


def read_receipt(pdu: ShortMessage, ids: ReceiptIds, zone: tzinfo) -> Receipt | None:
    """The receipt that this is; None where it does not say of which message."""
    fields = read_fields(decode(octets_of(pdu), pdu.data_coding or LATIN_1))
    named = _printable(pdu.tlvs.get(Tag.RECEIPTED_MESSAGE_ID, b"")) or fields.get("id", "")
    if not named:
        return None
    meaning = _meaning(pdu, fields)
    error = _network_error(pdu) or fields.get("err", "").strip("0")
    raw = {name: fields[name] for name in _KEPT if name in fields} | {"id": named, "state": meaning.word}
    if error:
        raw["error"] = error
    if Tag.USER_MESSAGE_REFERENCE in pdu.tlvs:
        raw["user_message_reference"] = str(int.from_bytes(pdu.tlvs[Tag.USER_MESSAGE_REFERENCE][:2], "big"))
    return Receipt(
        ref=receipt_id(named, ids),
        state=meaning.state,
        reason=meaning.reason,
        code=f"{meaning.word} {error}".strip(),
        carrier_time=read_date(fields.get("donedate", ""), zone),
        number=written(pdu.source),
        submit_time=read_date(fields.get("submitdate", ""), zone),
        raw=raw,
    )


def read_fields(text: str) -> dict[str, str]:
    """The fields of a receipt's text by lower-case name without spaces; of a repeated one the first counts.

    What follows `text:` is of the message and not looked at, so no message can speak for the SMSC.
    """
    fields: dict[str, str] = {}
    for name, value in _FIELD.findall(_TEXT.split(text[:_LONGEST], maxsplit=1)[0]):
        fields.setdefault(name.lower().replace(" ", "").replace("_", ""), value)
    return fields


def read_date(text: str, zone: tzinfo) -> int | None:
    """Microseconds since 1970 of YYMMDDhhmm, with seconds, or with a whole year; None for anything else."""
    for form in _DATES.get(len(text), ()) if text.isascii() and text.isdecimal() else ():
        try:
            moment = datetime.strptime(text, form).replace(tzinfo=zone).astimezone(UTC)
            return round(moment.timestamp()) * 1_000_000
        except (ValueError, OverflowError):
            continue
    return None


def _meaning(pdu: ShortMessage, fields: dict[str, str]) -> Meaning:
    value = pdu.tlvs.get(Tag.MESSAGE_STATE, b"")
    if len(value) == 1 and value[0] in STATES:
        return STATES[value[0]]
    return _BY_LETTERS.get(fields.get("stat", "").upper()[:5], _UNCLEAR)


def _network_error(pdu: ShortMessage) -> str:
    value = pdu.tlvs.get(Tag.NETWORK_ERROR_CODE, b"")
    return f"{value[0]}/{int.from_bytes(value[1:], 'big')}" if len(value) == 3 and any(value[1:]) else ""


def _printable(octets: bytes) -> str:
    text = octets.partition(b"\0")[0].decode("latin-1")
    return text if re.fullmatch("[!-~]{1,65}", text) else ""


# --- ids -------------------------------------------------------------------------------------------------------------


def _converted(text: str, base: int, to: Callable[[int], str]) -> str:
    """As it is where it is no number of this base."""
    alphabet = "[0-9]{1,40}" if base == 10 else "[0-9A-Fa-f]{1,40}"
    return to(int(text, base)) if re.fullmatch(alphabet, text) else text


def answer_id(text: str, ids: ReceiptIds) -> str:
    """The id of an answer in the form in which it is kept."""
    if ids is ReceiptIds.AS_IS:
        return text
    if ids is ReceiptIds.HEX_TO_DECIMAL:
        return _converted(text, 10, str)
    return _bare(text)


def receipt_id(text: str, ids: ReceiptIds) -> str:
    """The id of a receipt in the form in which that of its answer is kept."""
    if ids is ReceiptIds.HEX_TO_DECIMAL:
        return _converted(text, 16, str)
    if ids is ReceiptIds.DECIMAL_TO_HEX:
        return _bare(_converted(text, 10, "{:x}".format))
    return answer_id(text, ids)


def _bare(text: str) -> str:
    return text.lower().lstrip("0") or text[-1:]
