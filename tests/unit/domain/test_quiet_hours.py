"""When a message may leave by the local clocks of its recipient."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import phonenumbers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from phonenumbers.timezone import time_zones_for_number
from phonenumbers.tzdata import TIMEZONE_DATA

from sendout.domain.contact_points import QuietHours
from sendout.domain.quiet_hours import open_for, release_time, spread, zones_of
from sendout.domain.time_zones import zone_named

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
FEDERAL = QuietHours("21:00", "08:00", "America/New_York")
FOUR = ("America/New_York", "America/Chicago", "America/Denver", "America/Los_Angeles")
ZONES = (
    *("UTC", "Europe/London", "America/New_York", "Asia/Kolkata", "Asia/Kathmandu", "Pacific/Chatham", "Pacific/Apia"),
    *("Australia/Lord_Howe", "Africa/Cairo", "Asia/Beirut", "America/Havana", "America/Santiago", "Pacific/Honolulu"),
)


def us(text: str, zone: str = "UTC", fold: int = 0) -> int:
    moment = datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold)
    return int(moment.timestamp()) * SECOND


def shown(moment: int | None) -> str | None:
    return None if moment is None else datetime.fromtimestamp(moment / SECOND, UTC).strftime("%Y-%m-%d %H:%M:%S")


@pytest.mark.parametrize(
    ("now", "zones", "released"),
    [
        ("2025-01-15 12:59:00", ("America/New_York",), "2025-01-15 13:00:00"),
        ("2025-01-15 13:00:00", ("America/New_York",), None),
        ("2025-01-16 01:59:59", ("America/New_York",), None),
        ("2025-01-16 02:00:00", ("America/New_York",), "2025-01-16 13:00:00"),
        ("2025-03-09 11:30:00", ("America/New_York",), "2025-03-09 12:00:00"),  # clocks go forward that day
        ("2025-11-02 12:30:00", ("America/New_York",), "2025-11-02 13:00:00"),  # and back
        ("2025-01-15 13:30:00", FOUR, "2025-01-15 16:00:00"),
        ("2025-01-16 02:00:00", FOUR, "2025-01-16 16:00:00"),
        ("2025-01-15 17:59:00", ("Pacific/Honolulu",), "2025-01-15 18:00:00"),
        ("2025-07-01 20:30:00", ("Europe/London",), "2025-07-02 07:00:00"),
        ("2025-01-15 18:00:00", ("America/New_York", "Pacific/Honolulu", "Pacific/Guam"), "2025-01-15 22:00:00"),
    ],
)
def test_vector(now: str, zones: tuple[str, ...], released: str | None) -> None:
    """Each published vector (8:00 to 21:00 local) is allowed at once, or released at the moment worked out for it."""
    assert shown(release_time(FEDERAL, zones, us(now))) == released


@pytest.mark.parametrize(
    ("quiet", "zone", "now", "released"),
    [
        # Clocks skip 02:00 to 03:00: an end that never is shown is over when the clock passes it.
        (("21:00", "02:30"), "America/New_York", "2025-03-09 06:00:00", "2025-03-09 07:00:00"),
        # 01:00 to 02:00 comes twice: quiet again from 01:00 on, after half an hour in which it was allowed.
        (("00:00", "01:30"), "America/New_York", "2025-11-02 05:15:00", "2025-11-02 05:30:00"),
        (("00:00", "01:30"), "America/New_York", "2025-11-02 05:45:00", None),
        (("00:00", "01:30"), "America/New_York", "2025-11-02 06:15:00", "2025-11-02 06:30:00"),
        # Midnight goes back to 23:00, which is before the hours begin.
        (("23:30", "08:00"), "America/Santiago", "2026-04-05 02:45:00", "2026-04-05 03:00:00"),
        # The only allowed half hour is skipped that day.
        (("02:30", "02:00"), "America/New_York", "2025-03-09 06:59:00", "2025-03-10 06:00:00"),
        (("02:45", "02:15"), "America/New_York", "2025-03-08 07:50:00", "2025-03-10 06:15:00"),
        (("13:00", "14:00"), "Asia/Kathmandu", "2025-01-01 07:20:00", "2025-01-01 08:15:00"),
    ],
)
def test_clocks_that_are_moved(quiet: tuple[str, str], zone: str, now: str, released: str | None) -> None:
    """Hours that are skipped or come twice count by what the wall clock shows."""
    assert shown(release_time(QuietHours(*quiet, "UTC"), (zone,), us(now))) == released


def test_an_unknown_place_follows_the_fallback() -> None:
    """Where the number says nothing the fallback zone decides alone, for the moment and for how long it is open."""
    now = us("2025-01-15 12:00:00")
    assert release_time(FEDERAL, (), now) == now + HOUR
    assert open_for(FEDERAL, (), now + HOUR) == 13 * HOUR


def test_zones_without_a_common_hour_follow_the_fallback() -> None:
    """Zones on opposite sides that never are awake together leave it to the fallback zone."""
    night = QuietHours("18:00", "09:00", "Europe/London")
    zones = ("Asia/Tokyo", "America/New_York")
    now = us("2025-01-15 05:00:00")
    assert shown(release_time(night, zones, now)) == "2025-01-15 09:00:00"
    assert release_time(night, zones, us("2025-01-15 12:00:00")) is None
    assert open_for(night, zones, us("2025-01-15 12:00:00")) == 6 * HOUR


def test_open_until_the_first_zone_falls_asleep() -> None:
    """After release it stays open until quiet hours begin in the first of the zones; it is not open in quiet hours."""
    assert open_for(FEDERAL, FOUR, us("2025-01-15 16:00:00")) == 10 * HOUR
    assert open_for(FEDERAL, ("America/New_York",), us("2025-01-15 12:00:00")) == 0


zone_tuples = st.lists(st.sampled_from(ZONES), max_size=4, unique=True).map(tuple)
times_of_day = st.builds("{:02}:{:02}".format, st.integers(0, 23), st.sampled_from([0, 15, 30, 59]))
hours = st.tuples(times_of_day, times_of_day).filter(lambda pair: pair[0] != pair[1])
quiets = st.builds(lambda pair, zone: QuietHours(*pair, zone), hours, st.sampled_from(ZONES))


def days_of_change() -> list[int]:
    """Every day from 2020 to 2030 on which some zone moves its clocks, as its start in UTC."""
    days = [datetime(2020, 1, 1, tzinfo=UTC) + timedelta(days=number) for number in range(3_650)]
    return [
        int(day.timestamp()) * SECOND
        for day in days
        if any(
            day.astimezone(ZoneInfo(zone)).utcoffset()
            != (day + timedelta(days=1)).astimezone(ZoneInfo(zone)).utcoffset()
            for zone in ZONES
        )
    ]


ordinary = st.integers(us("2005-01-01 00:00:00"), us("2037-01-01 00:00:00"))
moments = ordinary | st.builds(
    lambda day, more: day + more, st.sampled_from(days_of_change()), st.integers(0, 24 * HOUR)
)


def allowed(quiet: QuietHours, zones: tuple[str, ...], moment: int) -> bool:
    """By the slow and obvious road: what every wall clock shows, as text."""
    for zone in zones:
        clock = datetime.fromtimestamp(moment // SECOND, ZoneInfo(zone)).strftime("%H:%M")
        awake = quiet.end <= clock < quiet.start
        if not (awake if quiet.end < quiet.start else clock < quiet.start or quiet.end <= clock):
            return False
    return True


def scanned(quiet: QuietHours, zones: tuple[str, ...], now: int, until: int) -> int | None:
    """The first moment that is allowed: this one, or the start of a later minute."""
    if allowed(quiet, zones, now):
        return now
    minutes = range(now - now % MINUTE + MINUTE, until, MINUTE)
    return next((moment for moment in minutes if allowed(quiet, zones, moment)), None)


@settings(max_examples=300, deadline=None)
@given(quiets, zone_tuples, moments)
def test_release_is_the_first_allowed_minute(quiet: QuietHours, zones: tuple[str, ...], now: int) -> None:
    """The moment of release is the one a scan of every minute finds: never early, never late, by every wall clock."""
    expected = scanned(quiet, zones, now, now + 48 * HOUR) if zones else None
    if expected is None:
        expected = scanned(quiet, (quiet.fallback_time_zone,), now, now + 96 * HOUR)
    assert expected is not None
    assert release_time(quiet, zones, now) == (None if expected == now else expected)


@given(quiets, zone_tuples, moments)
def test_what_is_released_may_leave(quiet: QuietHours, zones: tuple[str, ...], now: int) -> None:
    """Asked again at the moment of release, or at any moment of the spread, it is allowed by the same clocks."""
    release = release_time(quiet, zones, now) or now
    governing = zones if zones and allowed(quiet, zones, release) else (quiet.fallback_time_zone,)
    length = open_for(quiet, zones, release)
    assert allowed(quiet, governing, release)
    assert allowed(quiet, governing, release + length - 1)
    assert not allowed(quiet, governing, release + length)
    for key in range(20):
        leaves = spread(release, bytes([key]), length)
        assert allowed(quiet, governing, leaves)
        assert release <= leaves < release + length / 2
        if governing == zones:
            assert release_time(quiet, zones, leaves) is None


def test_spread_uses_ten_minutes_evenly() -> None:
    """Releases leave at ten moments a minute apart, about as many at each, the same moment for the same key."""
    keys = [number.to_bytes(16, "big") for number in range(1_000)]
    leaves = [spread(0, key, 13 * HOUR) for key in keys]
    assert set(leaves) == {step * MINUTE for step in range(10)}
    assert all(60 <= leaves.count(step * MINUTE) <= 140 for step in range(10))
    assert leaves == [spread(0, key, 13 * HOUR) for key in keys]


def test_spread_shrinks_with_the_window() -> None:
    """Where it is open for ten minutes only, everything leaves in the first five; where for none, at once."""
    keys = [bytes([number]) for number in range(256)]
    assert max(spread(0, key, 10 * MINUTE) for key in keys) == 9 * MINUTE // 2
    assert {spread(7, key, 0) for key in keys} == {7}


@pytest.mark.parametrize(
    ("e164", "count", "among"),
    [
        ("+14155552671", 1, "America/Los_Angeles"),
        ("+12125552671", 1, "America/New_York"),
        ("+18085552671", 1, "Pacific/Honolulu"),
        ("+16715552671", 1, "Pacific/Guam"),
        ("+447400123456", 4, "Europe/London"),
        ("+18005552671", 42, "America/New_York"),
        ("+61412345678", 8, "Australia/Perth"),
        ("+79123456789", 16, "Asia/Vladivostok"),
    ],
)
def test_zones_of_a_number(e164: str, count: int, among: str) -> None:
    """The zones are all those the area code leaves open."""
    assert len(zones_of(e164)) == count
    assert among in zones_of(e164)


@pytest.mark.parametrize("e164", ["+15555550123", "+999123456789", "+80012345678", "", "+", "x"])
def test_a_number_of_nowhere_has_no_zone(e164: str) -> None:
    """What the library knows no zone for, and what is no number, has none."""
    assert zones_of(e164) == ()


def test_zones_agree_with_the_library() -> None:
    """Mobile numbers of every country get the library's zones, or their own island's where it names all of America."""
    whole_of_america = zones_of("+18005552671")
    for region in sorted(phonenumbers.SUPPORTED_REGIONS):
        example = phonenumbers.example_number_for_type(region, phonenumbers.PhoneNumberType.MOBILE)
        if example is None:
            continue
        ours = zones_of(phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164))
        library = time_zones_for_number(example)
        if library == whole_of_america:
            assert len(ours) == 1
        else:
            assert set(library) <= set(ours)  # more where it tells a fixed line from a mobile number
            assert ours == library or region == "FM"


def test_every_zone_of_a_number_is_known_here() -> None:
    """Each zone the library can name is in this machine's zone data."""
    for zone in {zone for zones in TIMEZONE_DATA.values() for zone in zones}:
        assert zone_named(zone).key == zone


def test_a_batch_of_numbers_is_quick() -> None:
    """10,000 numbers of ten countries in turn get zones and moments of release in well below a second."""
    countries = ("+1415", "+1876", "+44740", "+39312", "+6141", "+7912", "+4915", "+336", "+5511", "+9198")
    batch = [f"{start}{place:06}" for place in range(250_000, 251_000) for start in countries]
    release_time.cache_clear()
    now = us("2025-11-02 04:30:00")
    began = time.process_time()
    for number in batch:
        release_time(FEDERAL, zones_of(number), now)
    assert time.process_time() - began < 0.5  # 0.02 s alone; the margin is for a busy machine
