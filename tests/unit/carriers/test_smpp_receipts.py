"""Receipts: by optional parameter and by text, tolerant of how SMSCs write the latter, deaf to the message's words."""

from __future__ import annotations

from datetime import UTC
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sendout.domain.states import ReasonCode, State
from sendout.server.carriers.smpp.pdu import Address, ShortMessage, Tag
from sendout.server.carriers.smpp.receipts import answer_id, read_date, read_fields, read_receipt, receipt_id
from sendout.server.carriers.smpp.settings import ReceiptIds
from sendout.server.carriers.smpp.texts import is_receipt

PHONE, SENDER = Address(1, 1, "447700900123"), Address(1, 1, "14155550100")
PLAIN = "id:{id} sub:001 dlvrd:001 submit date:2601020304 done date:260102030455 stat:{stat} err:{err} text:Hello"
DONE = 1_767_323_095_000_000  # 2026-01-02T03:04:55Z
SUBMITTED = 1_767_323_040_000_000


def receipt_pdu(text: str = "", coding: int = 0, esm_class: int = 4, **tlvs: bytes) -> ShortMessage:
    return ShortMessage(
        PHONE, SENDER, text.encode("utf-16-be" if coding == 8 else "latin-1"), esm_class, coding,
        tlvs={Tag[name.upper()]: value for name, value in tlvs.items()},
    )  # fmt: skip


# sms-domain 10.1: message_state, the word, ours.
STATES = [
    (0, "SCHEDULED", State.SENT, ReasonCode.NONE),
    (1, "ENROUTE", State.SENT, ReasonCode.NONE),
    (2, "DELIVRD", State.DELIVERED, ReasonCode.NONE),
    (3, "EXPIRED", State.EXPIRED, ReasonCode.EXPIRED_AT_CARRIER),
    (4, "DELETED", State.REJECTED, ReasonCode.CARRIER_REFUSED),
    (5, "UNDELIV", State.UNDELIVERED, ReasonCode.HANDSET_UNREACHABLE),
    (6, "ACCEPTD", State.SENT, ReasonCode.NONE),
    (7, "UNKNOWN", State.SENT, ReasonCode.NONE),
    (8, "REJECTD", State.REJECTED, ReasonCode.CARRIER_REFUSED),
    (9, "SKIPPED", State.REJECTED, ReasonCode.CARRIER_REFUSED),
]


@pytest.mark.parametrize(("value", "word", "state", "reason"), STATES)
def test_each_state_by_number_and_by_word(value: int, word: str, state: State, reason: ReasonCode) -> None:
    """message_state and the word in the text mean the same."""
    by_number = read_receipt(
        receipt_pdu(receipted_message_id=b"7f\0", message_state=bytes((value,))), ReceiptIds.AS_IS, UTC
    )
    by_word = read_receipt(receipt_pdu(PLAIN.format(id="7f", stat=word, err="000")), ReceiptIds.AS_IS, UTC)
    for receipt in (by_number, by_word):
        assert receipt is not None
        assert (receipt.ref, receipt.state, receipt.reason, receipt.code) == ("7f", state, reason, word)


def test_the_whole_of_a_receipt() -> None:
    """Number, both times, the error and what is kept raw, which has neither text nor number in it."""
    receipt = read_receipt(receipt_pdu(PLAIN.format(id="abc", stat="UNDELIV", err="045")), ReceiptIds.AS_IS, UTC)
    assert receipt is not None
    assert (receipt.number, receipt.submit_time, receipt.carrier_time) == ("+447700900123", SUBMITTED, DONE)
    assert receipt.code == "UNDELIV 45"
    assert receipt.raw == {
        "id": "abc", "stat": "UNDELIV", "err": "045", "sub": "001", "dlvrd": "001",
        "submitdate": "2601020304", "donedate": "260102030455", "state": "UNDELIV", "error": "45",
    }  # fmt: skip


def test_parameters_are_believed_before_the_text() -> None:
    """Id, state and error of the optional parameters win; our own reference is kept where it is echoed."""
    receipt = read_receipt(
        receipt_pdu(
            PLAIN.format(id="1", stat="DELIVRD", err="000"),
            receipted_message_id=b"2\0",
            message_state=b"\x05",
            network_error_code=b"\x03\x00\x1b",
            user_message_reference=b"\x00\x07",
        ),
        ReceiptIds.AS_IS,
        UTC,
    )
    assert receipt is not None
    assert (receipt.ref, receipt.state, receipt.code) == ("2", State.UNDELIVERED, "UNDELIV 3/27")
    assert receipt.raw["user_message_reference"] == "7"


@pytest.mark.parametrize(
    ("text", "ref", "state"),
    [
        ("ID:1 STAT:DELIVRD", "1", State.DELIVERED),
        ("stat:DELIVERED id:1", "1", State.DELIVERED),
        ("id: 1 sub: 1 stat: UNDELIVERABLE err: 1", "1", State.UNDELIVERED),
        ("id:1 submit_date:2601020304 done_date:2601020304 stat:ACCEPTED", "1", State.SENT),
        ("id:1 stat:FAILED", "1", State.SENT),
        ("id:1", "1", State.SENT),
        ("id:1 stat:EXPIRED text:id:2 stat:DELIVRD", "1", State.EXPIRED),
        ("id:1 Text: stat:DELIVRD", "1", State.SENT),
        ("id:1 id:2 stat:DELIVRD stat:EXPIRED", "1", State.DELIVERED),
        ("id:1\nstat:DELIVRD\n", "1", State.DELIVERED),
    ],
)
def test_texts_as_smscs_write_them(text: str, ref: str, state: State) -> None:
    """Any order, case and spacing, missing fields, unknown words; nothing behind `text:` counts."""
    receipt = read_receipt(receipt_pdu(text), ReceiptIds.AS_IS, UTC)
    assert receipt is not None
    assert (receipt.ref, receipt.state) == (ref, state)


