"""Counts per hour or day, for plots: read from the tallies, so the number of messages costs nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from zoneinfo import ZoneInfo

from sendout.domain.errors import field_invalid
from sendout.domain.permissions import Caller, Permission
from sendout.domain.series import MAX_BUCKETS, Width, buckets
from sendout.domain.tallies import Counts
from sendout.domain.time_zones import check_time_zone
from sendout.server.commands.history import checked_interval, require_contact_point
from sendout.server.commands.refusals import known_topic
from sendout.storage import tallies, topics
from sendout.storage.engine import Database

ALL_TOPICS = "-"


@dataclass(frozen=True, slots=True)
class Point:
    """The counts of [start, end)."""

    start_us: int
    end_us: int
    counts: Counts


@dataclass(frozen=True, slots=True)
class Series:
    """Every bucket of the interval, oldest first, and all together."""

    points: Sequence[Point]
    total: Counts


class GetTopicSeries:
    """The use case. Needs VIEW_HISTORY."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def __call__(
        self,
        caller: Caller,
        topic_id: str,
        *,
        start_us: int | None,
        end_us: int | None,
        width: Width = Width.DAY,
        time_zone: str = "",
        contact_point_id: str = "",
    ) -> Series:
        """Counts of one topic, or of all where it is "-", per bucket, zeros included (S36, S37, S39)."""
        caller.require(Permission.VIEW_HISTORY)
        zone = check_time_zone("time_zone", time_zone)
        cut = _cut(start_us, end_us, zone, width)
        async with self._database.read() as connection:
            if topic_id != ALL_TOPICS:
                known_topic(await topics.get(connection, topic_id), topic_id)
            await require_contact_point(connection, contact_point_id)
            counts = await tallies.read_series(
                connection,
                cut,
                topic_id=None if topic_id == ALL_TOPICS else topic_id,
                contact_point_id=contact_point_id or None,
            )
        points = [Point(*bucket, count) for bucket, count in zip(cut, counts, strict=True)]
        return Series(points, sum(counts, Counts()))


def _cut(start_us: int | None, end_us: int | None, zone: str, width: Width) -> list[tuple[int, int]]:
    if start_us is None:
        raise field_invalid("start_time", "", "A series needs the time at which it starts.")
    if end_us is None:
        raise field_invalid("end_time", "", "A series needs the time at which it ends.")
    start, end = checked_interval(start_us, end_us)
    try:
        cut = list(islice(buckets(start, end, ZoneInfo(zone), width), MAX_BUCKETS + 1))
    except (OverflowError, ValueError):  # within a day of the years 1 and 9999
        raise field_invalid("start_time", f"{start_us // 1_000_000} s after 1970", "Choose a later interval.") from None
    if len(cut) > MAX_BUCKETS:
        rule = f"The interval holds more than {MAX_BUCKETS:,} buckets. Choose a shorter one, or wider buckets."
        raise field_invalid("end_time", f"{end_us // 1_000_000} s after 1970", rule)
    return cut
