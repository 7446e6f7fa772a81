"""Following notifications on both databases: who may read them, pages, and progress as it changes."""

from __future__ import annotations

import itertools
import uuid
from typing import Any

import pytest
from sqlalchemy import insert, text, update

from sendout.domain.errors import Reason, SendoutError
from sendout.domain.permissions import Permission
from sendout.domain.reports import finish_time
from sendout.domain.states import State
from sendout.server.commands.read_notifications import HEARTBEAT, LONGEST_WAIT, SHORTEST_WAIT, ReadNotifications
from sendout.server.rpc.context import set_caller
from sendout.server.rpc.notification_reads import NotificationReads
from sendout.storage.engine import Database
from sendout.storage.tables import progress, topic
from sendout.v1 import message_pb2, notification_pb2, notification_service_pb2
from tests.conftest import FakeClock
from tests.integration.pipeline import add_contact_point, add_principal
from tests.integration.seed import DAY, HOUR, T0, TOKENS, Seed, caller, refusal, seeded

VIEWER = caller(Permission.VIEW_HISTORY, principal_id="viewer")
SENDER = caller()
STRANGER = caller(principal_id="stranger")


@pytest.fixture
async def seed(database: Database) -> Seed:
    return await seeded(database)


@pytest.fixture
def reads(database: Database, clock: FakeClock) -> ReadNotifications:
    return ReadNotifications(database, clock, TOKENS)


async def set_counts(database: Database, identifier: uuid.UUID, **values: Any) -> None:
    """Change the counts of one notification, as a settle does."""
    async with database.write() as connection:
        await connection.execute(update(progress).where(progress.c.notification_id == identifier).values(**values))


# --- who may read -------------------------------------------------------------------------------------------------


async def test_the_sender_reads_its_own(reads: ReadNotifications, seed: Seed) -> None:
    """Whoever sent a notification may follow it without any permission."""
    identifier = str(await seed.notification([State.SENT]))
    assert (await reads.get(SENDER, identifier)).notification.text == "Hello"
    assert len((await reads.list_messages(SENDER, identifier)).messages) == 1
    watch = reads.watch(SENDER, identifier)
    assert (await anext(watch)).notification.progress.total == 1
    await watch.aclose()


async def test_others_need_the_permission(reads: ReadNotifications, seed: Seed) -> None:
    """Without VIEW_HISTORY another's notification and one that does not exist look the same."""
    identifier = str(await seed.notification([State.SENT]))
    for asked in (identifier, "01890000-0000-7000-8000-000000000000"):
        for attempt in (reads.get(STRANGER, asked), reads.list_messages(STRANGER, asked)):
            with pytest.raises(SendoutError) as caught:
                await attempt
            assert refusal(caught) is Reason.ROLE_REQUIRED
    with pytest.raises(SendoutError) as caught:
        await reads.list_notifications(SENDER)
    assert refusal(caught) is Reason.ROLE_REQUIRED
    assert (await reads.get(VIEWER, identifier)).notification.principal_id == "tester"


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        ("01890000-0000-7000-8000-000000000000", Reason.NOTIFICATION_NOT_FOUND),
        ("", Reason.FIELD_INVALID),
        ("1", Reason.FIELD_INVALID),
    ],
)
async def test_unknown_notifications(reads: ReadNotifications, asked: str, reason: Reason) -> None:
    """An id that no notification has is NOTIFICATION_NOT_FOUND; what is no id is FIELD_INVALID."""
    for attempt in (reads.get(VIEWER, asked), reads.list_messages(VIEWER, asked), anext(reads.watch(VIEWER, asked))):
        with pytest.raises(SendoutError) as caught:
            await attempt
        assert refusal(caught) is reason


# --- lists --------------------------------------------------------------------------------------------------------


