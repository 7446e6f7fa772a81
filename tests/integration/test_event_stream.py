"""I5: the event stream on both databases: every state change once, in order per message, resumable, no gaps.

Longer than 400 lines because all of it is about one RPC, and shares one set of helpers.
"""

from __future__ import annotations

import asyncio
import uuid
from collections import defaultdict
from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import delete, insert, update

from sendout.domain.cursors import EARLIEST, Place, filter_digest
from sendout.domain.errors import Category, Reason
from sendout.domain.permissions import Caller
from sendout.domain.states import ReasonCode, State
from sendout.server.commands import event_feed
from sendout.server.commands.event_filters import EventQuery
from sendout.server.commands.stream_events import Batch
from sendout.storage import conversations
from sendout.storage.engine import Database
from sendout.storage.event_log import EventKind, append_events, told
from sendout.storage.ring import connect
from sendout.storage.tables import event, event_head, message, role_grant, topic
from sendout.storage.wakeups import Wakeups
from tests.integration.event_writing import (
    VIEWER,
    EventWriter,
    Step,
    Streams,
    bare_event,
    positions,
    recorded,
    step_of,
    streams,
)
from tests.integration.pipeline import add_contact_point, add_principal

AGENT = Caller("agent", "key2", "Agent", frozenset({"everyone"}), frozenset())
NO_FILTER = {
    "contact_points": [],
    "topics": [],
    "notification": "",
    "crm_system": "",
    "principal": "",
    "conversations": False,
}
NO_FILTER_DIGEST = filter_digest(NO_FILTER)


@pytest.fixture
async def writer(database: Database) -> EventWriter:
    made = EventWriter(database)
    await made.basics()
    return made


@pytest.fixture
async def here(database: Database, writer: EventWriter) -> AsyncIterator[Streams]:
    async with streams(database) as made:
        yield made


def in_order(steps: list[Step]) -> bool:
    """Whether each message's events follow one another: each begins in the state the one before ended in."""
    last: dict[tuple[str, int], str] = defaultdict(str)
    for identifier, index, before, after in steps:
        if last[identifier, index] != before:
            return False
        last[identifier, index] = after
    return True


# --- completeness and order ---------------------------------------------------------------------------------------


async def test_every_state_change_comes_once_and_in_order(
    here: Streams, writer: EventWriter, database: Database
) -> None:
    """I5: readers from the start, from now and from the middle get exactly what is on record, dense and in order."""
    first = await writer.accept(5)
    now = await here.reader()
    begun = len(await recorded(database))
    await writer.deliver(first, range(5))
    second = await writer.accept(700)
    middle = await here.reader()
    await writer.change(second, range(0, 700, 2), State.CANCELED, ReasonCode.CANCELED_BY_CALLER)
    expected = await recorded(database)
    earliest = await here.reader(token=EARLIEST)
    rows, last, head = await positions(database)
    assert rows == last == head
    assert await earliest.until(len(expected)) == expected
    assert await now.until(len(expected) - begun) == expected[begun:]
    assert await middle.until(350) == expected[-350:]
    assert in_order(expected)
    ids = [delivery.change.event_id for delivery in earliest.deliveries]
    assert len(set(ids)) == len(ids)


async def test_an_event_says_what_happened(here: Streams, writer: EventWriter, database: Database) -> None:
    """I5: each event has the message as it was then, where it came from, its CRM record, labels and trace."""
    record = {"system": "salesforce", "object": "Lead", "record_id": "00Q1"}
    identifier = await writer.accept(2, crm={1: record}, labels={"team": "roads"})
    await writer.deliver(identifier, [1])
    reader = await here.reader(token=EARLIEST)
    await reader.until(5)
    accepted, other, sending, sent, delivered = [delivery.change for delivery in reader.deliveries]
    assert [c.message.state.name for c in (accepted, other, sending, sent, delivered)] == [
        *("QUEUED", "QUEUED", "SENDING", "SENT", "DELIVERED")
    ]
    assert [c.old_state for c in (accepted, sending, delivered)] == [None, State.QUEUED, State.SENT]
    assert (accepted.message.crm_record, delivered.message.crm_record) == (None, record)
    assert accepted.message.number == "+447400000000"
    assert sending.message.sent_time is None
    assert sent.message.sent_time == sent.time == delivered.message.sent_time
    assert (sent.message.final_time, delivered.message.final_time) == (None, delivered.time)
    origin = delivered.origin
    assert (origin.labels, origin.trace_id, origin.topic_id) == ({"team": "roads"}, "ab" * 16, "default")
    again = await here.reader(token=EARLIEST)
    await again.until(5)
    assert again.deliveries == reader.deliveries  # a second reading gives the same


