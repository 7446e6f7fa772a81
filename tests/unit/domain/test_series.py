"""How an interval is cut into the hours and days of a time zone."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sendout.domain.series import Width, buckets
from sendout.domain.tallies import SECOND_US, pieces

QUARTER = 900 * SECOND_US
HOUR = 4 * QUARTER
ZONES = (
    *("UTC", "Europe/Paris", "America/New_York", "Asia/Kolkata", "Asia/Kathmandu", "Pacific/Chatham", "Pacific/Apia"),
    *("Australia/Lord_Howe", "Africa/Cairo", "Asia/Beirut", "America/Havana", "America/Santiago", "America/Sao_Paulo"),
)
zones = st.sampled_from(ZONES).map(ZoneInfo)
starts = st.integers(946_684_800 // 900, 2_208_988_800 // 900).map(lambda n: n * QUARTER)  # 2000 to 2040
lengths = st.integers(1, 96 * 60).map(lambda n: n * QUARTER)


def us(text: str, zone: str = "UTC") -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()) * SECOND_US


def local(moment: int, zone: ZoneInfo) -> datetime:
    return datetime.fromtimestamp(moment // SECOND_US, UTC).astimezone(zone)


@given(starts, lengths, zones, st.sampled_from(Width))
def test_buckets_cover_the_interval_exactly(start: int, length: int, zone: ZoneInfo, width: Width) -> None:
    """S39: buckets follow one another from start to end without gap or overlap, none empty, all on quarter hours."""
    found = list(buckets(start, start + length, zone, width))
    assert [found[0][0], *(end for _, end in found)] == [*(begin for begin, _ in found), start + length]
    assert all(begin < end and pieces(begin, end) for begin, end in found)


@given(starts, lengths, zones)
def test_a_day_bucket_is_one_date(start: int, length: int, zone: ZoneInfo) -> None:
    """S39: all moments of a day bucket have one local date, and no two buckets have the same."""
    dates = [
        {local(moment, zone).date() for moment in range(begin, end, QUARTER)}
        for begin, end in buckets(start, start + length, zone, Width.DAY)
    ]
    assert all(len(of) == 1 for of in dates)
    assert len(set.union(*dates)) == len(dates)


@given(starts, lengths, zones)
def test_an_hour_bucket_is_one_hour_of_the_clock(start: int, length: int, zone: ZoneInfo) -> None:
    """All moments of an hour bucket have one local hour and one distance from UTC, and it lasts an hour at most."""
    for begin, end in buckets(start, start + length, zone, Width.HOUR):
        moments = [local(moment, zone) for moment in range(begin, end, QUARTER)]
        assert len({(moment.hour, moment.utcoffset()) for moment in moments}) == 1
        assert end - begin <= HOUR


@pytest.mark.parametrize(
    ("zone", "date", "hours"),
    [
        ("Europe/Paris", "2026-03-29", 23),
        ("Europe/Paris", "2026-10-25", 25),
        ("Europe/Paris", "2026-06-01", 24),
        ("Australia/Lord_Howe", "2026-04-05", 24.5),
        ("Africa/Cairo", "2026-04-24", 23),  # clocks skip midnight
        ("America/Havana", "2026-11-01", 25),  # midnight comes twice
        ("America/Santiago", "2026-04-04", 25),  # 23:00 comes twice
        ("Asia/Kathmandu", "2026-01-01", 24),
    ],
)
def test_days_with_their_own_length(zone: str, date: str, hours: float) -> None:
    """S39: a day has as many hours as the local clock gives it."""
    noon = us(f"{date}T12:00:00", zone)
    found = list(buckets(noon - 36 * HOUR, noon + 36 * HOUR, ZoneInfo(zone), Width.DAY))
    (day,) = [end - begin for begin, end in found if begin <= noon < end]
    assert day == hours * HOUR


def test_hours_of_a_half_hour_zone() -> None:
    """In a zone of +05:30 full hours lie on half hours of UTC."""
    start = us("2026-01-01T00:00:00")
    found = list(buckets(start, start + 2 * HOUR, ZoneInfo("Asia/Kolkata"), Width.HOUR))
    assert [(begin - start) / HOUR for begin, _ in found] == [0, 0.5, 1.5]


def test_a_date_that_never_was() -> None:
    """Where a zone crossed the date line the skipped date has no bucket."""
    start, end = us("2011-12-29T00:00:00", "Pacific/Apia"), us("2012-01-01T00:00:00", "Pacific/Apia")
    dates = [
        local(b, ZoneInfo("Pacific/Apia")).day for b, _ in buckets(start, end, ZoneInfo("Pacific/Apia"), Width.DAY)
    ]
    assert dates == [29, 31]
