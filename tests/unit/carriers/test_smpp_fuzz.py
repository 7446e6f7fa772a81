"""Fault 22: whatever octets an SMSC sends, the session lives or is renewed, and nothing but the codec's error comes up.

A fast generator damages real PDUs and receipts and sends them through a session and the inbox as a connection would.
`SENDOUT_TEST_FUZZ` says how many (a million take less than a minute), `SENDOUT_TEST_FUZZ_SEED` which; both are printed.
"""

from __future__ import annotations

import logging
import os
import random
import time
from collections import Counter
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sendout.domain.clock import SystemClock
from sendout.server.carriers.base import Receipt
from sendout.server.carriers.smpp.inbox import Inbox
from sendout.server.carriers.smpp.pdu import RESPONSE, Address, Bind, Command, Pdu, PduError, ShortMessage, Tag, encode
from sendout.server.carriers.smpp.receipts import read_fields
from sendout.server.carriers.smpp.session import Session
from sendout.server.carriers.smpp.settings import ReceiptIds, SmppSettings

COUNT = int(os.environ.get("SENDOUT_TEST_FUZZ", "60000"))
SEED = int(os.environ.get("SENDOUT_TEST_FUZZ_SEED", "34"))

PHONE, SENDER = Address(1, 1, "447700900123"), Address(1, 1, "14155550100")
TEXTS = [
    b"id:4f1a sub:001 dlvrd:001 submit date:2601020304 done date:260102030455 stat:DELIVRD err:000 text:Hello",
    b"ID:0000123 SUB:1 DLVRD:0 SUBMIT_DATE:20260102030455 DONE_DATE:2601020304 STAT:UNDELIVERABLE ERR:045",
    b"stat:EXPIRED id:99999999999999999999 text:id:1 stat:DELIVRD",
    b"id: : :id:\xff\x00:stat:",
    "id:12 stat:REJECTD".encode("utf-16-be"),
    b"Please stop",
    "Да 😀".encode("utf-16-be"),
    b"\x05\x00\x03\x07\x02\x01Part one",
    b"\x06\x08\x04\x01\x07\x02\x02Part two",
    b"",
]
CODINGS = (0, 1, 3, 8, 4, 0x18, 0xF0, 255)
CLASSES = (0, 4, 4, 4, 0x20, 0x40, 0x44, 8, 255)
COMMANDS = [*map(int, Command), 3, 0x103, 0x80000103, 0x777, 0xFFFFFFFF]


class Sink:
    """A transport that takes everything and keeps nothing; closed, it stays so."""

    def __init__(self) -> None:
        self.closed = False

    def write(self, octets: bytes) -> None:
        assert isinstance(octets, bytes)

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


def damaged(octets: bytes, rng: random.Random) -> bytes:
    """Some of it changed, cut, doubled, or put elsewhere."""
    made = bytearray(octets)
    for _ in range(rng.choice((0, 1, 1, 2, 8))):
        place, kind = rng.randrange(len(made) + 1), rng.randrange(5)
        if kind == 0 and place < len(made):
            made[place] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)))
        elif kind == 1:
            del made[place : place + rng.randrange(1, 9)]
        elif kind == 2:
            made[place:place] = rng.randbytes(rng.randrange(1, 9))
        elif kind == 3:
            del made[place:]
        else:
            made[place:place] = made[rng.randrange(len(made) + 1) :][:40]
    return bytes(made)


def tlvs(rng: random.Random) -> dict[int, bytes]:
    """None mostly, otherwise known and unknown ones with right and wrong lengths."""
    if rng.random() < 0.5:
        return {}
    tags = [*map(int, Tag), 0x1400, 0xFFFF]
    return {rng.choice(tags): rng.randbytes(rng.choice((0, 1, 2, 3, 4, 9, 70))) for _ in range(rng.randrange(5))}


def a_pdu(rng: random.Random) -> bytes:
    """One PDU: mostly a delivery, its text damaged, its body damaged, or the whole of it damaged."""
    kind = rng.random()
    sequence = rng.randrange(1, 5)
    if kind < 0.75:
        text = damaged(rng.choice(TEXTS), rng)[:254]
        message = ShortMessage(PHONE, SENDER, text, rng.choice(CLASSES), rng.choice(CODINGS), tlvs=tlvs(rng))
        octets = encode(Command.DELIVER_SM, sequence, message.encode())
    elif kind < 0.85:
        octets = encode(rng.choice(COMMANDS), sequence, b"%x\0" % rng.randrange(99), rng.choice((0, 8, 0x58, 0xFFFF)))
    elif kind < 0.95:
        octets = encode(rng.choice(COMMANDS), sequence, damaged(rng.choice(TEXTS), rng))
    else:
        octets = encode(rng.choice(COMMANDS), sequence, rng.randbytes(rng.randrange(60)))
    if rng.random() < 0.2:
        octets = damaged(octets, rng)
        if rng.random() < 0.95:  # with its length put right, or the session ends here
            octets = (len(octets) if len(octets) > 16 else 16).to_bytes(4, "big") + octets[4:].ljust(12, b"\0")
    return octets


