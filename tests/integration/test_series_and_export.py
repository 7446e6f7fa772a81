"""Counts per bucket and the export of messages, on both databases."""

from __future__ import annotations

import random
import uuid
from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from sendout.domain.errors import Reason, SendoutError
from sendout.domain.permissions import Permission
from sendout.domain.series import Width
from sendout.domain.states import State
from sendout.domain.tallies import Counts
from sendout.server.commands.export_messages import Exported, ExportMessages
from sendout.server.commands.history import History
from sendout.server.commands.topic_series import GetTopicSeries
from sendout.server.commands.topics import Topics
from sendout.server.rpc.context import set_caller
from sendout.server.rpc.history import HistoryServicer
from sendout.storage import tallies
from sendout.storage.engine import Database
from sendout.storage.tables.history import COUNTS
from sendout.v1 import history_service_pb2 as pb
from sendout.v1 import tally_pb2
from tests.conftest import FakeClock
from tests.integration.pipeline import add_contact_point
from tests.integration.seed import DAY, HOUR, QUARTER, T0, TOKENS, Seed, caller, refusal, seeded

VIEWER = caller(Permission.VIEW_HISTORY)


@pytest.fixture
async def seed(database: Database) -> Seed:
    await add_contact_point(database, "other")
    return await seeded(database)


@pytest.fixture
def series(database: Database) -> GetTopicSeries:
    return GetTopicSeries(database)


# --- series -------------------------------------------------------------------------------------------------------


async def test_a_series_adds_up_to_the_tallies(database: Database, clock: FakeClock, series: GetTopicSeries) -> None:
    """S36, S37, S39: in any zone, folded or not, buckets sum up to ListTopicTallies of the same interval."""
    seed, rng = await seeded(database), random.Random(11)
    await add_contact_point(database, "other")
    await Topics(database, clock, TOKENS).create(caller(Permission.MANAGE_TOPICS), "Storms", "storms")
    history = History(database, clock, TOKENS)
    for round_ in range(3):
        await seed.deltas(
            (
                rng.choice(["default", "storms"]),
                rng.choice(["main", "other"]),
                T0 + rng.randrange(4 * 96) * QUARTER,
                {name: rng.randrange(5) for name in COUNTS},
            )
            for _ in range(60)
        )
        async with database.write() as connection:
            await tallies.fold(connection, 40 * round_)
        for zone in ("UTC", "Asia/Kathmandu", "America/New_York"):
            start = T0 + rng.randrange(96) * QUARTER
            interval = {"start_us": start, "end_us": start + rng.randrange(1, 3 * 96) * QUARTER}
            of = rng.choice(["", "main"])
            shown = await history.topic_tallies(VIEWER, **interval, contact_point_id=of)
            for width in Width:
                everything = await series(VIEWER, "-", **interval, width=width, time_zone=zone, contact_point_id=of)
                assert everything.total == shown.total
                assert sum((point.counts for point in everything.points), Counts()) == shown.total
                for topic, counts in shown.tallies:
                    one = await series(VIEWER, topic.id, **interval, width=width, time_zone=zone, contact_point_id=of)
                    assert one.total == counts


async def test_days_of_a_zone(seed: Seed, series: GetTopicSeries) -> None:
    """S39: a message counts on the local date on which it was created, also on a day of 25 hours."""
    zone = ZoneInfo("Europe/Paris")
    start = int(datetime(2026, 10, 24, tzinfo=zone).timestamp() * 1_000_000)
    await seed.deltas(("default", "main", start + n * HOUR, {"sent": 1}) for n in range(24 + 25 + 24))
    for _ in range(2):
        found = await series(VIEWER, "default", start_us=start, end_us=start + 73 * HOUR, time_zone="Europe/Paris")
        assert [point.counts.sent for point in found.points] == [24, 25, 24]
        async with seed.database.write() as connection:
            await tallies.fold(connection, 50)


