"""The auditor on both databases: it finds what differs and nothing else, also while writers are at work."""

from __future__ import annotations

import asyncio
import itertools

import structlog
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from sqlalchemy import update

from sendout.domain.auditing import Difference
from sendout.domain.clock import SystemClock
from sendout.domain.states import State
from sendout.server.auditing import TallyAuditor
from sendout.server.config import load_settings
from sendout.server.telemetry import Telemetry, setup
from sendout.server.telemetry.names import TALLY_DIFFERENCES
from sendout.storage import changes, tallies
from sendout.storage.changes import Change, FactsCache
from sendout.storage.engine import Database
from sendout.storage.tables import message
from tests.integration.pipeline import Pipeline, pipeline, plain_numbers


async def audit(database: Database, telemetry: Telemetry) -> list[Difference]:
    """All that one round of the auditor finds."""
    return [one async for found in TallyAuditor(database, telemetry).run() for one in found]


async def test_a_planted_difference_is_found(database: Database, valkey_url: str) -> None:
    """I4: after sends to every kind of end nothing differs; one changed row is named, logged and counted."""
    reader = InMemoryMetricReader()
    telemetry = Telemetry("test", SystemClock(), None, [reader])
    async with pipeline(database, valkey_url) as pipe, pipe.dispatcher():
        numbers = [*plain_numbers(5), "+447400000160", "+447400000161"]  # delivered, refused, opted out
        accepted = await pipe.send(numbers)
        await pipe.until(accepted.notification["id"], {"DELIVERED": 5, "REJECTED": 2})
        assert await audit(database, telemetry) == []
    async with database.write() as connection:
        await connection.execute(
            update(message)
            .where(message.c.notification_id == accepted.notification["id"], message.c.index == 0)
            .values(state=int(State.UNDELIVERED))
        )
    with structlog.testing.capture_logs() as logs:
        (found,) = await audit(database, telemetry)
    assert (found.topic_id, found.columns()) == ("default", {"delivered": 1, "undelivered": -1})
    (logged,) = [entry for entry in logs if entry["event"] == "tally_differs"]
    assert (logged["log_level"], logged["too_high_by"]) == ("error", found.columns())
    assert counted(reader) == 2
    telemetry.shutdown()


def counted(reader: InMemoryMetricReader) -> int:
    """The metric's value."""
    data = reader.get_metrics_data()
    assert data is not None
    metrics = data.resource_metrics[0].scope_metrics[0].metrics
    return sum(p.value for m in metrics if m.name == TALLY_DIFFERENCES.name for p in m.data.data_points)  # type: ignore[union-attr,misc]


async def test_nothing_differs_while_writers_write(database: Database, valkey_url: str) -> None:
    """I4: with four writers and a folder at work every round of the auditor finds rows and tallies equal."""
    telemetry = setup("test", load_settings())
    async with pipeline(database, valkey_url) as pipe:
        writers = [asyncio.create_task(write(pipe, n)) for n in range(4)]
        rounds = 0
        while not all(writer.done() for writer in writers):
            async with database.write() as connection:
                await tallies.fold(connection, 7)
            assert await audit(database, telemetry) == []
            rounds += 1
        await asyncio.gather(*writers)
    assert rounds > 3
    assert await audit(database, telemetry) == []
    telemetry.shutdown()


async def write(pipe: Pipeline, which: int) -> None:
    """Ten sends; of each, every message to some other end, in two steps."""
    facts, ends = FactsCache(), itertools.cycle([State.DELIVERED, State.UNDELIVERED, State.UNKNOWN, State.FAILED])
    for n in range(10):
        accepted = await pipe.send(plain_numbers(6, 1_000 * which + 10 * n))
        identifier = accepted.notification["id"]
        for states in ([State.SENDING] * 6, [State.SENT] * 3, [next(ends) for _ in range(6)]):
            async with pipe.database.write() as connection:
                wanted = [Change(identifier, index, state) for index, state in enumerate(states)]
                await changes.apply(connection, facts, wanted, pipe.clock.now_us())
