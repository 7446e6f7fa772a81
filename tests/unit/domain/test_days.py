"""Where a day and a month begin and end by a local clock."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sendout.domain.days import Span, day_of, month_of
from sendout.domain.tallies import QUARTER_HOUR_S, SECOND_US

QUARTER = QUARTER_HOUR_S * SECOND_US
HOUR = 4 * QUARTER
ZONES = (
    *("UTC", "America/Los_Angeles", "Australia/Lord_Howe", "Asia/Kathmandu", "Pacific/Chatham", "Pacific/Apia"),
    *("Africa/Cairo", "Asia/Beirut", "America/Havana", "America/Santiago", "America/Sao_Paulo", "Europe/London"),
)
zones = st.sampled_from(ZONES)
moments = st.integers(946_684_800 * SECOND_US, 2_208_988_800 * SECOND_US)  # 2000 to 2040


def us(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * SECOND_US


@pytest.mark.parametrize(
    ("zone", "now", "label", "start", "hours"),
    [
        ("America/Los_Angeles", "2026-03-08T09:59:59", "2026-03-08", "2026-03-08T08:00:00", 23),
        ("America/Los_Angeles", "2026-03-08T20:00:00", "2026-03-08", "2026-03-08T08:00:00", 23),
        ("America/Los_Angeles", "2026-11-01T08:30:00", "2026-11-01", "2026-11-01T07:00:00", 25),  # 01:30, the first
        ("America/Los_Angeles", "2026-11-01T09:30:00", "2026-11-01", "2026-11-01T07:00:00", 25),  # and the second
        ("America/Los_Angeles", "2026-11-02T07:59:59", "2026-11-01", "2026-11-01T07:00:00", 25),
        ("America/Los_Angeles", "2026-11-02T08:00:00", "2026-11-02", "2026-11-02T08:00:00", 24),
        ("Australia/Lord_Howe", "2026-04-05T00:00:00", "2026-04-05", "2026-04-04T13:00:00", 24.5),
        ("Australia/Lord_Howe", "2026-10-04T00:00:00", "2026-10-04", "2026-10-03T13:30:00", 23.5),
        ("Africa/Cairo", "2026-04-24T09:00:00", "2026-04-24", "2026-04-23T22:00:00", 23),  # clocks skip midnight
        ("Pacific/Apia", "2011-12-30T09:00:00", "2011-12-29", "2011-12-29T10:00:00", 24),  # the 30th never was
        # Clocks were set back from 00:01, so 23:15 came again after midnight: it belongs to the day that had begun.
        ("America/St_Johns", "2006-10-29T02:45:00", "2006-10-29", "2006-10-29T02:30:00", 25),
        ("UTC", "1969-12-31T23:00:00", "1969-12-31", "1969-12-31T00:00:00", 24),
    ],
)
def test_day(zone: str, now: str, label: str, start: str, hours: float) -> None:
    """A day begins and ends where its date does on the local clock, with as many hours as that gives it."""
    assert day_of(zone, us(now)) == Span(label, us(start), us(start) + int(hours * HOUR))


@pytest.mark.parametrize(
    ("zone", "now", "label", "start", "end"),
    [
        ("America/Los_Angeles", "2026-11-01T06:59:59", "2026-10", "2026-10-01T07:00:00", "2026-11-01T07:00:00"),
        ("America/Los_Angeles", "2026-11-01T07:00:00", "2026-11", "2026-11-01T07:00:00", "2026-12-01T08:00:00"),
        ("UTC", "2024-02-29T12:00:00", "2024-02", "2024-02-01T00:00:00", "2024-03-01T00:00:00"),
        ("UTC", "2026-12-31T23:59:59", "2026-12", "2026-12-01T00:00:00", "2027-01-01T00:00:00"),
    ],
)
def test_month(zone: str, now: str, label: str, start: str, end: str) -> None:
    """A month runs from the first moment of its first day to that of the next month's, clocks moved or not."""
    assert month_of(zone, us(now)) == Span(label, us(start), us(end))


@given(zones, moments)
def test_a_day_holds_exactly_its_date(zone: str, now: int) -> None:
    """A day holds its moment; its first and last moments have its date, those beside them another; days are gapless."""
    day = day_of(zone, now)
    assert day.start_us <= now < day.end_us
    inside, outside = [day.start_us, now, day.end_us - SECOND_US], [day.start_us - SECOND_US, day.end_us]
    dates = [datetime.fromtimestamp(moment // SECOND_US, ZoneInfo(zone)).date().isoformat() for moment in inside]
    assert set(dates) == {day.label}
    assert all(day_of(zone, moment).label != day.label for moment in outside)
    assert day_of(zone, day.end_us).start_us == day.end_us
    assert day_of(zone, day.start_us - 1).end_us == day.start_us


@given(zones, moments)
def test_a_month_is_its_days(zone: str, now: int) -> None:
    """A month begins with the first of its days, ends with the last, and every moment of it has its label."""
    month = month_of(zone, now)
    first, last = day_of(zone, month.start_us), day_of(zone, month.end_us - 1)
    assert (first.start_us, last.end_us) == (month.start_us, month.end_us)
    assert first.label == f"{month.label}-01"
    assert day_of(zone, now).label[:7] == last.label[:7] == month.label
