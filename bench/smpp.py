"""Submits per second and CPU per submit of the SMPP carrier, beside a bare asyncio loop that writes prepared PDUs.

    .venv/bin/python bench/smpp.py [--repetitions 5] [--messages 20000]

All talk to the same SMSC process, which answers at once, over loopback, with a window of 1, 10 and 100 submits. The
bare loop does nothing but write PDUs made before, one for each answer that it counts; "joined" writes those of one read
at once, which is what the wire can take and no more. The carrier gets messages as the dispatcher hands them over, as
many as were reported since, makes the PDUs, matches every answer and reports it; with "own texts" no two texts are
equal. The target is a fifth of the bare loop's rate.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import struct
import subprocess
import sys
import time
from collections.abc import Sequence

from common import cpu_seconds, numbers, show

from sendout.domain.clock import SystemClock
from sendout.domain.text import Encoding
from sendout.server.carriers.base import CarrierContext, Outcome, OutcomeKind, Outgoing
from sendout.server.carriers.smpp import SmppCarrier
from sendout.server.carriers.smpp.settings import LongMessages
from sendout.server.carriers.smpp.texts import References, parts_of

WINDOWS = (1, 10, 100)
HEADER = struct.Struct(">IIII")
SUBMIT, ANSWER = 0x00000004, 0x80000000


class BareSmsc(asyncio.Protocol):
    """Answers everything at once, with a counted id; all answers to one read go in one write."""

    count = 0

    def connection_made(self, transport) -> None:
        self.transport, self.rest = transport, b""

    def data_received(self, data: bytes) -> None:
        data = self.rest + data
        place, answers = 0, []
        while len(data) - place >= 16:
            length, command, _, sequence = HEADER.unpack_from(data, place)
            if len(data) - place < length:
                break
            place += length
            if command & ANSWER:
                continue
            BareSmsc.count += command == SUBMIT
            body = b"%d\0" % BareSmsc.count if command in (1, 2, 4, 9) else b""
            answers.append(HEADER.pack(16 + len(body), command | ANSWER, 0, sequence) + body)
        self.rest = data[place:]
        if answers:
            self.transport.write(b"".join(answers))


async def serve() -> None:
    server = await asyncio.get_running_loop().create_server(BareSmsc, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


class BareClient(asyncio.Protocol):
    """Keeps `window` prepared PDUs without an answer, and counts answers."""

    def __init__(self, pdus: Sequence[bytes], window: int, joined: bool) -> None:
        self.pdus, self.sent, self.window, self.joined = pdus, 0, window, joined
        self.answered, self.rest = 0, b""
        self.done = asyncio.get_running_loop().create_future()

    def connection_made(self, transport) -> None:
        self.transport = transport
        self.write(self.window)

    def write(self, count: int) -> None:
        chunk = self.pdus[self.sent : self.sent + count]
        self.sent += len(chunk)
        for octets in [b"".join(chunk)] if self.joined and chunk else chunk:
            self.transport.write(octets)

    def data_received(self, data: bytes) -> None:
        data = self.rest + data
        place = count = 0
        while len(data) - place >= 16:
            length = int.from_bytes(data[place : place + 4], "big")
            if len(data) - place < length:
                break
            place += length
            count += 1
        self.rest = data[place:]
        self.answered += count
        if self.answered == len(self.pdus):
            self.done.set_result(None)
        self.write(count)


def prepared(messages: Sequence[Outgoing]) -> list[bytes]:
    """The PDUs of these messages."""
    references, made = References(0, 8), []
    for message in messages:
        [part] = parts_of(message, LongMessages.UDH_8, 8, references, 0)
        body = part.encode()
        made.append(HEADER.pack(16 + len(body), SUBMIT, 0, len(made) + 1) + body)
    return made


async def bare(port: int, pdus: Sequence[bytes], window: int, joined: bool) -> tuple[float, float]:
    """(submits per second, CPU microseconds each)."""
    started, cpu = time.perf_counter(), time.process_time()
    transport, client = await asyncio.get_running_loop().create_connection(
        lambda: BareClient(pdus, window, joined), "127.0.0.1", port
    )
    await client.done
    transport.close()
    return figures(len(pdus), started, cpu)


async def carried(port: int, messages: Sequence[Outgoing], window: int) -> tuple[float, float]:
    """The same through the carrier, fed as the dispatcher does."""
    settings = {"host": "127.0.0.1", "port": port, "system_id": "bench", "window": window}
    carrier = SmppCarrier(CarrierContext("smpp", settings, SystemClock(), None))
    await carrier.start()
    while not carrier.bound:
        await asyncio.sleep(0.001)
    room, reported, some = window, 0, asyncio.Event()

    def report(message: Outgoing, outcome: Outcome) -> None:
        nonlocal room, reported
        assert outcome.kind is OutcomeKind.ACCEPTED
        assert outcome.refs
        room, reported = room + 1, reported + 1
        some.set()

    started, cpu = time.perf_counter(), time.process_time()
    place, tasks = 0, set()
    while place < len(messages):
        batch = messages[place : place + room]
        place, room = place + len(batch), room - len(batch)
        task = asyncio.create_task(carrier.submit(batch, report))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        some.clear()
        await some.wait()
    await asyncio.gather(*tasks)
    found = figures(reported, started, cpu)
    await carrier.stop()
    return found


def figures(count: int, started: float, cpu: float) -> tuple[float, float]:
    return count / (time.perf_counter() - started), (time.process_time() - cpu) / count * 1e6


def messages(count: int, own: bool) -> list[Outgoing]:
    """Short messages to different numbers, with one text or each with its own."""
    text = "Our garage had a power outage today and some trucks may be delayed."
    return [
        Outgoing(
            f"0193c3a0-0000-7000-8000-000000000000.{index}", 1, number, "+14155550100",
            f"{text} {index}" if own else text, Encoding.GSM_7, 1, 4_000_000_000_000_000,
        )
        for index, number in enumerate(numbers(count))
    ]  # fmt: skip


async def main(repetitions: int, most: int) -> None:
    smsc = subprocess.Popen([sys.executable, __file__, "--smsc"], stdout=subprocess.PIPE, text=True)
    try:
        port = int(smsc.stdout.readline())
        for window in WINDOWS:
            count = most if window > 1 else most // 5
            same, own = messages(count, own=False), messages(count, own=True)
            pdus = prepared(same)
            await carried(port, same, window)  # warm
            names = ("bare loop", "bare loop, joined", "carrier", "carrier, own texts")
            runs: dict[str, list[tuple[float, float]]] = {name: [] for name in names}
            served = cpu_seconds(smsc.pid)
            for _ in range(repetitions):
                runs["bare loop"].append(await bare(port, pdus, window, joined=False))
                runs["bare loop, joined"].append(await bare(port, pdus, window, joined=True))
                runs["carrier"].append(await carried(port, same, window))
                runs["carrier, own texts"].append(await carried(port, own, window))
            for name, found in runs.items():
                show(f"window {window}: {name}", [rate for rate, _ in found], "submits/s")
                show(f"window {window}: {name}, CPU each", [cpu for _, cpu in found], "µs")
            for name in names[2:]:
                for other in names[:2]:
                    percent = [100 * ours[0] / theirs[0] for ours, theirs in zip(runs[name], runs[other], strict=True)]
                    show(f"window {window}: {name} / {other}", percent, "%")
            each = (cpu_seconds(smsc.pid) - served) / (len(names) * repetitions * count) * 1e6
            print(f"window {window}: the SMSC itself took {each:.1f} µs of CPU each")
    finally:
        smsc.kill()
        smsc.wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--messages", type=int, default=20_000)
    parser.add_argument("--smsc", action="store_true", help="be the SMSC (used by the benchmark itself)")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.ERROR)
    asyncio.run(serve() if arguments.smsc else main(arguments.repetitions, arguments.messages))
