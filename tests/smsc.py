"""SMSCs for tests: a real SMPP server that is not ours, with scripted answers; a raw one for what it cannot do; a wire.

`Smsc` is the server of the `smpp34` distribution. It answers each submit as `script` says, keeps what it got, joins
the parts as a phone does, sends receipts until they are acknowledged, and lets phones write. `RawSmsc` answers octets
by octets. `wire` stands between a carrier and an SMSC: it adds TLS, breaks connections, cuts what travels to pieces.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import smpp34

from sendout.domain.text import gsm_decode
from sendout.server.carriers.smpp.pdu import RESPONSE, Command, Frames, Pdu, ShortMessage, encode

OK, THROTTLED, QUEUE_FULL, BAD_NUMBER, SYSTEM_ERROR, RETRY = 0x00, 0x58, 0x14, 0x0B, 0x08, 0x64


@dataclass(frozen=True)
class Submit:
    """One submit; the server may hand them out in another order than they came. `attempt` counts those of one part."""

    number: str
    sender: str
    octets: bytes
    coding: int
    reference: int | None
    part: int
    parts: int
    tlvs: dict[int, bytes]
    registered_delivery: int
    time: float  # of the event loop
    attempt: int = 1
    ref: str = ""  # the id that it was accepted under

    @property
    def text(self) -> str:
        """What a phone would show of it."""
        return self.octets.decode("utf-16-be") if self.coding == 8 else gsm_decode(self.octets)


@dataclass(frozen=True)
class Answer:
    """What the SMSC does with a submit: a status, an answer that never comes, the final word of its receipt."""

    code: int = OK
    silent: bool = False
    receipt: str | None = "DELIVRD"
    after: float = 0.0  # seconds until the answer


Script = Callable[[Submit], Answer]


def by_ending(endings: dict[str, Answer]) -> Script:
    """Answers by how the number ends; every other number is delivered."""
    return lambda submit: next((a for end, a in endings.items() if submit.number.endswith(end)), Answer())


@dataclass
class Smsc:
    """A running SMPP server on `port`; it takes every bind."""

    port: int
    script: Script = field(default=lambda submit: Answer())
    submits: list[Submit] = field(default_factory=list)
    accepted: list[Submit] = field(default_factory=list)
    acknowledged: int = 0
    repeated: int = 0  # deliveries that were told again because they had not been stored
    _esmes: dict[str, smpp34.Esme] = field(default_factory=dict)
    _held: list[smpp34.SubmitSmEvent] = field(default_factory=list)  # dropping one would answer it
    _seen: Counter[tuple[str, int, bytes]] = field(default_factory=Counter)
    _count: int = 0
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def until(self, holds: Callable[[], bool], seconds: float = 30.0) -> None:
        """Wait until this holds; looked at whenever something came or was acknowledged."""
        async with asyncio.timeout(seconds), self._changed:
            await self._changed.wait_for(holds)

    def texts(self, number: str) -> list[str]:
        """The texts that this phone shows."""
        return self.phones().get(number, [])

    def phones(self) -> dict[str, list[str]]:
        """The texts that each phone shows: parts joined by their reference, incomplete ones left out."""
        shown: defaultdict[str, list[str]] = defaultdict(list)
        begun: defaultdict[tuple[str, int | None], dict[int, str]] = defaultdict(dict)
        for submit in self.accepted:
            if submit.parts == 1:
                shown[submit.number].append(submit.text)
                continue
            parts = begun[submit.number, submit.reference]
            assert submit.part not in parts, "a part came twice, or two texts share a reference"
            parts[submit.part] = submit.text
            if len(parts) == submit.parts:
                shown[submit.number].append("".join(parts[part] for part in sorted(parts)))
                del begun[submit.number, submit.reference]
        return shown

    def refs(self, parts: int = 3) -> tuple[str, ...]:
        """The ids under which the parts of the only text were accepted; empty for one that was not."""
        known = {one.part: one.ref for one in self.accepted}
        return tuple(known.get(part, "") for part in range(1, parts + 1))

    @property
    def bound(self) -> int:
        """How many sessions are bound."""
        return len(self._esmes)

    async def write(
        self, number: str, sender: str, octets: bytes, *, coding: int = 0, esm_class: int = 0,
        tlvs: dict[int, bytes] | None = None,
    ) -> None:  # fmt: skip
        """A person writes; told again until it is acknowledged."""
        await self._deliver(number, sender, octets, coding, esm_class, tlvs or {})

    async def run(self) -> None:
        """Serve until cancelled."""
        server = smpp34.Server("127.0.0.1", self.port, system_id="smsc", inbound_capacity=1_000_000)
        await server.start()
        try:
            while True:
                event = await server.next()
                if isinstance(event, smpp34.Esme):
                    self._esmes[event.session_id] = event
                elif isinstance(event, smpp34.Unbound):
                    self._esmes.pop(event.session_id, None)
                else:
                    self._take(event)
                await self._tell()
        finally:
            for task in self._tasks:
                task.cancel()
            await server.stop()

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    def _spawn(self, work: object) -> None:
        task = asyncio.ensure_future(work)  # type: ignore[arg-type]
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _take(self, event: smpp34.SubmitSmEvent) -> None:
        submit = self._submit(event)
        self.submits.append(submit)
        answer = self.script(submit)
        if answer.silent:
            self._held.append(event)
        elif answer.after:
            self._spawn(self._answer_later(event, submit, answer))
        else:
            self._answer(event, submit, answer)

    async def _answer_later(self, event: smpp34.SubmitSmEvent, submit: Submit, answer: Answer) -> None:
        await asyncio.sleep(answer.after)
        self._answer(event, submit, answer)
        await self._tell()

    def _answer(self, event: smpp34.SubmitSmEvent, submit: Submit, answer: Answer) -> None:
        if answer.code != OK:
            event.reject(answer.code)
            return
        self._count += 1
        ref = f"{self._count:x}"
        self.accepted.append(replace(submit, ref=ref))
        event.accept(ref)
        if answer.receipt and submit.registered_delivery & 1:
            now = datetime.now(UTC).strftime("%y%m%d%H%M%S")
            delivered = "001" if answer.receipt == "DELIVRD" else "000"
            text = (
                f"id:{ref} sub:001 dlvrd:{delivered} submit date:{now} done date:{now} stat:{answer.receipt} err:000 "
            )
            octets = f"{text}text:{submit.text[:20]}".encode("latin-1", "replace")
            self._spawn(self._deliver(submit.number, submit.sender, octets, 0, 0x04, {}))

    def _submit(self, event: smpp34.SubmitSmEvent) -> Submit:
        number = ("+" if event.dest_addr_ton == 1 else "") + event.destination_addr
        sender = ("+" if event.source_addr_ton == 1 else "") + event.source_addr
        tlvs = {tlv.tag: tlv.value for tlv in event.tlvs}
        octets = event.short_message or tlvs.get(smpp34.TLV_MESSAGE_PAYLOAD, b"")
        reference, part, parts = None, 1, 1
        if event.esm_class & 0x40:
            length = octets[0]
            header, octets = octets[1 : length + 1], octets[length + 1 :]
            assert (header[0], header[1]) in ((0, 3), (8, 4))
            reference, (parts, part) = int.from_bytes(header[2:-2], "big"), header[-2:]
        elif smpp34.TLV_SAR_MSG_REF_NUM in tlvs:
            reference = int.from_bytes(tlvs[smpp34.TLV_SAR_MSG_REF_NUM], "big")
            parts = tlvs[smpp34.TLV_SAR_TOTAL_SEGMENTS][0]
            part = tlvs[smpp34.TLV_SAR_SEGMENT_SEQNUM][0]
        self._seen[number, part, octets] += 1
        return Submit(
            number, sender, octets, event.data_coding, reference, part, parts, tlvs, event.registered_delivery,
            asyncio.get_running_loop().time(), self._seen[number, part, octets],
        )  # fmt: skip

    async def _deliver(
        self, source: str, destination: str, octets: bytes, coding: int, esm_class: int, tlvs: dict[int, bytes]
    ) -> None:
        """Tell any session that receives, again and again until one acknowledges."""
        while True:
            esme = next((one for one in self._esmes.values() if one.can_receive), None)
            if esme is not None:
                with suppress(smpp34.SmppError):
                    answer = await asyncio.ensure_future(
                        esme.deliver_sm(
                            destination.removeprefix("+"),
                            octets,
                            source_addr=source.removeprefix("+"),
                            source_addr_ton=1 if source.startswith("+") else 0,
                            dest_addr_ton=1 if destination.startswith("+") else 0,
                            esm_class=esm_class,
                            data_coding=coding,
                            tlvs=[smpp34.Tlv(tag, value) for tag, value in tlvs.items()],
                        )
                    )
                    if answer.is_success:
                        self.acknowledged += 1
                        await self._tell()
                        return
                    self.repeated += 1
            await asyncio.sleep(0.02)


def free_port() -> int:
    """A port that nobody listened on a moment ago."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@asynccontextmanager
