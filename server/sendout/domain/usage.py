"""Usage for the bill: what it is grouped by, and the days and months of an interval in a time zone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from sendout.domain.days import day_of, month_of
from sendout.domain.errors import field_invalid
from sendout.domain.prices import Money

MAX_PERIODS = 1_000
MAX_DIMENSIONS = 4


class Dimension(StrEnum):
    """What usage can be grouped by."""

    CONTACT_POINT = "contact_point_id"
    TOPIC = "topic_id"
    COUNTRY = "country"
    DAY = "day"
    MONTH = "month"


_PERIODS = {Dimension.DAY: day_of, Dimension.MONTH: month_of}


@dataclass(frozen=True, slots=True)
class Sums:
    """Messages that carriers took, their segments and what they cost; `cost` None where no price was known."""

    messages: int
    segments: int
    cost: Money | None
    unpriced_segments: int


@dataclass(frozen=True, slots=True)
class Period:
    """A day or month, cut at the ends of the interval: [start, end) in microseconds since 1970, and its first date."""

    first: date
    start_us: int
    end_us: int


def check_dimensions(field: str, typed: Sequence[Dimension]) -> tuple[Dimension, ...]:
    """The dimensions without repeats, in their order; FIELD_INVALID where they are too many, or days and months."""
    if len(typed) > MAX_DIMENSIONS:
        raise field_invalid(field, f"{len(typed)} entries", f"Group by at most {MAX_DIMENSIONS}.")
    chosen = tuple(dict.fromkeys(typed))
    if set(_PERIODS) <= set(chosen):
        raise field_invalid(field, ", ".join(one.name for one in typed), "Choose days or months, not both.")
    return chosen


def periods(chosen: Sequence[Dimension], zone: str, start_us: int, end_us: int) -> Iterator[Period]:
    """The days or months of [start, end) in a zone, by its IANA name; none where usage is grouped by neither.

    OverflowError or ValueError outside the years that a calendar has.
    """
    period_of = next((_PERIODS[one] for one in chosen if one in _PERIODS), None)
    moment = start_us
    while period_of and moment < end_us:
        found = period_of(zone, moment)
        first = date.fromisoformat(found.label if len(found.label) == len("2026-11-01") else f"{found.label}-01")
        yield Period(first, moment, min(found.end_us, end_us))
        moment = found.end_us
