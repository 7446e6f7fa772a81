"""History with many messages beside history with few: it must cost the same, since it never counts messages.

    .venv/bin/python bench/history.py [--rows 1000000] [--small 10000]

The rows are made by SQL in two databases of one PostgreSQL: 5,000 notifications over 365 days, 20 topics, 4 contact
points, with the tallies that they would have left; only the number of messages of a notification differs. Then every
call is made on both in turns.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import asyncpg
from common import SECRET, postgres, prepared
from sqlalchemy import make_url

from sendout.domain.clock import SystemClock
from sendout.domain.paging import PageTokens
from sendout.domain.permissions import Caller, Permission
from sendout.domain.series import Width
from sendout.server.commands.history import History
from sendout.server.commands.topic_series import GetTopicSeries
from sendout.storage import auditing
from sendout.storage.engine import Database

NOTIFICATIONS = 5_000
DAY_US = 86_400_000_000
FIRST = 1_735_689_600_000_000
"""2025-01-01T00:00:00Z in microseconds."""
DAYS = 365
CALLER = Caller("bench", "key", "Bench", frozenset({"everyone"}), frozenset(Permission))

# A UUIDv7 of a time, with the notification's number for its random bits.
FILL = """
INSERT INTO contact_point SELECT 'p' || n, 'P' || n, '+14155550001', 'simulator', 'US', true, 10, 10, 1, 0, 'UTC',
  '[]', NULL, false, true, 0, 0 FROM generate_series(0, 3) n;
INSERT INTO topic (id, label, label_key, create_time)
  SELECT 't' || n, 't' || n, 't' || n, 0 FROM generate_series(0, 19) n;
CREATE TEMP TABLE plan AS
  SELECT n, t, (lpad(to_hex(t / 1000), 12, '0') || '70008000' || lpad(to_hex(n), 12, '0'))::uuid AS id
  FROM (SELECT n, {first} + (n::bigint * {span}) / {count} AS t FROM generate_series(0, {count} - 1) n) s;
INSERT INTO notification (id, contact_point_id, topic_id, principal_id, carrier, sender, text, encoding, segments,
    message_count, urgent, create_time, expire_time, labels, trace_id, span_id)
  SELECT id, 'p' || n % 4, 't' || n % 20, (SELECT min(id) FROM principal), 'simulator', '+14155550001',
    'The bridge is closed until 18:00.', 1, 1, {per}, false, t, t + 259200000000, '{{}}', '', '' FROM plan;
INSERT INTO progress (notification_id, contact_point_id, done, update_time, delivered)
  SELECT id, 'p' || n % 4, true, t, {per} FROM plan;
INSERT INTO message (notification_id, index, number, number_key, state, previous, reason, segments, attempt, refusals,
    sent_time, final_time)
  SELECT id, i, '+4474' || lpad(((n::bigint * {per} + i) % 100000000)::text, 8, '0'),
    '\\x00112233445566778899aabbccddeeff', 6, 5, '', 1, 1, 0, t, t FROM plan, generate_series(0, {per} - 1) i;
INSERT INTO tally (grain, bucket, topic_id, contact_point_id, accepted, sent, delivered, segments)
  SELECT g, t - t % (g * 1000000::bigint), 't' || n % 20, 'p' || n % 4, sum({per}), sum({per}), sum({per}), sum({per})
  FROM plan, unnest(ARRAY[86400, 3600, 900]) g GROUP BY 1, 2, 3, 4;
DROP TABLE plan;
"""


async def filled(url: str, rows: int) -> float:
    """Fill a migrated database; answers the seconds it took."""
    where = make_url(url)
    connection = await asyncpg.connect(
        host=where.query.get("host") or where.host, user=where.username, database=where.database, timeout=10
    )
    began = time.perf_counter()
    per = rows // NOTIFICATIONS
    await connection.execute(FILL.format(first=FIRST, span=DAYS * DAY_US, count=NOTIFICATIONS, per=per))
    await connection.execute("VACUUM ANALYZE")
    await connection.close()
    return time.perf_counter() - began


def calls(database: Database) -> dict[str, Callable[[], Awaitable[object]]]:
    """What is measured, by name."""
    history = History(database, SystemClock(), PageTokens(SECRET.encode()))
    series = GetTopicSeries(database)
    year = {"start_us": FIRST, "end_us": FIRST + DAYS * DAY_US}
    month = {"start_us": FIRST, "end_us": FIRST + 30 * DAY_US}
    ragged = {"start_us": FIRST + 4_500_000_000, "end_us": FIRST + DAYS * DAY_US - 4_500_000_000}
    return {
        "tallies of a year": lambda: history.topic_tallies(CALLER, **year),
        "tallies of a ragged year": lambda: history.topic_tallies(CALLER, **ragged),
        "series: days of a year, UTC": lambda: series(CALLER, "-", **year),
        "series: days of a year, one topic": lambda: series(CALLER, "t3", **year),
        "series: days of a year, Asia/Kathmandu": lambda: series(CALLER, "-", **year, time_zone="Asia/Kathmandu"),
        "series: hours of a month, Europe/Paris": lambda: series(
            CALLER, "-", **month, width=Width.HOUR, time_zone="Europe/Paris"
        ),
        "recent, 50": lambda: history.recent_messages(CALLER, "t3"),
        "recent, 1,000": lambda: history.recent_messages(CALLER, "t3", size=1000),
    }


async def measure(small: Database, large: Database, repetitions: int) -> None:
    """Each call on both databases in turns; the ratio of the medians is what counts."""
    ours, others = calls(small), calls(large)
    for name in ours:
        times: tuple[list[float], list[float]] = ([], [])
        for _ in range(repetitions + 2):
            for side, call in enumerate((ours[name], others[name])):
                began = time.perf_counter()
                await call()
                times[side].append(1000 * (time.perf_counter() - began))
        few, many = (statistics.median(side[2:]) for side in times)  # the first two warm caches and plans
        print(f"{name:<44} {few:>9.2f} ms {many:>9.2f} ms   large/small {many / few:>5.2f}")


async def audit(database: Database) -> None:
    """The one thing that does count messages: a day at a time, beside everything else."""
    began = time.perf_counter()
    async with database.read() as connection:
        for day in await auditing.days(connection):
            tallied, kept = await auditing.read_day(connection, day)
            assert tallied == kept
    print(f"audit of every message: {time.perf_counter() - began:.1f} s, no difference")


async def main(rows: int, small_rows: int, repetitions: int) -> None:
    with tempfile.TemporaryDirectory(prefix="sob") as name, postgres(Path(name)) as url:
        opened = []
        for database_name, count in (("small", small_rows), ("large", rows)):
            admin = Database(url, pool_size=1)
            async with admin.engine.connect() as connection:
                raw = await connection.execution_options(isolation_level="AUTOCOMMIT")
                await raw.exec_driver_sql(f"CREATE DATABASE {database_name}")
            await admin.close()
            own = make_url(url).set(database=database_name).render_as_string(False)
            async with prepared(own):
                print(f"{count:,} messages made in {await filled(own, count):.0f} s")
            opened.append(Database(own))
        print(f"{'':<44} {small_rows:>12,} {rows:>12,}")
        await measure(*opened, repetitions)
        await audit(opened[1])
        for database in opened:
            await database.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--small", type=int, default=10_000)
    parser.add_argument("--repetitions", type=int, default=20)
    given = parser.parse_args()
    asyncio.run(main(given.rows, given.small, given.repetitions))
