"""The Twilio carrier passes what every carrier must pass, against a server over a real socket."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from sendout.domain.clock import SystemClock
from sendout.server.carriers.base import CarrierContext, TakesWebhooks
from sendout.server.carriers.conformance import Bench, CarrierConformance, RecordingIntake
from sendout.server.carriers.twilio import TwilioCarrier
from tests.fake_twilio import ACCOUNT, TOKEN, Answer, by_ending, fake_twilio, webhook_site


class TestTwilio(CarrierConformance):
    """What was not stored is told again, as the address of the callbacks asks for."""

    @pytest.fixture
    async def bench(self) -> AsyncIterator[Bench]:
        takers: dict[str, TakesWebhooks] = {}
        script = by_ending({"160": Answer(400, 21211)})
        async with fake_twilio(script) as twilio, webhook_site(takers) as public_url:
            settings = {
                "account_sid": ACCOUNT,
                "auth_token": TOKEN,
                "base_url": twilio.url,
                "public_url": public_url,
                "window": 8,
            }
            intake = RecordingIntake()
            carrier = takers["twilio"] = TwilioCarrier(CarrierContext("twilio", settings, SystemClock(), intake))
            good = [f"+14155550{index}" for index in range(101, 121)]
            yield Bench(carrier, settings, intake, good, "+14155550160", stamped=False)
            await carrier.stop()
