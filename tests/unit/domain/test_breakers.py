"""When a carrier is left alone, and when it is tried again."""

from __future__ import annotations

from sendout.domain.breakers import (
    FIRST_PAUSE_S,
    LOOKED_AT,
    MOST_BAD,
    PROBE_PATIENCE_S,
    UNBOUND_PATIENCE_S,
    WITHIN_S,
    Breaker,
    Gate,
)


def opened(now: float = 0.0) -> Breaker:
    breaker = Breaker()
    for _ in range(MOST_BAD):
        breaker.outcome(True, now)
    return breaker


def test_half_of_the_latest_outcomes_bad_opens_it() -> None:
    """Ten bad ones among the last twenty open it, nine do not."""
    breaker = Breaker()
    for n in range(LOOKED_AT - 1):
        breaker.outcome(n % 2 == 1, 1.0)
    assert breaker.look(1.0) is Gate.CLOSED
    breaker.outcome(True, 1.0)
    assert breaker.look(1.0) is Gate.OPEN


def test_old_failures_do_not_open_it() -> None:
    """Ten failures over more than half a minute are no reason."""
    breaker = Breaker()
    for n in range(3 * MOST_BAD):
        breaker.outcome(True, n * (WITHIN_S / (MOST_BAD - 1) + 0.1))
    assert breaker.look(0.0) is Gate.CLOSED


def test_one_good_message_closes_it() -> None:
    """After the pause one message is let through; while it is under way no other is, and its success closes it."""
    breaker = opened()
    assert breaker.look(FIRST_PAUSE_S - 0.1) is Gate.OPEN
    assert breaker.look(FIRST_PAUSE_S) is Gate.HALF_OPEN
    breaker.probing(FIRST_PAUSE_S)
    assert breaker.look(FIRST_PAUSE_S + 1) is Gate.OPEN
    breaker.outcome(False, FIRST_PAUSE_S + 2)
    assert breaker.look(FIRST_PAUSE_S + 2) is Gate.CLOSED
    breaker.outcome(True, FIRST_PAUSE_S + 2)
    assert breaker.look(FIRST_PAUSE_S + 2) is Gate.CLOSED


def test_a_failed_probe_doubles_the_pause() -> None:
    """After a second failure the carrier is left alone twice as long."""
    breaker = opened()
    assert breaker.look(FIRST_PAUSE_S) is Gate.HALF_OPEN
    breaker.outcome(True, FIRST_PAUSE_S)
    assert breaker.look(2.9 * FIRST_PAUSE_S) is Gate.OPEN
    assert breaker.look(3 * FIRST_PAUSE_S) is Gate.HALF_OPEN


def test_answers_to_what_was_under_way_do_not_close_it() -> None:
    """A success while it is open is of a message from before."""
    breaker = opened()
    breaker.outcome(False, 0.1)
    assert breaker.look(0.2) is Gate.OPEN


def test_a_probe_that_is_never_heard_of_is_not_waited_for_for_ever() -> None:
    """Another message may try once the first had its time."""
    breaker = opened()
    breaker.look(FIRST_PAUSE_S)
    breaker.probing(FIRST_PAUSE_S)
    assert breaker.look(FIRST_PAUSE_S + PROBE_PATIENCE_S) is Gate.HALF_OPEN


def test_without_a_session_nothing_is_claimed_and_after_a_while_all_takes_another_way() -> None:
    """A lost session opens it at once and diverts after five seconds; a new session is tried at once."""
    breaker = Breaker()
    breaker.session(False, 0.0)
    assert breaker.look(0.0) is Gate.OPEN
    assert not breaker.diverts(UNBOUND_PATIENCE_S - 0.1)
    breaker.session(False, UNBOUND_PATIENCE_S)
    assert breaker.diverts(UNBOUND_PATIENCE_S)
    breaker.session(True, 100.0)
    assert breaker.look(100.0) is Gate.HALF_OPEN
