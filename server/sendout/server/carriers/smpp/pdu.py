"""The SMPP 3.4 codec: octets to protocol data units and back, and nothing else.

Who comes in: the session, which reads and writes a byte stream, and the tests. Whatever the octets, decoding ends, and
ends in a value or in `PduError`. Layouts: SMPP 3.4 issue 1.2, sections 3 to 5; all integers are big-endian. Strings of
the protocol are octets; here they are str with one character per octet (Latin-1), so that nothing is lost or refused.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from enum import IntEnum
from typing import NamedTuple

HEADER = struct.Struct(">IIII")
_TLV = struct.Struct(">HH")

MAX_PDU = 70_000
"""Octets of the longest PDU that is read: a message_payload has at most 65,535, and the rest is short."""

MAX_SHORT_MESSAGE = 254
MAX_SEQUENCE = 0x7FFFFFFF
RESPONSE = 0x80000000
"""The bit that makes the command of a request that of its answer."""


class Command(IntEnum):
    """The commands that are spoken here; each answer is its request with the highest bit set."""

    BIND_RECEIVER = 0x00000001
    BIND_TRANSMITTER = 0x00000002
    SUBMIT_SM = 0x00000004
    DELIVER_SM = 0x00000005
    UNBIND = 0x00000006
    BIND_TRANSCEIVER = 0x00000009
    ENQUIRE_LINK = 0x00000015
    ALERT_NOTIFICATION = 0x00000102
    GENERIC_NACK = 0x80000000
    BIND_RECEIVER_RESP = 0x80000001
    BIND_TRANSMITTER_RESP = 0x80000002
    SUBMIT_SM_RESP = 0x80000004
    DELIVER_SM_RESP = 0x80000005
    UNBIND_RESP = 0x80000006
    BIND_TRANSCEIVER_RESP = 0x80000009
    ENQUIRE_LINK_RESP = 0x80000015


class Tag(IntEnum):
    """The optional parameters that mean something here."""

    RECEIPTED_MESSAGE_ID = 0x001E
    USER_MESSAGE_REFERENCE = 0x0204
    SAR_MSG_REF_NUM = 0x020C
    SAR_TOTAL_SEGMENTS = 0x020E
    SAR_SEGMENT_SEQNUM = 0x020F
    NETWORK_ERROR_CODE = 0x0423
    MESSAGE_PAYLOAD = 0x0424
    MESSAGE_STATE = 0x0427


class PduError(Exception):
    """These octets are not the PDU that they claim to be; `status` is the command_status that says so."""

    def __init__(self, sentence: str, status: int) -> None:
        super().__init__(sentence)
        self.status = status


_BAD_LENGTH = 0x02
_BAD_PARAMETERS = 0xC0
NO_TLVS: Mapping[int, bytes] = {}


class Pdu(NamedTuple):
    """One PDU as it came; the body is still octets."""

    command: int
    status: int
    sequence: int
    body: bytes


class Address(NamedTuple):
    """A phone's or a sender's address: type of number, numbering plan, and its characters."""

    ton: int
    npi: int
    text: str


class Bind(NamedTuple):
    """The body of the three bind requests."""

    system_id: str
    password: str
    system_type: str = ""
    interface_version: int = 0x34
    address: Address = Address(0, 0, "")

    def __repr__(self) -> str:
        return f"Bind({self.system_id!r}, …)"  # never the password

    def encode(self) -> bytes:
        """The body."""
        return b"".join(
            (
                _string(self.system_id, 16),
                _string(self.password, 65),  # 9 by the specification; many providers give out longer ones
                _string(self.system_type, 13),
                bytes((self.interface_version, self.address.ton, self.address.npi)),
                _string(self.address.text, 41),
            )
        )

    @classmethod
    def decode(cls, body: bytes) -> Bind:
        """Raises PduError."""
        reader = _Reader(body)
        system_id, password, system_type = reader.string(), reader.string(), reader.string()
        return cls(system_id, password, system_type, reader.octet(), reader.address())


class ShortMessage(NamedTuple):
    """The body of submit_sm and of deliver_sm, which have the same layout."""

    source: Address
    destination: Address
    short_message: bytes = b""
    esm_class: int = 0
    data_coding: int = 0
    registered_delivery: int = 0
    validity_period: str = ""
    schedule_delivery_time: str = ""
    service_type: str = ""
    protocol_id: int = 0
    priority_flag: int = 0
    replace_if_present: int = 0
    default_message: int = 0
    tlvs: Mapping[int, bytes] = NO_TLVS

    def encode(self) -> bytes:
        """The body. Raises PduError for what does not fit."""
        source, destination, text = self.source, self.destination, self.short_message
        if len(text) > MAX_SHORT_MESSAGE:
            raise PduError(f"A short message has at most {MAX_SHORT_MESSAGE} octets, not {len(text)}.", _BAD_LENGTH)
        # %c is an octet, %b octets: in the order of the specification.
        body = b"%b%c%c%b%c%c%b%c%c%c%b%b%c%c%c%c%c%b" % (
            _string(self.service_type, 6),
            source.ton,
            source.npi,
            _string(source.text, 21),
            destination.ton,
            destination.npi,
            _string(destination.text, 21),
            self.esm_class,
            self.protocol_id,
            self.priority_flag,
            _string(self.schedule_delivery_time, 17),
            _string(self.validity_period, 17),
            self.registered_delivery,
            self.replace_if_present,
            self.data_coding,
            self.default_message,
            len(text),
            text,
        )
        for tag, value in self.tlvs.items():
            body += _TLV.pack(tag, len(value)) + value
        return body

    @classmethod
    def decode(cls, body: bytes) -> ShortMessage:
        """Raises PduError. Of a repeated optional parameter the first one counts."""
        reader = _Reader(body)
        service_type = reader.string()
        source = reader.address()
        destination = reader.address()
        esm_class, protocol_id, priority = reader.take(3)
        schedule, validity = reader.string(), reader.string()
        registered, replace, coding, default, length = reader.take(5)
        text = reader.take(length)
        return cls(
            source, destination, text, esm_class, coding, registered, validity, schedule, service_type,
            protocol_id, priority, replace, default, reader.tlvs(),
        )  # fmt: skip


def encode(command: int, sequence: int, body: bytes = b"", status: int = 0) -> bytes:
    """A whole PDU."""
    return HEADER.pack(16 + len(body), command, status, sequence) + body


def message_id(body: bytes) -> str:
    """The id in the body of a submit_sm_resp; empty where there is none."""
    return body.partition(b"\0")[0].decode("latin-1")


class Frames:
    """Cuts a byte stream into PDUs, however the stream was cut on its way."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[Pdu]:
        """The PDUs that are complete by now.

        Raises PduError where a length is impossible: from there on the stream cannot be read, and must be closed.
        """
        data = self._rest + data if self._rest else data
        place, end = 0, len(data)
        self._rest = b""
        while end - place >= 16:
            length, command, status, sequence = HEADER.unpack_from(data, place)
            if not 16 <= length <= MAX_PDU:
                raise PduError(f"A PDU cannot have {length} octets.", _BAD_LENGTH)
            if length > end - place:
                break
            yield Pdu(command, status, sequence, data[place + 16 : place + length])
            place += length
        self._rest = data[place:]


