"""Signatures of webhooks that come in and go out."""

from __future__ import annotations

import base64
import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sendout.domain.signatures import (
    TOLERANCE_S,
    twilio_form_signed,
    twilio_json_signed,
    twilio_signature,
    webhook_signature,
    webhook_signed,
)

TOKEN = "test-token-not-a-secret"
URL = "https://gw.example.test/dlr/twilio?tenant=7"
FIELDS = (
    ("MessageSid", "SM00000000000000000000000000000001"),
    ("MessageStatus", "delivered"),
    ("To", "+14155550123"),
    ("ErrorCode", ""),
)
SIGNATURE = "RATh7jXHooieYrwS7xaLqRGM0P8="

SECRET = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
NEWER = "whsec_" + base64.b64encode(bytes(range(100, 124))).decode()
BODY = b'{"type":"notification.delivered","recipient":"+14155550123"}'
NOW = 1_700_000_000
HEADER = "v1,27bJlkFUGgId4GWt1vsKmnDDoN9njENvdxCMmnW2xzo="


def test_twilio_vector() -> None:
    """The published form post has the published signature, in whatever order its fields come."""
    assert twilio_signature(TOKEN, URL, FIELDS) == SIGNATURE
    assert twilio_form_signed([TOKEN], URL, FIELDS[::-1], SIGNATURE)


@pytest.mark.parametrize(
    ("url", "fields", "signature"),
    [
        (URL + "1", FIELDS, SIGNATURE),
        (URL.replace("https", "http"), FIELDS, SIGNATURE),
        (URL, FIELDS[1:], SIGNATURE),
        (URL, (*FIELDS, ("To", "+14155550124")), SIGNATURE),
        (URL, FIELDS, ""),
        (URL, FIELDS, SIGNATURE + "="),
        (URL, FIELDS, "\u00e9\ud800"),
    ],
)
def test_twilio_refuses_what_was_changed(url: str, fields: tuple[tuple[str, str], ...], signature: str) -> None:
    """Any change of address, fields or signature is noticed; a signature that is none does not raise."""
    assert not twilio_form_signed([TOKEN], url, fields, signature)


def test_twilio_takes_either_token_during_rotation() -> None:
    """With two tokens in force either signs; a third does not, and no token at all signs nothing."""
    assert twilio_form_signed(["new", TOKEN], URL, FIELDS, SIGNATURE)
    assert twilio_form_signed(["new", TOKEN], URL, FIELDS, twilio_signature("new", URL, FIELDS))
    assert not twilio_form_signed(["new", "newer"], URL, FIELDS, SIGNATURE)
    assert not twilio_form_signed([], URL, FIELDS, SIGNATURE)


def test_an_empty_token_is_a_wrong_setting() -> None:
    """An empty token raises instead of accepting what anybody can sign."""
    with pytest.raises(ValueError, match="empty token"):
        twilio_form_signed([""], URL, FIELDS, SIGNATURE)


@pytest.mark.parametrize(
    ("ours", "signed"),
    [
        ("https://gw.example.test/x?a=1", "https://gw.example.test:443/x?a=1"),
        ("https://gw.example.test:443/x", "https://gw.example.test/x"),
        ("https://gw.example.test:8443/x", "https://gw.example.test/x"),
        ("http://[::1]/x?", "http://[::1]:80/x?"),
        ("https://gw.example.test:bad/x", "https://gw.example.test:bad/x"),
    ],
)
def test_twilio_ports(ours: str, signed: str) -> None:
    """Twilio signs with or without the port; another port than ours is another address."""
    assert twilio_form_signed([TOKEN], ours, (), twilio_signature(TOKEN, signed))
    assert not twilio_form_signed([TOKEN], ours, (), twilio_signature(TOKEN, "https://gw.example.test:444/x"))


def test_twilio_json() -> None:
    """A JSON post is signed by its URL, which names the SHA-256 of the body: once, and of this body."""
    url = f"{URL}&bodySHA256={hashlib.sha256(BODY).hexdigest()}"
    signature = twilio_signature(TOKEN, url)
    assert twilio_json_signed([TOKEN], url, BODY, signature)
    assert not twilio_json_signed([TOKEN], url, BODY + b" ", signature)
    assert not twilio_json_signed([TOKEN], url, BODY, SIGNATURE)
    assert not twilio_json_signed([TOKEN], URL, BODY, twilio_signature(TOKEN, URL))
    twice = f"{url}&bodySHA256={'0' * 64}"
    assert not twilio_json_signed([TOKEN], twice, BODY, twilio_signature(TOKEN, twice))