async def smsc(script: Script | None = None) -> AsyncIterator[Smsc]:
    """A real SMPP server on a free port."""
    made = Smsc(free_port())
    if script is not None:
        made.script = script
    task = asyncio.create_task(made.run())
    await _listening(made.port, task)
    yield made
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def _listening(port: int, task: asyncio.Task[None]) -> None:
    async with asyncio.timeout(10):
        while True:
            assert not task.done()
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.01)
                continue
            writer.close()
            await writer.wait_closed()
            return


# --- octets for octets -----------------------------------------------------------------------------------------------


class RawSmsc(asyncio.Protocol):
    """One connection of a raw SMSC; `answer` of `raw_smsc` decides what is written back for each PDU."""

    def __init__(self, answer: Callable[[RawSmsc, Pdu], None], connections: list[RawSmsc]) -> None:
        self._answer, self._connections, self._frames = answer, connections, Frames()
        self.transport: asyncio.Transport
        self.got: list[Pdu] = []
        self._came = asyncio.Condition()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self._connections.append(self)

    def data_received(self, data: bytes) -> None:
        for pdu in self._frames.feed(data):
            self.got.append(pdu)
            self._answer(self, pdu)

    def write(self, *octets: bytes) -> None:
        """Send these as they are."""
        self.transport.write(b"".join(octets))

    def submits(self) -> list[ShortMessage]:
        """The submits that came, decoded."""
        return [ShortMessage.decode(pdu.body) for pdu in self.got if pdu.command == Command.SUBMIT_SM]


