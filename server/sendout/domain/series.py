"""Buckets for plots: how an interval is cut into the hours or days of a time zone.

A bucket is a piece of the wall clock: a day runs from the first to the last moment of a date (23 or 25 hours where
clocks change), an hour begins at a full hour of the local clock and wherever the clock is moved.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from enum import StrEnum
from itertools import pairwise
from zoneinfo import ZoneInfo

from sendout.domain.days import first_moment, local
from sendout.domain.tallies import QUARTER_HOUR_S, SECOND_US

MAX_BUCKETS = 1_000
_QUARTER_US = QUARTER_HOUR_S * SECOND_US


class Width(StrEnum):
    """How wide the buckets are."""

    HOUR = "HOUR"
    DAY = "DAY"


def buckets(start_us: int, end_us: int, zone: ZoneInfo, width: Width) -> Iterator[tuple[int, int]]:
    """[start, end) in order, without gap or overlap, the first and last cut at its ends. All ends are quarter hours.

    The ends given must be quarter hours. OverflowError outside the years that a calendar has.
    """
    borders = _hours(start_us, end_us, zone) if width is Width.HOUR else _days(start_us, end_us, zone)
    yield from pairwise(_between(start_us, end_us, borders))


def _between(start_us: int, end_us: int, borders: Iterator[int]) -> Iterator[int]:
    yield start_us
    yield from borders
    yield end_us


def _hours(start_us: int, end_us: int, zone: ZoneInfo) -> Iterator[int]:
    """Quarter hours inside the interval at which the local hour, or the clock's distance from UTC, is another."""
    before = _hour(start_us, zone)
    for moment in range(start_us + _QUARTER_US, end_us, _QUARTER_US):
        here = _hour(moment, zone)
        if here != before:
            yield moment
        before = here


def _hour(moment_us: int, zone: ZoneInfo) -> tuple[int, timedelta | None]:
    clock = local(moment_us, zone)
    return clock.hour, clock.utcoffset()


def _days(start_us: int, end_us: int, zone: ZoneInfo) -> Iterator[int]:
    day, last = local(start_us, zone).date(), start_us
    while True:
        day += timedelta(days=1)
        border = first_moment(day, zone)
        if border >= end_us:
            return
        if border > last:  # a zone that crossed the date line has a date without any moment
            yield border
            last = border
