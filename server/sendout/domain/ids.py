"""Identifiers: UUIDv7 for what is ordered by time, slugs for what people name."""

from __future__ import annotations

import hashlib
import re
import unicodedata
import uuid
from collections.abc import Callable

from sendout.domain.errors import field_invalid

SLUG = re.compile(r"[a-z][a-z0-9-]{0,62}\Z")


def uuid7(now_us: int, random_bytes: Callable[[int], bytes]) -> uuid.UUID:
    """A UUIDv7 (RFC 9562): 48 bits of milliseconds, 12 bits of the millisecond's fraction, 62 random bits.

    The fraction keeps ids of one process in the order of their creation within a millisecond.
    """
    millis, micros = divmod(now_us, 1000)
    fraction = micros * 4096 // 1000
    tail = int.from_bytes(random_bytes(8), "big") & ((1 << 62) - 1)
    return uuid.UUID(int=(millis & ((1 << 48) - 1)) << 80 | 7 << 76 | fraction << 64 | 2 << 62 | tail)


def time_of(identifier: uuid.UUID) -> int:
    """Microseconds since 1970 in a UUIDv7, exact to about a quarter of a microsecond's thousandth."""
    return (identifier.int >> 80) * 1000 + ((identifier.int >> 64 & 0xFFF) * 1000 + 4095) // 4096


def message_id(notification_id: uuid.UUID, index: int) -> str:
    """The public id of one message."""
    return f"{notification_id}.{index}"


def parse_message_id(text: str) -> tuple[uuid.UUID, int] | None:
    """(notification id, index), or None where the text is no message id."""
    head, dot, tail = text.partition(".")
    identifier = parse_uuid(head)
    if not dot or identifier is None or not re.fullmatch(r"[0-9]{1,7}", tail, re.ASCII):
        return None
    return identifier, int(tail)


def parse_uuid(text: str) -> uuid.UUID | None:
    """A UUID in its canonical text form, or None."""
    if not re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", text, re.ASCII):
        return None
    return uuid.UUID(text)


def check_uuid(field: str, typed: str, kind: str) -> uuid.UUID:
    """The UUID that `typed` is; FIELD_INVALID otherwise. `kind` says of what, in plain words."""
    found = parse_uuid(typed)
    if found is None:
        raise field_invalid(field, typed, f"Give the id of a {kind}, a UUID.")
    return found


def digest(*parts: object) -> str:
    """32 hex digits, equal where all parts are: an id for what came from outside with no sound one of its own."""
    return hashlib.sha256("\0".join(map(str, parts)).encode(errors="surrogatepass")).hexdigest()[:32]


def check_slug(field: str, typed: str) -> str:
    """`typed` where it is a well-formed slug; FIELD_INVALID otherwise."""
    if not SLUG.match(typed):
        raise field_invalid(field, typed, "Use a lowercase letter, then at most 62 letters, digits or hyphens.")
    return typed


def slug_from_label(label: str) -> str:
    """A slug made from a label, e.g. "Côte d'Azur 24" → "cote-d-azur-24"; "item" where nothing usable is left."""
    ascii_only = unicodedata.normalize("NFKD", label).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "-", ascii_only).strip("-")
    if not slug:
        return "item"
    return (slug if slug[0].isalpha() else f"t-{slug}")[:56].rstrip("-")


def slug_or_made(field: str, typed: str, label: str, suffix: Callable[[], str]) -> str:
    """The caller's slug, checked; or one made from the label with a short random suffix against clashes."""
    return check_slug(field, typed) if typed else f"{slug_from_label(label)}-{suffix()}"
