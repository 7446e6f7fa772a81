"""The provider's calls: believed by their signature alone, answered after what they tell is stored."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import pytest

from sendout.domain import limits
from sendout.domain.clock import SystemClock
from sendout.domain.signatures import twilio_signature
from sendout.domain.states import ReasonCode, State
from sendout.server.carriers.base import CarrierContext, Receipt, Reply, WebhookResponse
from sendout.server.carriers.conformance import RecordingIntake
from sendout.server.carriers.twilio import TwilioCarrier
from sendout.server.commands.webhooks import HandleWebhook

TOKEN, OTHER = "test-token-not-a-secret", "the-token-to-come"
PUBLIC = "https://gw.example.test"
ID = "0193c3a0-0000-7000-8000-000000000000.7"
DELIVERED = {
    "MessageSid": "SM00000000000000000000000000000001",
    "MessageStatus": "delivered",
    "To": "+14155550123",
    "From": "+14155550100",
    "ErrorCode": "",
}
REPLY = {
    "MessageSid": "SM00000000000000000000000000000002",
    "From": "+14155550123",
    "To": "+14155550100",
    "Body": "Hällo & good bye",
    "NumMedia": "0",
    "OptOutType": "",
}


class Site:
    """A carrier that was never started, behind the command that the gateway's calls come to."""

    def __init__(self, **settings: Any) -> None:
        self.intake = RecordingIntake()
        given = {"account_sid": "AC1", "auth_token": TOKEN, "public_url": PUBLIC} | settings
        carrier = TwilioCarrier(CarrierContext("twilio", given, SystemClock(), self.intake))
        self.handle = HandleWebhook({"twilio": carrier})

    async def call(
        self,
        fields: Mapping[str, str],
        *,
        kind: str = "status",
        query: str = f"message={ID}",
        token: str = TOKEN,
        url: str | None = None,
        signed: Mapping[str, str] | None = None,
        signature: str | None = None,
        carrier: str = "twilio",
        headers: Mapping[str, str] | None = None,
    ) -> WebhookResponse:
        """A call, signed for its own address and fields where nothing else is said."""
        if url is None:
            url = f"{PUBLIC}/webhooks/{carrier}/{kind}" + (f"?{query}" if query else "")
        if signature is None:
            signature = twilio_signature(token, url, (fields if signed is None else signed).items())
        sent = {"host": "evil.example", "x-twilio-signature": signature, **(headers or {})}
        return await self.handle(carrier, kind, query, sent, urlencode(fields).encode())

    @property
    def stored(self) -> list[Receipt | Reply]:
        """Everything that was handed in."""
        return [*self.intake.received, *self.intake.replied]


@pytest.fixture
async def site() -> Site:
    return Site()


async def test_a_status_becomes_a_receipt(site: Site) -> None:
    """A signed status is stored with our message id and without number and text beside it, and answered 204."""
    assert await site.call(DELIVERED) == WebhookResponse(204)
    assert site.stored == [
        Receipt(
            "SM00000000000000000000000000000001",
            State.DELIVERED,
            code="delivered",
            message_id=ID,
            number="+14155550123",
            raw={"MessageStatus": "delivered"},
        )
    ]


async def test_a_status_brings_its_error(site: Site) -> None:
    """The error's number is the receipt's code and gives its reason; the carrier's own time is only kept raw."""
    told = DELIVERED | {"MessageStatus": "failed", "ErrorCode": "21610", "RawDlrDoneDate": "2601011200"}
    await site.call(told)
    [receipt] = site.intake.received
    assert (receipt.state, receipt.reason, receipt.code) == (State.REJECTED, ReasonCode.OPTED_OUT, "21610")
    assert receipt.carrier_time is None
    assert receipt.raw == {"MessageStatus": "failed", "ErrorCode": "21610", "RawDlrDoneDate": "2601011200"}


async def test_a_reply_is_stored_and_answered_with_nothing_to_say(site: Site) -> None:
    """What a person writes is stored as it was written; the answer is TwiML without a message."""
    answer = await site.call(REPLY, kind="inbound", query="")
    assert (answer.status, answer.content_type) == (200, "text/xml")
    assert answer.body == b'<?xml version="1.0" encoding="UTF-8"?><Response/>'
    assert site.stored == [
        Reply("SM00000000000000000000000000000002", "+14155550123", "+14155550100", "Hällo & good bye")
    ]


