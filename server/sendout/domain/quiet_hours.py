"""Quiet hours: when a message may leave, by the clocks on the walls where its recipient may be.

Who comes in: acceptance (hold now, release when?), the dispatcher (still allowed now?), the preview. A number only
hints at where its owner is: of several candidate zones every one must be outside its quiet hours. Where the number says
nothing, or its zones have no allowed moment in common, the contact point's fallback zone decides alone. It goes by
local wall clock: days of 23 and 25 hours, and hours that are skipped or come twice, are right.
Source: sms-domain.md section 9.
"""

from __future__ import annotations

import functools
import zlib
from collections.abc import Sequence
from datetime import timedelta

import phonenumbers
from phonenumbers import timezone
from phonenumbers.tzdata import TIMEZONE_DATA, TIMEZONE_LONGEST_PREFIX

from sendout.domain.contact_points import QuietHours
from sendout.domain.days import local
from sendout.domain.tallies import SECOND_US
from sendout.domain.time_zones import zone_named

_MINUTE_US = 60 * SECOND_US
_DAY_US = 24 * 60 * _MINUTE_US
_HORIZON_US = 2 * _DAY_US  # the same hours come every day: what is not common in two days is not common
_STEPS = 10


# Where area codes belong to places for mobile numbers too: North America, Mexico, Argentina, Brazil, Indonesia, China.
# Elsewhere the same digits tell nothing, and a mobile number may be anywhere in its country.
_BY_AREA = frozenset({"1", "52", "54", "55", "62", "86"})


def zones_of(e164: str) -> tuple[str, ...]:
    """The IANA zones in which the owner of a number may be; empty where the number does not say. Takes about 1 µs."""
    digits = e164[1:]
    code = next((digits[:size] for size in (1, 2, 3) if digits[:size] in TIMEZONE_DATA), "")
    if code not in _BY_AREA:
        return TIMEZONE_DATA.get(code, ())
    for size in range(TIMEZONE_LONGEST_PREFIX, len(code), -1):
        if zones := TIMEZONE_DATA.get(digits[:size]):
            return zones
    return _zones_without_area(e164)


@functools.lru_cache(maxsize=4_096)
def _zones_without_area(e164: str) -> tuple[str, ...]:
    """A toll-free number may be anywhere in its country; where one that nobody holds is, nobody knows."""
    try:
        zones = timezone.time_zones_for_number(phonenumbers.parse(e164))
    except phonenumbers.NumberParseException:
        return ()
    return () if timezone.UNKNOWN_TIMEZONE in zones else tuple(zones)


@functools.lru_cache(maxsize=4_096)  # the recipients of one send have few different zones
def release_time(quiet: QuietHours, zones: tuple[str, ...], now_us: int) -> int | None:
    """None where sending is allowed now, else the first moment (microseconds since 1970) at which it is.

    For many recipients pass the same `now_us`: each set of zones is then worked out once. Look again when the moment
    has come, as the queue may have drifted into the next night.
    """
    opening = _common_opening(quiet, zones, now_us, now_us + _HORIZON_US) if zones else None
    if opening is None:
        opening = _first_allowed(quiet, quiet.fallback_time_zone, now_us)
    return None if opening == now_us else opening


def held_until(quiet: QuietHours, e164: str, key: bytes, now_us: int) -> int | None:
    """None where a number may be sent to now, else when what waits for it leaves: its release, spread by its key."""
    zones = zones_of(e164)
    release = release_time(quiet, zones, now_us)
    return None if release is None else spread(release, key, open_for(quiet, zones, release))


@functools.lru_cache(maxsize=4_096)  # asked with few different moments, as `release_time` is
def open_for(quiet: QuietHours, zones: tuple[str, ...], release_us: int) -> int:
    """How long after a moment of release it stays allowed, in microseconds; 0 where it is not allowed then."""
    if not zones or any(_is_quiet(quiet, zone, release_us) for zone in zones):
        zones = (quiet.fallback_time_zone,)
    if any(_is_quiet(quiet, zone, release_us) for zone in zones):
        return 0
    return min(_next_change(quiet, zone, release_us) for zone in zones) - release_us


def spread(release_us: int, key: bytes, open_us: int) -> int:
    """The moment at which what is released at `release_us` leaves: one of ten, a minute apart, by its key.

    So not everything that waited for the morning leaves in one burst. `open_us` is how long it is open from then on
    (microseconds): where that is short so are the steps, and the last one comes before half of it is over. The same key
    always gets the same moment.
    """
    step = min(_MINUTE_US, open_us // (2 * _STEPS))
    return release_us + zlib.crc32(key) % _STEPS * step


def _common_opening(quiet: QuietHours, zones: Sequence[str], now_us: int, until_us: int) -> int | None:
    """The first moment from now on at which no zone is quiet; None where there is none before `until_us`."""
    moment = now_us
    while moment < until_us:
        latest = max(_first_allowed(quiet, zone, moment) for zone in zones)
        if latest == moment:
            return moment
        moment = latest  # nothing before it suits the zone that opens last
    return None


def _first_allowed(quiet: QuietHours, zone: str, moment_us: int) -> int:
    while _is_quiet(quiet, zone, moment_us):
        moment_us = _next_change(quiet, zone, moment_us)
    return moment_us


def _next_change(quiet: QuietHours, zone: str, moment_us: int) -> int:
    """The first moment after this one at which quiet hours begin or end in a zone, or its clocks are moved across."""
    was_quiet = _is_quiet(quiet, zone, moment_us)
    border = _time_of_day(quiet.end if was_quiet else quiet.start)
    while True:
        change = moment_us + (border - _wall_clock(zone, moment_us)) % _DAY_US
        if _offset(zone, change) == _offset(zone, moment_us):
            return change
        # Clocks are moved before that. They may jump over the border, or back; if neither, go on from there.
        moment_us = _moved(zone, moment_us, change)
        if _is_quiet(quiet, zone, moment_us) != was_quiet:
            return moment_us


def _moved(zone: str, before_us: int, after_us: int) -> int:
    """The first moment at which clocks have been moved to where they are at `after_us`, both in whole seconds."""
    old, new = before_us // SECOND_US, after_us // SECOND_US
    after = _offset(zone, after_us)
    while new - old > 1:
        middle = (old + new) // 2
        if _offset(zone, middle * SECOND_US) == after:
            new = middle
        else:
            old = middle
    return new * SECOND_US


def _is_quiet(quiet: QuietHours, zone: str, moment_us: int) -> bool:
    """Half open: quiet from the start on, and no longer at the end. Hours that end before they begin pass midnight."""
    start, end, now = _time_of_day(quiet.start), _time_of_day(quiet.end), _wall_clock(zone, moment_us)
    return start <= now < end if start < end else not end <= now < start


def _wall_clock(zone: str, moment_us: int) -> int:
    """Microseconds since local midnight, as the clock on the wall shows them."""
    return (moment_us + _offset(zone, moment_us)) % _DAY_US


def _offset(zone: str, moment_us: int) -> int:
    offset = local(moment_us, zone_named(zone)).utcoffset()
    return (offset or timedelta()) // timedelta(microseconds=1)


@functools.lru_cache(maxsize=1_440)
def _time_of_day(typed: str) -> int:
    """Microseconds from midnight to "HH:MM"."""
    hours, minutes = typed.split(":")
    return (int(hours) * 60 + int(minutes)) * _MINUTE_US
