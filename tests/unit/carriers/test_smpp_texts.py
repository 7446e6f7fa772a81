"""Texts and numbers on their way into SMPP and out of it."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sendout.domain.text import Encoding, gsm_decode, gsm_encode, pack, segment
from sendout.server.carriers.base import Outgoing
from sendout.server.carriers.smpp.pdu import Address, ShortMessage, Tag
from sendout.server.carriers.smpp.settings import LongMessages
from sendout.server.carriers.smpp.texts import (
    Incoming,
    References,
    decode,
    parts_of,
    read_incoming,
    sender_address,
    user_reference,
    validity,
    written,
)

NOW = 1_767_225_600_000_000
BITS = {LongMessages.UDH_8: 8, LongMessages.UDH_16: 16, LongMessages.SAR: 16, LongMessages.PAYLOAD: 8}
forms = st.sampled_from(LongMessages)
texts = st.one_of(
    st.text(st.sampled_from("aé€[ Ω@\n"), min_size=1, max_size=900),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=300),
    st.text("aЯ😀", min_size=1, max_size=400),
)


def submits(
    text: str, form: LongMessages = LongMessages.UDH_8, sender: str = "+14155550100", index: int = 7
) -> list[ShortMessage]:
    cut = segment(text)
    message = Outgoing(
        f"0193c3a0-0000-7000-8000-000000000000.{index}", 1, "+447700900123", sender, text, cut.encoding, cut.count,
        NOW + 3_600_000_000,
    )  # fmt: skip
    return parts_of(message, form, BITS[form], References(41, BITS[form]), NOW)


def test_a_short_gsm_text() -> None:
    """One submit: unpacked septets, coding 0, no header, a receipt wanted, our reference, an hour to live."""
    [submit] = submits("Hé [€]", index=70_000)
    assert submit == ShortMessage(
        source=Address(1, 1, "14155550100"),
        destination=Address(1, 1, "447700900123"),
        short_message=b"H\x05 \x1b\x3c\x1b\x65\x1b\x3e",
        registered_delivery=1,
        validity_period="000000010000000R",
        tlvs={Tag.USER_MESSAGE_REFERENCE: (70_000 & 0xFFFF).to_bytes(2, "big")},
    )


def test_a_short_unicode_text() -> None:
    """Anything beyond the GSM alphabet goes as UTF-16 big-endian with coding 8 (sms-domain 2.5)."""
    [submit] = submits("A😀")
    assert (submit.data_coding, submit.short_message.hex()) == (8, "0041d83dde00")


@pytest.mark.parametrize(
    ("form", "heads"),
    [
        (LongMessages.UDH_8, ["0500032b0201", "0500032b0202"]),
        (LongMessages.UDH_16, ["060804002b0201", "060804002b0202"]),
    ],
)
def test_parts_by_header(form: LongMessages, heads: list[str]) -> None:
    """Each part begins with its header, has the header's bit set, and asks for its own receipt."""
    parts = submits("a" * 161, form)
    assert [part.short_message[: len(head) // 2].hex() for part, head in zip(parts, heads, strict=True)] == heads
    assert {part.esm_class for part in parts} == {0x40}
    assert {part.registered_delivery for part in parts} == {1}
    lengths = [len(part.short_message) - len(heads[0]) // 2 for part in parts]
    assert lengths == ([153, 8] if form is LongMessages.UDH_8 else [152, 9])


def test_parts_by_sar() -> None:
    """With SAR there is no header and no header's bit: reference, total and number are optional parameters."""
    parts = submits("a" * 161, LongMessages.SAR)
    assert {part.esm_class for part in parts} == {0}
    assert [part.short_message for part in parts] == [b"a" * 152, b"a" * 9]
    sar = (Tag.SAR_MSG_REF_NUM, Tag.SAR_TOTAL_SEGMENTS, Tag.SAR_SEGMENT_SEQNUM)
    assert [[part.tlvs[tag].hex() for tag in sar] for part in parts] == [["002b", "02", "01"], ["002b", "02", "02"]]


def test_a_long_text_as_payload() -> None:
    """The whole text is one optional parameter; the short message is empty."""
    [submit] = submits("a" * 400, LongMessages.PAYLOAD)
    assert (submit.short_message, submit.tlvs[Tag.MESSAGE_PAYLOAD], submit.esm_class) == (b"", b"a" * 400, 0)


@given(texts, forms)
def test_parts_come_to_the_text_and_fit(text: str, form: LongMessages) -> None:
    """Joined, the parts are the text; each fits into the 140 octets of an SMS; there are as many as are counted."""
    parts = submits(text, form)
    read = [read_incoming(part) for part in parts]
    assert "".join(one.text for one in read) == text
    if form is LongMessages.PAYLOAD:
        assert len(parts) == 1
        return
    assert len(parts) == segment(text, reference_bits=BITS[form]).count
    assert [one.part for one in read] == list(range(1, len(parts) + 1))
    assert {one.parts for one in read} == {len(parts)}
    header = 0 if len(parts) == 1 else 6 if form is LongMessages.UDH_8 else 7  # for SAR the longer one it may become
    for part in parts:
        octets = part.short_message[header if part.esm_class & 0x40 else 0 :]
        assert header + len(pack(octets, -8 * header % 7) if part.data_coding == 0 else octets) <= 140
    assert len({part.tlvs[Tag.USER_MESSAGE_REFERENCE] for part in parts}) == 1


def test_references_differ_in_a_row_and_by_number() -> None:
    """Two texts in a row to one phone never share a reference, whatever goes to others between; 8 bits are kept."""
    references = References(0xFFFF, 8)
    mine = [references.next("+1") for _ in range(3)]
    for other in range(300):
        references.next(f"+2{other}")
    mine += [references.next("+1") for _ in range(300)]
    assert all(a != b for a, b in pairwise(mine))
    assert len(set(mine)) == 256
    assert max(mine) <= 0xFF


@pytest.mark.parametrize(
    ("sender", "address"),
    [
        ("+14155550100", Address(1, 1, "14155550100")),
        ("12345", Address(3, 0, "12345")),
        ("Garage 5", Address(5, 0, "Garage 5")),
    ],
)
def test_senders(sender: str, address: Address) -> None:
    """A number, a short code and a name have their type and plan."""
    assert sender_address(sender) == address


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "000000000001000R"),
        (1, "000000000001000R"),
        (59, "000000000059000R"),
        (90_061, "000001010101000R"),
        (10**9, "000030000000000R"),
    ],
)
def test_validity(seconds: int, text: str) -> None:
    """Relative, at least a second, at most thirty days; sixteen characters."""
    assert validity(seconds * 1_000_000) == text
    assert len(text) == 16


