"""The whole pipeline with the SMPP carrier: accepted here, on the phones there, confirmed by receipts."""

from __future__ import annotations

from sendout.server.carriers.smpp import SmppCarrier
from sendout.storage.engine import Database
from tests.integration.pipeline import pipeline, plain_numbers
from tests.smsc import Answer, Submit, smsc

TEXTS = ("Hello", "Long words. " * 30, "Да " * 60)


async def test_every_phone_shows_every_text_once(database: Database, valkey_url: str) -> None:
    """Short and long texts of both alphabets, through a small window, some throttled at first: each exactly once."""

    def answer(submit: Submit) -> Answer:
        return Answer(0x58) if submit.number.endswith("7") and submit.part == 1 and submit.attempt == 1 else Answer()

    numbers = plain_numbers(60)
    async with smsc(answer) as server, pipeline(database, valkey_url) as pipe:
        pipe.carrier = SmppCarrier
        pipe.simulator = {"host": "127.0.0.1", "port": server.port, "system_id": "me", "window": 5}
        async with pipe.dispatcher():
            accepted = [await pipe.send(numbers, text=text) for text in TEXTS]
            for one in accepted:
                await pipe.until(one.notification["id"], {"DELIVERED": len(numbers)}, 60)
            await server.until(lambda: server.acknowledged == len(server.accepted))
        assert all(sorted(server.texts(number)) == sorted(TEXTS) for number in numbers)
        assert len(server.accepted) == len(numbers) * (1 + 3 + 3)
