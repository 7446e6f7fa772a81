"""Tallies on both databases: folding changes no answer, and no answer is lost."""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict

import pytest
from sqlalchemy import delete, func, select, update

from sendout.domain.permissions import Permission
from sendout.domain.states import State
from sendout.domain.tallies import GRAINS, SECOND_US, Counts
from sendout.server.commands.topics import Topics
from sendout.storage import tallies
from sendout.storage.engine import Database
from sendout.storage.tables import message, notification, tally, tally_delta
from sendout.storage.tables.history import COUNTS
from tests.conftest import FakeClock
from tests.integration.seed import DAY, HOUR, QUARTER, T0, TOKENS, Seed, caller, seeded

Delta = tuple[str, str, int, dict[str, int]]


def random_deltas(count: int, seed: int) -> list[Delta]:
    """Deltas of two topics and two contact points, spread over three days."""
    rng = random.Random(seed)
    return [
        (
            rng.choice(["default", "storms"]),
            rng.choice(["main", "other"]),
            T0 + rng.randrange(3 * 96) * QUARTER,
            {name: rng.randrange(5) for name in rng.sample(COUNTS, 3)},
        )
        for _ in range(count)
    ]


def summed(deltas: list[Delta], start: int, end: int, contact_point_id: str | None) -> dict[str, Counts]:
    """What a read must give, the slow way."""
    found: defaultdict[str, Counts] = defaultdict(Counts)
    for topic_id, of, bucket, counts in deltas:
        if start <= bucket < end and contact_point_id in (None, of):
            found[topic_id] += Counts(**counts)
    return dict(found)


async def fold(database: Database, limit: int) -> int:
    """One fold in a transaction of its own."""
    async with database.write() as connection:
        return await tallies.fold(connection, limit)


async def fold_all(database: Database) -> None:
    """Fold until nothing is left."""
    while await fold(database, 100):
        pass


async def read(database: Database, start: int, end: int, contact_point_id: str | None = None) -> dict[str, Counts]:
    """One read."""
    async with database.read() as connection:
        return await tallies.read(connection, start, end, contact_point_id)


async def test_sent_and_delivered_are_kept(database: Database) -> None:
    """S36, S37: per topic, messages sent and messages delivered are counted, before and after a fold."""
    seed = await seeded(database)
    await seed.deltas([("default", "main", T0, {"sent": 5, "segments": 10}), ("default", "main", T0, {"delivered": 4})])
    expected = {"default": Counts(sent=5, delivered=4, segments=10)}
    assert await read(database, T0, T0 + QUARTER) == expected
    assert await fold(database, 10) == 2
    assert await read(database, T0, T0 + QUARTER) == expected


async def test_the_interval_includes_its_start_and_not_its_end(database: Database) -> None:
    """S39: [start, end) counts the quarter hour at its start and not the one at its end, folded or not."""
    seed = await seeded(database)
    await seed.deltas([("default", "main", T0 + n * QUARTER, {"accepted": 10**n}) for n in range(4)])
    for _ in range(2):
        assert (await read(database, T0 + QUARTER, T0 + 3 * QUARTER))["default"].accepted == 110
        assert await read(database, T0, T0) == {}
        await fold_all(database)


async def test_reads_equal_the_deltas_however_they_were_folded(database: Database) -> None:
    """S39, I4: for random deltas, folds and intervals a read gives exactly the sum of the deltas in the interval."""
    seed, rng = await seeded(database), random.Random(7)
    written: list[Delta] = []
    for round_ in range(6):
        fresh = random_deltas(40, round_)
        await seed.deltas(fresh)
        written += fresh
        await fold(database, rng.randrange(1, 60))
        for _ in range(12):
            start = T0 + rng.randrange(-5, 3 * 96) * QUARTER
            end = start + rng.randrange(1, 3 * 96) * QUARTER
            of = rng.choice([None, "main", "other"])
            assert await read(database, start, end, of) == summed(written, start, end, of)
    await fold_all(database)
    assert await read(database, T0, T0 + 3 * DAY) == summed(written, T0, T0 + 3 * DAY, None)


async def test_every_grain_holds_the_same(database: Database) -> None:
    """I4: after folding, each grain sums up to the same counts and its buckets begin on its borders."""
    seed = await seeded(database)
    deltas = random_deltas(60, 3)
    await seed.deltas(deltas)
    await fold_all(database)
    expected = sum(sum(counts.values()) for *_, counts in deltas)
    everything = sum((tally.c[name] for name in COUNTS), start=0 * tally.c.sent)
    async with database.read() as connection:
        by_grain = (await connection.execute(select(tally.c.grain, func.sum(everything)).group_by(tally.c.grain))).all()
        buckets = (await connection.execute(select(tally.c.grain, tally.c.bucket))).all()
    assert {grain: int(total) for grain, total in by_grain} == dict.fromkeys(GRAINS, expected)
    assert not [bucket for grain, bucket in buckets if bucket % (grain * SECOND_US)]