def test_a_receipt_in_sixteen_bits() -> None:
    """The text may be in UCS-2."""
    receipt = read_receipt(receipt_pdu("id:1 stat:DELIVRD", coding=8), ReceiptIds.AS_IS, UTC)
    assert receipt is not None
    assert receipt.state is State.DELIVERED


@pytest.mark.parametrize("text", ["", "Hello", "stat:DELIVRD", "id: stat:DELIVRD", "id:\xff stat:DELIVRD"])
def test_a_receipt_without_an_id_is_none(text: str) -> None:
    """What does not say for which message it is, is not handed on."""
    assert read_receipt(receipt_pdu(text), ReceiptIds.AS_IS, UTC) is None


@pytest.mark.parametrize(
    ("esm_class", "tlvs", "expected"),
    [
        (0x00, {}, False),
        (0x04, {}, True),
        (0x20, {}, True),
        (0x40, {}, False),
        (0x44, {}, True),
        (0x08, {}, False),
        (0x00, {Tag.RECEIPTED_MESSAGE_ID: b"1\0"}, True),
    ],
)
def test_only_the_smsc_makes_a_receipt(esm_class: int, tlvs: dict[int, bytes], expected: bool) -> None:
    """esm_class or the parameter say so; a person who writes a receipt's text sends a reply."""
    pdu = ShortMessage(PHONE, SENDER, b"id:1 stat:DELIVRD", esm_class, tlvs=tlvs)
    assert is_receipt(pdu) is expected


@pytest.mark.parametrize(
    ("setting", "answer", "receipt", "same"),
    [
        ("as_is", "0A1f", "0A1f", True),
        ("as_is", "0A1f", "0a1f", False),
        ("strip_zeros", "000123", "123", True),
        ("strip_zeros", "00AF", "af", True),
        ("strip_zeros", "000", "0", True),
        ("strip_zeros", "12", "120", False),
        ("decimal_to_hex", "7B", "123", True),
        ("decimal_to_hex", "0000007b", "0000000123", True),
        ("decimal_to_hex", "7B", "7B", True),
        ("hex_to_decimal", "123", "7B", True),
        ("hex_to_decimal", "0123", "7b", True),
        ("hex_to_decimal", "a-b", "a-b", True),
        ("hex_to_decimal", "18446744073709551615", "ffffffffffffffff", True),
    ],
)
def test_ids_meet(setting: str, answer: str, receipt: str, same: bool) -> None:
    """The id of an answer and that of its receipt are kept in one form."""
    ids = ReceiptIds(setting)
    assert (answer_id(answer, ids) == receipt_id(receipt, ids)) is same


@given(st.integers(0, 2**64 - 1), st.integers(0, 5))
def test_ids_meet_for_every_number(number: int, zeros: int) -> None:
    """Hexadecimal and decimal forms of one number meet, with any zeros in front, and those of another do not."""
    pad = "0" * zeros
    answer, receipt = f"{pad}{number:X}", f"{pad}{number}"
    assert answer_id(answer, ReceiptIds.DECIMAL_TO_HEX) == receipt_id(receipt, ReceiptIds.DECIMAL_TO_HEX)
    assert answer_id(receipt, ReceiptIds.HEX_TO_DECIMAL) == receipt_id(answer, ReceiptIds.HEX_TO_DECIMAL)
    assert answer_id(receipt, ReceiptIds.HEX_TO_DECIMAL) != receipt_id(f"{number + 1:x}", ReceiptIds.HEX_TO_DECIMAL)


@pytest.mark.parametrize(
    ("text", "zone", "expected"),
    [
        ("2601020304", "UTC", SUBMITTED),
        ("260102030455", "UTC", DONE),
        ("20260102030455", "UTC", DONE),
        ("202601020304", "UTC", SUBMITTED),  # read as a date of 2020 it would have a twenty-sixth month
        ("2601020404", "Europe/Paris", SUBMITTED),
        ("2607020304", "America/New_York", 1_782_975_840_000_000),
        ("", "UTC", None),
        ("0000000000", "UTC", None),
        ("2613010000", "UTC", None),
        ("26010203045", "UTC", None),
        ("٢٦٠١٠٢٠٣٠٤", "UTC", None),
    ],
)
def test_dates(text: str, zone: str, expected: int | None) -> None:
    """With and without seconds, with a whole year, in the SMSC's zone; anything else is no date."""
    assert read_date(text, ZoneInfo(zone)) == expected


@given(st.text(max_size=300), st.sampled_from(list(ReceiptIds)), st.integers(0, 255))
def test_no_text_fails(text: str, ids: ReceiptIds, coding: int) -> None:
    """Whatever stands in a receipt, reading it ends in a receipt or in none, and its fields are printable."""
    for value in read_fields(text).values():
        assert all("!" <= char <= "~" for char in value)
    octets = text.encode("utf-8", "replace")[:254]
    receipt = read_receipt(ShortMessage(PHONE, SENDER, octets, 4, coding), ids, UTC)
    assert receipt is None or receipt.ref
