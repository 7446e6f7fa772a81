"""The Twilio carrier against a server over a real socket: what leaves, what each failure means, what is looked up."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from sendout.domain.clock import SystemClock
from sendout.domain.states import State
from sendout.server.carriers.base import CarrierContext, Lost, Outcome, OutcomeKind, Outgoing
from sendout.server.carriers.conformance import RecordingIntake, Reports, outgoing
from sendout.server.carriers.twilio import TwilioCarrier
from tests.conftest import FakeClock
from tests.fake_twilio import ACCOUNT, TOKEN, Answer, FakeTwilio, by_ending, fake_twilio

NUMBER = "+14155550101"
CANARY = "canary text 7d41"


@asynccontextmanager
async def started(url: str, clock: Any = None, **settings: Any) -> AsyncIterator[TwilioCarrier]:
    """A carrier that sends to this server."""
    given = {"account_sid": ACCOUNT, "auth_token": TOKEN, "base_url": url} | settings
    carrier = TwilioCarrier(CarrierContext("twilio", given, clock or SystemClock(), RecordingIntake()))
    await carrier.start()
    yield carrier
    await carrier.stop()


async def outcome(carrier: TwilioCarrier, message: Outgoing | None = None) -> Outcome:
    """What becomes of one message."""
    reports = Reports()
    await carrier.submit([message or outgoing(0, NUMBER)], reports)
    [(_, found)] = reports.outcomes
    return found


async def test_what_leaves() -> None:
    """Number, sender, text, validity and the address with our message id leave; the request names the account."""
    async with fake_twilio() as twilio, started(twilio.url, public_url="https://gw.example.test") as carrier:
        accepted = await outcome(carrier, outgoing(3, NUMBER, text="Grüße & €5 🎉"))
        assert accepted == Outcome(OutcomeKind.ACCEPTED, (twilio.taken[0].sid,))
    assert twilio.requests == [
        {
            "To": NUMBER,
            "From": "+14155550100",
            "Body": "Grüße & €5 🎉",
            "ValidityPeriod": "36000",
            "StatusCallback": "https://gw.example.test/webhooks/twilio/status"
            "?message=0193c3a0-0000-7000-8000-000000000000.3#rc=5&rp=5xx,ct,rt",
        }
    ]


async def test_a_messaging_service_is_named_and_changes_no_text() -> None:
    """With a service its id leaves too, and the text is to stay as it is; without an address none is given."""
    async with fake_twilio() as twilio, started(twilio.url, messaging_service_sid="MG1") as carrier:
        await outcome(carrier)
    [form] = twilio.requests
    assert (form["MessagingServiceSid"], form["SmartEncoded"], form["From"]) == ("MG1", "false", "+14155550100")
    assert "StatusCallback" not in form


@pytest.mark.parametrize(("seconds", "validity"), [(90.9, "90"), (0.2, "1"), (-5, "1"), (86_400, "36000")])
async def test_it_waits_at_the_provider_no_longer_than_here(clock: FakeClock, seconds: float, validity: str) -> None:
    """What is left until the message's own end is its validity there, within what the provider takes."""
    message = replace(outgoing(0, NUMBER), expire_time=clock.us + round(seconds * 1_000_000))
    async with fake_twilio() as twilio, started(twilio.url, clock) as carrier:
        await outcome(carrier, message)
    assert twilio.requests[0]["ValidityPeriod"] == validity


# What the server does, what that means, how it is named in the log, and whether the server has the message.
FAILURES: dict[str, tuple[Answer, OutcomeKind, str, bool]] = {
    "answer lost": (Answer(cut=True), OutcomeKind.UNKNOWN, "ServerDisconnectedError", True),
    "no answer": (Answer(never=True), OutcomeKind.UNKNOWN, "TimeoutError", True),
    "half an answer": (Answer(half=True), OutcomeKind.UNKNOWN, "HTTP 201 unreadable", True),
    "half an error": (Answer(400, half=True, body=b'{"code": 21211}'), OutcomeKind.UNKNOWN, "HTTP 400", True),
    "not JSON": (Answer(body=b"<html>"), OutcomeKind.UNKNOWN, "HTTP 201 unreadable", True),
    "no object": (Answer(body=b"[]"), OutcomeKind.UNKNOWN, "HTTP 201 unreadable", True),
    "endless": (Answer(body=b"[" * 2_000_000), OutcomeKind.UNKNOWN, "HTTP 201 unreadable", True),
    "500": (Answer(500, 20500), OutcomeKind.UNKNOWN, "20500", False),
    "502 of a proxy": (Answer(502, body=b"<html>"), OutcomeKind.UNKNOWN, "HTTP 502", False),
    "503": (Answer(503), OutcomeKind.UNKNOWN, "HTTP 503", False),
    "504": (Answer(504), OutcomeKind.UNKNOWN, "HTTP 504", False),
    "moved": (Answer(307, headers={"Location": "/elsewhere"}), OutcomeKind.UNKNOWN, "HTTP 307", False),
    "number": (Answer(400, 21211), OutcomeKind.NUMBER_REFUSED, "21211", False),
    "opted out": (Answer(400, 21610), OutcomeKind.OPTED_OUT, "21610", False),
    "too fast": (Answer(429, 20429, {"Retry-After": "7"}), OutcomeKind.THROTTLED, "20429", False),
}