async def test_what_is_no_series(seed: Seed, series: GetTopicSeries) -> None:
    """More than 1,000 buckets, no start, an unknown topic or zone: refused with the field."""
    assert len((await series(VIEWER, "-", start_us=T0, end_us=T0 + 1000 * DAY)).points) == 1000
    for wrong, reason in (
        ({"end_us": T0 + 1001 * DAY}, Reason.FIELD_INVALID),
        ({"end_us": T0 + 1001 * HOUR, "width": Width.HOUR}, Reason.FIELD_INVALID),
        ({"start_us": None}, Reason.FIELD_INVALID),
        ({"end_us": None}, Reason.FIELD_INVALID),
        ({"start_us": -62_135_596_800_000_000, "time_zone": "America/New_York"}, Reason.FIELD_INVALID),
        ({"time_zone": "Nowhere/City"}, Reason.FIELD_INVALID),
        ({"topic_id": "none"}, Reason.TOPIC_NOT_FOUND),
        ({"contact_point_id": "none"}, Reason.CONTACT_POINT_NOT_FOUND),
    ):
        with pytest.raises(SendoutError) as caught:
            await series(VIEWER, **({"topic_id": "-", "start_us": T0, "end_us": T0 + DAY} | wrong))  # type: ignore[arg-type]
        assert refusal(caught) is reason


# --- export -------------------------------------------------------------------------------------------------------


async def export(database: Database, clock: FakeClock, page: int = 3, **filters: object) -> list[Sequence[Exported]]:
    """All pages."""
    return [rows async for rows in ExportMessages(database, clock, page)(VIEWER, **filters)]  # type: ignore[arg-type]


def places(pages: list[Sequence[Exported]]) -> list[tuple[uuid.UUID, int]]:
    return [(row.message.notification_id, row.message.index) for page in pages for row in page]


async def test_an_export_has_every_message_once(seed: Seed, clock: FakeClock) -> None:
    """S43: every message of the interval comes exactly once, oldest first, however pages fall; ends are exact."""
    sizes = [1, 4, 2, 3, 7, 1, 1]
    made = [
        (await seed.notification([State.DELIVERED] * size, time_us=T0 + n * 1000), size) for n, size in enumerate(sizes)
    ]
    expected = [(identifier, index) for identifier, size in made for index in range(size)]
    clock.us = T0 + DAY
    for page in (1, 3, 5, 1000):
        found = await export(seed.database, clock, page)
        assert places(found) == expected
        assert all(len(rows) <= page for rows in found)
    cut = await export(seed.database, clock, start_us=T0 + 1000, end_us=T0 + 3000)
    assert places(cut) == expected[1:7]
    again = await export(seed.database, clock, start_us=cut[-1][-1].message.accept_time)
    assert places(again) == expected[5:]


async def test_an_export_is_filtered(seed: Seed, database: Database, clock: FakeClock) -> None:
    """S16: rows of one topic or contact point, each naming both; what does not exist is refused."""
    await Topics(database, clock, TOKENS).create(caller(Permission.MANAGE_TOPICS), "Storms", "storms")
    await seed.notification([State.SENT] * 2)
    storm = await seed.notification([State.FAILED] * 2, topic_id="storms", contact_point_id="other")
    for filters in ({"topic_id": "storms"}, {"contact_point_id": "other"}, {"topic_id": "storms", "start_us": T0}):
        found = await export(database, clock, **filters)
        assert places(found) == [(storm, 0), (storm, 1)]
        assert {(row.topic_id, row.contact_point_id) for page in found for row in page} == {("storms", "other")}
    for wrong in ({"topic_id": "none"}, {"contact_point_id": "none"}, {"start_us": T0, "end_us": T0}):
        with pytest.raises(SendoutError):
            await export(database, clock, **wrong)


async def test_both_on_the_wire(seed: Seed, database: Database, clock: FakeClock) -> None:
    """S39, S43: the servicer converts buckets and rows; an unspecified bucket is a day."""
    set_caller(VIEWER)
    servicer = HistoryServicer(
        History(database, clock, TOKENS), GetTopicSeries(database), ExportMessages(database, clock)
    )
    await seed.notification([State.DELIVERED])
    await seed.deltas([("default", "main", T0 + HOUR, {"accepted": 1, "sent": 1, "segments": 2})])
    asked = pb.GetTopicSeriesRequest(topic_id="-", time_zone="Asia/Kolkata")
    asked.start_time.FromMicroseconds(T0)
    asked.end_time.FromMicroseconds(T0 + DAY)
    answer = await servicer.GetTopicSeries(asked, None)
    assert [point.tally.sent for point in answer.points] == [1, 0]
    assert answer.points[0].end_time.ToMicroseconds() == T0 + 18 * HOUR + HOUR // 2
    assert answer.total == tally_pb2.Tally(accepted=1, sent=1, segments=2)
    rows = [row async for page in servicer.ExportMessages(pb.ExportMessagesRequest(), None) for row in page.messages]
    (row,) = rows
    assert (row.message.phone_number, row.topic_id, row.contact_point_id) == ("+14155550000", "default", "main")