async def test_erased_messages_leave_no_gap(here: Streams, writer: EventWriter, database: Database) -> None:
    """I5: events of messages that retention took still come, without number."""
    identifier = await writer.accept(3)
    async with database.write() as connection:
        await connection.execute(delete(message).where(message.c.index == 1))
    reader = await here.reader(token=EARLIEST)
    assert await reader.until(3) == [(str(identifier), index, "", "QUEUED") for index in range(3)]
    assert [delivery.change.message.number is None for delivery in reader.deliveries] == [False, True, False]


# --- places -------------------------------------------------------------------------------------------------------


async def test_a_resume_at_every_cut_has_no_gap(here: Streams, writer: EventWriter, database: Database) -> None:
    """I5: from the token of any event, also one inside a range, exactly the events after it come."""
    identifier = await writer.accept(9)
    await writer.deliver(identifier, [0, 1, 2, 5, 6])
    expected = await recorded(database)
    whole = await here.reader(token=EARLIEST)
    await whole.until(len(expected))
    for cut, delivery in enumerate(whole.deliveries[:-1], 1):
        reader = await here.reader(token=delivery.resume_token)
        assert await reader.until(len(expected) - cut) == expected[cut:]
        assert reader.deliveries == whole.deliveries[cut:]
        await reader.stop()


async def test_a_resume_between_batches_has_no_gap(here: Streams, writer: EventWriter, database: Database) -> None:
    """I5: the token of a batch goes on after all of its events, also in the middle of a long range."""
    await writer.accept(1_200)
    expected = await recorded(database)
    whole = await here.reader(token=EARLIEST)
    await whole.until(1_200)
    seen = 0
    for batch in whole.batches:
        assert len(batch.deliveries) <= 500
        seen += len(batch.deliveries)
        if batch.deliveries:
            assert batch.resume_token == batch.deliveries[-1].resume_token
        if seen < 1_200:
            reader = await here.reader(token=batch.resume_token)
            assert await reader.until(1_200 - seen) == expected[seen:]
            await reader.stop()


async def test_a_million_messages_are_read_slice_by_slice(here: Streams, database: Database) -> None:
    """I5: of a range of 1,000,000 messages no more than a chunk is in memory; a place deep in it is reached at once."""
    await bare_event(database, 1_000_000)
    epoch = await _epoch(database)
    follower = event_feed.Follower(database, event_feed.Reads(), epoch, Place(0))
    for n in range(3):
        chunk = await follower.next()
        assert 0 < len(chunk.changes) <= event_feed.MOST_MESSAGES
        assert chunk.start.index == n * len(chunk.changes)
    reader = await here.reader(token=here.tokens.issue(epoch, Place(0, 999_990), NO_FILTER_DIGEST))
    steps = await reader.until(10)
    assert [index for _, index, _, _ in steps] == list(range(999_990, 1_000_000))


async def test_labels_make_batches_shorter(here: Streams, writer: EventWriter) -> None:
    """5.6: a batch is about 256 KiB at the most, whatever the labels."""
    await writer.accept(120, labels={f"key{n}": "x" * 250 for n in range(20)})
    reader = await here.reader(token=EARLIEST)
    await reader.until(120)
    assert max(len(batch.deliveries) for batch in reader.batches) < 60


async def test_now_begins_with_a_token(here: Streams, writer: EventWriter, database: Database) -> None:
    """I5: the first thing on a stream is a heartbeat with a token, so what follows is never lost."""
    await writer.accept(2)
    reader = await here.reader()
    assert reader.batches[0].deliveries == ()
    token = reader.token
    await reader.stop()
    await writer.accept(3)
    later = await here.reader(token=token)
    assert await later.until(3) == (await recorded(database))[2:]