def usual(connection: RawSmsc, pdu: Pdu) -> None:
    """What an SMSC answers to everything that it likes; submits get their sequence number as id."""
    if pdu.command & RESPONSE:
        return
    body = b"smsc\0" if pdu.command in (1, 2, 9) else b"%d\0" % pdu.sequence if pdu.command == 4 else b""
    connection.write(encode(pdu.command | RESPONSE, pdu.sequence, body))


@asynccontextmanager
async def raw_smsc(
    answer: Callable[[RawSmsc, Pdu], None] = usual,
) -> AsyncIterator[tuple[int, list[RawSmsc]]]:
    """(port, connections in the order in which they came)."""
    connections: list[RawSmsc] = []
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: RawSmsc(answer, connections), "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1], connections
    server.close()
    for connection in connections:
        connection.transport.abort()
    await server.wait_closed()


# --- the wire --------------------------------------------------------------------------------------------------------


@dataclass
class Wire:
    """Between a carrier and an SMSC: listens on `port`, passes on to `target`."""

    target: int
    port: int = 0
    piece: int = 0  # octets of each piece in which it passes things on; 0: as they come
    down: bool = False  # new connections are cut at once
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)

    def cut(self) -> None:
        """Break every connection, without a word."""
        for writer in self._writers:
            writer.transport.abort()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        if self.down:
            writer.transport.abort()
            return
        there, back = await asyncio.open_connection("127.0.0.1", self.target)
        mine = {writer, back}
        self._writers |= mine
        with suppress(ConnectionError, asyncio.CancelledError):
            await asyncio.wait(
                {asyncio.create_task(self._pass(reader, back)), asyncio.create_task(self._pass(there, writer))},
                return_when=asyncio.FIRST_COMPLETED,
            )
        self._writers -= mine
        for one in mine:
            one.transport.abort()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await reader.read(65536):
                step = self.piece or len(data)
                for start in range(0, len(data), step):
                    writer.write(data[start : start + step])
                    await writer.drain()
                    if self.piece:
                        await asyncio.sleep(0)


@asynccontextmanager
async def wire(target: int, *, tls: ssl.SSLContext | None = None, piece: int = 0) -> AsyncIterator[Wire]:
    """A wire to this port; with `tls` it takes encrypted connections and passes them on in the clear."""
    made = Wire(target, piece=piece)
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0, ssl=tls)
    made.port = server.sockets[0].getsockname()[1]
    yield made
    server.close()
    made.cut()
    await server.wait_closed()