async def test_lists_are_newest_first(reads: ReadNotifications, seed: Seed) -> None:
    """S42: notifications are listed newest first, each once, over pages of any size."""
    made = [await seed.notification([State.SENT], time_us=T0 + n * 1_000) for n in range(7)]
    seen, token = [], ""
    while True:
        page = await reads.list_notifications(VIEWER, size=3, token=token)
        seen += [found.notification.id for found in page.notifications]
        if not (token := page.next_page_token):
            break
    assert seen == made[::-1]


async def test_list_filters(reads: ReadNotifications, seed: Seed, database: Database) -> None:
    """S39: topic, contact point and [start, end) each limit the list, exact to the microsecond."""
    async with database.write() as connection:
        await connection.execute(insert(topic).values(id="storms", label="S", label_key="s", create_time=0))
    await add_contact_point(database, "other")
    a = await seed.notification([State.SENT], time_us=T0 + 5)
    b = await seed.notification([State.SENT], time_us=T0 + 6, topic_id="storms")
    c = await seed.notification([State.SENT], time_us=T0 + HOUR, contact_point_id="other")

    async def listed(**filters: Any) -> set[uuid.UUID]:
        return {found.notification.id for found in (await reads.list_notifications(VIEWER, **filters)).notifications}

    assert await listed() == {a, b, c}
    assert await listed(topic_id="storms") == {b}
    assert await listed(contact_point_id="other") == {c}
    assert await listed(topic_id="storms", contact_point_id="other") == set()
    assert await listed(start_us=T0 + 6) == {b, c}
    assert await listed(end_us=T0 + 6) == {a}
    assert await listed(start_us=T0 + 5, end_us=T0 + HOUR) == {a, b}
    assert await listed(start_us=T0 + 5, end_us=T0 + HOUR + 1) == {a, b, c}
    assert await listed(start_us=-DAY, end_us=250_000_000_000_000_000) == {a, b, c}
    with pytest.raises(SendoutError) as caught:
        await listed(start_us=T0, end_us=T0)
    assert refusal(caught) is Reason.FIELD_INVALID


async def test_messages_by_index_and_state(reads: ReadNotifications, seed: Seed) -> None:
    """Messages come in the order of their index, over pages, and only those in the states asked for."""
    states = [State.SENT, State.DELIVERED, State.FAILED] * 5
    identifier = str(await seed.notification(states))
    await seed.notification([State.SENT] * 3)

    async def listed(*wanted: State) -> list[int]:
        seen, token = [], ""
        while True:
            page = await reads.list_messages(VIEWER, identifier, states=wanted, size=4, token=token)
            seen += [m.index for m in page.messages]
            if not (token := page.next_page_token):
                return seen

    assert await listed() == list(range(15))
    assert await listed(State.DELIVERED) == [1, 4, 7, 10, 13]
    assert await listed(State.SENT, State.FAILED) == [n for n in range(15) if n % 3 != 1]
    assert await listed(State.QUEUED) == []


async def test_a_page_token_keeps_its_states(reads: ReadNotifications, seed: Seed) -> None:
    """A page token asked with other states is refused; their order does not matter."""
    identifier = str(await seed.notification([State.SENT] * 3))
    both = (State.SENT, State.FAILED)
    token = (await reads.list_messages(VIEWER, identifier, states=both, size=1)).next_page_token
    again = await reads.list_messages(VIEWER, identifier, states=both[::-1], size=1, token=token)
    assert [m.index for m in again.messages] == [1]
    with pytest.raises(SendoutError) as caught:
        await reads.list_messages(VIEWER, identifier, states=(State.SENT,), size=1, token=token)
    assert refusal(caught) is Reason.PAGE_TOKEN_INVALID


# --- progress -----------------------------------------------------------------------------------------------------


async def test_progress_counts_by_state(reads: ReadNotifications, seed: Seed) -> None:
    """Progress says how many messages are in each state that has any, and whether all are final."""
    identifier = await seed.notification([State.SENT, State.DELIVERED, State.DELIVERED, State.UNKNOWN])
    found = (await reads.get(VIEWER, str(identifier))).notification.progress
    assert (found.counts, found.total, found.done) == (
        {State.SENT: 1, State.DELIVERED: 2, State.UNKNOWN: 1},
        4,
        False,
    )


