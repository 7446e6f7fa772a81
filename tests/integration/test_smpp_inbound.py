"""What an SMSC sends to the SMPP carrier: garbage, receipts, replies; and the encryption under it."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import pytest

from sendout.domain.states import State
from sendout.server.carriers.base import OutcomeKind
from sendout.server.carriers.smpp import inbox
from sendout.server.carriers.smpp.pdu import Address, Command, Pdu, ShortMessage, encode
from tests.integration.smpp_rig import NUMBER, Authority, rig, until
from tests.smsc import Answer, RawSmsc, raw_smsc, smsc, usual, wire

A, U, NOT_SENT = OutcomeKind.ACCEPTED, OutcomeKind.UNKNOWN, OutcomeKind.NOT_SENT
LONG = "Long words. " * 30  # three parts


# --- damage ----------------------------------------------------------------------------------------------------------


async def test_garbage_ends_the_connection_and_nothing_else() -> None:
    """Fault 22: an impossible length is nacked and the connection renewed; what had no answer is UNKNOWN."""

    def garbage(connection: RawSmsc, pdu: Pdu) -> None:
        if pdu.command == Command.SUBMIT_SM and connection is connections[0]:
            connection.write(b"GET / HTTP/1.1\r\nHost: smsc\r\n\r\n")
        else:
            usual(connection, pdu)

    async with raw_smsc(garbage) as (port, connections), rig(port) as made:
        assert await made.kinds(NUMBER) == [U]
        await until(lambda: len(connections) == 2)
        assert (connections[0].got[-1].command, connections[0].got[-1].status) == (Command.GENERIC_NACK, 0x02)
        await made.bound()
        assert await made.kinds(NUMBER) == [A]


async def test_what_is_not_understood_is_answered_and_survived() -> None:
    """Unknown commands, answers to nothing and unreadable bodies leave the session as it is."""
    async with raw_smsc() as (port, connections), rig(port) as made:
        connections[0].write(
            encode(0x00000777, 5),
            encode(Command.SUBMIT_SM_RESP, 99_999, b"x\0"),
            encode(0x80000777, 6),
            encode(Command.ALERT_NOTIFICATION, 7, b"\0\0\0"),
            encode(Command.DELIVER_SM, 8, b"\xff" * 9),
            encode(Command.DELIVER_SM, 9, ShortMessage(Address(1, 1, "44"), Address(1, 1, "1"), b"?", 4).encode()),
        )
        await until(lambda: len(connections[0].got) == 4)
        assert [(pdu.command, pdu.sequence, pdu.status) for pdu in connections[0].got[1:]] == [
            (Command.GENERIC_NACK, 5, 0x03),
            (Command.DELIVER_SM_RESP, 8, 0x65),
            (Command.DELIVER_SM_RESP, 9, 0x00),  # a receipt of no message: the SMSC need not tell it again
        ]
        assert await made.kinds(NUMBER) == [A]
        assert len(connections) == 1


# --- what is delivered -----------------------------------------------------------------------------------------------


def delivered(text: bytes, sequence: int, esm_class: int = 0, source: str = NUMBER[1:]) -> bytes:
    body = ShortMessage(Address(1, 1, source), Address(1, 1, "14155550100"), text, esm_class).encode()
    return encode(Command.DELIVER_SM, sequence, body)


def acknowledged(connection: RawSmsc) -> list[tuple[int, int]]:
    return [(pdu.sequence, pdu.status) for pdu in connection.got if pdu.command == Command.DELIVER_SM_RESP]


async def test_nothing_is_acknowledged_before_it_is_stored() -> None:
    """A receipt and a reply wait for their answers until the intake has returned."""
    async with raw_smsc() as (port, connections), rig(port) as made:
        made.intake.gate.clear()
        connections[0].write(delivered(b"id:1 stat:DELIVRD", 1, 4), delivered(b"Yes", 2))
        await until(lambda: bool(made.intake.calls))
        connections[0].write(encode(Command.ENQUIRE_LINK, 3))
        await until(lambda: connections[0].got[-1].command == Command.ENQUIRE_LINK_RESP)
        assert acknowledged(connections[0]) == []
        made.intake.gate.set()
        await until(lambda: acknowledged(connections[0]) == [(1, 0), (2, 0)])


async def test_what_was_not_stored_comes_again() -> None:
    """A failed intake is answered with 0x64; the text that then comes again has the id that it had."""
    async with raw_smsc() as (port, connections), rig(port) as made:
        made.intake.fail = 1
        connections[0].write(delivered(b"Yes", 1))
        await until(lambda: acknowledged(connections[0]) == [(1, 0x64)])
        connections[0].write(delivered(b"Yes", 2))
        await until(lambda: acknowledged(connections[0]) == [(1, 0x64), (2, 0)])
        connections[0].write(delivered(b"Yes", 3))  # the person says it once more
        await made.intake.until(replies=3)
    first, again, second = (reply.carrier_id for reply in made.intake.replied)
    assert first == again != second


async def test_a_text_whose_acknowledgement_was_lost_keeps_its_id() -> None:
    """The connection breaks while it is stored; told again over the next one it is known as the same."""
    async with raw_smsc() as (port, connections), rig(port) as made:
        made.intake.gate.clear()
        connections[0].write(delivered(b"Yes", 1))
        await until(lambda: bool(made.intake.calls))
        connections[0].transport.abort()
        await until(lambda: len(connections) == 2)
        await made.bound()
        made.intake.gate.set()
        await made.intake.until(replies=1)
        connections[1].write(delivered(b"Yes", 1))
        await made.intake.until(replies=2)
    assert made.intake.replied[0] == made.intake.replied[1]


async def test_replies_and_their_parts() -> None:
    """A person's text arrives decoded, with numbers as we write them, and its place among its parts."""
    async with smsc() as server, rig(server.port) as made:
        await server.until(lambda: server.bound == 1)
        await server.write(NUMBER, "12345", "Да".encode("utf-16-be"), coding=8)
        await server.write(NUMBER, "12345", b"\x05\x00\x03\x07\x02\x02b", esm_class=0x40)
        await server.write(NUMBER, "12345", b"a", tlvs={0x020C: b"\x00\x09", 0x020E: b"\x02", 0x020F: b"\x01"})
        await made.intake.until(replies=3)
    found = [(r.number, r.sender, r.text, r.reference, r.part, r.parts) for r in made.intake.replied]
    assert found == [
        (NUMBER, "12345", "Да", None, 1, 1),
        (NUMBER, "12345", "b", 7, 2, 2),
        (NUMBER, "12345", "a", 9, 1, 2),
    ]
    assert len({reply.carrier_id for reply in made.intake.replied}) == 3


