"""The pacing arithmetic, judged by counting what falls into every sliding second."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sendout.domain.rates import SECOND, Eased, Limit, Pace, earliest, eased, grant, interval, is_lost, lost, share_left


def most_in_a_second(writes: list[tuple[float, int]]) -> int:
    """The most segments that any half-open second of these (time, segments) holds."""
    ordered = sorted(writes)
    best = start = held = 0
    for time, segments in ordered:
        held += segments
        while ordered[start][0] <= time - SECOND:
            held -= ordered[start][1]
            start += 1
        best = max(best, held)
    return best


def run(limit: Limit, costs: list[int], gaps: list[float], use: random.Random) -> list[tuple[float, int]]:
    """Writes of messages asked for one after the other, each used anywhere within its grace."""
    now, pace, writes = 0.0, lost(limit, 0.0), []
    for cost, gap in zip(costs, gaps, strict=True):
        now += gap
        slot, governing = earliest(limit, pace, cost, now)
        pace = grant(limit, pace, cost, slot, governing)
        usable = max(slot, now)
        writes.append((usable + use.choice((0.0, limit.grace, use.random() * limit.grace)), cost))
        now = max(now, usable - 200_000)  # permits are asked for at most a horizon ahead
    return writes


@settings(max_examples=300, deadline=None)
@given(
    rate=st.sampled_from([5, 10, 30, 100, 250]),
    burst=st.integers(1, 3),
    costs=st.lists(st.sampled_from([1, 1, 1, 1, 2, 3, 10]), min_size=1, max_size=400),
    seed=st.integers(0, 2**32),
    pauses=st.booleans(),
)
def test_no_sliding_second_exceeds_the_rate(rate: int, burst: int, costs: list[int], seed: int, pauses: bool) -> None:
    """No half-open second of writes holds more than the rate, whatever the mix of lumps, pauses and late use."""
    use = random.Random(seed)
    limit = Limit(rate, burst)
    costs = [cost for cost in costs if rate - cost - burst + 1 >= rate / 2] or [1]
    if rate - 1 - burst + 1 < rate / 2:
        burst, limit = 1, Limit(rate, 1)
    gaps = [use.random() * 2e6 if pauses and use.random() < 0.05 else 0.0 for _ in costs]
    assert most_in_a_second(run(limit, costs, gaps, use)) <= rate


@settings(max_examples=50, deadline=None)
@given(rate=st.sampled_from([1, 2, 3, 4]), seed=st.integers(0, 2**32))
def test_small_rates_hold_for_single_segments(rate: int, seed: int) -> None:
    """A rate of 1 to 4 a second is never exceeded by single segments."""
    writes = run(Limit(rate), [1] * 60, [0.0] * 60, random.Random(seed))
    assert most_in_a_second(writes) <= rate


def test_the_cost_of_certainty_is_small() -> None:
    """At 100 segments a second single segments leave at more than 94 a second, three-segment messages at 92."""
    assert SECOND / interval(Limit(100), 1) > 94
    assert SECOND / interval(Limit(100), 3) > 92


def test_a_lost_pace_pauses_and_never_bursts() -> None:
    """After a loss the first slot comes when every permit granted before has run out."""
    limit = Limit(100)
    assert lost(limit, 5.0).tat == 5.0 + SECOND + limit.grace
    assert not is_lost(limit, lost(limit, 0.0), 0.0, 200_000)
    assert is_lost(limit, Pace(10 * SECOND), 0.0, 200_000)


def test_a_rate_that_was_too_fast_comes_back_by_and_by() -> None:
    """Half the rate for ten seconds at least, then five hundredths a second more, and never more than all of it."""
    first = eased(Eased(), 0.0, 2 * SECOND)
    assert first == Eased(0.5, 10 * SECOND)
    assert eased(first, 3 * SECOND, SECOND) == first  # what was under way halves nothing more
    assert eased(first, 3 * SECOND, 30 * SECOND) == Eased(0.5, 33 * SECOND)
    assert share_left(first, 5 * SECOND) == 0.5
    assert share_left(first, 14 * SECOND) == pytest.approx(0.7)
    assert share_left(first, 60 * SECOND) == 1.0
    assert eased(first, 14 * SECOND, SECOND).share == pytest.approx(0.35)
