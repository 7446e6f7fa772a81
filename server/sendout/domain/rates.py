"""Paced, expiring permits: the arithmetic that keeps every sliding second within a carrier's rate.

A limit of N segments a second hands out slots. A worker may write in [slot, slot + grace], so any second of writes lies
within `1 s + grace` of slots. Slots are spaced so that such a span never holds more than N segments, lumps (a message
of several segments leaves at once) and bursts included. Source: reliability.md I6, where buckets, windows and logs are
measured and break. `storage/lua/permit.lua` does the same in Redis; a test runs both side by side.
"""

from __future__ import annotations

from dataclasses import dataclass

SECOND = 1_000_000.0
EASED_FOR = 10 * SECOND
"""How long the rate stays halved after a carrier's "too fast", at the least."""
RECOVERY = 0.05
"""Share of the rate that comes back per second after that."""


@dataclass(frozen=True, slots=True)
class Limit:
    """A rate: segments per second (> 0), segments that may leave at the same instant after a pause (≥ 1), and the
    grace in microseconds within which a granted slot must be used."""

    rate: float
    burst: int = 1
    grace: float = 50_000.0


@dataclass(frozen=True, slots=True)
class Pace:
    """Where a limit stands: the next free slot, the largest recent message and until when it governs (microseconds)."""

    tat: float
    lump: int = 1
    until: float = 0.0


@dataclass(frozen=True, slots=True)
class Eased:
    """A rate that a carrier found too fast: the share of it that is left, and when it begins to recover
    (microseconds)."""

    share: float = 1.0
    until: float = 0.0


def eased(before: Eased, now: float, pause: float) -> Eased:
    """After a "too fast": half of what was left. What was under way then says the same and halves nothing more."""
    if now < before.until:
        return Eased(before.share, max(before.until, now + pause))
    return Eased(share_left(before, now) / 2, now + max(pause, EASED_FOR))


def share_left(eased: Eased, now: float) -> float:
    """The share of the rate that may be used now."""
    return min(1.0, eased.share + RECOVERY * max(0.0, now - eased.until) / SECOND)


def interval(limit: Limit, lump: int) -> float:
    """Microseconds between segments while messages of up to `lump` segments are about.

    Where the rate is too small for exact margins (below about 5, or lumps of half the rate) it is the plain spacing
    plus the grace: single segments still never exceed the rate, a lump larger than the rate cannot but do so.
    """
    spare = limit.rate - lump - limit.burst + 1
    if spare >= limit.rate / 2:
        return (SECOND + limit.grace) / spare
    return SECOND / limit.rate + limit.grace


def lost(limit: Limit, now: float) -> Pace:
    """The pace after its state was lost: everything granted before has run out when the first slot comes."""
    return Pace(now + SECOND + limit.grace)


def is_lost(limit: Limit, pace: Pace, now: float, horizon: float) -> bool:
    """Whether a slot so far ahead can only mean that the clock went back."""
    return pace.tat > now + horizon + SECOND + limit.grace + 256 * interval(limit, 1)


def earliest(limit: Limit, pace: Pace, cost: int, now: float) -> tuple[float, int]:
    """The earliest slot for a message of `cost` segments, and the lump that then governs.

    A message larger than any recent one first waits for the difference: the seconds before it were spaced for less.
    """
    start = max(pace.tat, now - (limit.burst - 1) * interval(limit, 1))
    governing = pace.lump if start < pace.until else 1
    if cost > governing:
        start += (cost - governing) * interval(limit, cost)
        governing = cost
    return start, governing


def grant(limit: Limit, pace: Pace, cost: int, slot: float, governing: int) -> Pace:
    """The pace after a message of `cost` segments was given `slot`."""
    until = slot + SECOND + limit.grace if cost == governing else pace.until
    return Pace(slot + cost * interval(limit, governing), governing, until)