def reads(rng: random.Random, most: int) -> Iterator[bytes]:
    """The octets of one read after the other: PDUs joined and cut anywhere."""
    made, left = 0, b""
    while made < most:
        count = min(rng.choice((1, 1, 2, 5)), most - made)
        made += count
        stream = left + b"".join(a_pdu(rng) for _ in range(count))
        cut = len(stream) if rng.random() < 0.7 else rng.randrange(len(stream) + 1)
        left = stream[cut:]
        yield stream[:cut]


class Part:
    """A submit that is answered or not."""

    body = ShortMessage(SENDER, PHONE, b"Hello").encode()

    def __init__(self, ends: Counter[str]) -> None:
        self._ends, self._ended = ends, False

    def answered(self, code: int, ref: str) -> None:
        self._end("answered")

    def lost(self) -> None:
        self._end("lost")

    def _end(self, how: str) -> None:
        assert not self._ended, "a part ended twice"
        self._ended = True
        self._ends[how] += 1


async def test_no_octets_break_the_session_or_the_inbox() -> None:
    """Every read of damaged PDUs ends in answers or in the end of the connection; each submit ends exactly once."""
    print(f"{COUNT} PDUs, seed {SEED}")
    rng = random.Random(SEED)
    logging.getLogger("sendout.server.carriers.smpp").setLevel(logging.CRITICAL)
    seen: Counter[str] = Counter()
    began, slowest = time.perf_counter(), 0.0
    inboxes = [
        Inbox("smpp", SmppSettings(host="h", system_id="me", receipt_ids=ids), SystemClock(), None)  # type: ignore[arg-type]
        for ids in ReceiptIds
    ]

    def session() -> tuple[Session, Sink]:
        made, sink = Session(10, 30, rng.choice(inboxes).deliver, lambda: None), Sink()
        made.connection_made(sink)  # type: ignore[arg-type]
        made.submit([Part(seen) for _ in range(3)])
        seen["sessions"] += 1
        return made, sink

    current, sink = session()
    for octets in reads(rng, COUNT):
        started = time.thread_time()  # its own work: a machine that stalls is no slow read
        current.data_received(octets)
        slowest = max(slowest, time.thread_time() - started)
        if sink.closed or rng.random() < 0.005:  # a damaged length may have swallowed the rest
            current.connection_lost(None)
            current, sink = session()
        for inbox in inboxes:
            for one in inbox._waiting:
                seen["receipts" if isinstance(one.item, Receipt) else "replies"] += 1
                assert "\0" not in repr(one.item)
            inbox._waiting.clear()
    current.connection_lost(None)
    logging.getLogger("sendout.server.carriers.smpp").setLevel(logging.NOTSET)
    print(f"{dict(seen)}, {time.perf_counter() - began:.1f} s, slowest read {slowest * 1000:.1f} ms")
    assert seen["answered"] + seen["lost"] == 3 * seen["sessions"]
    assert min(seen["receipts"], seen["replies"]) > COUNT / 20  # the generator does reach what it is meant to try
    assert seen["answered"] > COUNT / 1000
    assert slowest < 1.0


@pytest.mark.parametrize("command", sorted({int(command) & ~RESPONSE for command in Command}))
def test_every_command_with_every_body_of_one_octet(command: int) -> None:
    """The smallest bodies of all, for every body that is decoded."""
    for value in range(256):
        for decode in (ShortMessage.decode, Bind.decode):
            with pytest.raises(PduError):
                decode(Pdu(command, 0, 1, bytes((value,))).body)


@given(st.text(max_size=400))
def test_fields_of_any_text(text: str) -> None:
    """Receipt texts of any characters give printable fields with known names."""
    fields = read_fields(text)
    assert set(fields) <= {"id", "sub", "dlvrd", "submitdate", "donedate", "stat", "err"}
    assert all("!" <= char <= "~" for value in fields.values() for char in value)
