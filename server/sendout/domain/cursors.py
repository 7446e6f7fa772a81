"""Resume tokens: a place in the event stream, in a form that callers keep and pass back and cannot make or change.

A token is base64url(version, HMAC, digest of the epoch, position, index, digest of the filter). The HMAC covers all of
it, so nobody can look at a place that was never given to them, and a token tells apart what is wrong with it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sendout.domain.errors import SendoutError, field_invalid

EARLIEST = "EARLIEST"
"""Asks for the oldest event kept."""

LONGEST_TOKEN = 512
_FIELD = "resume_token"
_VERSION = b"\x01"
_MAC_BYTES = 16
_DIGEST_BYTES = 8
_BODY = struct.Struct(f">{_DIGEST_BYTES}sQI{_DIGEST_BYTES}s")


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """How far a reader is: every event up to `position`, and the first `index` messages of the one after it."""

    position: int
    index: int = 0


class ResumeTokens:
    """Issues and reads resume tokens under a secret of the server (shared by all its processes)."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def issue(self, epoch: str, place: Place, filter_digest: bytes) -> str:
        """The token of a place in this epoch, for readers with this filter."""
        body = _BODY.pack(_digest(epoch.encode()), place.position, place.index, filter_digest)
        return base64.urlsafe_b64encode(_VERSION + self._mac(body) + body).rstrip(b"=").decode()

    def read(self, token: str, epoch: str, filter_digest: bytes) -> Place | None:
        """The place of a token; None where it is of another epoch.

        FIELD_INVALID where we did not issue it, or for another filter.
        """
        raw = _decoded(token)
        body = raw[1 + _MAC_BYTES :]
        if raw[:1] != _VERSION or not hmac.compare_digest(raw[1 : 1 + _MAC_BYTES], self._mac(body)):
            raise _not_ours(token)
        of_epoch, position, index, of_filter = _BODY.unpack(body)  # what we signed we wrote
        if of_filter != filter_digest:
            raise field_invalid(
                _FIELD,
                token,
                "This token belongs to other filters, or to what the caller could see with other roles. Ask with the "
                "filters it came with, or leave it empty.",
            )
        return Place(position, index) if of_epoch == _digest(epoch.encode()) else None

    def _mac(self, body: bytes) -> bytes:
        return hmac.digest(self._secret, _VERSION + body, "sha256")[:_MAC_BYTES]


def filter_digest(wanted: Mapping[str, Any]) -> bytes:
    """Equal for filters that mean the same; JSON values only, lists sorted by the caller."""
    return _digest(json.dumps(wanted, sort_keys=True).encode())


def _digest(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()[:_DIGEST_BYTES]


def _decoded(token: str) -> bytes:
    if len(token) > LONGEST_TOKEN or not token.isascii():
        raise _not_ours(token)
    try:
        return base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise _not_ours(token) from None


def _not_ours(token: str) -> SendoutError:
    return field_invalid(
        _FIELD,
        token,
        f"Pass a token back as it came from this stream, {EARLIEST} for the oldest event, or nothing for new events.",
    )
