"""Resume tokens: what they carry, and what is refused."""

from __future__ import annotations

import base64
import random

import pytest

from sendout.domain.cursors import LONGEST_TOKEN, Place, ResumeTokens, filter_digest
from sendout.domain.errors import Reason, SendoutError

TOKENS = ResumeTokens(b"s" * 32)
ALL = filter_digest({})
EPOCH = "0123456789abcdef"


def refused(token: str, digest: bytes = ALL) -> str:
    with pytest.raises(SendoutError) as caught:
        TOKENS.read(token, EPOCH, digest)
    assert caught.value.reason is Reason.FIELD_INVALID
    (violation,) = caught.value.violations
    assert violation.field == "resume_token"
    return caught.value.message


@pytest.mark.parametrize("place", [Place(0), Place(1, 7), Place(2**63 - 1, 999_999)])
def test_a_token_carries_its_place(place: Place) -> None:
    """A token gives back exactly the place it was issued for, also in another process with the same secret."""
    token = TOKENS.issue(EPOCH, place, ALL)
    assert ResumeTokens(b"s" * 32).read(token, EPOCH, ALL) == place
    assert len(token) <= LONGEST_TOKEN


def test_places_are_ordered() -> None:
    """Places compare as the events between them lie: by position, then by message."""
    places = [Place(1), Place(1, 1), Place(1, 2), Place(2), Place(10)]
    assert sorted(random.sample(places, len(places))) == places


def test_a_token_of_another_epoch_has_no_place() -> None:
    """I5: after a restore positions mean other events, so an old token leads nowhere."""
    assert TOKENS.read(TOKENS.issue("another", Place(5), ALL), EPOCH, ALL) is None


def test_another_filter_is_refused_and_named() -> None:
    """A token of one filter would leave gaps under another; the sentence says that the filters are the reason."""
    token = TOKENS.issue(EPOCH, Place(5), filter_digest({"topics": ["storms"]}))
    assert "other filters" in refused(token)


@pytest.mark.parametrize(
    "token", ["x", "EARLIER", "é", "=", "A" * LONGEST_TOKEN, "A" * (LONGEST_TOKEN + 1), "a b", "\n"]
)
def test_what_we_did_not_issue_is_refused(token: str) -> None:
    """Anything else is FIELD_INVALID with what to do instead, whatever it is."""
    assert "EARLIEST" in refused(token)


def test_every_changed_byte_is_noticed() -> None:
    """Nobody can move a token to another place, epoch or filter: each byte is under the HMAC."""
    raw = base64.urlsafe_b64decode(TOKENS.issue(EPOCH, Place(5, 3), ALL) + "==")
    for place in range(len(raw)):
        forged = bytearray(raw)
        forged[place] ^= 1
        refused(base64.urlsafe_b64encode(bytes(forged)).rstrip(b"=").decode())
    refused(base64.urlsafe_b64encode(raw[:-1]).decode())
    refused(base64.urlsafe_b64encode(raw + b"\0").decode())


def test_another_secret_is_refused() -> None:
    """A token of another installation is not ours."""
    refused(ResumeTokens(b"t" * 32).issue(EPOCH, Place(5), ALL))


def test_equal_filters_have_equal_digests() -> None:
    """The digest depends on what the filter means, not on the order of its fields."""
    assert filter_digest({"a": 1, "b": [2]}) == filter_digest({"b": [2], "a": 1}) != filter_digest({"a": 1})
