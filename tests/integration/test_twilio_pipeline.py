"""A notification through the whole pipeline and a Twilio over real sockets: answers that are lost, and what settles."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from sendout.server.carriers.base import CarrierContext
from sendout.server.carriers.twilio import TwilioCarrier
from sendout.storage.engine import Database
from tests.fake_twilio import ACCOUNT, TOKEN, Answer, FakeTwilio, Script, by_ending, fake_twilio, webhook_site
from tests.integration.pipeline import Pipeline, pipeline

CUT, HALF, PLAIN = "+14155550101", "+14155550102", "+14155550103"


@asynccontextmanager
async def site(database: Database, valkey_url: str, script: Script) -> AsyncIterator[tuple[Pipeline, FakeTwilio]]:
    """A running dispatcher whose carrier sends to the server beside it, which calls back."""
    carriers: dict[str, TwilioCarrier] = {}

    def made(context: CarrierContext) -> TwilioCarrier:
        return carriers.setdefault(context.name, TwilioCarrier(context))

    async with (
        fake_twilio(script) as twilio,
        webhook_site(carriers) as public_url,
        pipeline(database, valkey_url) as pipe,
    ):
        pipe.carrier = made
        pipe.simulator = {
            "account_sid": ACCOUNT,
            "auth_token": TOKEN,
            "base_url": twilio.url,
            "public_url": public_url,
        }
        async with pipe.dispatcher():
            yield pipe, twilio


async def test_callbacks_settle_what_lost_its_answer(database: Database, valkey_url: str) -> None:
    """I2: messages whose answers were lost are UNCONFIRMED, are not sent again, and end as Twilio's callbacks say."""
    script = by_ending({"101": Answer(cut=True, receipts=()), "102": Answer(half=True, receipts=())})
    async with site(database, valkey_url, script) as (pipe, twilio):
        sent = (await pipe.send([CUT, HALF, PLAIN])).notification["id"]
        await pipe.until(sent, {"UNCONFIRMED": 2, "DELIVERED": 1})
        told = {CUT: ("delivered", None), HALF: ("undelivered", 30003)}
        for one in [one for one in twilio.taken if one.form["To"] in told]:
            await twilio.tell(one, *told[one.form["To"]])
        await pipe.until(sent, {"DELIVERED": 2, "UNDELIVERED": 1})
        assert (await pipe.tally("default"))["sent"] == 3
    assert sorted(form["To"] for form in twilio.requests) == [CUT, HALF, PLAIN]


async def test_the_list_settles_what_lost_its_answer(
    database: Database, valkey_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a callback, what Twilio lists under the number with this text is the message; it is not sent again."""
    monkeypatch.setattr("sendout.server.dispatch.looking_up._AGES_S", (0.0,))
    monkeypatch.setattr("sendout.server.dispatch.dispatcher.LOOK_UP_PERIOD_S", 0.1)
    script = by_ending({"101": Answer(cut=True, status="delivered", receipts=())})
    async with site(database, valkey_url, script) as (pipe, twilio):
        sent = (await pipe.send([CUT])).notification["id"]
        await pipe.until(sent, {"DELIVERED": 1})
    assert (len(twilio.requests), [query["To"] for query in twilio.asked]) == (1, [CUT])
