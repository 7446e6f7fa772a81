"""The form of API keys."""

from __future__ import annotations

import hashlib
import os
import re

import pytest

from sendout.domain import keys


def test_form() -> None:
    """A key is so_<12 of base32>_<43 of base62>_<6 of base62>, and parses back to its id and hash."""
    made = keys.make(os.urandom)
    assert re.fullmatch(r"so_[a-z2-7]{12}_[0-9A-Za-z]{43}_[0-9A-Za-z]{6}", made.text)
    presented = keys.parse(made.text)
    assert presented is not None
    assert presented.key_id == made.key_id
    assert keys.same(presented.secret_hash, made.secret_hash)


def test_the_hash_is_sha_256_of_the_secret() -> None:
    """What is kept can be computed by anyone who reads the documentation."""
    made = keys.make(os.urandom)
    assert made.secret_hash == hashlib.sha256(made.text.split("_")[2].encode()).digest()


@pytest.mark.parametrize("fill", [b"\x00", b"\xff"])
def test_extreme_randomness_keeps_the_form(fill: bytes) -> None:
    """The smallest and the greatest secret have the same length as any other."""
    made = keys.make(lambda count: fill * count)
    assert len(made.text) == 66
    assert keys.parse(made.text) is not None


def test_every_single_typo_is_refused() -> None:
    """One wrong character anywhere, or one missing, is refused without a look-up."""
    text = keys.make(os.urandom).text
    for place in range(len(text)):
        other = "a" if text[place] != "a" else "b"
        assert keys.parse(text[:place] + other + text[place + 1 :]) is None
        assert keys.parse(text[:place] + text[place + 1 :]) is None


@pytest.mark.parametrize("text", ["", "so_", "Bearer x", "so_aaaaaaaaaaaa_", "é" * 66, "x" * 100_000])
def test_other_texts_are_no_keys(text: str) -> None:
    """Anything else is no key, whatever its length or alphabet."""
    assert keys.parse(text) is None


def test_line_end_is_no_part_of_a_key() -> None:
    """A key with a line end after it is not taken for the key."""
    assert keys.parse(keys.make(os.urandom).text + "\n") is None


def test_repr_hides_the_secret() -> None:
    """Neither form shows a secret or its hash when it is printed by accident."""
    made = keys.make(os.urandom)
    presented = keys.parse(made.text)
    assert made.text.split("_")[2] not in repr(made)
    assert "hash" not in repr(presented)


def test_hashes_that_differ() -> None:
    """Two secrets never compare as the same."""
    assert not keys.same(keys.hash_secret("a"), keys.hash_secret("b"))


@pytest.mark.parametrize("prefix", [keys.SESSION, keys.SIGN_IN_LINK])
def test_tokens_are_told_apart(prefix: str) -> None:
    """A token says what it is for, leads to the hash that is kept, and is taken for nothing else."""
    made = keys.make_token(prefix, os.urandom)
    assert re.fullmatch(rf"{prefix}_[0-9A-Za-z]{{43}}_[0-9A-Za-z]{{6}}", made.text)
    assert keys.token_hash(prefix, made.text) == made.secret_hash
    assert made.secret_hash == hashlib.sha256(made.text.split("_")[1].encode()).digest()
    (other,) = {keys.SESSION, keys.SIGN_IN_LINK} - {prefix}
    assert keys.token_hash(other, made.text) is None
    assert keys.token_hash(other, made.text.replace(prefix, other)) is None  # the checksum covers the prefix
    assert keys.parse(made.text) is None
    assert keys.token_hash(prefix, keys.make(os.urandom).text) is None
    assert made.text not in repr(made)


def test_every_typo_of_a_token_is_refused() -> None:
    """One wrong character anywhere, or one missing, is refused without a look-up."""
    text = keys.make_token(keys.SESSION, os.urandom).text
    for place in range(len(text)):
        wrong = "a" if text[place] != "a" else "b"
        assert keys.token_hash(keys.SESSION, text[:place] + wrong + text[place + 1 :]) is None
        assert keys.token_hash(keys.SESSION, text[:place] + text[place + 1 :]) is None