async def test_tokens_around_the_floor(here: Streams, writer: EventWriter, database: Database) -> None:
    """I5: a token at the floor is the oldest that works, one below expired; EARLIEST begins at the floor."""
    for _ in range(4):
        await writer.accept(2)
    epoch = await _epoch(database)
    await _purge(database, 2)
    for position, works in ((1, False), (2, True), (3, True)):
        for index in (0, 1):
            token = here.tokens.issue(epoch, Place(position, index), NO_FILTER_DIGEST)
            reader = here.begin(token=token)
            if works:
                assert len(await reader.until(8 - 2 * position - index)) == 8 - 2 * position - index
            else:
                await _expired(here, reader, database)
    earliest = await here.reader(token=EARLIEST)
    assert await earliest.until(4) == await recorded(database)


async def test_a_purge_under_a_reader_is_noticed(here: Streams, writer: EventWriter, database: Database) -> None:
    """I5: what is purged between two pages ends the stream; nothing is left out silently."""
    for _ in range(3):
        await writer.accept(1)
    gate = asyncio.Event()
    passed: list[Batch] = []

    async def write(batch: Batch) -> None:
        passed.append(batch)
        await gate.wait()

    running = asyncio.create_task(here.stream(VIEWER, EventQuery(resume_token=EARLIEST), write))
    while not passed:
        await asyncio.sleep(0.01)
    await _purge(database, 2)
    gate.set()
    (error,) = await asyncio.gather(running, return_exceptions=True)
    assert getattr(error, "reason", error) is Reason.RESUME_TOKEN_EXPIRED
    assert not any(batch.deliveries for batch in passed)


async def test_tokens_of_another_epoch_and_beyond_the_head(
    here: Streams, writer: EventWriter, database: Database
) -> None:
    """I5: after a restore old tokens answer RESUME_TOKEN_EXPIRED with a snapshot token that works."""
    await writer.accept(3)
    epoch = await _epoch(database)
    for token in (
        here.tokens.issue("another", Place(0), NO_FILTER_DIGEST),
        here.tokens.issue(epoch, Place(2), NO_FILTER_DIGEST),
        here.tokens.issue(epoch, Place(1, 1), NO_FILTER_DIGEST),
    ):
        await _expired(here, here.begin(token=token), database)


async def test_a_restore_ends_open_streams(here: Streams, writer: EventWriter, database: Database) -> None:
    """I5: streams that are open when the epoch changes end; those opened after it go on."""
    old = await here.reader()
    async with database.write() as connection:
        await connection.execute(update(event_head).values(epoch="restored"))
    error = await old.refusal()
    assert error.reason is Reason.RESUME_TOKEN_EXPIRED
    fresh = await here.reader(token=error.metadata["snapshot_token"])
    await writer.accept(1)
    await fresh.until(1)


@pytest.mark.parametrize("token", ["nonsense", "earliest", "A" * 600])
async def test_forged_tokens_are_refused(here: Streams, token: str) -> None:
    """I5: what this server did not issue is FIELD_INVALID."""
    assert (await here.begin(token=token).refusal()).reason is Reason.FIELD_INVALID


# --- filters and permissions --------------------------------------------------------------------------------------