@pytest.mark.parametrize("case", FAILURES.values(), ids=FAILURES)
async def test_each_failure_has_its_class(case: tuple[Answer, OutcomeKind, str, bool]) -> None:
    """I2: what the server may have taken is unknown, whatever went wrong with the answer, and is asked for once."""
    answer, kind, code, has_it = case
    async with fake_twilio(lambda form: answer) as twilio:
        async with started(twilio.url, answer_timeout_s=0.4) as carrier:
            found = await outcome(carrier)
        assert (found.kind, found.code) == (kind, code)
        assert found.retry_after == (7.0 if kind is OutcomeKind.THROTTLED else None)
        assert len(twilio.requests) == 1
        assert len(twilio.taken) == has_it


async def test_retry_after_may_be_a_date(clock: FakeClock) -> None:
    """A pause that is given as a date is counted from now, at most an hour; one that is over is none, so ours holds."""
    now = datetime.fromtimestamp(clock.us / 1_000_000, UTC)
    dates = [format_datetime(now + timedelta(seconds=s), usegmt=True) for s in (30, -30, 86_400)]
    pauses = []
    for given in (*dates, "86400", "soon", "-1"):
        answer = Answer(429, 20429, {"Retry-After": given})
        async with fake_twilio(by_ending({"": answer})) as twilio, started(twilio.url, clock) as carrier:
            pauses.append((await outcome(carrier)).retry_after)
    assert pauses == [30.0, None, 3600.0, 3600.0, None, None]


async def test_wrong_credentials_lose_nothing_and_are_loud(caplog: pytest.LogCaptureFixture) -> None:
    """A token that the provider no longer takes makes messages wait, without counting against them, and is an error."""
    async with fake_twilio() as twilio:
        twilio.token = "the-token-to-come"
        async with started(twilio.url) as carrier:
            found = await outcome(carrier, outgoing(0, NUMBER, text=CANARY))
    assert found == Outcome(OutcomeKind.THROTTLED, code="20003", retry_after=60.0)
    [record] = [record for record in caplog.records if record.levelname == "ERROR"]
    assert "20003" in record.getMessage()
    assert not [secret for secret in (TOKEN, NUMBER, CANARY) if secret in caplog.text]


def unused_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


async def test_what_never_had_a_connection_was_not_sent() -> None:
    """I2: a refused connection, an unknown name and failed TLS mean that no byte left, so it is tried again."""
    async with fake_twilio() as twilio:
        urls = [
            f"http://127.0.0.1:{unused_port()}",
            "https://no-such-host.invalid",
            twilio.url.replace("http://", "https://"),
        ]
        for url in urls:
            async with started(url, answer_timeout_s=5.0) as carrier:
                assert (await outcome(carrier)).kind is OutcomeKind.NOT_SENT
        assert twilio.requests == []


