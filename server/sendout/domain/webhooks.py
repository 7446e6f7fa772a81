"""Webhook subscriptions: which URLs may be called, which addresses count as public, secrets and waits.

Who comes in: the commands that manage subscriptions and the sender that calls them. Nothing secret is kept: a secret
follows from the root secret, the subscription's id and how often it was rotated.
Source: reliability.md 5.11; the Standard Webhooks specification; RFC 6890 by way of `ipaddress`.
"""

from __future__ import annotations

import base64
import hmac
import ipaddress
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from sendout.domain.addresses import is_here, literal
from sendout.domain.cursors import Place
from sendout.domain.errors import SendoutError, field_invalid

MAX_URL = 2_000
MAX_SUBSCRIPTIONS = 100
MAX_EVENT_TYPES = 4
OVERLAP_S = 24 * 3600.0
LONGEST_OVERLAP_S = 7 * 24 * 3600.0

_LOWEST_PORT = 1024
"""From here on ports belong to nobody's mail or database server by convention; below it only HTTPS' own is called."""

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


@dataclass(frozen=True, slots=True)
class WebhookSubscription:
    """One subscription. Times are microseconds since 1970; filters that are empty do not filter."""

    id: uuid.UUID
    url: str
    event_kinds: frozenset[int]
    contact_point_ids: frozenset[str]
    topic_ids: frozenset[str]
    crm_system: str
    generation: int  # of the secret: 1, and one more with each rotation
    previous_until: int | None  # until when the secret of the generation before also signs
    place: Place  # everything up to here was delivered
    failures: int  # attempts in a row
    success_time: int | None
    failure_time: int | None
    failure: str
    disabled: str  # why; empty where it is not
    owner: str  # the process that delivers it, until `lease_until`
    lease_until: int
    create_time: int


# --- secrets -----------------------------------------------------------------------------------------------------


def secret_of(root: bytes, subscription_id: uuid.UUID, generation: int) -> str:
    """The secret of one generation, as Standard Webhooks writes it."""
    key = hmac.digest(root, f"{subscription_id}.{generation}".encode(), "sha256")
    return "whsec_" + base64.b64encode(key).decode()


def secrets_of(root: bytes, subscription: WebhookSubscription, now_us: int) -> Sequence[str]:
    """What calls are signed with now, the newest first."""
    generations = [subscription.generation]
    if subscription.previous_until is not None and now_us < subscription.previous_until:
        generations.append(subscription.generation - 1)
    return [secret_of(root, subscription.id, generation) for generation in generations]


# --- waiting -----------------------------------------------------------------------------------------------------


def retry_wait(failures: int, first_s: float, longest_s: float, random: float) -> float:
    """Seconds until the next attempt after so many failures in a row: twice as long each time, a fifth of it chance."""
    return min(longest_s, first_s * 2.0 ** min(failures - 1, 30) * (1 + random / 5))


# --- URLs and addresses ------------------------------------------------------------------------------------------


def check_url(field: str, typed: str, *, allow_loopback: bool) -> str:
    """The URL where it may be called, as far as its text tells; FIELD_INVALID otherwise."""
    if len(typed) > MAX_URL:
        raise field_invalid(field, typed, f"At most {MAX_URL:,} characters.")
    if not typed.isascii() or not typed.isprintable() or set(' \\"<>') & set(typed):
        raise field_invalid(field, typed, "Write an https URL in ASCII, without blanks.")
    try:
        parts, port = urlsplit(typed), urlsplit(typed).port
    except ValueError:
        raise field_invalid(field, typed, "Write an https URL, such as https://example.com/events.") from None
    _check_parts(field, parts, port, allow_loopback)
    return typed


def _check_parts(field: str, parts: SplitResult, port: int | None, allow_loopback: bool) -> None:
    host = parts.hostname or ""
    here = allow_loopback and is_here(host)
    if parts.scheme != "https" and not (here and parts.scheme == "http"):
        raise field_invalid(field, parts.geturl(), "Only https URLs are called.")
    if "@" in parts.netloc:
        # Not quoted: what stands there may be a password.
        raise field_invalid(field, f"{parts.scheme}://…@{host}", "A URL must not hold a user name or password.")
    if not host or parts.fragment:
        raise field_invalid(field, parts.geturl(), "Name a host, and leave out what follows a #.")
    if port is not None and port != 443 and port < _LOWEST_PORT and not here:
        raise field_invalid(field, parts.geturl(), f"Use port 443, or one from {_LOWEST_PORT} on.")
    address = literal(host)
    if address is None and _looks_numeric(host):
        raise field_invalid(field, parts.geturl(), "Write the host as a name, or as an address in its usual form.")
    if address is not None and not may_connect(host, allow_loopback=allow_loopback):
        raise not_public(field, parts.geturl())


def not_public(field: str, url: str) -> SendoutError:
    """What a URL answers that leads into a network of somebody's own."""
    return field_invalid(field, url, "The host has an address that is not public, so it is not called.")


def may_connect(address: str, *, allow_loopback: bool) -> bool:
    """Whether a connection to this address leads out to the public network, or to ourselves where that is allowed."""
    parsed = literal(address)
    if parsed is None:
        return False
    embedded = _embedded(parsed)
    if embedded is not None:
        return may_connect(str(embedded), allow_loopback=False)
    return (parsed.is_global and not parsed.is_multicast and not parsed.is_reserved) or (
        allow_loopback and parsed.is_loopback
    )


def _embedded(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address that an IPv6 address leads to: mapped, translated (NAT64) or tunnelled (6to4)."""
    if isinstance(address, ipaddress.IPv4Address):
        return None
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour


def _looks_numeric(host: str) -> bool:
    """Whether system libraries may take a name for an IPv4 address, such as 2130706433, 0x7f.1 or 127.1."""
    last = host.rstrip(".").rpartition(".")[2]
    return last.isdecimal() or last.startswith("0x")