class _Reader:
    """Takes a body apart from its start; every method raises PduError where the body ends too early."""

    def __init__(self, body: bytes) -> None:
        self._body, self._place = body, 0

    def take(self, count: int) -> bytes:
        start, self._place = self._place, self._place + count
        if self._place > len(self._body):
            raise PduError("The body ends in the middle of a parameter.", _BAD_LENGTH)
        return self._body[start : self._place]

    def octet(self) -> int:
        return self.take(1)[0]

    def address(self) -> Address:
        ton, npi = self.take(2)
        return Address(ton, npi, self.string())

    def string(self) -> str:
        end = self._body.find(b"\0", self._place)
        if end < 0:
            raise PduError("A string has no end.", _BAD_LENGTH)
        text = self._body[self._place : end].decode("latin-1")
        self._place = end + 1
        return text

    def tlvs(self) -> Mapping[int, bytes]:
        """Everything that is left, as optional parameters."""
        if self._place == len(self._body):
            return NO_TLVS
        found: dict[int, bytes] = {}
        while self._place < len(self._body):
            try:
                tag, length = _TLV.unpack(self.take(4))
                found.setdefault(tag, self.take(length))
            except PduError:
                raise PduError("The body ends in the middle of an optional parameter.", _BAD_PARAMETERS) from None
        return found


def _string(text: str, room: int) -> bytes:
    """A string with its end, in at most so many octets."""
    if not text:
        return b"\0"
    try:
        octets = text.encode("latin-1")
    except UnicodeEncodeError:
        octets = b"\0"
    if b"\0" in octets or len(octets) >= room:
        raise PduError(f"A string here has at most {room - 1} Latin-1 characters other than NUL.", _BAD_LENGTH)
    return octets + b"\0"