async def test_filters(here: Streams, writer: EventWriter, database: Database) -> None:
    """I5: each filter leaves exactly its events, live and from EARLIEST; several must all match."""
    await add_contact_point(database, "other")
    async with database.write() as connection:
        await connection.execute(insert(topic).values(id="storms", label="Storms", label_key="storms", create_time=0))
    crm = {0: {"system": "hubspot", "object": "Contact", "record_id": "1"}}
    plain = await writer.accept(2)
    storm = await writer.accept(2, topic_id="storms", crm=crm)
    apart = await writer.accept(2, topic_id="storms", contact_point_id="other")
    cases: list[tuple[dict[str, Any], set[tuple[uuid.UUID, int]]]] = [
        ({}, {(n, i) for n in (plain, storm, apart) for i in (0, 1)}),
        ({"topic_ids": ["storms"]}, {(n, i) for n in (storm, apart) for i in (0, 1)}),
        ({"contact_point_ids": ["main", "other"], "topic_ids": ["default"]}, {(plain, 0), (plain, 1)}),
        ({"contact_point_ids": ["other"]}, {(apart, 0), (apart, 1)}),
        ({"contact_point_ids": ["other"], "topic_ids": ["default"]}, set()),
        ({"notification_id": str(plain)}, {(plain, 0), (plain, 1)}),
        ({"crm_system": "hubspot"}, {(storm, 0)}),
    ]
    live = [await here.reader(**query) for query, _ in cases]
    for identifier in (plain, storm, apart):
        await writer.change(identifier, [0, 1], State.CANCELED)
    marker = await writer.accept(1)
    whole = await here.reader(token=EARLIEST)
    await whole.until(13)
    for (query, expected), reader in zip(cases, live, strict=True):
        wanted = [s for s in await recorded(database) if (uuid.UUID(s[0]), s[1]) in expected]
        fresh = await here.reader(token=EARLIEST, **query)
        if wanted:
            await fresh.until(len(wanted))
            await reader.until(len(wanted) // 2)
        assert [s for s in fresh.steps if s[0] != str(marker)] == wanted
        assert [s for s in reader.steps if s[0] != str(marker)] == wanted[len(wanted) // 2 :]


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ({"contact_point_ids": ["none"]}, Reason.CONTACT_POINT_NOT_FOUND),
        ({"topic_ids": ["default", "none"]}, Reason.TOPIC_NOT_FOUND),
        ({"notification_id": str(uuid.UUID(int=7))}, Reason.NOTIFICATION_NOT_FOUND),
        ({"notification_id": "seven"}, Reason.FIELD_INVALID),
        ({"topic_ids": ["x"] * 101}, Reason.FIELD_INVALID),
        ({"contact_point_ids": ["x"] * 101}, Reason.FIELD_INVALID),
        ({"crm_system": "x" * 64}, Reason.FIELD_INVALID),
    ],
)
async def test_filters_that_name_nothing_are_refused(here: Streams, query: dict[str, Any], reason: Reason) -> None:
    """I5: a filter that could never match is a mistake, and is said so."""
    assert (await here.begin(**query).refusal()).reason is reason


async def test_a_token_of_other_filters_is_refused(here: Streams, writer: EventWriter) -> None:
    """I5: a token goes with the filters it was issued for, whatever their order."""
    await add_contact_point(writer.database, "other")
    reader = await here.reader(contact_point_ids=["main", "other"])
    same = await here.reader(token=reader.token, contact_point_ids=["other", "main"])
    await writer.accept(1)
    await same.until(1)
    error = await here.begin(token=reader.token, contact_point_ids=["main"]).refusal()
    assert (error.reason, error.violations[0].field) == (Reason.FIELD_INVALID, "resume_token")


async def test_without_the_permission_only_own_sends(here: Streams, writer: EventWriter) -> None:
    """S2: whoever may not view history gets the events of what they sent, and cannot ask about others' sends."""
    await add_principal(writer.database, "agent")
    theirs = await writer.accept(1)
    own = await writer.accept(2, principal_id="agent")
    reader = await here.reader(AGENT, token=EARLIEST)
    one = await here.reader(AGENT, token=EARLIEST, notification_id=str(own))
    for each in (reader, one):
        assert await each.until(2) == [(str(own), 0, "", "QUEUED"), (str(own), 1, "", "QUEUED")]
    for identifier in (theirs, uuid.UUID(int=7)):
        error = await here.begin(AGENT, notification_id=str(identifier)).refusal()
        assert error.reason is Reason.ROLE_REQUIRED
    whole = await here.reader()
    assert (await here.begin(AGENT, token=whole.token).refusal()).reason is Reason.FIELD_INVALID


