"""Time zones by the names that people and browsers give them."""

from __future__ import annotations

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