async def test_the_estimate_shares_the_rate(reads: ReadNotifications, seed: Seed, database: Database) -> None:
    """The finish is estimated from the segments that wait, ours and what takes turns with them, at the rate of 10/s."""
    await add_contact_point(database, "other", segments_per_second=1.0)
    large = await seed.notification([State.QUEUED] * 50, segments=2)
    small = await seed.notification([State.QUEUED] * 10 + [State.SENT] * 5)
    apart = await seed.notification([State.QUEUED] * 3, contact_point_id="other")
    ended = await seed.notification([State.SENT])
    later = await seed.notification([State.HELD] * 10, send_time=T0 + HOUR)
    seconds = {}
    for identifier in (large, small, apart, ended, later):
        finish = (await reads.get(VIEWER, str(identifier))).finish_us
        seconds[identifier] = None if finish is None else (finish - T0) / 1_000_000
    assert seconds == {large: 11.0, small: 2.0, apart: 3.0, ended: None, later: 3_603.0}


def test_the_estimate_alone() -> None:
    """Alone on a contact point a notification needs its segments divided by the rate."""
    assert finish_time(T0, 30, [], 10.0) == T0 + 3_000_000
    assert finish_time(T0, 30, [5, 100], 10.0) == T0 + 6_500_000
    assert finish_time(T0, 0, [5], 10.0) is None


async def test_the_backlog_is_found_through_open_notifications(seed: Seed, database: Database) -> None:
    """What waits is found through the partial index of what is open, so finished notifications cost nothing."""
    query = "SELECT notification_id FROM progress WHERE NOT progress.done AND progress.queued > 0"
    async with database.read() as connection:
        if database.is_postgres:
            await connection.execute(text("SET LOCAL enable_seqscan = off"))
        explain = "EXPLAIN" if database.is_postgres else "EXPLAIN QUERY PLAN"
        plan = str((await connection.execute(text(f"{explain} {query}"))).all())
    assert "ix_progress_open" in plan


class Story:
    """A wakeup that plays what happens between two looks, one step a call, and moves the clock by the wait."""

    def __init__(self, clock: FakeClock, *steps: Any) -> None:
        self.clock, self.steps, self.waits = clock, list(steps), list[float]()

    async def __call__(self, _notification_id: uuid.UUID, seconds: float) -> None:
        self.waits.append(seconds)
        self.clock.advance(seconds)
        if self.steps and (step := self.steps.pop(0)) is not None:
            await step()


async def test_a_watch_tells_every_change_and_ends(database: Database, seed: Seed, clock: FakeClock) -> None:
    """A watch answers at once, then on every change and only then, and ends when all messages are final."""
    identifier = await seed.notification([State.QUEUED] * 2)
    story = Story(
        clock,
        None,
        lambda: set_counts(database, identifier, queued=1, sent=1, update_time=T0 + 1),
        None,
        None,
        lambda: set_counts(database, identifier, queued=0, sent=0, delivered=2, done=True, update_time=T0 + 2),
    )
    reads = ReadNotifications(database, clock, TOKENS, story)
    told = [found.notification.progress.counts async for found in reads.watch(VIEWER, str(identifier))]
    assert told == [{State.QUEUED: 2}, {State.QUEUED: 1, State.SENT: 1}, {State.DELIVERED: 2}]
    assert story.waits == [0.25, 0.5, 0.25, 0.5, 1.0]


async def test_a_watch_of_what_is_finished(reads: ReadNotifications, seed: Seed) -> None:
    """A watch of a finished notification answers once and ends."""
    identifier = await seed.notification([State.DELIVERED] * 2)
    assert [found.notification.progress.done async for found in reads.watch(VIEWER, str(identifier))] == [True]


