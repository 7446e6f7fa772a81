"""Usage for the bill: billable segments and their cost, grouped as asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import islice
from typing import Any

from sendout.domain.errors import field_invalid
from sendout.domain.permissions import Caller, Permission
from sendout.domain.prices import check_country
from sendout.domain.time_zones import check_time_zone
from sendout.domain.usage import MAX_PERIODS, Dimension, Period, Sums, check_dimensions, periods
from sendout.server.commands.history import exact_interval, require_contact_point
from sendout.server.commands.refusals import known_topic
from sendout.storage import billing, topics
from sendout.storage.engine import Database


@dataclass(frozen=True, slots=True)
class Group:
    """The usage of one group. What it is not grouped by is "" or None; `place` is where a page goes on after it."""

    contact_point_id: str
    topic_id: str
    country: str
    day: date | None
    sums: Sums
    place: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Usage:
    """Some groups, and all of them together."""

    groups: Sequence[Group]
    total: Sums


class GetUsage:
    """The use case. Needs VIEW_HISTORY."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def __call__(
        self,
        caller: Caller,
        limit: int,
        after: Sequence[Any] | None = None,
        *,
        start_us: int | None,
        end_us: int | None,
        group_by: Sequence[Dimension] = (),
        time_zone: str = "",
        contact_point_id: str = "",
        topic_id: str = "",
        country: str = "",
    ) -> Usage:
        """What carriers took in [start, end): `limit` groups at most after the place `after`, in the order of their
        keys; those without usage are left out."""
        caller.require(Permission.VIEW_HISTORY)
        start, end = _interval(start_us, end_us)
        dimensions = check_dimensions("group_by", group_by)
        cut = _cut(dimensions, check_time_zone("time_zone", time_zone), start, end)
        only = {
            "contact_point_id": contact_point_id,
            "topic_id": topic_id,
            "country": check_country("country", country),
        }
        async with self._database.read() as connection:
            await require_contact_point(connection, contact_point_id)
            if topic_id:
                known_topic(await topics.get(connection, topic_id), topic_id)
            found = await billing.read_usage(
                connection,
                start,
                end,
                group_by=["period" if one in (Dimension.DAY, Dimension.MONTH) else one.value for one in dimensions],
                periods=[(period.start_us, period.end_us) for period in cut],
                only={name: value for name, value in only.items() if value},
                limit=limit,
                after=after,
            )
        if len(found.currencies) > 1:
            listed = " and ".join(found.currencies)
            rule = f"Amounts of this interval are in {listed}. Choose one within which there is one currency."
            raise field_invalid("start_time", f"{start // 1_000_000} s after 1970", rule)
        return Usage([_group(dimensions, cut, key, sums) for key, sums in found.rows], found.total)


def _interval(start_us: int | None, end_us: int | None) -> tuple[int, int]:
    if start_us is None:
        raise field_invalid("start_time", "", "Usage needs the time at which it starts.")
    if end_us is None:
        raise field_invalid("end_time", "", "Usage needs the time at which it ends.")
    return exact_interval(start_us, end_us)


def _cut(dimensions: Sequence[Dimension], zone: str, start: int, end: int) -> list[Period]:
    try:
        cut = list(islice(periods(dimensions, zone, start, end), MAX_PERIODS + 1))
    except (OverflowError, ValueError):  # within a month of the years 1 and 9999
        raise field_invalid("start_time", f"{start // 1_000_000} s after 1970", "Choose a later interval.") from None
    if len(cut) > MAX_PERIODS:
        rule = f"The interval holds more than {MAX_PERIODS:,} days. Choose a shorter one, or group by months."
        raise field_invalid("end_time", f"{end // 1_000_000} s after 1970", rule)
    return cut


def _group(dimensions: Sequence[Dimension], cut: Sequence[Period], key: tuple[Any, ...], sums: Sums) -> Group:
    named = dict(zip(dimensions, key, strict=True))
    period = named.get(Dimension.DAY, named.get(Dimension.MONTH))
    return Group(
        named.get(Dimension.CONTACT_POINT, ""),
        named.get(Dimension.TOPIC, ""),
        named.get(Dimension.COUNTRY, ""),
        None if period is None else cut[period].first,
        sums,
        key,
    )