async def test_who_may_answer_sees_conversations(database: Database, writer: EventWriter) -> None:
    """S10: without viewing history, replies to others' sends and others' answers come where one may answer, and nothing
    else of these sends; not with `own_only`, and no longer once that right is gone."""
    await add_principal(database, "agent")
    theirs, now = await writer.accept(2), writer.clock.now_us()
    async with database.write() as connection:
        number = ("+447400000001", b"k" * 16)
        opened = await conversations.add_reply(connection, "main", *number, None, now, review=False)
    answer = await writer.accept(1, conversation_id=opened)
    async with database.write() as connection:
        await append_events(connection, [told(EventKind.REPLY_RECEIVED, "main", (theirs, 1), now)])
    async with streams(database, heartbeat=0.05) as here:
        before = await here.reader(AGENT, token=EARLIEST)
        async with database.write() as connection:
            everyone = {"permission": "start_conversations", "role_id": "everyone"}
            await connection.execute(insert(role_grant).values(contact_point_id="main", **everyone))
        assert (await before.refusal()).reason is Reason.STREAM_ENDED
        seeing, own = [await here.reader(AGENT, token=EARLIEST, own_only=only) for only in (False, True)]
        await seeing.until(2)
        talk = await here.reader(token=EARLIEST, conversations_only=True)
        await talk.until(2)
        assert [one.change for one in talk.deliveries] == [one.change for one in seeing.deliveries]
        found = [(one.change.origin.notification_id, one.change.kind.name) for one in seeing.deliveries]
        assert found == [(answer, "STATE_CHANGED"), (theirs, "REPLY_RECEIVED")]
        async with database.write() as connection:
            await connection.execute(delete(role_grant).where(role_grant.c.permission == "start_conversations"))
        assert (await seeing.refusal()).reason is Reason.STREAM_ENDED
        assert before.deliveries == own.deliveries == []
        assert len(talk.deliveries) == 2


# --- the shared reader --------------------------------------------------------------------------------------------


async def test_a_hundred_subscribers_cost_one_read(here: Streams, writer: EventWriter, database: Database) -> None:
    """I5: the SQL reads for new events do not grow with the number of subscribers, and each gets every event."""
    identifier = await writer.accept(50)
    readers = [await here.reader() for _ in range(100)]
    reads = here.feed.reads
    before = reads.messages
    await writer.change(identifier, range(50), State.SENDING)
    expected = (await recorded(database))[50:]
    for reader in readers:
        assert await reader.until(50) == expected
    assert reads.messages - before == 1
    pages = reads.pages
    await asyncio.sleep(0.5)
    assert reads.pages - pages <= 0.5 / 0.02  # looks of one reader, not of a hundred


async def test_nobody_waits_nothing_is_read(here: Streams, database: Database) -> None:
    """I5: without subscribers the shared reader rests."""
    reader = await here.reader()
    await reader.stop()
    await asyncio.sleep(0.1)
    pages = here.feed.reads.pages
    await asyncio.sleep(0.2)
    assert here.feed.reads.pages == pages


