"""The SMPP codec: what is written is read again, however it was cut on its way, and anything else is its own error."""

from __future__ import annotations

import contextlib

import pytest
import smpp34
from hypothesis import given
from hypothesis import strategies as st

from sendout.server.carriers.smpp.pdu import (
    MAX_PDU,
    Address,
    Bind,
    Command,
    Frames,
    Pdu,
    PduError,
    ShortMessage,
    encode,
    message_id,
)

octet = st.integers(0, 255)


def strings(longest: int) -> st.SearchStrategy[str]:
    """Strings of the protocol: any octet but NUL."""
    return st.text(st.characters(min_codepoint=1, max_codepoint=255), max_size=longest)


addresses = st.builds(Address, octet, octet, strings(20))
messages = st.builds(
    ShortMessage,
    source=addresses,
    destination=addresses,
    short_message=st.binary(max_size=254),
    esm_class=octet,
    data_coding=octet,
    registered_delivery=octet,
    validity_period=strings(16),
    schedule_delivery_time=strings(16),
    service_type=strings(5),
    protocol_id=octet,
    priority_flag=octet,
    replace_if_present=octet,
    default_message=octet,
    tlvs=st.dictionaries(st.integers(0, 0xFFFF), st.binary(max_size=300), max_size=5),
)
pdus = st.builds(
    Pdu, st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1), st.binary(max_size=400)
)


def octets_of(pdu: Pdu) -> bytes:
    return encode(pdu.command, pdu.sequence, pdu.body, pdu.status)


@given(messages)
def test_a_message_is_read_as_it_was_written(message: ShortMessage) -> None:
    """Every field and optional parameter of submit_sm and deliver_sm survives."""
    assert ShortMessage.decode(message.encode()) == message


@given(st.builds(Bind, strings(15), strings(64), strings(12), octet, addresses.filter(lambda a: len(a.text) <= 40)))
def test_a_bind_is_read_as_it_was_written(bind: Bind) -> None:
    """Every field of a bind survives."""
    assert Bind.decode(bind.encode()) == bind


def test_a_bind_does_not_show_its_password() -> None:
    """A bind that is printed shows the account only."""
    assert "hunter2" not in repr(Bind("me", "hunter2"))


@given(st.lists(pdus, max_size=6), st.data())
def test_a_stream_is_read_however_it_was_cut(sent: list[Pdu], data: st.DataObject) -> None:
    """Reads that end anywhere, join PDUs or bring single octets give the same PDUs in the same order."""
    stream = b"".join(map(octets_of, sent))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=20)))
    frames, got = Frames(), []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        got += frames.feed(stream[start:end])
    assert got == sent


@given(st.binary(max_size=600), st.integers(1, 50))
def test_any_stream_ends_in_pdus_or_in_the_codecs_error(stream: bytes, step: int) -> None:
    """Arbitrary octets give PDUs, a wait for more, or PduError; never anything else."""
    frames = Frames()
    try:
        for start in range(0, len(stream), step):
            for pdu in frames.feed(stream[start : start + step]):
                assert len(pdu.body) <= MAX_PDU
    except PduError:
        assert len(stream) >= 16


@given(st.binary(max_size=300))
def test_any_body_ends_in_a_message_or_in_the_codecs_error(body: bytes) -> None:
    """Arbitrary bodies are read or refused with a status."""
    for kind in (ShortMessage, Bind):
        with contextlib.suppress(PduError):
            kind.decode(body)
    assert "\0" not in message_id(body)


@pytest.mark.parametrize("length", [0, 15, MAX_PDU + 1, 2**32 - 1])
def test_an_impossible_length_is_refused_at_once(length: int) -> None:
    """A length below the header's or beyond the largest is refused without waiting for the rest."""
    with pytest.raises(PduError, match=f"{length} octets"):
        list(Frames().feed(length.to_bytes(4, "big") + bytes(12)))


def test_what_came_before_a_bad_length_is_still_read() -> None:
    """The PDUs in front of the damage are given out."""
    read = Frames().feed(encode(Command.ENQUIRE_LINK, 7) + bytes(16))
    assert next(read) == Pdu(Command.ENQUIRE_LINK, 0, 7, b"")
    with pytest.raises(PduError):
        next(read)


@pytest.mark.parametrize(
    "message",
    [
        ShortMessage(Address(1, 1, "1" * 21), Address(1, 1, "2")),
        ShortMessage(Address(1, 1, "1\0"), Address(1, 1, "2")),
        ShortMessage(Address(1, 1, "Я"), Address(1, 1, "2")),
        ShortMessage(Address(1, 1, "1"), Address(1, 1, "2"), b"x" * 255),
    ],
)
def test_what_does_not_fit_is_refused(message: ShortMessage) -> None:
    """A string with a NUL, one that is too long, one beyond Latin-1, a text of 255 octets."""
    with pytest.raises(PduError):
        message.encode()


@given(messages.filter(lambda m: len(m.source.text) > 0))
def test_another_implementation_reads_the_same(message: ShortMessage) -> None:
    """A codec that is not ours reads each field of our submit_sm as we wrote it."""
    plain = message._replace(
        **{
            name: "".join(char for char in getattr(message, name) if " " <= char <= "~")
            for name in ("validity_period", "schedule_delivery_time", "service_type")
        },
        source=Address(1, 1, "4477"),
        destination=Address(5, 0, "Name"),
    )
    read = smpp34.decode(encode(Command.SUBMIT_SM, 9, plain.encode()))
    assert isinstance(read, smpp34.SubmitSm)
    assert (read.source_addr, read.source_addr_ton, read.source_addr_npi) == ("4477", 1, 1)
    assert (read.destination_addr, read.dest_addr_ton, read.dest_addr_npi) == ("Name", 5, 0)
    assert (read.sequence_number, read.short_message, read.esm_class) == (9, plain.short_message, plain.esm_class)
    assert (read.data_coding, read.registered_delivery) == (plain.data_coding, plain.registered_delivery)
    assert (read.protocol_id, read.priority_flag) == (plain.protocol_id, plain.priority_flag)
    assert (read.replace_if_present_flag, read.sm_default_msg_id) == (plain.replace_if_present, plain.default_message)
    assert (read.validity_period, read.service_type) == (plain.validity_period, plain.service_type)
    assert {tlv.tag: tlv.value for tlv in read.tlvs} == dict(plain.tlvs)


def test_a_message_of_another_implementation_is_read() -> None:
    """We read each field of a deliver_sm that a codec that is not ours wrote."""
    theirs = smpp34.DeliverSm(
        "447700900123", "12345", b"\x05\x00\x03\x07\x02\x01Hi", source_addr_ton=1, source_addr_npi=1, dest_addr_ton=3,
        esm_class=0x40, data_coding=8, tlvs=[smpp34.Tlv(0x0424, b"abc")], sequence_number=77,
    )  # fmt: skip
    [pdu] = Frames().feed(theirs.encode())
    assert (pdu.command, pdu.sequence) == (Command.DELIVER_SM, 77)
    assert ShortMessage.decode(pdu.body) == ShortMessage(
        Address(1, 1, "447700900123"), Address(3, 0, "12345"), b"\x05\x00\x03\x07\x02\x01Hi", 0x40, 8,
        tlvs={0x0424: b"abc"},
    )  # fmt: skip
