"""What a tally counts, and how an interval is cut so that a year is cheap and a quarter hour exact.

Counts are kept at three grains (UTC day, hour, quarter hour), so an interval is read at the coarsest grain that fits
and at finer ones for its ragged ends: five pieces at the most. Every border of a time zone in use today lies on a
quarter hour of UTC, so a day of any zone is exact.
"""

from __future__ import annotations

from dataclasses import dataclass

SECOND_US = 1_000_000
QUARTER_HOUR_S = 900
GRAINS = (86_400, 3_600, QUARTER_HOUR_S)
"""Widths of the kept buckets in seconds, coarsest first. Each divides the one before."""

_QUARTER_HOUR_US = QUARTER_HOUR_S * SECOND_US


@dataclass(frozen=True, slots=True)
class Counts:
    """Messages counted, each in the quarter hour in which its notification was created. `segments` are segments."""

    accepted: int = 0
    sent: int = 0
    delivered: int = 0
    undelivered: int = 0
    failed: int = 0
    other: int = 0
    segments: int = 0

    def __add__(self, more: Counts) -> Counts:
        return Counts(
            self.accepted + more.accepted,
            self.sent + more.sent,
            self.delivered + more.delivered,
            self.undelivered + more.undelivered,
            self.failed + more.failed,
            self.other + more.other,
            self.segments + more.segments,
        )


@dataclass(frozen=True, slots=True)
class Piece:
    """Buckets of one grain (seconds) from `start` (included) to `end` (not included), microseconds since 1970."""

    grain: int
    start: int
    end: int


def bucket_of(time_us: int, grain: int) -> int:
    """Start of the bucket of this grain that holds a time."""
    return time_us - time_us % (grain * SECOND_US)


def rounded_outward(start_us: int, end_us: int) -> tuple[int, int]:
    """The smallest interval of whole quarter hours that holds [start, end)."""
    return bucket_of(start_us, QUARTER_HOUR_S), -bucket_of(-end_us, QUARTER_HOUR_S)


def pieces(start_us: int, end_us: int) -> list[Piece]:
    """Cut [start, end), whose ends lie on quarter hours, into at most five pieces: disjoint, in order, without gaps."""
    if start_us % _QUARTER_HOUR_US or end_us % _QUARTER_HOUR_US:
        raise ValueError("both ends of the interval must lie on quarter hours")
    return _cut(start_us, end_us, GRAINS)


def _cut(start: int, end: int, grains: tuple[int, ...]) -> list[Piece]:
    if start >= end:
        return []
    grain, finer = grains[0], grains[1:]
    first, last = -bucket_of(-start, grain), bucket_of(end, grain)
    if first >= last:  # no whole bucket of this grain fits
        return _cut(start, end, finer)
    return [*_cut(start, first, finer), Piece(grain, first, last), *_cut(last, end, finer)]
