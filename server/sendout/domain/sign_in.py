"""Signing in: how long what it makes lives, and who an identity provider says somebody is."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from sendout.domain import limits
from sendout.domain.errors import Reason, SendoutError, field_invalid

IDLE_US = 30 * 60_000_000
"""A session that is not used for so long has ended."""

ABSOLUTE_US = 12 * 3_600_000_000
"""A session ends after so long, however much it is used."""

LINK_S = 15 * 60
LONGEST_LINK_S = 24 * 3600
"""How long a sign-in link may be used: unless somebody says otherwise, and at most."""


@dataclass(frozen=True, slots=True)
class Person:
    """Who an identity provider says somebody is, from a token that was verified."""

    external_id: str
    label: str
    role_ids: frozenset[str]  # those of the mapped roles that the person's groups give
    mapped_role_ids: frozenset[str]  # the roles that groups decide about; empty where they decide nothing
    token_hash: bytes  # so that the token is used once
    expire_time: int  # when the token ends, microseconds since 1970


def refused() -> SendoutError:
    """CREDENTIALS_INVALID in one sentence for every way and case: it must not tell whether a user exists."""
    return SendoutError(
        Reason.CREDENTIALS_INVALID,
        "Signing in failed. Check the name and the password, or ask an administrator for a sign-in link: "
        "a link works once and for a short time.",
    )


def idle_expire_time(last_used_time: int, expire_time: int) -> int:
    """When a session ends unless it is used before. All in microseconds since 1970."""
    return min(last_used_time + IDLE_US, expire_time)


def external_id(typed: str) -> str:
    """What an identity provider calls somebody, in the form that is kept: an e-mail address in lower case."""
    stripped = typed.strip()
    return stripped.lower() if "@" in stripped else stripped


def check_external_id(field: str, typed: str) -> str | None:
    """The same of what an administrator typed, None where it is empty. FIELD_INVALID where it is too long."""
    if len(typed) > limits.MAX_EXTERNAL_ID or not typed.isprintable():
        raise field_invalid(
            field, typed, f"Give what the identity provider says, at most {limits.MAX_EXTERNAL_ID} characters."
        )
    return external_id(typed) or None


def check_password(field: str, typed: str) -> str:
    """A new password in the form that is hashed. FIELD_INVALID, which quotes nothing, where it is too short or long."""
    if not limits.MIN_PASSWORD <= len(typed) <= limits.MAX_PASSWORD:
        raise field_invalid(
            field,
            f"{len(typed)} characters",
            f"A password has {limits.MIN_PASSWORD} to {limits.MAX_PASSWORD} characters.",
        )
    return normal_password(typed)


def normal_password(typed: str) -> str:
    """The same password from every keyboard: composed and decomposed letters are one (NFKC)."""
    return unicodedata.normalize("NFKC", typed)