def test_webhook_vector() -> None:
    """The published webhook has the published signature, and is accepted at its time."""
    assert webhook_signature([SECRET], "msg_0001", NOW, BODY) == HEADER
    assert webhook_signed([SECRET], "msg_0001", str(NOW), HEADER, BODY, NOW)


@pytest.mark.parametrize(
    ("message_id", "timestamp", "signatures", "body"),
    [
        ("msg_0002", str(NOW), HEADER, BODY),
        ("msg_0001", str(NOW + 1), HEADER, BODY),
        ("msg_0001", str(NOW), HEADER, BODY + b"\n"),
        ("msg_0001", str(NOW), HEADER.replace("v1,", "v1a,"), BODY),
        ("msg_0001", str(NOW), HEADER.removeprefix("v1,"), BODY),
        ("msg_0001", str(NOW), "", BODY),
        ("msg_0001", str(NOW), "\ud800 \u00e9", BODY),
        ("msg_0001", str(NOW), f"{HEADER} " * 100, BODY),
        ("msg_0001", f"+{NOW}", HEADER, BODY),
        ("msg_0001", "१७००००००००", HEADER, BODY),
        ("msg_0001", "9" * 10_000, HEADER, BODY),
        ("msg_0001", "", HEADER, BODY),
    ],
)
def test_webhook_refuses_what_was_changed(message_id: str, timestamp: str, signatures: str, body: bytes) -> None:
    """Any change of id, time, body or signature is refused, and so are headers that are none or too long."""
    assert not webhook_signed([SECRET], message_id, timestamp, signatures, body, NOW)


def test_a_time_that_is_none_is_refused_even_if_signed() -> None:
    """A signature over something that is no time does not make it one."""
    key = base64.b64decode(SECRET.removeprefix("whsec_"))
    header = "v1," + base64.b64encode(hmac.digest(key, b"msg_0001.soon." + BODY, "sha256")).decode()
    assert not webhook_signed([SECRET], "msg_0001", "soon", header, BODY, NOW)


@pytest.mark.parametrize(("away", "accepted"), [(0, True), (TOLERANCE_S, True), (TOLERANCE_S + 1, False)])
def test_webhook_tolerance(away: int, accepted: bool) -> None:
    """Five minutes' difference is tolerated either way, one second more is not."""
    for now in (NOW + away, NOW - away):
        assert webhook_signed([SECRET], "msg_0001", str(NOW), HEADER, BODY, now) is accepted


def test_webhook_rotation() -> None:
    """During rotation we sign with both secrets, so that a receiver who knows either is content."""
    header = webhook_signature([NEWER, SECRET], "msg_0001", NOW, BODY)
    assert header.endswith(f" {HEADER}")
    for known in ([SECRET], [NEWER], [NEWER, SECRET]):
        assert webhook_signed(known, "msg_0001", str(NOW), header, BODY, NOW)
    assert not webhook_signed([NEWER], "msg_0001", str(NOW), HEADER, BODY, NOW)


@pytest.mark.parametrize("secret", ["", "whsec_", SECRET.removeprefix("whsec_"), "whsec_AAEC", "whsec_!", SECRET + "é"])
def test_a_secret_that_is_none_is_a_wrong_setting(secret: str) -> None:
    """A secret without its prefix, too short or not base64 raises instead of signing."""
    with pytest.raises(ValueError, match="whsec_"):
        webhook_signature([secret], "msg_0001", NOW, BODY)


@given(st.binary(max_size=200), st.text(max_size=30), st.lists(st.tuples(st.text(max_size=9), st.text(max_size=9))))
def test_what_is_signed_is_accepted(body: bytes, message_id: str, fields: list[tuple[str, str]]) -> None:
    """Whatever is signed is accepted as it is, and not with another secret."""
    header = webhook_signature([SECRET], message_id, NOW, body)
    assert webhook_signed([NEWER, SECRET], message_id, str(NOW), header, body, NOW)
    assert not webhook_signed([NEWER], message_id, str(NOW), header, body, NOW)
    assert twilio_form_signed([TOKEN], URL, fields, twilio_signature(TOKEN, URL, fields))
    assert not twilio_form_signed(["other"], URL, fields, twilio_signature(TOKEN, URL, fields))


@given(st.text(st.characters()), st.text(st.characters()), st.text(st.characters()))
def test_strangers_do_not_raise(url: str, name: str, signature: str) -> None:
    """Whatever a stranger sends gets a plain no."""
    assert not twilio_form_signed([TOKEN], url, [(name, name)], signature)
    assert not twilio_json_signed([TOKEN], url, b"", signature)
    assert not webhook_signed([SECRET], name, url, signature, b"", NOW)
