"""Usage for the bill: groups, days of a time zone, pages and totals, beside a plain sum over all rows."""

from __future__ import annotations

import random
import uuid
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from google.type.date_pb2 import Date
from sqlalchemy import insert

from sendout.domain.errors import Reason, SendoutError
from sendout.domain.permissions import Permission
from sendout.domain.prices import NANOS, Money
from sendout.domain.usage import Dimension, Sums
from sendout.server.commands.usage import GetUsage, Group, Usage
from sendout.server.rpc.context import set_caller
from sendout.server.rpc.pages import Pages
from sendout.server.rpc.usage import UsageServicer
from sendout.storage.engine import Database
from sendout.storage.tables import usage
from sendout.v1 import usage_pb2
from sendout.v1 import usage_service_pb2 as pb
from tests.integration.pipeline import add_contact_point
from tests.integration.seed import TOKENS, caller, refusal, seeded

VIEWER = caller(Permission.VIEW_HISTORY)
BIG = 900_000 * NANOS  # ten thousand of them do not fit in 64 bits as nanos

Row = dict[str, Any]


def us(text: str, zone: str = "UTC") -> int:
    """Microseconds of a local time."""
    return round(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()) * 1_000_000


def row(time: int, **values: Any) -> Row:
    base = {"contact_point_id": "main", "topic_id": "default", "country": "GB", "segments": 1, "nanos": 70}
    made = base | {"notification_id": uuid.uuid4(), "index": 0, "time": time} | values
    return made | {"currency": "" if made["nanos"] is None else values.get("currency", "EUR")}


async def keep(database: Database, rows: Sequence[Row]) -> None:
    async with database.write() as connection:
        await connection.execute(insert(usage), rows)


def summed(rows: Sequence[Row]) -> Sums:
    """The plain sum."""
    priced = [one["nanos"] for one in rows if one["nanos"] is not None]
    return Sums(
        len(rows),
        sum(one["segments"] for one in rows),
        Money(sum(priced), "EUR") if priced else None,
        sum(one["segments"] for one in rows if one["nanos"] is None),
    )


def naive(rows: Sequence[Row], dimensions: Sequence[Dimension], zone: str) -> dict[tuple[Any, ...], Sums]:
    """Every row looked at by itself: (contact point, topic, country, day) → sums."""

    def day(time: int) -> date:
        return datetime.fromtimestamp(time / 1e6, ZoneInfo(zone)).date()

    groups: defaultdict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for one in rows:
        parts = [one[name.value] if name in dimensions else "" for name in list(Dimension)[:3]]
        when = day(one["time"]) if Dimension.DAY in dimensions else None
        if Dimension.MONTH in dimensions:
            when = day(one["time"]).replace(day=1)
        groups[(*parts, when)].append(one)
    return {key: summed(of) for key, of in groups.items()}


async def read_all(database: Database, size: int, **asked: Any) -> tuple[list[Group], list[Sums]]:
    """Every group, page by page, and the totals that came with the pages."""
    groups: list[Group] = []
    totals: list[Sums] = []
    place = None
    while True:
        # A place travels in a token as JSON, so as a list.
        page: Usage = await GetUsage(database)(VIEWER, size + 1, place, **asked)
        totals.append(page.total)
        groups += page.groups[:size]
        if len(page.groups) <= size:
            return groups, totals
        place = list(page.groups[size - 1].place)


@pytest.mark.parametrize("seed", range(3))
async def test_usage_is_the_sum_of_its_rows(database: Database, seed: int) -> None:
    """S7: for random rows, groupings, zones, filters and page sizes each group and the total are the plain sums."""
    rng = random.Random(seed)
    await seeded(database)
    await add_contact_point(database, "other")
    begin, end = us("2026-03-20"), us("2026-04-05")
    rows = [
        row(
            rng.randrange(begin, end)
            if rng.random() < 0.8
            else us(rng.choice(["2026-03-28T23:00", "2026-03-29T22:00"])),
            contact_point_id=rng.choice(["main", "other"]),
            topic_id=rng.choice(["default", "a-b", "ab"]),
            country=rng.choice(["GB", "FR", ""]),
            segments=rng.randrange(1, 11),
            nanos=rng.choice([None, 0, 70_000_001, BIG]),
        )
        for _ in range(400)
    ]
    await keep(database, rows)
    for _ in range(25):
        dimensions = rng.sample([*Dimension][:3], rng.randrange(4))
        dimensions += rng.choice([[], [Dimension.DAY], [Dimension.MONTH]])
        rng.shuffle(dimensions)
        zone = rng.choice(["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata"])
        start = rng.choice([begin, rng.randrange(begin, end)])
        stop = rng.choice([end, rng.randrange(start + 1, end + 1)])
        only = {"country": rng.choice(["", "", "GB"]), "contact_point_id": rng.choice(["", "", "other"])}
        inside = [
            one
            for one in rows
            if start <= one["time"] < stop and all(not value or one[name] == value for name, value in only.items())
        ]
        groups, totals = await read_all(
            database, rng.choice([1, 3, 1000]), start_us=start, end_us=stop, group_by=dimensions, time_zone=zone, **only
        )
        found = {(one.contact_point_id, one.topic_id, one.country, one.day): one.sums for one in groups}
        assert found == naive(inside, dimensions, zone)
        assert len(found) == len(groups)
        assert set(totals) == {summed(inside)}