async def test_a_reply_may_be_empty_and_never_holds_nul(site: Site) -> None:
    """A picture without words is an empty text; the one character that no database keeps is left out."""
    await site.call(REPLY | {"Body": ""}, kind="inbound", query="")
    await site.call(REPLY | {"Body": "a\0b"}, kind="inbound", query="")
    assert [reply.text for reply in site.intake.replied] == ["", "ab"]


async def test_the_vector_of_the_signature() -> None:
    """A signature that was computed elsewhere (sms-domain.md 12) is believed at its own address and nowhere else."""
    told = {
        "MessageSid": "SM00000000000000000000000000000001",
        "MessageStatus": "delivered",
        "To": "+14155550123",
        "ErrorCode": "",
    }
    assert (
        twilio_signature(TOKEN, "https://gw.example.test/dlr/twilio?tenant=7", told.items())
        == "RATh7jXHooieYrwS7xaLqRGM0P8="
    )
    elsewhere = await Site().call(told, query="tenant=7", signature="RATh7jXHooieYrwS7xaLqRGM0P8=")
    assert elsewhere.status == 403


# What is signed, and what comes instead.
FORGED: dict[str, dict[str, Any]] = {
    "no signature": {"signature": ""},
    "another token": {"token": OTHER},
    "garbage": {"signature": "x" * 10_000},
    "not ASCII": {"signature": "ü\ud800"},
    "a field changed": {"signed": DELIVERED | {"MessageStatus": "failed"}},
    "a field added": {"signed": {name: value for name, value in DELIVERED.items() if name != "ErrorCode"}},
    "a field missing": {"signed": DELIVERED | {"Extra": "1"}},
    "another message": {"url": f"{PUBLIC}/webhooks/twilio/status?message=other"},
    "no query": {"url": f"{PUBLIC}/webhooks/twilio/status"},
    "another webhook": {"url": f"{PUBLIC}/webhooks/twilio/inbound?message={ID}"},
    "another carrier": {"url": f"{PUBLIC}/webhooks/twilio-2/status?message={ID}"},
    "the host it came to": {"url": f"https://evil.example/webhooks/twilio/status?message={ID}"},
    "http instead of https": {"url": f"http://gw.example.test/webhooks/twilio/status?message={ID}"},
    "another port": {"url": f"https://gw.example.test:444/webhooks/twilio/status?message={ID}"},
    "a host that it says it has": {
        "url": f"https://evil.example/webhooks/twilio/status?message={ID}",
        "headers": {"x-forwarded-host": "evil.example", "x-forwarded-proto": "https", "forwarded": "host=evil.example"},
    },
}


@pytest.mark.security("webhooks in", "no/wrong signature")
@pytest.mark.security("webhooks in", "altered body or URL")
@pytest.mark.parametrize("forged", FORGED.values(), ids=FORGED)
async def test_what_is_not_signed_as_it_came_is_refused(site: Site, forged: dict[str, Any]) -> None:
    """A call whose signature is missing, or of another token, address or content, is answered 403 and not stored."""
    assert await site.call(DELIVERED, **forged) == WebhookResponse(403)
    assert site.stored == []


async def test_the_usual_port_may_be_signed_or_not(site: Site) -> None:
    """The provider signs the usual port or leaves it out; both are the same address."""
    url = f"https://gw.example.test:443/webhooks/twilio/status?message={ID}"
    assert (await site.call(DELIVERED, url=url)).status == 204


async def test_both_tokens_hold_while_they_are_changed() -> None:
    """Rotation: with a second token in the settings either signature is believed; when it is gone, only ours."""
    both, after = Site(second_auth_token=OTHER), Site(auth_token=OTHER)
    assert [(await both.call(DELIVERED, token=token)).status for token in (TOKEN, OTHER, "third")] == [204, 204, 403]
    assert [(await after.call(DELIVERED, token=token)).status for token in (TOKEN, OTHER)] == [403, 204]


