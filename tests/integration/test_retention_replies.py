"""Retention of what people wrote: texts, numbers, conversations and answers to keywords, on both databases."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import insert, select

from sendout.server.retention import Retention
from sendout.storage.engine import Database
from sendout.storage.tables import conversation, inbound, keyword_answer
from tests.conftest import FakeClock
from tests.integration.seed import DAY, T0, Seed, seeded
from tests.integration.test_retention import keep, purge

OLD = T0 - 10 * DAY
KEY = b"k" * 16


@pytest.fixture
async def seed(database: Database) -> Seed:
    """One conversation that rests and one that goes on; replies old and young, dealt with and not; answers."""
    made = await seeded(database)
    reply = {"carrier": "simulator", "number": "+14155550101", "sender": "+2", "text": "Yes"}
    async with database.write() as connection:
        for time, opened in ((OLD, False), (T0, True)):
            await connection.execute(
                insert(conversation).values(
                    contact_point_id="main", number="+14155550101", number_key=KEY, open=opened, create_time=OLD,
                    update_time=time,
                )
            )  # fmt: skip
        for name, time, handled in (("old", OLD, True), ("young", T0, True), ("waits", OLD, False)):
            await connection.execute(insert(inbound).values(id=name, receive_time=time, handled=handled, **reply))
        for name, time in (("old", T0 - DAY - 1), ("young", T0 - DAY)):
            answer = {"contact_point_id": name, "number_key": KEY, "keyword": "HELP", "time": time}
            await connection.execute(insert(keyword_answer).values(**answer))
    return made


async def column(database: Database, what: Any, *, by: Any) -> list[Any]:
    async with database.read() as connection:
        return list((await connection.execute(select(what).order_by(by))).scalars())


async def test_texts_of_replies(seed: Seed, clock: FakeClock) -> None:
    """Texts go from old replies that were dealt with; numbers, conversations and what waits for a person stay."""
    assert await purge(seed.database, clock, keep(text_days=1)) == {"replies": 1, "answers": 1}
    async with seed.database.read() as connection:
        found = await connection.execute(select(inbound.c.id, inbound.c.text, inbound.c.number))
        kept = {row.id: (row.text, row.number) for row in found}
    assert kept == {
        "old": ("", "+14155550101"),
        "young": ("Yes", "+14155550101"),
        "waits": ("Yes", "+14155550101"),
    }
    assert len(await column(seed.database, conversation.c.number, by=conversation.c.update_time)) == 2
    assert await purge(seed.database, clock, keep(text_days=1)) == {}


async def test_numbers_of_writers(seed: Seed, clock: FakeClock) -> None:
    """S38: old replies and conversations that rest lose the number; the keyed hash, by which STOP holds, stays."""
    assert await purge(seed.database, clock, keep(number_days=1)) == {"writers": 2, "answers": 1}
    assert await column(seed.database, inbound.c.number, by=inbound.c.id) == ["", "+14155550101", "+14155550101"]
    assert await column(seed.database, inbound.c.text, by=inbound.c.id) == ["Yes"] * 3
    by = conversation.c.update_time
    assert await column(seed.database, conversation.c.number, by=by) == ["", "+14155550101"]
    assert await column(seed.database, conversation.c.number_key, by=by) == [KEY, KEY]
    assert await purge(seed.database, clock, keep(number_days=1)) == {}


async def test_conversations(seed: Seed, clock: FakeClock) -> None:
    """With the days of messages go conversations that rest and replies that were dealt with; what waits stays."""
    assert await purge(seed.database, clock, keep(message_days=1)) == {"conversations": 2, "answers": 1}
    assert await column(seed.database, conversation.c.update_time, by=conversation.c.id) == [T0]
    assert await column(seed.database, inbound.c.id, by=inbound.c.id) == ["waits", "young"]
    assert await purge(seed.database, clock, keep(message_days=1)) == {}


async def test_answers_to_keywords(seed: Seed, clock: FakeClock) -> None:
    """When a keyword was answered is forgotten after a day, whatever the settings: nothing needs it longer."""
    assert await purge(seed.database, clock, keep()) == {"answers": 1}
    assert await column(seed.database, keyword_answer.c.contact_point_id, by=keyword_answer.c.time) == ["young"]


async def test_a_dry_run_counts_what_a_run_purges(seed: Seed, clock: FakeClock) -> None:
    """`--dry-run` gives the same count for each step as a run that follows."""
    for days in ({"text_days": 1}, {"number_days": 1}, {"message_days": 1}):
        found = await Retention(seed.database, clock, keep(**days)).preview()
        assert {one.what: one.rows for one in found if one.rows} == await purge(seed.database, clock, keep(**days))


async def test_more_than_one_transaction(seed: Seed, clock: FakeClock) -> None:
    """More rows than one transaction takes go in several, all of them."""
    row = {"carrier": "simulator", "number": "+1", "sender": "+2", "text": "x", "receive_time": OLD, "handled": True}
    async with seed.database.write() as connection:
        await connection.execute(insert(inbound), [row | {"id": f"n{place}"} for place in range(2_500)])
    steps = [step async for step in Retention(seed.database, clock, keep(number_days=1)).run()]
    assert sum(step.rows for step in steps if step.what == "writers") == 2_502
    assert len(steps) > 2
    assert set(await column(seed.database, inbound.c.number, by=inbound.c.id)) == {"", "+14155550101"}