async def test_days_are_as_long_as_their_clocks_make_them(database: Database) -> None:
    """A day that loses or gains an hour holds exactly the messages between its two midnights."""
    await seeded(database)
    zone, minute = "Europe/Berlin", 60_000_000
    spring = (us("2026-03-29T00:00", zone), us("2026-03-30T00:00", zone))
    autumn = (us("2026-10-25T00:00", zone), us("2026-10-26T00:00", zone))
    assert [(end - start) // (60 * minute) for start, end in (spring, autumn)] == [23, 25]
    await keep(database, [row(at) for start, end in (spring, autumn) for at in (start - 1, start, end - 1, end)])
    groups, _ = await read_all(
        database, 50, start_us=us("2026-01-01"), end_us=us("2027-01-01"), group_by=[Dimension.DAY], time_zone=zone
    )
    assert [(str(group.day), group.sums.messages) for group in groups] == [
        *(("2026-03-28", 1), ("2026-03-29", 2), ("2026-03-30", 1)),
        *(("2026-10-24", 1), ("2026-10-25", 2), ("2026-10-26", 1)),
    ]


async def test_rows_come_in_the_order_of_what_they_are_grouped_by(database: Database) -> None:
    """Grouped by day and country they come by day; grouped by country and day they come by country."""
    await seeded(database)
    days = (us("2026-03-01"), us("2026-03-02"))
    await keep(database, [row(day, country=country) for day in days for country in ("FR", "GB")])
    asked = {"start_us": days[0], "end_us": us("2026-03-03")}
    by_day, _ = await read_all(database, 50, group_by=[Dimension.DAY, Dimension.COUNTRY], **asked)
    by_country, _ = await read_all(database, 50, group_by=[Dimension.COUNTRY, Dimension.DAY], **asked)
    assert [(group.day and group.day.day, group.country) for group in by_day] == [
        *((1, "FR"), (1, "GB"), (2, "FR"), (2, "GB"))
    ]
    assert [(group.country, group.day and group.day.day) for group in by_country] == [
        *(("FR", 1), ("FR", 2), ("GB", 1), ("GB", 2))
    ]


async def test_large_amounts_are_exact(database: Database) -> None:
    """A sum of amounts that does not fit in 64 bits of nanos is exact to the nano."""
    await seeded(database)
    at = us("2026-03-01")
    await keep(database, [row(at, nanos=BIG + 1) for _ in range(12_000)])
    page = await GetUsage(database)(VIEWER, 2, start_us=at, end_us=at + 1)
    assert page.total.cost == Money((BIG + 1) * 12_000, "EUR")
    assert (BIG + 1) * 12_000 > 2**63
    assert [group.sums for group in page.groups] == [page.total]


async def test_nothing_used_is_no_row(database: Database) -> None:
    """An interval without usage has no rows and a total of zeros without an amount."""
    await seeded(database)
    for group_by in ([], [Dimension.DAY], [Dimension.DAY, Dimension.TOPIC]):
        found = await GetUsage(database)(VIEWER, 5, start_us=0, end_us=us("1970-01-09"), group_by=group_by)
        assert found == Usage([], Sums(0, 0, None, 0))


async def test_what_cannot_be_asked(database: Database) -> None:
    """Refusals name the field: no interval, too many days, both days and months, two currencies, unknown filters."""
    await seeded(database)
    start, end = us("2026-03-01"), us("2026-03-03")
    await keep(database, [row(start), row(start, currency="USD"), row(end - 1)])
    get = GetUsage(database)
    for asked, field in (
        ({"start_us": None, "end_us": end}, "start_time"),
        ({"start_us": start, "end_us": None}, "end_time"),
        ({"start_us": end, "end_us": start}, "end_time"),
        ({"start_us": start, "end_us": end}, "start_time"),
        ({"start_us": 0, "end_us": end, "group_by": [Dimension.DAY]}, "end_time"),
        ({"start_us": start, "end_us": end, "group_by": [Dimension.DAY, Dimension.MONTH]}, "group_by"),
        ({"start_us": start, "end_us": end, "group_by": [Dimension.TOPIC] * 5}, "group_by"),
        ({"start_us": start, "end_us": end, "time_zone": "Mars/Phobos"}, "time_zone"),
        ({"start_us": start, "end_us": end, "country": "GBR"}, "country"),
    ):
        with pytest.raises(SendoutError) as caught:
            await get(VIEWER, 50, **asked)  # type: ignore[arg-type]
        assert [one.field for one in caught.value.violations] == [field]
        assert refusal(caught) is Reason.FIELD_INVALID
    within = await get(VIEWER, 50, start_us=start + 1, end_us=end)
    assert within.total.cost == Money(70, "EUR")
    for missing, reason in (
        ({"contact_point_id": "nope"}, Reason.CONTACT_POINT_NOT_FOUND),
        ({"topic_id": "nope"}, Reason.TOPIC_NOT_FOUND),
    ):
        with pytest.raises(SendoutError) as caught:
            await get(VIEWER, 50, start_us=start, end_us=end, **missing)  # type: ignore[arg-type]
        assert refusal(caught) is reason
    with pytest.raises(SendoutError) as caught:
        await get(caller(), 50, start_us=start, end_us=end)
    assert refusal(caught) is Reason.ROLE_REQUIRED


async def test_a_thousand_days_and_months_without_limit(database: Database) -> None:
    """A thousand days can be asked for at once, and decades by months."""
    await seeded(database)
    start = us("2026-01-01")
    await keep(database, [row(start + n * 86_400_000_000) for n in range(1_000)])
    end = start + 1_000 * 86_400_000_000
    groups, _ = await read_all(database, 1000, start_us=start, end_us=end, group_by=[Dimension.DAY])
    assert [group.sums.messages for group in groups] == [1] * 1_000
    months, _ = await read_all(database, 7, start_us=0, end_us=end, group_by=[Dimension.MONTH])
    assert len(months) == 33
    assert months[0].day == datetime.fromtimestamp(start / 1e6, UTC).date()
    assert sum(group.sums.messages for group in months) == 1_000


async def test_usage_over_the_wire(database: Database) -> None:
    """Rows go out with their groups, the first day of a month and exact money; a token fits no other grouping."""
    await seeded(database)
    at = us("2026-03-31T23:00")
    await keep(database, [row(at, nanos=3 * NANOS + 5), row(at, country="FR", nanos=None), row(at, country="")])
    set_caller(VIEWER)
    servicer = UsageServicer(GetUsage(database), Pages(TOKENS))
    request = pb.GetUsageRequest(
        start_time=Timestamp(seconds=at // 1_000_000),
        end_time=Timestamp(seconds=at // 1_000_000 + 1),
        group_by=[usage_pb2.USAGE_DIMENSION_COUNTRY, usage_pb2.USAGE_DIMENSION_MONTH],
        time_zone="Europe/Berlin",
        page_size=2,
    )
    page = await servicer.GetUsage(request, None)
    april = Date(year=2026, month=4, day=1)
    cost = {"currency_code": "EUR", "units": 3, "nanos": 75}
    assert page.total == usage_pb2.UsageRow(messages=3, billable_segments=3, cost=cost, unpriced_segments=1)
    assert list(page.rows) == [
        usage_pb2.UsageRow(day=april, messages=1, billable_segments=1, cost={"currency_code": "EUR", "nanos": 70}),
        usage_pb2.UsageRow(country="FR", day=april, messages=1, billable_segments=1, unpriced_segments=1),
    ]
    request.page_token = page.next_page_token
    last = await servicer.GetUsage(request, None)
    assert [(one.country, one.cost.nanos) for one in last.rows] == [("GB", 5)]
    assert (last.total, last.next_page_token) == (page.total, "")
    request.group_by[:] = [usage_pb2.USAGE_DIMENSION_COUNTRY]
    with pytest.raises(SendoutError) as caught:
        await servicer.GetUsage(request, None)
    assert refusal(caught) is Reason.PAGE_TOKEN_INVALID
    request.group_by[:] = [99]
    request.page_token = ""
    with pytest.raises(SendoutError) as caught:
        await servicer.GetUsage(request, None)
    assert caught.value.violations[0].field == "group_by[0]"