async def test_oldest_deltas_are_folded_first(database: Database) -> None:
    """A fold takes the oldest deltas, no more than asked for, and says how many."""
    seed = await seeded(database)
    await seed.deltas([("default", "main", T0, {"sent": 1})] * 5)
    assert await fold(database, 3) == 3
    async with database.read() as connection:
        left = (await connection.execute(select(tally_delta.c.id).order_by(tally_delta.c.id))).scalars().all()
    assert len(left) == 2
    assert await fold(database, 3) == 2
    assert await fold(database, 3) == 0
    assert min(left) == 4


async def test_a_fold_that_fails_changes_nothing(database: Database) -> None:
    """A fold whose transaction is rolled back neither loses nor doubles a delta."""
    seed = await seeded(database)
    await seed.deltas([("default", "main", T0, {"sent": 5})])

    async def fail_half_way() -> None:
        async with database.write() as connection:
            await tallies.fold(connection, 10)
            raise RuntimeError("half-way")

    with pytest.raises(RuntimeError, match="half-way"):
        await fail_half_way()
    assert (await read(database, T0, T0 + DAY))["default"].sent == 5
    assert await fold(database, 10) == 1


async def test_concurrent_folders_writers_and_readers(database: Database) -> None:
    """I4: while several folders and a writer are at work, every read sees each committed delta exactly once."""
    seed = await seeded(database)
    start, end = T0 + HOUR, T0 + 3 * DAY
    base = [("default", "main", T0 + n * QUARTER, {"sent": 1}) for n in range(4, 288)]
    await seed.deltas(base)
    committed = 0
    stop = asyncio.Event()

    async def write() -> None:
        nonlocal committed
        for n in range(20):
            await seed.deltas([("default", "main", T0 + (4 + n) * QUARTER, {"sent": 1})])
            committed += 1

    async def keep_folding() -> None:
        while not stop.is_set():
            await fold(database, 17)

    async def keep_reading() -> int:
        reads = 0
        while not stop.is_set():
            before = len(base) + committed
            seen = (await read(database, start, end))["default"].sent
            assert before <= seen <= len(base) + committed + 1  # one more may be committed and not counted here yet
            reads += 1
        return reads

    folders = [asyncio.create_task(keep_folding()) for _ in range(3)]
    reader = asyncio.create_task(keep_reading())
    await write()
    stop.set()
    await asyncio.gather(*folders)
    assert await reader > 0
    await fold_all(database)
    assert await read(database, start, end) == {"default": Counts(sent=len(base) + 20)}


async def test_a_folder_passes_over_what_another_holds(postgres_url: str) -> None:
    """Two folders at the same moment share the deltas: neither waits for the other nor takes the same one."""
    database = Database(postgres_url)
    seed = await seeded(database)
    await seed.deltas([("default", "main", T0 + n * DAY, {"sent": 1}) for n in range(10)])
    async with database.write() as connection:
        assert await tallies.fold(connection, 6) == 6
        assert await asyncio.wait_for(fold(database, 100), 5) == 4
        assert (await read(database, T0, T0 + 10 * DAY))["default"].sent == 10
    assert (await read(database, T0, T0 + 10 * DAY))["default"].sent == 10
    await database.close()


async def test_tallies_are_permanent(database: Database, database_url: str, clock: FakeClock) -> None:
    """S38: purging texts and whole notifications, disabling the topic and a restart lower no tally."""
    seed = await seeded(database)
    topics, manager = Topics(database, clock, TOKENS), caller(Permission.MANAGE_TOPICS)
    await topics.create(manager, "Storms", "storms")
    await seed.notification([State.DELIVERED] * 3, topic_id="storms")
    await seed.deltas([("storms", "main", T0, {"accepted": 3, "sent": 3}), ("storms", "main", T0, {"delivered": 3})])
    await fold(database, 1)
    expected = {"storms": Counts(accepted=3, sent=3, delivered=3)}
    assert await read(database, T0, T0 + DAY) == expected

    async with database.write() as connection:
        await connection.execute(update(notification).values(text=None))
    assert await read(database, T0, T0 + DAY) == expected
    async with database.write() as connection:
        await connection.execute(delete(message))
        await connection.execute(delete(notification))
    await topics.disable(manager, "storms")
    assert await read(database, T0, T0 + DAY) == expected

    restarted = Database(database_url)
    assert await read(restarted, T0, T0 + DAY) == expected
    await fold(restarted, 10)
    assert await read(restarted, T0, T0 + DAY) == expected
    await restarted.close()


async def test_history_counts_no_messages(database: Database) -> None:
    """I4: a tally comes from deltas alone; message rows without deltas are not counted."""
    seed: Seed = await seeded(database)
    await seed.notification([State.DELIVERED] * 5)
    assert await read(database, T0, T0 + DAY) == {}
