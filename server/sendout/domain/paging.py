"""Page tokens: where a listing goes on, in a form that callers pass back and cannot change or use elsewhere.

A token is base64url(version, HMAC, JSON of the place). The HMAC also covers the query (which RPC, which filters), so
a token of one query is refused by another.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
from collections.abc import Mapping
from typing import Any

from sendout.domain import limits
from sendout.domain.errors import Reason, SendoutError, field_invalid

_VERSION = b"\x01"
_MAC_BYTES = 16
_LONGEST = 1_024

Query = Mapping[str, Any]
"""What a listing was asked for: the RPC's name and every filter, JSON values only; not the page size."""


class PageTokens:
    """Issues and reads page tokens under a secret of the server (shared by all its processes)."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def issue(self, query: Query, place: list[Any]) -> str:
        """The token for the page that follows `place`, a short list of JSON values."""
        body = json.dumps(place, separators=(",", ":"), ensure_ascii=False).encode()
        return base64.urlsafe_b64encode(_VERSION + self._mac(query, body) + body).rstrip(b"=").decode()

    def read(self, query: Query, token: str) -> list[Any] | None:
        """The place of a token that was issued for this query; None for the first page (an empty token)."""
        if not token:
            return None
        raw = _decoded(token)
        body = raw[1 + _MAC_BYTES :]
        if raw[:1] != _VERSION or not hmac.compare_digest(raw[1 : 1 + _MAC_BYTES], self._mac(query, body)):
            raise _invalid()
        place: list[Any] = json.loads(body)  # what we signed we wrote
        return place

    def _mac(self, query: Query, body: bytes) -> bytes:
        signed = _VERSION + json.dumps(query, sort_keys=True).encode() + b"\x00" + body
        return hmac.digest(self._secret, signed, "sha256")[:_MAC_BYTES]


def page_size(typed: int, default: int = limits.DEFAULT_PAGE_SIZE) -> int:
    """How many entries to give: the default for 0, never more than the limit; FIELD_INVALID below 0."""
    if typed < 0:
        raise field_invalid("page_size", typed, f"Give 0 for {default}, or a number up to {limits.MAX_PAGE_SIZE}.")
    return min(typed or default, limits.MAX_PAGE_SIZE)


def _decoded(token: str) -> bytes:
    if len(token) > _LONGEST or not token.isascii():
        raise _invalid()
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise _invalid() from None
    return raw


def _invalid() -> SendoutError:
    return SendoutError(
        Reason.PAGE_TOKEN_INVALID,
        "This page_token is not one of this query. Pass next_page_token back as it came, with the same filters, "
        "or leave it empty for the first page.",
    )