async def test_a_server_that_does_not_accept_was_not_reached() -> None:
    """I2: where no connection comes about in time nothing was sent."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port = listener.getsockname()[1]
        full = [socket.socket() for _ in range(4)]
        for one in full:
            one.setblocking(False)
            one.connect_ex(("127.0.0.1", port))
        async with started(f"http://127.0.0.1:{port}", connect_timeout_s=0.2, answer_timeout_s=5.0) as carrier:
            assert (await outcome(carrier)).kind is OutcomeKind.NOT_SENT
        for one in full:
            one.close()


async def test_what_waited_for_a_connection_was_not_sent() -> None:
    """I2: with every connection taken by requests that get no answer, the message that got none was not sent."""
    async with fake_twilio(lambda form: Answer(never=True)) as twilio:
        async with started(twilio.url, window=1, answer_timeout_s=0.4) as carrier:
            reports = Reports()
            await carrier.submit([outgoing(index, f"+1415555010{index}") for index in range(3)], reports)
        assert sorted(kind.value for kind in reports.kinds()) == ["not_sent", "not_sent", "unknown"]
        assert len(twilio.requests) == 1


async def test_no_more_connections_than_the_window() -> None:
    """However many messages come at once, no more than `window` requests are under way."""
    async with fake_twilio() as twilio, started(twilio.url, window=3) as carrier:
        reports = Reports()
        await carrier.submit([outgoing(index, NUMBER) for index in range(60)], reports)
        assert len(reports.refs()) == 60
        assert twilio.most_open <= 3


async def test_a_submit_that_is_given_up_frees_its_connection() -> None:
    """A cancelled call ends its request, and the next one is sent."""
    answers = [Answer(never=True), Answer()]
    async with fake_twilio(lambda form: answers.pop(0)) as twilio, started(twilio.url, window=1) as carrier:
        given_up = asyncio.create_task(carrier.submit([outgoing(0, NUMBER)], Reports()))
        async with asyncio.timeout(10):
            while not twilio.requests:
                await asyncio.sleep(0.005)
        given_up.cancel()
        with pytest.raises(asyncio.CancelledError):
            await given_up
        assert (await outcome(carrier)).kind is OutcomeKind.ACCEPTED


# --- look-up -----------------------------------------------------------------------------------------------------


def lost(index: int, number: str = NUMBER, text: str = "Hello", ago_s: float = 60.0) -> Lost:
    """A message whose answer was lost, of so many seconds ago."""
    now = SystemClock().now_us()
    begun = now - round(ago_s * 1_000_000)
    return Lost(f"n.{index}", number, "+14155550100", text, begun - 5_000_000, begun + 5_000_000)


def on_record(twilio: FakeTwilio, number: str = NUMBER, text: str = "Hello", ago_s: float = 60.0) -> str:
    """Put a message on record, so many seconds ago; answers with its id."""
    form = {"To": number, "From": "+14155550100", "Body": text}
    return twilio.record(form, datetime.now(UTC) - timedelta(seconds=ago_s)).sid


async def test_a_lost_message_is_found() -> None:
    """What a lost answer left behind is found on the list by number, sender, text and time, with its present state."""
    async with fake_twilio(lambda form: Answer(cut=True)) as twilio, started(twilio.url) as carrier:
        assert (await outcome(carrier)).kind is OutcomeKind.UNKNOWN
        twilio.taken[0].status = "delivered"
        on_record(twilio, text="Another text", ago_s=0)
        on_record(twilio, number="+14155550102", ago_s=0)
        [receipt] = await carrier.find([lost(0, ago_s=0)])
        assert (receipt.ref, receipt.message_id, receipt.state) == (twilio.taken[0].sid, "n.0", State.DELIVERED)
        assert twilio.asked == [
            {"To": NUMBER, "DateSent>": datetime.now(UTC).date().isoformat(), "PageSize": "100"},
        ]


async def test_what_is_not_on_the_list_is_not_found() -> None:
    """A message that never arrived, or of which two could be meant, has no receipt."""
    async with fake_twilio() as twilio, started(twilio.url, look_ups_per_second=100) as carrier:
        on_record(twilio, "+14155550102")
        on_record(twilio, "+14155550102")
        assert await carrier.find([lost(0), lost(1, "+14155550102")]) == []


async def test_the_list_is_read_to_its_end() -> None:
    """A message on a later page is found, and one that has a twin there is not."""
    async with fake_twilio() as twilio, started(twilio.url, look_ups_per_second=100) as carrier:
        twilio.page_size = 2
        wanted, _ = on_record(twilio), on_record(twilio, text="twin")
        for index in range(5):
            on_record(twilio, text=f"other {index}")
        on_record(twilio, text="twin")
        found = await carrier.find([lost(0), lost(1, text="twin")])
        assert [(one.message_id, one.ref) for one in found] == [("n.0", wanted)]
        assert len(twilio.asked) == 4


async def test_it_asks_no_faster_than_it_may() -> None:
    """Numbers are asked for one after the other, at the rate of the setting, also by two calls at once."""
    async with fake_twilio() as twilio, started(twilio.url, look_ups_per_second=20) as carrier:
        sids = [on_record(twilio, f"+1415555010{index}") for index in range(4)]
        began = asyncio.get_running_loop().time()
        halves = await asyncio.gather(
            *(carrier.find([lost(index, f"+1415555010{index}") for index in half]) for half in ((0, 1), (2, 3)))
        )
        assert asyncio.get_running_loop().time() - began >= 4 / 20
        assert [one.ref for half in halves for one in half] == sids


async def test_what_cannot_be_asked_is_not_found(caplog: pytest.LogCaptureFixture) -> None:
    """Where the list cannot be had nothing is found, the provider is not pressed, and the log names no number."""
    async with fake_twilio() as twilio, started(twilio.url, look_ups_per_second=100) as carrier:
        on_record(twilio)
        twilio.list_status = 500
        assert await carrier.find([lost(0), lost(1, "+14155550102")]) == []
        assert len(twilio.asked) == 1
    assert "500" in caplog.text
    assert "4155550" not in caplog.text


async def test_looking_up_can_be_off() -> None:
    """With a rate of 0, or before the start, nothing is asked."""
    async with fake_twilio() as twilio:
        async with started(twilio.url, look_ups_per_second=0) as carrier:
            assert await carrier.find([lost(0)]) == []
        assert await carrier.find([lost(0)]) == []
        assert twilio.asked == []