async def test_a_silent_watch_has_heartbeats(database: Database, seed: Seed, clock: FakeClock) -> None:
    """A watch on which nothing happens answers again at least every 15 seconds."""
    identifier = await seed.notification([State.SENT])
    reads = ReadNotifications(database, clock, TOKENS, Story(clock))
    watch = reads.watch(VIEWER, str(identifier))
    at = []
    for _ in range(4):
        await anext(watch)
        at.append(clock.monotonic())
    await watch.aclose()
    pauses = [after - before for before, after in itertools.pairwise(at)]
    assert all(HEARTBEAT - 2 * LONGEST_WAIT <= pause <= HEARTBEAT for pause in pauses)
    assert SHORTEST_WAIT < LONGEST_WAIT


# --- on the wire --------------------------------------------------------------------------------------------------


@pytest.fixture
def servicer(reads: ReadNotifications) -> NotificationReads:
    made = NotificationReads()
    made.reads = reads
    return made


async def test_a_notification_on_the_wire(servicer: NotificationReads, seed: Seed, database: Database) -> None:
    """S33: a notification goes out with its topic, contact point, text, labels and progress."""
    set_caller(VIEWER)
    await add_principal(database, "crm")
    identifier = await seed.notification(
        [State.QUEUED, State.SENT], urgent=True, labels={"a": "b"}, principal_id="crm", send_time=T0, encoding=2
    )
    request = notification_service_pb2.GetNotificationRequest(notification_id=str(identifier))
    found = (await servicer.GetNotification(request, None)).notification
    assert (found.notification_id, found.topic_id, found.contact_point_id) == (str(identifier), "default", "main")
    assert (found.text, dict(found.labels), found.principal_id) == ("Hello", {"a": "b"}, "crm")
    assert (found.priority, found.encoding) == (notification_pb2.PRIORITY_URGENT, message_pb2.ENCODING_UCS_2)
    assert found.send_time == found.create_time
    counts = {count.state: count.count for count in found.progress.counts}
    assert counts == {message_pb2.MESSAGE_STATE_QUEUED: 1, message_pb2.MESSAGE_STATE_SENT: 1}
    assert found.progress.estimated_finish_time.ToMicroseconds() == T0 + 100_000
    listed = await servicer.ListNotifications(notification_service_pb2.ListNotificationsRequest(), None)
    assert list(listed.notifications) == [found]


async def test_messages_and_watch_on_the_wire(servicer: NotificationReads, seed: Seed) -> None:
    """S43: messages go out with their states; a watch gives progress, trace and time."""
    set_caller(VIEWER)
    identifier = str(await seed.notification([State.DELIVERED, State.FAILED]))
    request = notification_service_pb2.ListMessagesRequest(
        notification_id=identifier, states=[message_pb2.MESSAGE_STATE_FAILED]
    )
    answer = await servicer.ListMessages(request, None)
    assert [m.message_id for m in answer.messages] == [f"{identifier}.1"]
    watch = servicer.WatchNotification(
        notification_service_pb2.WatchNotificationRequest(notification_id=identifier), None
    )
    (told,) = [answer async for answer in watch]
    assert (told.progress.total, told.progress.done, told.trace_id) == (2, True, "ab" * 16)
    assert told.time.ToMicroseconds() == T0


@pytest.mark.parametrize("states", [[0], [99], [1] * 15])
async def test_what_is_no_state(servicer: NotificationReads, seed: Seed, states: list[int]) -> None:
    """A number that is no state, or more entries than there are states, is FIELD_INVALID."""
    set_caller(VIEWER)
    identifier = str(await seed.notification([State.SENT]))
    request = notification_service_pb2.ListMessagesRequest(notification_id=identifier, states=states)  # type: ignore[arg-type]
    with pytest.raises(SendoutError) as caught:
        await servicer.ListMessages(request, None)
    assert refusal(caught) is Reason.FIELD_INVALID
