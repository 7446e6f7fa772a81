"""Between our texts and numbers and what SMPP carries: parts, headers, addresses, validity, both ways.

Sources: sms-domain.md 2.1 and 2.5 (3GPP TS 23.040 9.2.3.24 for the headers); SMPP 3.4 sections 5.2.5, 5.2.6 and 7.1.1.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

from sendout.domain.text import MAX_PARTS, Encoding, gsm_decode, gsm_encode, segment
from sendout.server.carriers.base import Outgoing
from sendout.server.carriers.smpp.pdu import NO_TLVS, Address, PduError, ShortMessage, Tag
from sendout.server.carriers.smpp.settings import LongMessages

# data_coding
_DEFAULT, _ASCII, LATIN_1, _UCS_2 = 0x00, 0x01, 0x03, 0x08
# esm_class
_HAS_HEADER = 0x40
_KIND_MASK, _RECEIPT, _INTERMEDIATE = 0x3C, 0x04, 0x20

_LONGEST_VALIDITY_S = 30 * 86_400
_KEPT_REFERENCES = 100_000


# --- out -------------------------------------------------------------------------------------------------------------


class References:
    """The reference that joins the parts of one text: counted for each recipient, so that two texts in a row to one
    phone never share one. Begins anywhere, so that a restart does not begin with those of the last run."""

    def __init__(self, start: int, bits: int) -> None:
        self._next, self._mask = start, (1 << bits) - 1
        self._last: OrderedDict[str, int] = OrderedDict()

    def next(self, number: str) -> int:
        """The reference for the next long text to this number."""
        last = self._last.pop(number, None)
        if last is None:
            last = self._next = self._next + 1 & self._mask
            if len(self._last) >= _KEPT_REFERENCES:
                self._last.popitem(last=False)
        reference = self._last[number] = last + 1 & self._mask
        return reference


def parts_of(
    message: Outgoing, form: LongMessages, bits: int, references: References, now_us: int
) -> list[ShortMessage]:
    """The submits that a message takes, in order. Raises PduError for what cannot be sent at all."""
    coding, pieces = _pieces(message.text, bits)
    tlvs: dict[int, bytes] = {Tag.USER_MESSAGE_REFERENCE: user_reference(message.message_id).to_bytes(2, "big")}
    if form is LongMessages.PAYLOAD and len(pieces) > 1:
        pieces, tlvs = (b"",), tlvs | {Tag.MESSAGE_PAYLOAD: b"".join(pieces)}
    whole = ShortMessage(
        sender_address(message.sender),
        Address(1, 1, message.number.removeprefix("+")),
        pieces[0],
        data_coding=coding,
        registered_delivery=1,
        validity_period=validity(message.expire_time - now_us),
        tlvs=tlvs,
    )
    if len(pieces) == 1:
        return [whole]
    if len(pieces) > MAX_PARTS:
        raise PduError(f"A text has at most {MAX_PARTS} parts, not {len(pieces)}.", 0x01)
    reference, total = references.next(message.number), len(pieces)
    if form is LongMessages.SAR:
        sar: dict[int, bytes] = {
            Tag.SAR_MSG_REF_NUM: reference.to_bytes(2, "big"),
            Tag.SAR_TOTAL_SEGMENTS: bytes((total,)),
        }
        return [
            whole._replace(short_message=piece, tlvs=tlvs | sar | {Tag.SAR_SEGMENT_SEQNUM: bytes((part,))})
            for part, piece in enumerate(pieces, 1)
        ]
    head = bytes((6, 8, 4)) + reference.to_bytes(2, "big") if bits == 16 else bytes((5, 0, 3, reference))
    return [
        whole._replace(esm_class=_HAS_HEADER, short_message=head + bytes((total, part)) + piece, tlvs=tlvs)
        for part, piece in enumerate(pieces, 1)
    ]


@lru_cache(maxsize=256)
def _pieces(text: str, bits: int) -> tuple[int, tuple[bytes, ...]]:
    """data_coding and the octets of each part; kept, since one text goes to many people."""
    cut = segment(text, reference_bits=bits)
    if cut.encoding is Encoding.GSM_7:
        return _DEFAULT, tuple(gsm_encode(part) for part in cut.parts)
    return _UCS_2, tuple(part.encode("utf-16-be", "replace") for part in cut.parts)


def user_reference(message_id: str) -> int:
    """Our reference in the SMSC's receipts, where it echoes it: the message's index, modulo 65,536."""
    return int(message_id.rpartition(".")[2]) & 0xFFFF


@lru_cache(maxsize=256)
def sender_address(sender: str) -> Address:
    """A number (+ and digits), a short code (digits) or a name."""
    if sender.startswith("+"):
        return Address(1, 1, sender[1:])
    if sender.isdecimal():
        return Address(3, 0, sender)
    return Address(5, 0, gsm_encode(sender).decode("latin-1"))


def validity(remaining_us: int) -> str:
    """How long to try, in the relative form: it needs no agreement about clocks and time zones."""
    return _relative(max(1, min(remaining_us // 1_000_000, _LONGEST_VALIDITY_S)))


@lru_cache(maxsize=256)
def _relative(seconds: int) -> str:
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    return f"0000{days:02}{hours:02}{minutes:02}{seconds:02}000R"


# --- in --------------------------------------------------------------------------------------------------------------


class Incoming(NamedTuple):
    """A text from a phone, or one part of it."""

    text: str
    reference: int | None = None
    part: int = 1
    parts: int = 1


def is_receipt(pdu: ShortMessage) -> bool:
    """Whether the SMSC says that this is about a message of ours. The text alone never says so: anyone may write it."""
    return pdu.esm_class & _KIND_MASK in (_RECEIPT, _INTERMEDIATE) or Tag.RECEIPTED_MESSAGE_ID in pdu.tlvs


def octets_of(pdu: ShortMessage) -> bytes:
    """The text with its header, wherever it travels."""
    return pdu.short_message or pdu.tlvs.get(Tag.MESSAGE_PAYLOAD, b"")


def read_incoming(pdu: ShortMessage) -> Incoming:
    """The text of a person. Never raises: what is wrong in it is left out or shown as it may be meant."""
    octets, header = octets_of(pdu), b""
    if pdu.esm_class & _HAS_HEADER and octets and len(octets) > octets[0]:
        header, octets = octets[1 : 1 + octets[0]], octets[1 + octets[0] :]
    text = decode(octets, pdu.data_coding)
    joined = _from_header(header) or _from_sar(pdu.tlvs)
    if joined is None:
        return Incoming(text)
    reference, parts, part = joined
    return Incoming(text, reference, part, parts) if 1 <= part <= parts and parts > 1 else Incoming(text)


def decode(octets: bytes, coding: int) -> str:
    """Octets to text by data_coding; what the alphabet does not know is read as Latin-1."""
    if coding == _UCS_2 or (coding < 0x40 and coding & 0x0C == _UCS_2):
        text = octets.decode("utf-16-be", "replace")
    elif coding in (_ASCII, LATIN_1) or not octets.isascii():
        text = octets.decode("latin-1")
    else:
        text = gsm_decode(octets)
    return text.replace("\0", "")  # no database keeps one


def _from_header(header: bytes) -> tuple[int, int, int] | None:
    """(reference, parts, part) of the concatenation element among the others."""
    place = 0
    while place + 2 <= len(header):
        element, length = header[place], header[place + 1]
        value = header[place + 2 : place + 2 + length]
        if element == 0x00 and len(value) == 3:
            return value[0], value[1], value[2]
        if element == 0x08 and len(value) == 4:
            return int.from_bytes(value[:2], "big"), value[2], value[3]
        place += 2 + length
    return None


def _from_sar(tlvs: Mapping[int, bytes]) -> tuple[int, int, int] | None:
    if tlvs is NO_TLVS or Tag.SAR_MSG_REF_NUM not in tlvs:
        return None
    wanted = (Tag.SAR_MSG_REF_NUM, Tag.SAR_TOTAL_SEGMENTS, Tag.SAR_SEGMENT_SEQNUM)
    reference, parts, part = (int.from_bytes(tlvs.get(tag, b""), "big") for tag in wanted)
    return reference & 0xFFFF, parts, part


_DIGITS = re.compile(r"[0-9]+")


def written(address: Address) -> str:
    """An address as we write it: E.164 where it is a whole number, else its characters.

    Many SMSCs leave the type open; what is too long for a short code and begins like a country code is taken as one.
    """
    text = "".join(char for char in address.text if char.isprintable()).strip()
    digits = text.removeprefix("+").removeprefix("00") if address.ton <= 1 else text
    if address.ton == 5 or not _DIGITS.fullmatch(digits):
        return text
    whole = address.ton == 1 or (address.ton == 0 and len(digits) > 8 and not digits.startswith("0"))
    return f"+{digits}" if whole or text.startswith("+") else text
