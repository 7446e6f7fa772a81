"""Sendout over SMPP to an SMSC that is not ours: every phone shows what was sent to it, once, whatever goes wrong.

The SMSC is the server of the `smpp34` distribution behind a wire that a test cuts. `SENDOUT_TEST_SMPP_MESSAGES` says
how many messages there are.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import random
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, true

from sendout.domain.states import State
from sendout.domain.text import Encoding, gsm_encode, segment
from sendout.storage.engine import Database
from sendout.storage.handsets import Submit
from sendout.storage.tables import inbound, receipt
from tests.conftest import Valkey
from tests.faults.checker import Verdict, fullest_second, per_second
from tests.faults.fleet import WRITES, Zygote
from tests.faults.site import NUMBERS, Clients, Site, site
from tests.smsc import OK, THROTTLED, Answer, Smsc, smsc, wire
from tests.smsc import Submit as Part

MESSAGES = int(os.environ.get("SENDOUT_TEST_SMPP_MESSAGES", "2000"))
RATE = 500
DISPATCHERS = 2
ANSWER_S = 0.05
"""How long the SMSC takes to answer, so that there is something under way when the session is dropped."""
THROTTLED_S = 5.0
REPLIES = MESSAGES // 20
SENDER = "+14155550001"

GSM, EXTENDED = "abcdefghij ABCDEFGHIJ 0123456789 @£$ÄÖÅäöåØøÆæßΔΩΨ?!", "€[]{}~^|\\"
CYRILLIC, EMOJI = "абвгдежзик лмнопрсту АБВГД ", "🚗🔧😀👍🇬🇧"
SHAPES = [
    *[(Encoding.GSM_7, 1)] * 8,
    *[(Encoding.UCS_2, 1)] * 4,
    *[(encoding, parts) for encoding in Encoding for parts in (2, 3, 4)],
    *[(Encoding.GSM_7, 2), (Encoding.UCS_2, 2)],
]
"""Alphabet and segments of the text of each notification."""


@pytest.fixture(autouse=True)
def _seed() -> None:
    seed = int(os.environ.get("SENDOUT_TEST_SEED", random.randrange(10**6)))
    print(f"\nseed {seed}")
    random.seed(seed)


def text_of(encoding: Encoding, parts: int) -> str:
    """A random text of this alphabet and so many segments, the last more or less full, with characters of two units
    anywhere in it."""
    usual, double = (GSM, EXTENDED) if encoding is Encoding.GSM_7 else (CYRILLIC, EMOJI)
    text, more = usual[0], random.randrange(160)
    while more >= 0 and len(segment((longer := text + _any_of(usual, double)) + ".").parts) <= parts:
        text = longer
        more -= len(segment(text + ".").parts) == parts
    return text + "."


def _any_of(usual: str, double: str) -> str:
    return random.choice(double if random.random() < 0.2 else usual)


@dataclass
class People:
    """Those who answer what they got; `wrote` are their texts by number, in so many `parts`, `early` of which were
    acknowledged before they were stored."""

    smsc: Smsc
    database: Database
    wrote: dict[str, str] = field(default_factory=dict)
    parts: int = 0
    early: int = 0

    async def answer(self, count: int) -> None:
        """So many people, one after the other."""
        while len(self.wrote) < count:
            number = random.choice(self.smsc.accepted).number
            if number not in self.wrote:
                encoding, parts = random.choice(SHAPES)
                await self._write(number, encoding, text_of(encoding, min(parts, 2)))

    async def _write(self, number: str, encoding: Encoding, text: str) -> None:
        self.wrote[number] = text
        pieces = segment(text).parts
        for part, piece in enumerate(pieces, 1):
            gsm = encoding is Encoding.GSM_7
            header = bytes((5, 0, 3, len(self.wrote) & 0xFF, len(pieces), part)) if len(pieces) > 1 else b""
            octets = header + (gsm_encode(piece) if gsm else piece.encode("utf-16-be"))
            coding, esm_class = 0 if gsm else 8, 0x40 if header else 0
            await self.smsc.write(number, SENDER, octets, coding=coding, esm_class=esm_class)
            self.parts += 1
            self.early += piece not in [row.text for row in await self.stored(number)]

    async def stored(self, number: str | None = None) -> Sequence[Any]:
        """Every part that we keep, of one number or of all."""
        wanted = select(inbound).where(inbound.c.number == number if number else true())
        async with self.database.read() as connection:
            return (await connection.execute(wanted)).all()


@pytest.mark.timeout(400)
async def test_every_phone_shows_every_text_once(
    zygote: Zygote, postgres_url: str, own_valkey: Valkey, tmp_path: Path
) -> None:
    """I1, I2, I6, I10: texts of one to four segments in both alphabets to an SMSC that drops the session and is too
    busy for five seconds. Every phone shows what was sent to it once, a receipt settles what the dropped session left
    open, no second holds more segments than the rate, and replies are kept before they are acknowledged."""
    busy = False

    def answer(_: Part) -> Answer:
        return Answer(THROTTLED if busy else OK, after=ANSWER_S)

    account = {"type": "smpp", "host": "127.0.0.1", "system_id": "me", "window": 100, "reconnect_max_s": 1.0}
    async with (
        smsc(answer) as far,
        wire(far.port) as line,
        site(zygote, postgres_url, own_valkey.url, RATE, **account, port=line.port) as here,
    ):
        here.fleet.set(WRITES, str(tmp_path))
        _, address = await here.fleet.server()
        await here.fleet.dispatchers(DISPATCHERS)
        async with Clients(here, [address]) as clients:
            sent, parts = await _send_all(clients)
        people = People(far, here.database)
        await far.until(lambda: len(far.accepted) > 50)
        async with asyncio.TaskGroup() as together:
            together.create_task(people.answer(REPLIES))
            # Some answers are under way: nobody will hear them.
            await far.until(lambda: len(far.accepted) >= parts * 0.3 and len(far.submits) > len(far.accepted) + 5, 60)
            line.cut()
            await far.until(lambda: len(far.accepted) >= parts * 0.6, 60)
            busy = True
            await asyncio.sleep(THROTTLED_S)
            busy = False
        await here.until_settled(120)
        await far.until(lambda: far.acknowledged == len(far.accepted) + people.parts)
        reached, strange = _reached(far, sent)
        missing = len(sent) - len({one.message_id for one in reached})
        await _until_adopted(here, missing)
        verdict = await here.verdict(reached)
        differences = await here.count_differences()
        stored = await people.stored()
        told = await _receipts(here)
    writes = _writes(tmp_path)
    _report(far, verdict, writes, missing)
    replies = _replies(stored)
    print(
        f"replies {REPLIES}, in conversations {replies.total()} (told twice {replies.total() - len(replies)}), "
        f"parts acknowledged before they were stored {people.early}"
    )
    assert not verdict.wrong, verdict
    assert not strange
    assert verdict.reached > 0
    assert told == (len(far.accepted), 0)
    assert max(Counter((one.number, one.part, one.octets) for one in far.accepted).values()) == 1
    assert verdict.unconfirmed - verdict.reached == missing == verdict.states["UNCONFIRMED/NO_ANSWER"]
    assert differences == 0
    assert fullest_second(writes) <= RATE
    assert people.early == 0
    assert replies.keys() == people.wrote.items()
    # One may be kept twice: if the session was dropped between its commit and its answer.
    assert replies.total() <= REPLIES + 1
    assert any(one.attempt > 1 for one in far.accepted)


async def _send_all(clients: Clients) -> tuple[dict[tuple[str, str], str], int]:
    """Two texts to each of many phones, far apart in time. Answers the message of each (number, text), and segments."""
    sent: dict[tuple[str, str], str] = {}
    total, size = 0, MESSAGES // len(SHAPES)
    for place, (encoding, parts) in enumerate(random.sample(SHAPES, len(SHAPES))):
        text = text_of(encoding, parts)
        cut = segment(text)
        assert (cut.encoding, len(cut.parts)) == (encoding, parts)
        start = place % (len(SHAPES) // 2) * size
        numbers = NUMBERS[start : start + size]
        identifier = await clients.send(numbers, text)
        sent |= {(number, text): f"{identifier}.{index}" for index, number in enumerate(numbers)}
        total += parts * size
    return sent, total


def _reached(far: Smsc, sent: Mapping[tuple[str, str], str]) -> tuple[list[Submit], list[str]]:
    """What the phones show as submits of our messages, and what they show that nobody sent."""
    reached, strange = [], []
    for number, texts in far.phones().items():
        for text in texts:
            if identifier := sent.get((number, text)):
                reached.append(Submit(identifier, 1, number, 1, 0, False, ""))
            else:
                strange.append(text)
    return reached, strange


async def _receipts(here: Site) -> tuple[int, int]:
    """How many receipts are stored, and how many of them still look for their message."""
    async with here.database.read() as connection:
        found = (await connection.execute(select(receipt.c.parked))).scalars().all()
    return len(found), sum(found)


async def _until_adopted(here: Site, missing: int) -> None:
    """Wait until only those are UNCONFIRMED that never reached their phones."""
    async with asyncio.timeout(20):
        while (await here.states())[State.UNCONFIRMED] > missing:
            await asyncio.sleep(0.1)


def _writes(folder: Path) -> list[Submit]:
    """When how many segments were written, by the notes of the dispatchers."""
    lines = itertools.chain.from_iterable(path.read_text().splitlines() for path in folder.glob("*.writes"))
    notes = [tuple(map(int, line.split())) for line in lines]
    return [Submit("", 1, "", segments, time, False, "") for time, segments in notes]


def _report(far: Smsc, verdict: Verdict, writes: Sequence[Submit], missing: int) -> None:
    arrived = [Submit("", 1, "", 1, round(one.time * 1e9), False, "") for one in far.submits]
    times = sorted(one.submit_ns for one in writes)
    each = sorted(one.submit_ns for one in writes for _ in range(one.segments))
    late = max(there.submit_ns - here for here, there in zip(each, arrived, strict=False)) / 1e6
    print(
        f"\n{verdict}; UNCONFIRMED by the dropped session {verdict.unconfirmed}, never on a phone {missing}\n"
        f"submits {len(far.submits)}, accepted {len(far.accepted)}, too fast {len(far.submits) - len(far.accepted)}, "
        f"receipts and replies told again {far.repeated}; {per_second(writes, times[0], times[-1]):.0f}/s over "
        f"{(times[-1] - times[0]) / 1e9:.1f} s, fullest second {fullest_second(writes)} of {RATE} as written, "
        f"{fullest_second(arrived)} as the SMSC read them, up to {late:.0f} ms later"
    )


def _replies(stored: Sequence[Any]) -> Counter[tuple[str, str]]:
    """(number, text) of each reply that became an entry of a conversation."""
    parts: defaultdict[tuple[str, str], dict[int, str]] = defaultdict(dict)
    for row in stored:
        if row.handled:
            parts[row.number, row.reply_id][row.part] = row.text
    entries = {row.id for row in stored if row.conversation_id is not None}
    return Counter(
        (number, "".join(texts[part] for part in sorted(texts)))
        for (number, reply), texts in parts.items()
        if reply in entries
    )
