"""The SMPP carrier passes what every carrier must pass, in each form of parts, against a server that is not ours."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from sendout.domain.clock import SystemClock
from sendout.server.carriers.base import CarrierContext
from sendout.server.carriers.conformance import Bench, CarrierConformance, RecordingIntake
from sendout.server.carriers.smpp import SmppCarrier
from tests.smsc import BAD_NUMBER, Answer, by_ending, smsc


class TestSmpp(CarrierConformance):
    """Two binds; the server tells what was not stored again by itself."""

    @pytest.fixture(params=["udh8", "udh16", "sar", "payload"])
    async def bench(self, request: pytest.FixtureRequest) -> AsyncIterator[Bench]:
        async with smsc(by_ending({"160": Answer(BAD_NUMBER)})) as server:
            settings = {
                "host": "127.0.0.1",
                "port": server.port,
                "system_id": "me",
                "password": "secret",
                "binds": 2,
                "long_messages": request.param,
            }
            intake = RecordingIntake()
            carrier = SmppCarrier(CarrierContext("smpp", settings, SystemClock(), intake))

            async def ready() -> None:
                async with asyncio.timeout(10):
                    while carrier.bound < 2:
                        await asyncio.sleep(0.005)

            good = [f"+14155550{index}" for index in range(101, 121)]
            yield Bench(carrier, settings, intake, good, "+14155550160", ready)
            await carrier.stop()
