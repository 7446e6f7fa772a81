"""Retention on both databases: what is forgotten, what stays, and that no count ever changes."""

from __future__ import annotations

import asyncio
import random
import uuid
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest
from sqlalchemy import Table, func, insert, select, update

from sendout.domain.errors import Reason, SendoutError
from sendout.domain.permissions import Permission
from sendout.domain.states import COUNTED_AS, PROVES_SENT, State
from sendout.domain.tallies import Counts
from sendout.server.auditing import TallyAuditor
from sendout.server.commands.history import History
from sendout.server.commands.topics import Topics
from sendout.server.config import load_settings
from sendout.server.config_sections import RetentionSettings
from sendout.server.dispatch.housekeeping import Housekeeper
from sendout.server.retention import Retention
from sendout.server.telemetry import setup
from sendout.storage import tallies
from sendout.storage.engine import Database
from sendout.storage.tables import (
    archived,
    audit,
    carrier_ref,
    event,
    event_head,
    inbound,
    message,
    notification,
    progress,
    receipt,
    request,
    tally,
    tally_delta,
)
from sendout.storage.tables.history import COUNTS
from tests.conftest import FakeClock
from tests.integration.pipeline import pipeline
from tests.integration.seed import DAY, QUARTER, T0, TOKENS, Seed, caller, refusal, seeded

VIEWER = caller(Permission.VIEW_HISTORY)
NEVER = RetentionSettings(text_days=0, number_days=0, message_days=0, event_days=0, receipt_days=0, audit_days=0)
ALL = RetentionSettings(text_days=1, number_days=1, message_days=1, event_days=1, receipt_days=1, audit_days=1)
OLD = T0 - 10 * DAY


@pytest.fixture
async def seed(database: Database) -> Seed:
    return await seeded(database)


def keep(**days: int) -> RetentionSettings:
    """Only these are purged."""
    return NEVER.model_copy(update=days)


async def purge(database: Database, clock: FakeClock, settings: RetentionSettings) -> Counter[str]:
    """One run, with what it did."""
    done: Counter[str] = Counter()
    async for step in Retention(database, clock, settings).run():
        done[step.what] += step.rows
    return done


async def counted(seed: Seed, states: Sequence[State], time_us: int, topic_id: str = "default") -> uuid.UUID:
    """A notification with the deltas that its messages would have written."""
    identifier = await seed.notification(states, time_us=time_us, topic_id=topic_id)
    counts = Counter(accepted=len(states))
    for state in states:
        counts.update({"sent": 1, "segments": 1} if state in PROVES_SENT else {})
        counts.update([COUNTED_AS[state]] if state in COUNTED_AS else [])
    await seed.deltas([(topic_id, "main", time_us - time_us % QUARTER, dict(counts))])
    return identifier


async def rows(database: Database, table: Table) -> int:
    async with database.read() as connection:
        return (await connection.execute(select(func.count()).select_from(table))).scalar_one()


async def differences(database: Database) -> list[Any]:
    """What the auditor finds."""
    telemetry = setup("test", load_settings())
    try:
        return [one async for found in TallyAuditor(database, telemetry).run() for one in found]
    finally:
        telemetry.shutdown()


