"""API keys: `so_<key id>_<secret>_<checksum>`, of letters, digits and underscores: a double click takes it whole.

Tokens of sessions and of sign-in links look alike and have no id: `sos_<secret>_<checksum>`, `sol_…`.

Who comes in: authentication, and the commands that make keys and tokens. Only the id and the SHA-256 of the secret are
kept: a slow hash would add nothing to 256 random bits. The checksum is no secret; it refuses a mistyped key without a
look-up.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass

PREFIX = "so"
SESSION = "sos"
SIGN_IN_LINK = "sol"
SECRET_BYTES = 32

_ID_LENGTH = 12
_SECRET_LENGTH = 43  # 62^43 is the first power of 62 above 2^256
_CHECKSUM_LENGTH = 6  # and 62^6 is above 2^32
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_TOKEN = re.compile(
    rf"(?P<prefix>{SESSION}|{SIGN_IN_LINK})_(?P<secret>[0-9A-Za-z]{{{_SECRET_LENGTH}}})"
    rf"_(?P<checksum>[0-9A-Za-z]{{{_CHECKSUM_LENGTH}}})"
)
_KEY = re.compile(
    rf"{PREFIX}_(?P<id>[a-z2-7]{{{_ID_LENGTH}}})_(?P<secret>[0-9A-Za-z]{{{_SECRET_LENGTH}}})"
    rf"_(?P<checksum>[0-9A-Za-z]{{{_CHECKSUM_LENGTH}}})"
)


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key just made. `text` is shown once and never kept."""

    key_id: str
    text: str
    secret_hash: bytes

    def __repr__(self) -> str:
        return f"NewKey(key_id={self.key_id!r}, text=***)"


@dataclass(frozen=True, slots=True)
class NewToken:
    """A session's or a link's token just made. `text` is shown once and never kept."""

    text: str
    secret_hash: bytes

    def __repr__(self) -> str:
        return "NewToken(text=***)"


@dataclass(frozen=True, slots=True)
class PresentedKey:
    """A well-formed key somebody called with; the secret itself is already gone."""

    key_id: str  # empty for a session's token, which is found by its hash
    secret_hash: bytes

    def __repr__(self) -> str:
        return f"PresentedKey(key_id={self.key_id!r})"


def make(random_bytes: Callable[[int], bytes]) -> NewKey:
    """A new key: 60 random bits of id, 256 of secret."""
    key_id = base64.b32encode(random_bytes(8)).decode().lower()[:_ID_LENGTH]
    secret = _secret(random_bytes)
    body = f"{PREFIX}_{key_id}_{secret}"
    return NewKey(key_id, f"{body}_{_checksum(body)}", hash_secret(secret))


def make_token(prefix: str, random_bytes: Callable[[int], bytes]) -> NewToken:
    """A new token of 256 random bits; `prefix` is SESSION or SIGN_IN_LINK."""
    secret = _secret(random_bytes)
    body = f"{prefix}_{secret}"
    return NewToken(f"{body}_{_checksum(body)}", hash_secret(secret))


def token_hash(prefix: str, text: str) -> bytes | None:
    """What is kept of the token in `text`, or None where it is no token of this kind or was mistyped."""
    found = _TOKEN.fullmatch(text)
    if found is None or found["prefix"] != prefix or not _intact(text, found["checksum"]):
        return None
    return hash_secret(found["secret"])


def parse(text: str) -> PresentedKey | None:
    """The key in `text`, or None where it is no key or was mistyped."""
    found = _KEY.fullmatch(text)
    if found is None or not _intact(text, found["checksum"]):
        return None
    return PresentedKey(found["id"], hash_secret(found["secret"]))


def hash_secret(secret: str) -> bytes:
    """What is kept of a secret."""
    return hashlib.sha256(secret.encode()).digest()


def same(kept: bytes, presented: bytes) -> bool:
    """Compare two hashes in a time that tells nothing about where they differ."""
    return hmac.compare_digest(kept, presented)


def _secret(random_bytes: Callable[[int], bytes]) -> str:
    return _base62(int.from_bytes(random_bytes(SECRET_BYTES), "big"), _SECRET_LENGTH)


def _intact(text: str, checksum: str) -> bool:
    return _checksum(text[: -_CHECKSUM_LENGTH - 1]) == checksum


def _checksum(body: str) -> str:
    return _base62(zlib.crc32(body.encode()), _CHECKSUM_LENGTH)


def _base62(number: int, length: int) -> str:
    digits = []
    for _ in range(length):
        number, digit = divmod(number, 62)
        digits.append(_DIGITS[digit])
    return "".join(reversed(digits))
