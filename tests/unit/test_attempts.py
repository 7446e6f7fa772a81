"""How often signing in may be tried."""

from __future__ import annotations

from typing import Any

import pytest

from sendout.domain.errors import Reason, SendoutError
from sendout.server.commands import attempts
from sendout.server.commands.attempts import PEER_BURST, USER_BURST, USER_EVERY_S, Attempts


def refused(counter: Attempts, peer: str, user_id: str = "") -> float | None:
    """How long the refusal says to wait, None where there is none."""
    try:
        counter.count(peer, user_id)
    except SendoutError as error:
        return error.retry_after if error.reason is Reason.REQUEST_RATE_EXCEEDED else -1.0
    return None


def test_a_user_has_a_burst_and_then_one_now_and_then(clock: Any) -> None:
    """Ten at once, then one every thirty seconds; the wait that is told is the wait."""
    counter = Attempts(clock)
    assert [refused(counter, f"p{n}", "ada") for n in range(USER_BURST)] == [None] * USER_BURST
    clock.advance(10)
    assert refused(counter, "p", "ada") == pytest.approx(USER_EVERY_S - 10)
    clock.advance(USER_EVERY_S - 10)
    assert refused(counter, "p", "ada") is None
    assert refused(counter, "p", "ada") == pytest.approx(USER_EVERY_S)
    assert refused(counter, "p", "bob") is None


def test_a_peer_has_a_wider_one(clock: Any) -> None:
    """A hundred at once, whatever the users; a peer that is refused uses up nobody's attempts."""
    counter = Attempts(clock)
    assert all(refused(counter, "p", f"u{n}") is None for n in range(PEER_BURST))
    for _ in range(USER_BURST):
        assert refused(counter, "p", "ada") is not None
    assert refused(counter, "other", "ada") is None


def test_success_gives_back(clock: Any) -> None:
    """Who gets in has not been guessing: any number of times is fine."""
    counter = Attempts(clock)
    for _ in range(3 * PEER_BURST):
        assert refused(counter, "p", "ada") is None
        counter.succeeded("p", "ada")


def test_memory_is_bounded(clock: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is counted is never more than the limit: what is over goes first, and in a flood counting begins anew."""
    monkeypatch.setattr(attempts, "_MOST_COUNTED", 50)
    counter = Attempts(clock)
    for n in range(49):
        assert refused(counter, f"old{n}") is None
    clock.advance(2)
    for _ in range(3):
        assert refused(counter, "busy") is None
    assert refused(counter, "next") is None
    assert set(counter._peers._full_until) == {"busy", "next"}
    for n in range(200):
        assert refused(counter, f"flood{n}") is None
        assert len(counter._peers._full_until) <= 50
