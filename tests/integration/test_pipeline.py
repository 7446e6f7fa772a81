"""From accept to receipt on both databases: what is accepted leaves once and ends as the phone says."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from sendout.storage.engine import Database
from sendout.storage.tables import event, usage
from sqlalchemy import func, select
from tests.integration.pipeline import GOOD, Pipeline, pipeline, plain_numbers


@pytest.fixture
async def pipe(database: Database, valkey_url: str) -> AsyncIterator[Pipeline]:
    async with pipeline(database, valkey_url) as made:
        yield made


async def test_everything_accepted_is_delivered_once(pipe: Pipeline) -> None:
    """S1: a send to many makes exactly one outgoing message per distinct recipient, and each is delivered."""
    numbers = plain_numbers(1000)
    accepted = await pipe.send([*numbers, numbers[0]])
    assert accepted.notification["message_count"] == 1000
    async with pipe.dispatcher():
        await pipe.until(accepted.notification["id"], {"DELIVERED": 1000})
    assert sorted(row.number for row in await pipe.log()) == numbers
    assert await pipe.counts(accepted.notification["id"]) == {"DELIVERED": 1000, "done": True}


async def test_every_sent_message_leaves_one_usage_row(pipe: Pipeline) -> None:
    """S7: each message handed to a carrier leaves a usage record with its segments."""
    accepted = await pipe.send(GOOD[:5], text="x" * 200)
    async with pipe.dispatcher():
        await pipe.until(accepted.notification["id"], {"DELIVERED": 5})
    async with pipe.database.read() as connection:
        rows = (await connection.execute(select(usage.c.segments, usage.c.contact_point_id, usage.c.topic_id))).all()
    assert rows == [(2, "main", "default")] * 5


async def test_positions_are_dense(pipe: Pipeline) -> None:
    """Event positions run from 1 without a gap, and each message's events follow its states."""
    accepted = await pipe.send(GOOD[:20])
    async with pipe.dispatcher():
        await pipe.until(accepted.notification["id"], {"DELIVERED": 20})
    async with pipe.database.read() as connection:
        positions = list((await connection.execute(select(event.c.position).order_by(event.c.position))).scalars())
        covered = (
            await connection.execute(
                select(event.c.state, func.sum(event.c.last - event.c.first + 1)).group_by(event.c.state)
            )
        ).all()
    assert positions == list(range(1, len(positions) + 1))
    assert {state: int(count) for state, count in covered} == {2: 20, 3: 20, 5: 20, 6: 20}