async def test_a_receipt_is_no_reply_and_a_reply_is_no_receipt() -> None:
    """A person who writes like a receipt is a person; the receipt of a text names it and its number."""
    async with smsc(lambda s: Answer(receipt="UNDELIV")) as server, rig(server.port) as made:
        [outcome] = await made.submit(NUMBER)
        await server.write(NUMBER, "12345", b"id:1 stat:DELIVRD")
        await made.intake.until(receipts=1, replies=1)
    [receipt] = made.intake.receipted
    assert ((receipt.ref,), receipt.state, receipt.number) == (outcome.refs, State.UNDELIVERED, NUMBER)
    assert made.intake.replied[0].text == "id:1 stat:DELIVRD"


async def test_receipts_that_come_faster_than_they_are_stored_wait_at_the_smsc(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Reading stops while too many wait, so memory does not grow, and goes on afterwards; none is lost."""
    monkeypatch.setattr(inbox, "_FULL", 10)
    monkeypatch.setattr(inbox, "_AT_ONCE", 4)
    async with raw_smsc() as (port, connections), rig(port) as made:
        made.intake.gate.clear()
        for start in range(0, 10_000, 100):
            connections[0].write(*(delivered(b"id:%d stat:DELIVRD" % n, n, 4) for n in range(start, start + 100)))
            await asyncio.sleep(0)
        await until(lambda: bool(made.intake.calls))
        await asyncio.sleep(0.05)
        assert len(made.carrier._inbox._waiting) < 5_000  # what one read brought; the rest is not read
        made.intake.gate.set()
        await made.intake.until(receipts=10_000)
        await until(lambda: len(acknowledged(connections[0])) == 10_000)
    assert [receipt.ref for receipt in made.intake.receipted] == [str(n) for n in range(10_000)]
    assert max(made.intake.calls) <= 4


async def test_while_stopping_the_smsc_keeps_what_it_delivers() -> None:
    """What had come is stored and acknowledged; what comes later is answered with 0x64."""
    async with raw_smsc() as (port, connections), rig(port) as made:
        made.intake.gate.clear()
        connections[0].write(delivered(b"id:1 stat:DELIVRD", 1, 4))
        await until(lambda: bool(made.intake.calls))
        stop = asyncio.create_task(made.carrier.stop())
        await asyncio.sleep(0)
        connections[0].write(delivered(b"id:2 stat:DELIVRD", 2, 4))
        await until(lambda: acknowledged(connections[0]) == [(2, 0x64)])
        made.intake.gate.set()
        await stop
        assert acknowledged(connections[0]) == [(2, 0x64), (1, 0)]


# --- TLS -------------------------------------------------------------------------------------------------------------


def server_context(certificate: tuple[Path, Path], clients: Path | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*certificate)
    if clients is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(clients)
    return context


async def test_tls_with_a_private_authority_and_our_own_certificate(tmp_path: Path) -> None:
    """Messages and receipts travel encrypted, with both sides' certificates checked."""
    ours, theirs = Authority(tmp_path, "ours"), Authority(tmp_path, "theirs")
    certificate, key = theirs.issue("client")
    context = server_context(ours.issue("smsc.test"), clients=theirs.path)
    settings = {"tls": True, "tls_ca": str(ours.path), "tls_cert": str(certificate), "tls_key": str(key)}
    async with smsc() as server, wire(server.port, tls=context) as between:
        async with rig(between.port, tls_server_name="smsc.test", **settings) as made:
            assert await made.kinds(NUMBER, text=LONG) == [A]
            await made.intake.until(receipts=3)
        assert server.texts(NUMBER) == [LONG]


@pytest.mark.parametrize("wrong", ["authority", "name", "no certificate", "another's certificate", "no TLS"])
async def test_tls_that_does_not_hold_sends_nothing(
    tmp_path: Path, wrong: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The password is not said to a server that cannot prove itself, and nothing goes to one that refuses us."""
    ours, other = Authority(tmp_path, "ours"), Authority(tmp_path, "other")
    certificate, key = (other if wrong == "another's certificate" else ours).issue("client")
    settings: dict[str, object] = {
        "tls": True,
        "tls_ca": str(other.path if wrong == "authority" else ours.path),
        "tls_server_name": "elsewhere.test" if wrong == "name" else "smsc.test",
        "tls_cert": str(certificate),
        "tls_key": str(key),
    }
    if wrong == "no certificate":
        del settings["tls_cert"], settings["tls_key"]
    if wrong == "no TLS":
        settings = {"response_timeout_s": 0.2}
    context = server_context(ours.issue("smsc.test"), clients=ours.path)
    async with smsc() as server, wire(server.port, tls=context) as between:
        async with rig(between.port, bound=0, **settings) as made:
            await until(lambda: caplog.text.count("no connection to the SMSC") >= 2)
            assert await made.kinds(NUMBER) == [NOT_SENT]
        assert (server.bound, server.submits) == (0, [])
