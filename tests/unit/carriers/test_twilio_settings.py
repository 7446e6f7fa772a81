"""The settings of a Twilio account: what is refused, and that no secret shows."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from sendout.domain.clock import SystemClock
from sendout.server.carriers.base import CarrierContext, LooksUp, TakesWebhooks
from sendout.server.carriers.conformance import RecordingIntake
from sendout.server.carriers.registry import build_carriers, capabilities_of
from sendout.server.carriers.twilio import TwilioCarrier
from sendout.server.carriers.twilio.settings import TwilioSettings
from sendout.server.config_sections import Secret

SECRET = "canary-5d1e"
LEAST: dict[str, Any] = {"account_sid": "AC1", "auth_token": Secret(SECRET)}


def test_what_it_can_do_follows_from_the_settings() -> None:
    """Without an address for the provider's calls there are neither receipts nor replies; looking up can be off."""
    bare = TwilioCarrier.capabilities(LEAST | {"look_ups_per_second": 0})
    assert (bare.replies, bare.webhooks, bare.looks_up) == (False, False, False)
    full = TwilioCarrier.capabilities(LEAST | {"public_url": "https://sms.example.com"})
    assert (full.replies, full.webhooks, full.looks_up) == (True, True, True)
    assert not full.splits
    assert not full.receipts_per_part


def test_it_is_an_installed_type_that_does_what_it_says() -> None:
    """The entry point leads here, and the optional parts of the interface are there."""
    configured = {"tw": ("twilio", LEAST)}
    assert capabilities_of(configured)["tw"].looks_up
    built = build_carriers(configured, clock=SystemClock(), intake=RecordingIntake(), resources={})["tw"]
    assert isinstance(built, TwilioCarrier)
    assert isinstance(built, LooksUp)
    assert isinstance(built, TakesWebhooks)
    assert built.window == 20


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("https://sms.example.com/", "https://sms.example.com"),
        ("https://sms.example.com:8443/some/path/", "https://sms.example.com:8443/some/path"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://[::1]:8080", "http://[::1]:8080"),
        ("http://localhost:8080", "http://localhost:8080"),
    ],
)
def test_an_address_is_kept_as_the_provider_is_told_it(given: str, kept: str) -> None:
    """An address may have a port and a path; a slash at its end is dropped."""
    for name in ("public_url", "base_url"):
        assert getattr(TwilioSettings(**LEAST | {name: given}), name) == kept


@pytest.mark.parametrize(
    "wrong",
    [
        *[
            {name: address}
            for name in ("public_url", "base_url")
            for address in (
                "",
                "sms.example.com",
                "http://sms.example.com",
                "http://127.0.0.1.example.com",
                "ftp://sms.example.com",
                "https://",
                "https://me@sms.example.com",
                "https://sms.example.com?x=1",
                "https://sms.example.com/#x",
                "https://sms.example.com:99999",
            )
        ],
        {"account_sid": ""},
        {"account_sid": "../AC1"},
        {"auth_token": ""},
        {"second_auth_token": ""},
        {"messaging_service_sid": "MG 1"},
        {"window": 0},
        {"answer_timeout_s": float("inf")},
        {"look_ups_per_second": -1},
        {"stranger": 1},
    ],
    ids=repr,
)
def test_what_cannot_work_is_refused_without_the_secret(wrong: dict[str, Any]) -> None:
    """A wrong setting is refused at the start by its name, and no secret is quoted."""
    with pytest.raises(ValidationError) as refused:
        TwilioSettings(**LEAST | wrong)
    assert SECRET not in str(refused.value)
    with pytest.raises(RuntimeError, match=next(iter(wrong))) as told:
        capabilities_of({"tw": ("twilio", LEAST | wrong)})
    assert SECRET not in str(told.value)


async def test_no_secret_shows() -> None:
    """Neither settings nor a started carrier show a token by their repr."""
    settings = LEAST | {"second_auth_token": Secret(SECRET), "public_url": "https://sms.example.com"}
    carrier = TwilioCarrier(CarrierContext("tw", settings, SystemClock(), RecordingIntake()))
    await carrier.start()
    shown = [repr(TwilioSettings(**settings)), str(TwilioSettings(**settings)), repr(carrier), repr(vars(carrier))]
    shown += [repr(vars(carrier._api)), repr(vars(carrier._webhooks))]
    assert not [text for text in shown if SECRET in text]
    await carrier.stop()