@pytest.mark.security("webhooks in", "replay")
async def test_a_repeated_call_is_the_same_receipt(site: Site) -> None:
    """Replay: a call that comes again makes an equal receipt and an equal reply, which the intake keeps once."""
    for _ in range(2):
        await site.call(DELIVERED)
        await site.call(REPLY, kind="inbound", query="")
    first, again = site.intake.received
    assert first == again
    assert site.intake.replied[0].carrier_id == site.intake.replied[1].carrier_id


async def test_what_could_not_be_stored_is_to_be_told_again(site: Site) -> None:
    """A call is answered 503 where the intake fails, and its repetition is stored."""
    site.intake.fail_next = 1
    assert await site.call(DELIVERED) == WebhookResponse(503)
    assert site.stored == []
    assert await site.call(DELIVERED) == WebhookResponse(204)
    assert len(site.stored) == 1


@pytest.mark.parametrize(
    ("where", "status"),
    [
        ({"carrier": "nobody"}, 404),
        ({"kind": "voice"}, 404),
        ({"kind": ""}, 404),
    ],
    ids=repr,
)
async def test_nobody_lives_elsewhere(site: Site, where: dict[str, str], status: int) -> None:
    """A carrier that is not there, or has no such webhook, is answered 404."""
    assert await site.call(DELIVERED, **where) == WebhookResponse(status)
    assert site.stored == []


async def test_without_an_address_there_is_no_webhook() -> None:
    """A carrier without `public_url` believes nothing."""
    assert (await Site(public_url=None).call(DELIVERED)).status == 404


@pytest.mark.security("webhooks in", "oversize")
async def test_a_long_body_is_refused_unread(site: Site) -> None:
    """64 KiB are taken, one byte more is answered 413."""
    frame = len(urlencode(REPLY | {"Body": ""}))
    whole = REPLY | {"Body": "x" * (limits.MAX_WEBHOOK_BODY - frame)}
    assert (await site.call(whole, kind="inbound", query="")).status == 200
    assert (await site.call(whole | {"Body": whole["Body"] + "x"}, kind="inbound", query="")).status == 413
    assert len(site.stored) == 1


@pytest.mark.parametrize(
    ("kind", "wrong"),
    [
        ("status", {"MessageSid": ""}),
        ("status", {"MessageSid": "x" * 65}),
        ("status", {"MessageStatus": ""}),
        ("status", {"MessageStatus": "sent\n"}),
        ("inbound", {"MessageSid": ""}),
        ("inbound", {"From": ""}),
        ("inbound", {"From": "whatsapp:+14155550123"}),
        ("inbound", {"To": "\0"}),
    ],
    ids=repr,
)
async def test_what_cannot_be_used_is_refused(site: Site, kind: str, wrong: dict[str, str]) -> None:
    """A signed call without what we need, or from another channel than texts, is answered 400 and not stored."""
    fields = (DELIVERED if kind == "status" else REPLY) | wrong
    assert (await site.call(fields, kind=kind)).status == 400
    assert site.stored == []


@pytest.mark.parametrize("body", [b"", b"\xff\xfe\x00", b"%", b"&&==", b"a" * 60_000, b"{}", b"a=1&" * 10_000])
async def test_no_body_breaks_it(site: Site, body: bytes) -> None:
    """Whatever a stranger sends is answered 403."""
    for headers in ({}, {"x-twilio-signature": ""}, {"x-twilio-signature": "é"}):
        assert (await site.handle("twilio", "status", "%ff&=", headers, body)).status == 403


async def test_a_status_of_no_table_is_kept_and_told(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    """A status that is new to us is stored as a note, so that it can settle a lost message, and logged."""
    with caplog.at_level(logging.WARNING):
        assert (await site.call(DELIVERED | {"MessageStatus": "levitating"})).status == 204
    assert [receipt.state for receipt in site.intake.received] == [State.SENT]
    assert "levitating" in caplog.text


async def test_logs_hold_no_number_and_no_text(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    """What is logged of refused calls names neither who wrote nor what."""
    with caplog.at_level(logging.DEBUG):
        await site.call(REPLY, kind="inbound", query="", signature="")
        await site.call(REPLY | {"From": "whatsapp:+14155550123"}, kind="inbound", query="")
        site.intake.fail_next = 1
        await site.call(DELIVERED)
    assert caplog.records
    assert "4155550" not in caplog.text
    assert "Hällo" not in caplog.text