def test_our_reference_is_the_index() -> None:
    """The user message reference is the message's index, modulo 65,536."""
    assert user_reference("0193c3a0-0000-7000-8000-000000000000.65540") == 4


# --- in --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("octets", "coding", "text"),
    [
        (b"H\x05 \x1b\x65\x00", 0, "Hé €@"),
        (b"caf\xe9", 0, "café"),  # no septets, so read as Latin-1
        (b"hello", 1, "hello"),
        (b"caf\xe9 [", 3, "café ["),
        ("Я😀".encode("utf-16-be"), 8, "Я😀"),
        ("Я".encode("utf-16-be"), 0x18, "Я"),
        (b"\x04\x2f\x04", 8, "Я\ufffd"),
        (b"\xd8\x3d", 8, "\ufffd"),
        (b"a\x00b", 3, "ab"),
        (b"", 8, ""),
    ],
)
def test_texts_by_coding(octets: bytes, coding: int, text: str) -> None:
    """Each data_coding is read; broken octets never fail and no NUL is left for a database to refuse."""
    assert decode(octets, coding) == text


ME, YOU = Address(1, 1, "447700900123"), Address(3, 0, "12345")


@pytest.mark.parametrize(
    ("pdu", "incoming"),
    [
        (ShortMessage(ME, YOU, b"Hi"), Incoming("Hi")),
        (ShortMessage(ME, YOU, b"\x05\x00\x03\x07\x02\x01Hi", 0x40), Incoming("Hi", 7, 1, 2)),
        (ShortMessage(ME, YOU, b"\x06\x08\x04\x01\x07\x03\x02Hi", 0x40), Incoming("Hi", 263, 2, 3)),
        (ShortMessage(ME, YOU, b"\x08\x24\x01\x01\x00\x03\x07\x02\x01Hi", 0x40), Incoming("Hi", 7, 1, 2)),
        (ShortMessage(ME, YOU, b"\x05\x00\x03\x07\x01\x01Hi", 0x40), Incoming("Hi")),
        (ShortMessage(ME, YOU, b"\x05\x00\x03\x07\x02\x03Hi", 0x40), Incoming("Hi")),
        (ShortMessage(ME, YOU, b"\x05\x00\x03\x07\x02\x00Hi", 0x40), Incoming("Hi")),
        (ShortMessage(ME, YOU, b"\x03\x24\x01\x01Hi", 0x40), Incoming("Hi")),
        (ShortMessage(ME, YOU, b"\x04\x24\x09\x01\x01Hi", 0x40), Incoming("Hi")),
        (ShortMessage(ME, YOU, b"", 0x40), Incoming("")),
        (ShortMessage(ME, YOU, tlvs={0x0424: b"Hi"}), Incoming("Hi")),
        (
            ShortMessage(ME, YOU, b"Hi", tlvs={0x020C: b"\x01\x07", 0x020E: b"\x03", 0x020F: b"\x02"}),
            Incoming("Hi", 263, 2, 3),
        ),
        (ShortMessage(ME, YOU, b"Hi", tlvs={0x020C: b"\x01\x07"}), Incoming("Hi")),
    ],
)
def test_parts_that_come_in(pdu: ShortMessage, incoming: Incoming) -> None:
    """Headers of both sizes, among others, and SAR give reference, part and parts; impossible ones are left out."""
    assert read_incoming(pdu) == incoming


