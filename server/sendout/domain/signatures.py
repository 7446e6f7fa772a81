"""Signatures of webhooks: Twilio's on what comes in, Standard Webhooks on what goes out.

Who comes in: the receiving end of the Twilio carrier, and the connectors that push. Both sign raw bytes and the public
URL as the other side knows it. While secrets are changed two are in force: what comes in may be signed with either,
what goes out is signed with both. Comparing takes a time that tells nothing about where signatures differ.
Source: sms-domain.md section 12; Twilio's "Webhooks security"; the Standard Webhooks specification.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Collection, Iterable, Sequence
from urllib.parse import parse_qsl, urlsplit

TOLERANCE_S = 300
"""How far the time on a Standard Webhook may be from ours, either way."""

_SECRET_PREFIX = "whsec_"
_SHORTEST_SECRET = 24  # bytes, by the specification
_LONGEST_HEADER = 4_096
_PORTS = {"https": 443, "http": 80}


# --- Twilio ------------------------------------------------------------------------------------------------------


def twilio_signature(token: str, url: str, parameters: Iterable[tuple[str, str]] = ()) -> str:
    """X-Twilio-Signature: over the URL and then every name and value, sorted, a repeated pair once.

    Raises ValueError for an empty token, with which anybody could sign.
    """
    if not token:
        raise ValueError("an empty token signs nothing")
    signed = url + "".join(name + value for name, value in sorted(set(parameters)))
    return base64.b64encode(hmac.digest(_bytes(token), _bytes(signed), "sha1")).decode()


def twilio_form_signed(
    tokens: Sequence[str], url: str, parameters: Collection[tuple[str, str]], signature: str
) -> bool:
    """Whether a form post bears the signature of one of our tokens; `parameters` are its fields, decoded."""
    spellings = _port_spellings(url)
    return _is_one_of(
        signature, [twilio_signature(token, spelt, parameters) for token in tokens for spelt in spellings]
    )


def twilio_json_signed(tokens: Sequence[str], url: str, body: bytes, signature: str) -> bool:
    """Whether a JSON post bears one: its URL is signed, and says what SHA-256 its body has (`bodySHA256`)."""
    claimed = [value for name, value in parse_qsl(url.partition("?")[2]) if name == "bodySHA256"]
    body_is_whole = len(claimed) == 1 and _is_one_of(claimed[0].lower(), [hashlib.sha256(body).hexdigest()])
    return twilio_form_signed(tokens, url, (), signature) and body_is_whole


def _port_spellings(url: str) -> list[str]:
    """The URL as given, without its port, and with it: Twilio signs one or another, as its own libraries know."""
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS[parts.scheme]
    except (ValueError, KeyError):  # no address of ours
        return [url]
    host = parts.netloc.removesuffix(f":{port}")
    return [url, *(url.replace(f"//{parts.netloc}", f"//{netloc}", 1) for netloc in (host, f"{host}:{port}"))]


# --- Standard Webhooks -------------------------------------------------------------------------------------------


def webhook_signature(secrets: Sequence[str], message_id: str, timestamp_s: int, body: bytes) -> str:
    """The header webhook-signature: one signature for each of our secrets, the newest first.

    `message_id` is webhook-id, the same at every attempt; `timestamp_s` is webhook-timestamp, of this attempt.
    Raises ValueError for a secret that is not "whsec_" and base64 of at least 24 bytes.
    """
    return " ".join(_signed(_key(secret), message_id, str(timestamp_s), body) for secret in secrets)


def webhook_signed(
    secrets: Sequence[str], message_id: str, timestamp: str, signatures: str, body: bytes, now_s: int
) -> bool:
    """Whether the headers of a Standard Webhook hold a signature of one of our secrets that is not older than allowed.

    The headers are taken as they came. A caller must still remember the ids of the last minutes, against replay.
    """
    if len(signatures) > _LONGEST_HEADER or not timestamp.isdecimal():
        return False
    expected = [_signed(_key(secret), message_id, timestamp, body) for secret in secrets]
    found = [_is_one_of(signature, expected) for signature in signatures.split(" ")]
    return any(found) and abs(int(timestamp) - now_s) <= TOLERANCE_S


def _key(secret: str) -> bytes:
    try:
        key = base64.b64decode(secret.removeprefix(_SECRET_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not secret.startswith(_SECRET_PREFIX) or len(key) < _SHORTEST_SECRET:
        raise ValueError(f'a secret is "{_SECRET_PREFIX}" and base64 of at least {_SHORTEST_SECRET} bytes')
    return key


def _signed(key: bytes, message_id: str, timestamp: str, body: bytes) -> str:
    digest = hmac.digest(key, _bytes(f"{message_id}.{timestamp}.") + body, "sha256")
    return "v1," + base64.b64encode(digest).decode()


def _is_one_of(signature: str, expected: Sequence[str]) -> bool:
    same = [hmac.compare_digest(_bytes(signature), one.encode()) for one in expected]
    return any(same)  # only now, so that every comparison is made


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")  # what a stranger sends must not raise
