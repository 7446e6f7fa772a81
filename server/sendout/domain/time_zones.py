"""Time zones by the names that people and browsers give them."""

from __future__ import annotations

import functools
import zoneinfo

from sendout.domain.errors import field_invalid

MAX_NAME = 64


def check_time_zone(field: str, typed: str) -> str:
    """The IANA name, "UTC" where empty; FIELD_INVALID where there is no such zone."""
    name = typed or "UTC"
    try:
        if len(name) <= MAX_NAME:
            zoneinfo.ZoneInfo(name)
            return name
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):  # OSError: the name of a folder, such as "America"
        pass
    raise field_invalid(field, typed, "Give a time zone by its IANA name, such as Europe/Paris.")


@functools.lru_cache(maxsize=1_024)  # there are 600; zoneinfo itself holds on to eight
def zone_named(name: str) -> zoneinfo.ZoneInfo:
    """The zone of a name that was checked before, read from disk once."""
    return zoneinfo.ZoneInfo(name)
