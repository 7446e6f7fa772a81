"""Days and months by a local clock: from the first to the last moment of a date, however long its clocks make it.

Who comes in: daily caps, quotas and usage, and the buckets of `series`. A day has 23 or 25 hours where clocks change,
24½ where they are moved by half an hour. Borders lie on quarter hours of UTC, as those of every zone in use today do.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sendout.domain.tallies import QUARTER_HOUR_S, bucket_of
from sendout.domain.time_zones import zone_named

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Span:
    """A day ("2026-11-01") or month ("2026-11"): its first moment and that of the next, microseconds since 1970."""

    label: str
    start_us: int
    end_us: int


def day_of(zone: str, now_us: int) -> Span:
    """The day that a zone, by its IANA name, has at a moment."""
    here = zone_named(zone)
    today = _date_at(now_us, here)
    return Span(today.isoformat(), first_moment(today, here), first_moment(today + _DAY, here))


def month_of(zone: str, now_us: int) -> Span:
    """The month that a zone, by its IANA name, has at a moment."""
    here = zone_named(zone)
    first = _date_at(now_us, here).replace(day=1)
    following = (first + 31 * _DAY).replace(day=1)
    return Span(f"{first:%Y-%m}", first_moment(first, here), first_moment(following, here))


def _date_at(moment_us: int, zone: ZoneInfo) -> date:
    """The date whose day a moment lies in. Clocks that were set back over midnight show the one before once more."""
    shown = local(moment_us, zone).date()
    return shown + _DAY if first_moment(shown + _DAY, zone) <= moment_us else shown


def local(moment_us: int, zone: ZoneInfo) -> datetime:
    """What calendar and clock show in a zone. OverflowError outside the years that a calendar has."""
    return (_EPOCH + timedelta(microseconds=moment_us)).astimezone(zone)


def first_moment(day: date, zone: ZoneInfo) -> int:
    """Where a date begins in a zone; of a date that the zone skipped, where the next one does."""
    midnight = datetime.combine(day, time(), zone)  # the first of two; one that is skipped is the moment of the skip
    return bucket_of((midnight - _EPOCH) // _MICROSECOND, QUARTER_HOUR_S)
