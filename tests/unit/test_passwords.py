"""Password hashes."""

from __future__ import annotations

import asyncio
import threading

import pytest
from argon2 import extract_parameters
from argon2.profiles import CHEAPEST, RFC_9106_LOW_MEMORY

from sendout.server.passwords import PARAMETERS, Passwords


async def test_a_hash_fits_its_password_only() -> None:
    """A hash holds its salt and parameters, differs each time, and matches the one password."""
    passwords = Passwords(CHEAPEST)
    first, second = await passwords.hash("one password"), await passwords.hash("one password")
    assert first != second
    assert extract_parameters(first) == CHEAPEST
    assert await passwords.matches(first, "one password")
    assert not await passwords.matches(first, "One password")


@pytest.mark.parametrize("kept", [None, "", "not a hash", "$argon2id$v=19$m=8,t=1,p=1$AAAA$"])
async def test_nothing_and_nonsense_match_nothing(kept: str | None) -> None:
    """Without a hash, or with a broken one, no password is right."""
    assert not await Passwords(CHEAPEST).matches(kept, "")


def test_nobodys_hash_costs_what_others_cost() -> None:
    """What is compared for unknown users has the parameters of real hashes, and those are RFC 9106's."""
    assert extract_parameters(Passwords()._nobody) == PARAMETERS == RFC_9106_LOW_MEMORY


async def test_hashing_leaves_the_loop_free_and_is_bounded() -> None:
    """Hashes are made in two threads of their own, however many ask."""
    passwords = Passwords(CHEAPEST)
    threads: set[int] = set()
    verify = passwords._verify

    def noting(kept: str, password: str) -> bool:
        threads.add(threading.get_ident())
        return verify(kept, password)

    passwords._verify = noting  # type: ignore[method-assign]
    await asyncio.gather(*(passwords.matches(None, "a password") for _ in range(20)))
    assert threading.get_ident() not in threads
    assert 1 <= len(threads) <= 2