async def test_texts_are_forgotten(seed: Seed, clock: FakeClock) -> None:
    """S38, S44: after its time a message has no text any more, own or shared, and is shown without error."""
    history = History(seed.database, clock, TOKENS)
    old = await seed.notification(
        [State.DELIVERED, State.UNKNOWN], time_us=OLD, texts=["Own", None], given_text="\u201cHello\u201d"
    )
    young = await seed.notification([State.DELIVERED], time_us=T0 - DAY // 2)
    still_open = await seed.notification([State.DELIVERED, State.HELD], time_us=OLD)
    assert await purge(seed.database, clock, keep(text_days=1)) == {"texts": 2}
    for identifier, texts in ((old, [None, None]), (young, ["Hello"]), (still_open, ["Hello", "Hello"])):
        for index, text in enumerate(texts):
            found = await history.message(VIEWER, f"{identifier}.{index}")
            assert (found.full.text, found.full.message.number) == (text, f"+1415555{index:04d}")
    recent = await history.recent_messages(VIEWER, "default")
    assert len(recent.messages) == 5
    async with seed.database.read() as connection:
        given = await connection.execute(select(notification.c.given_text).where(notification.c.id == old))
        assert given.scalar_one() is None
    assert await purge(seed.database, clock, keep(text_days=1)) == {}


async def test_numbers_are_forgotten(seed: Seed, clock: FakeClock) -> None:
    """S38, S43: erased numbers leave rows with their state, the keyed hash for opt-outs, and no typed number."""
    identifier = await seed.notification([State.DELIVERED, State.FAILED], time_us=OLD)
    async with seed.database.write() as connection:
        await connection.execute(
            insert(request).values(
                principal_id="tester",
                request_id="r",
                fingerprint=b"f" * 32,
                notification_id=identifier,
                skipped=[[3, "+1415555", "TOO_SHORT"]],
                create_time=OLD,
            )
        )
    assert await purge(seed.database, clock, keep(number_days=1)) == {"numbers": 2}
    recent = await History(seed.database, clock, TOKENS).recent_messages(VIEWER, "default")
    assert [(m.number, m.state) for m in recent.messages] == [(None, State.DELIVERED), (None, State.FAILED)]
    async with seed.database.read() as connection:
        assert set((await connection.execute(select(message.c.number_key))).scalars()) == {b"k" * 16}
        assert (await connection.execute(select(request.c.skipped))).scalar_one() == [[3, "", "TOO_SHORT"]]


async def test_messages_are_deleted_when_final(seed: Seed, clock: FakeClock) -> None:
    """S38: a notification goes whole, with request id and carrier's ids, once it is final and its events are gone."""
    gone = await counted(seed, [State.DELIVERED, State.UNKNOWN], OLD)
    await seed.carrier_refs(gone, 0, ["ref"])
    stays = await counted(seed, [State.DELIVERED, State.SENT], OLD)
    assert await purge(seed.database, clock, keep(message_days=1)) == {}  # events are still there
    assert await purge(seed.database, clock, keep(message_days=1, event_days=1)) == {"events": 2, "messages": 2}
    history = History(seed.database, clock, TOKENS)
    assert {m.notification_id for m in (await history.recent_messages(VIEWER, "default")).messages} == {stays}
    with pytest.raises(SendoutError) as caught:
        await history.message(VIEWER, f"{gone}.0")
    assert refusal(caught) is Reason.MESSAGE_NOT_FOUND
    assert [await rows(seed.database, table) for table in (notification, progress, carrier_ref)] == [1, 1, 0]
    async with seed.database.read() as connection:
        found = (await connection.execute(select(*(archived.c[name] for name in ("topic_id", *COUNTS))))).one()
    assert tuple(found) == ("default", 2, 1, 1, 0, 0, 0, 1)


async def test_tallies_outlive_everything(seed: Seed, clock: FakeClock) -> None:
    """S38: after everything that can be purged was purged, each tally of each interval is what it was."""
    rng = random.Random(5)
    topics = Topics(seed.database, clock, TOKENS)
    await topics.create(caller(Permission.MANAGE_TOPICS), "Storms", "storms")
    for n in range(40):
        states = [rng.choice([*State]) for _ in range(rng.randrange(1, 9))]
        await counted(seed, states, OLD + n * QUARTER * 7, rng.choice(["default", "storms"]))
    async with seed.database.write() as connection:
        await tallies.fold(connection, 25)
    intervals = [(OLD - DAY, T0)] + [
        (start, start + rng.randrange(1, 400) * QUARTER)
        for start in (OLD - OLD % QUARTER + rng.randrange(300) * QUARTER for _ in range(30))
    ]

    async def all_tallies() -> list[dict[str, Counts]]:
        async with seed.database.read() as connection:
            return [await tallies.read(connection, start, end) for start, end in intervals]

    before = await all_tallies()
    kept = [await rows(seed.database, table) for table in (tally, tally_delta)]
    assert sum(before[0].values(), Counts()).accepted == await rows(seed.database, message)
    assert await differences(seed.database) == []
    async with seed.database.write() as connection:  # whatever is still open comes to its end, uncounted: UNKNOWN
        await connection.execute(update(message).where(message.c.state <= State.SENT).values(state=int(State.UNKNOWN)))
        await connection.execute(update(progress).values(done=True))
    await purge(seed.database, clock, ALL)
    assert [await rows(seed.database, table) for table in (message, notification, event)] == [0, 0, 0]
    assert await all_tallies() == before
    assert [await rows(seed.database, table) for table in (tally, tally_delta)] == kept
    assert await differences(seed.database) == []


async def test_a_run_that_stops_goes_on(seed: Seed, clock: FakeClock) -> None:
    """I4: a large notification goes in transactions of 1,000 rows; after each of them rows and tallies agree."""
    await counted(seed, [State.DELIVERED] * 2_300, OLD)
    await purge(seed.database, clock, keep(event_days=1))
    steps = Retention(seed.database, clock, keep(message_days=1)).run()
    await anext(steps)
    await steps.aclose()
    assert [await rows(seed.database, table) for table in (message, notification)] == [1_300, 1]
    assert await differences(seed.database) == []
    await purge(seed.database, clock, keep(message_days=1))
    assert [await rows(seed.database, table) for table in (message, notification)] == [0, 0]
    assert await differences(seed.database) == []


async def test_two_runs_at_once(seed: Seed, clock: FakeClock) -> None:
    """I4: several runs at the same time archive each message once."""
    for n in range(6):
        await counted(seed, [State.DELIVERED] * 300, OLD + n)
    await asyncio.gather(*(purge(seed.database, clock, keep(message_days=1, event_days=1)) for _ in range(3)))
    assert await rows(seed.database, message) == 0
    assert await differences(seed.database) == []


async def test_the_floor_of_events(seed: Seed, clock: FakeClock) -> None:
    """I5: old events go from the front, the floor says how far, the head stays, and timelines lose what is gone."""
    identifier = await seed.notification([State.SENT], time_us=OLD)
    await seed.event(identifier, 0, 0, int(State.QUEUED), State.SENT, T0)
    async with seed.database.write() as connection:
        await connection.execute(update(event_head).values(position=2))
    assert await purge(seed.database, clock, keep(event_days=1)) == {"events": 1}
    async with seed.database.read() as connection:
        assert (await connection.execute(select(event_head.c.position, event_head.c.floor))).one() == (2, 1)
        assert (await connection.execute(select(event.c.position))).scalars().all() == [2]
    found = await History(seed.database, clock, TOKENS).message(VIEWER, f"{identifier}.0")
    assert [step.state for step in found.steps] == [State.SENT]


async def test_receipts_replies_and_audit(seed: Seed, clock: FakeClock) -> None:
    """Raw receipts, carriers' ids, texts of replies that were dealt with, and audit entries go after their days."""
    await seed.carrier_refs(await seed.notification([State.DELIVERED], time_us=OLD), 0, ["a", "b"])
    await seed.carrier_refs(await seed.notification([State.DELIVERED], time_us=T0), 0, ["c"])
    fixed = {"carrier": "simulator", "ref": "a", "state": 6, "reason": "", "code": "", "parked": False, "raw": "{}"}
    reply = {"carrier": "simulator", "number": "+1", "sender": "+2", "text": "Yes"}
    who = {"principal_id": "tester", "api_key_id": "k", "action": "A", "object_id": "o", "trace_id": ""}
    async with seed.database.write() as connection:
        for name, time in (("old", OLD), ("young", T0)):
            await connection.execute(insert(receipt).values(id=name, receive_time=time, **fixed))
            await connection.execute(insert(inbound).values(id=name, receive_time=time, handled=True, **reply))
            await connection.execute(insert(audit).values(time=time, **who))
        await connection.execute(insert(inbound).values(id="open", receive_time=OLD, handled=False, **reply))
    done = await purge(seed.database, clock, keep(receipt_days=1, text_days=1, audit_days=1))
    assert done == {"texts": 1, "references": 1, "receipts": 1, "replies": 1, "audit": 1}
    async with seed.database.read() as connection:
        assert (await connection.execute(select(carrier_ref.c.ref))).scalars().all() == ["c"]
        assert (await connection.execute(select(receipt.c.id))).scalars().all() == ["young"]
        assert (await connection.execute(select(audit.c.time))).scalars().all() == [T0]
        texts = {row.id: row.text for row in await connection.execute(select(inbound.c.id, inbound.c.text))}
    assert texts == {"old": "", "young": "Yes", "open": "Yes"}


async def test_a_preview_changes_nothing(seed: Seed, clock: FakeClock) -> None:
    """`--dry-run` says what a run then does; days of 0 purge nothing."""
    for n in range(3):
        await counted(seed, [State.DELIVERED, State.FAILED], OLD + n)
    settings = keep(text_days=1, number_days=5, event_days=1, receipt_days=30)
    previewed = {found.what: found.rows for found in await Retention(seed.database, clock, settings).preview()}
    assert {what: n for what, n in previewed.items() if n} == {"texts": 6, "numbers": 6, "events": 3}
    assert await purge(seed.database, clock, NEVER) == {}
    assert await purge(seed.database, clock, settings) == {"texts": 6, "numbers": 6, "events": 3}


async def test_the_dispatcher_keeps_house(database: Database, valkey_url: str) -> None:
    """S38: the elected dispatcher purges by itself, while it sends, and the tallies stay right."""
    async with pipeline(database, valkey_url) as pipe, pipe.dispatcher() as dispatcher:
        seed = Seed(database)
        await counted(seed, [State.DELIVERED], OLD)
        async with database.write() as connection:  # the seed's events count from 1
            await connection.execute(update(event_head).values(position=1))
        work = dispatcher._work
        telemetry = setup("test", load_settings())
        keeper = Housekeeper(
            work, Retention(database, pipe.clock, keep(text_days=1)), TallyAuditor(database, telemetry), first_s=0
        )
        running = asyncio.create_task(keeper.run())
        accepted = await pipe.send(["+447400000001"])
        await pipe.until(accepted.notification["id"], {"DELIVERED": 1})
        async with asyncio.timeout(20):
            while True:
                async with database.read() as connection:
                    texts = (
                        await connection.execute(select(notification.c.text).order_by(notification.c.id))
                    ).scalars()
                    if [*texts] == [None, "Hello"]:
                        break
                await asyncio.sleep(0.05)
        running.cancel()
        telemetry.shutdown()
    assert await differences(database) == []