async def test_who_falls_behind_the_window_catches_up(
    here: Streams, writer: EventWriter, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """I5: a subscriber slower than the window reads by itself what left it, and misses and repeats nothing."""
    monkeypatch.setattr(event_feed, "WINDOW_CHUNKS", 3)
    fast = await here.reader()
    opened, gate = asyncio.Event(), asyncio.Event()
    slow: list[Step] = []

    async def write(batch: Batch) -> None:
        opened.set()
        slow.extend(step_of(delivery) for delivery in batch.deliveries)
        if slow:
            await gate.wait()

    running = asyncio.create_task(here.stream(VIEWER, EventQuery(), write))
    await opened.wait()
    total = 0
    for count in (3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5):
        await writer.accept(count)
        total += count
        await fast.until(total)
    gate.set()
    async with asyncio.timeout(10):
        while len(slow) < total:
            await asyncio.sleep(0.01)
    assert slow == fast.steps == await recorded(database)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_a_wake_up_is_heard_at_once(database: Database, writer: EventWriter, valkey_url: str) -> None:
    """I5: a commit in another process is told over Redis, long before the next look; without Redis looks suffice."""
    told, hears = Wakeups(connect(valkey_url)), Wakeups(connect(valkey_url))
    database.on_events = told.tell
    hears.start()
    async with streams(database, hears) as here:
        here.feed._poll_s = 30.0
        reader = await here.reader()
        for n in range(1, 6):
            await writer.accept(1)
            await reader.until(n, 10.0)
    await told.close()
    await hears.close()


# --- heartbeats and ends ------------------------------------------------------------------------------------------


async def test_heartbeats_advance_past_what_is_filtered_out(database: Database, writer: EventWriter) -> None:
    """I5: a filter that matches nothing still gets a moving token, which skips what does not concern it."""
    await add_contact_point(database, "quiet")
    async with streams(database, heartbeat=0.1) as here:
        reader = await here.reader(contact_point_ids=["quiet"])
        first = reader.token
        await writer.accept(5)
        seen = len(reader.batches)
        await reader.until_batches(seen + 3)
        assert reader.deliveries == []
        digest = filter_digest(NO_FILTER | {"contact_points": ["quiet"]})
        epoch = await _epoch(database)
        assert here.tokens.read(first, epoch, digest) == Place(0)
        assert here.tokens.read(reader.token, epoch, digest) == Place(1)


async def test_a_slow_reader_is_closed_with_a_token_that_works(database: Database, writer: EventWriter) -> None:
    """5.6: a write that makes no progress ends the stream with UNAVAILABLE and the last token; others go on."""
    async with streams(database, write=0.2) as here:
        stuck: list[Batch] = []
        opened = asyncio.Event()

        async def write(batch: Batch) -> None:
            stuck.append(batch)
            opened.set()
            if batch.deliveries:
                await asyncio.Event().wait()

        other = await here.reader()
        running = asyncio.create_task(here.stream(VIEWER, EventQuery(), write))
        await opened.wait()
        await writer.accept(3)
        await other.until(3)
        (error,) = await asyncio.gather(running, return_exceptions=True)
        assert getattr(error, "category", error) is Category.UNAVAILABLE
        token = error.metadata["resume_token"]  # type: ignore[union-attr]
        assert token == stuck[-1].resume_token
        await writer.accept(2)
        resumed = await here.reader(token=token)
        assert await resumed.until(2) == (await recorded(database))[3:]
        await other.until(5)


async def test_draining_ends_streams_with_their_token(here: Streams, writer: EventWriter) -> None:
    """5.7: a server that stops ends each stream at once with UNAVAILABLE and its last token."""
    readers = [await here.reader() for _ in range(5)]
    await writer.accept(2)
    for reader in readers:
        await reader.until(2)
    await here.stream.drain()
    for reader in readers:
        error = await reader.refusal(2.0)
        assert (error.category, error.metadata["resume_token"]) == (Category.UNAVAILABLE, reader.token)
        assert error.retry_after is not None
    assert here.stream.count == 0


async def test_streams_are_capped(database: Database, writer: EventWriter) -> None:
    """5.6: too many streams of one caller, or of all, answer RESOURCE_EXHAUSTED with a time to wait."""
    async with streams(database, per_principal=2, per_process=3) as here:
        kept = [await here.reader(), await here.reader()]
        error = await here.begin().refusal()
        assert (error.category, error.retry_after) == (Category.RESOURCE_EXHAUSTED, 10.0)
        await here.reader(AGENT)
        assert (await here.begin(AGENT).refusal()).reason is Reason.QUOTA_EXCEEDED
        await kept[0].stop()
        await here.reader()


# --- helpers ------------------------------------------------------------------------------------------------------


async def _epoch(database: Database) -> str:
    async with database.read() as connection:
        return str((await connection.execute(event_head.select())).one().epoch)


async def _purge(database: Database, floor: int) -> None:
    async with database.write() as connection:
        await connection.execute(delete(event).where(event.c.position <= floor))
        await connection.execute(update(event_head).values(floor=floor))


async def _expired(here: Streams, reader: Any, database: Database) -> None:
    error = await reader.refusal()
    assert error.reason is Reason.RESUME_TOKEN_EXPIRED
    assert "EARLIEST" in error.message
    snapshot = await here.reader(token=error.metadata["snapshot_token"])
    assert snapshot.deliveries == []
    await snapshot.stop()