@given(st.binary(max_size=254), st.integers(0, 255), st.integers(0, 255))
def test_nothing_that_comes_in_fails(octets: bytes, esm_class: int, coding: int) -> None:
    """Whatever the octets, a text comes of them that any database takes."""
    incoming = read_incoming(ShortMessage(ME, YOU, octets, esm_class, coding))
    assert "\0" not in incoming.text
    incoming.text.encode()
    assert 1 <= incoming.part <= incoming.parts


@pytest.mark.parametrize(
    ("address", "text"),
    [
        (Address(1, 1, "447700900123"), "+447700900123"),
        (Address(1, 1, "+447700900123"), "+447700900123"),
        (Address(0, 1, "447700900123"), "+447700900123"),
        (Address(0, 0, "00447700900123"), "+447700900123"),
        (Address(0, 0, "12345"), "12345"),
        (Address(0, 0, "07700900123"), "07700900123"),
        (Address(2, 1, "7700900123"), "7700900123"),
        (Address(3, 0, "12345"), "12345"),
        (Address(5, 0, "Garage"), "Garage"),
        (Address(5, 0, "12345678901"), "12345678901"),
        (Address(0, 0, "A\x07B "), "AB"),
        (Address(1, 1, ""), ""),
    ],
)
def test_addresses_as_we_write_them(address: Address, text: str) -> None:
    """Whole numbers become E.164, short codes and names stay as they are."""
    assert written(address) == text


def test_septets_are_unpacked() -> None:
    """153 characters of a part are 153 octets: one septet in each (sms-domain 2.5)."""
    [first, _] = submits("x" * 200)
    assert first.short_message[6:] == gsm_encode("x" * 153)
    assert gsm_decode(first.short_message[6:]) == "x" * 153
    assert segment("x" * 200).encoding is Encoding.GSM_7
