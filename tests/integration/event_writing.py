"""Writing events as the product does, and readers that collect what a stream gives them."""

from __future__ import annotations

import asyncio
import os
import uuid
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import func, insert, select

from sendout.domain.clock import SystemClock
from sendout.domain.cursors import ResumeTokens
from sendout.domain.errors import SendoutError
from sendout.domain.ids import uuid7
from sendout.domain.permissions import Caller, Permission
from sendout.domain.states import ReasonCode, State
from sendout.server.commands.event_feed import EventFeed, Waker
from sendout.server.commands.event_filters import EventQuery
from sendout.server.commands.stream_events import Batch, Delivery, StreamEvents, StreamLimits
from sendout.storage import notifications
from sendout.storage.changes import Change, FactsCache, apply
from sendout.storage.engine import Database
from sendout.storage.notifications import NewMessage, Start, Starts
from sendout.storage.tables import event, event_head
from tests.integration.pipeline import add_contact_point, add_principal

SECRET = b"r" * 32
VIEWER = Caller("viewer", "key", "Viewer", frozenset({"everyone"}), frozenset({Permission.VIEW_HISTORY}))
Step = tuple[str, int, str, str]
"""Notification, index, old state ("" where accepted), new state."""


class EventWriter:
    """Accepts notifications and changes their messages."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.clock = SystemClock()
        self.facts = FactsCache()

    async def basics(self) -> None:
        """What notifications need to point at."""
        await add_principal(self.database)
        await add_contact_point(self.database)

    async def accept(self, count: int, *, crm: dict[int, dict[str, str]] | None = None, **values: Any) -> uuid.UUID:
        """One notification with so many messages, QUEUED."""
        now = self.clock.now_us()
        columns = {
            "id": uuid7(now, os.urandom),
            "contact_point_id": "main",
            "topic_id": "default",
            "principal_id": "tester",
            "carrier": "simulator",
            "sender": "+14155550001",
            "text": "Hello",
            "encoding": 1,
            "segments": 1,
            "message_count": count,
            "urgent": False,
            "create_time": now,
            "send_time": None,
            "expire_time": now + 10**12,
            "labels": {},
            "trace_id": "ab" * 16,
            "span_id": "cd" * 8,
        } | values
        queued = Start(State.QUEUED, ReasonCode.NONE, None)
        messages = [
            NewMessage(n, f"+44740{n:07d}", b"k" * 16, "GB", 1, None, (crm or {}).get(n), queued) for n in range(count)
        ]
        starts = Starts()
        for n in range(count):
            starts.add(n, 1, queued)
        async with self.database.write() as connection:
            await notifications.insert_notification(connection, columns, starts)
            await notifications.insert_messages(connection, columns["id"], messages)
            await notifications.book_accept(connection, columns, starts)
        return uuid.UUID(str(columns["id"]))

    async def change(
        self, identifier: uuid.UUID, indexes: Iterable[int], state: State, reason: ReasonCode = ReasonCode.NONE
    ) -> None:
        """Move messages to a state in one transaction."""
        async with self.database.write() as connection:
            changes = [Change(identifier, index, state, reason) for index in indexes]
            await apply(connection, self.facts, changes, self.clock.now_us())

    async def deliver(self, identifier: uuid.UUID, indexes: Iterable[int]) -> None:
        """Take messages from QUEUED to DELIVERED, a transaction for each step."""
        chosen = list(indexes)
        for state in (State.SENDING, State.SENT, State.DELIVERED):
            await self.change(identifier, chosen, state)


async def recorded(database: Database) -> list[Step]:
    """Every state change on record, in the order of the stream."""
    async with database.read() as connection:
        rows = await connection.execute(
            select(event.c.notification_id, event.c.first, event.c.last, event.c.from_state, event.c.state).order_by(
                event.c.position
            )
        )
        return [
            (str(identifier), index, State(before).name if before else "", State(after).name)
            for identifier, first, last, before, after in rows
            for index in range(first, last + 1)
        ]


async def positions(database: Database) -> tuple[int, int, int]:
    """(rows, last position, head)."""
    async with database.read() as connection:
        rows, last = (await connection.execute(select(func.count(), func.max(event.c.position)))).one()
        return rows, last, (await connection.execute(select(event_head.c.position))).scalar_one()


async def bare_event(database: Database, count: int) -> None:
    """One event row that stands for so many messages, none of which is kept any more."""
    async with database.write() as connection:
        head = (await connection.execute(select(event_head.c.position))).scalar_one() + 1
        await connection.execute(event_head.update().values(position=head))
        await connection.execute(
            insert(event).values(
                position=head,
                notification_id=uuid7(1_767_225_600_000_000, os.urandom),
                first=0,
                last=count - 1,
                from_state=0,
                state=int(State.QUEUED),
                reason="",
                attempt=0,
                time=1_767_225_600_000_000,
            )
        )


def step_of(delivery: Delivery) -> Step:
    """A delivered event in the form of `recorded`."""
    change = delivery.change
    old = change.old_state.name if change.old_state else ""
    return (str(change.message.notification_id), change.message.index, old, change.message.state.name)


class Reader:
    """A subscriber that keeps everything it is given."""

    def __init__(self, stream: StreamEvents, caller: Caller = VIEWER, token: str = "", **query: Any) -> None:
        self.batches: list[Batch] = []
        self.deliveries: list[Delivery] = []
        self.news = asyncio.Event()
        self.task = asyncio.create_task(stream(caller, EventQuery(resume_token=token, **query), self.write))

    async def write(self, batch: Batch) -> None:
        self.batches.append(batch)
        self.deliveries.extend(batch.deliveries)
        self.news.set()

    @property
    def token(self) -> str:
        return self.batches[-1].resume_token

    @property
    def steps(self) -> list[Step]:
        return [step_of(delivery) for delivery in self.deliveries]

    async def until(self, count: int, seconds: float = 10.0) -> list[Step]:
        """Wait for so many events."""
        await self._until(lambda: len(self.deliveries) >= count, seconds)
        return self.steps

    async def until_batches(self, count: int, seconds: float = 10.0) -> None:
        """Wait for so many batches, heartbeats too; the first comes at once and says that the stream is open."""
        await self._until(lambda: len(self.batches) >= count, seconds)

    async def _until(self, enough: Any, seconds: float) -> None:
        async with asyncio.timeout(seconds):
            while not enough():
                self.news.clear()
                waiting = asyncio.create_task(self.news.wait())
                await asyncio.wait((waiting, self.task), return_when=asyncio.FIRST_COMPLETED)
                waiting.cancel()
                if self.task.done() and not enough():
                    self.task.result()

    async def stop(self) -> None:
        """Go away, as a client does."""
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)

    async def refusal(self, seconds: float = 10.0) -> SendoutError:
        """Wait until the stream is ended by the server; answers why."""
        async with asyncio.timeout(seconds):
            (error,) = await asyncio.gather(self.task, return_exceptions=True)
        assert isinstance(error, SendoutError), error
        return error


class Streams:
    """A stream command with readers, all of which are stopped at the end."""

    def __init__(self, database: Database, waker: Waker | None = None, poll_s: float = 0.02, **limits: Any) -> None:
        self.tokens = ResumeTokens(SECRET)
        self.feed = EventFeed(database, waker, poll_s=poll_s)
        self.stream = StreamEvents(
            database, SystemClock(), self.tokens, self.feed, StreamLimits(**{"poll": 0.02} | limits)
        )
        self._readers: list[Reader] = []

    async def reader(self, caller: Caller = VIEWER, token: str = "", **query: Any) -> Reader:
        """A reader whose stream is open."""
        reader = self.begin(caller, token, **query)
        await reader.until_batches(1)
        return reader

    def begin(self, caller: Caller = VIEWER, token: str = "", **query: Any) -> Reader:
        """A reader whose stream may still be refused."""
        reader = Reader(self.stream, caller, token, **query)
        self._readers.append(reader)
        return reader

    async def close(self) -> None:
        await asyncio.gather(*(reader.stop() for reader in self._readers))
        await self.feed.close()


@asynccontextmanager
async def streams(database: Database, waker: Waker | None = None, **limits: Any) -> AsyncIterator[Streams]:
    """A stream command over this database."""
    made = Streams(database, waker, **limits)
    try:
        yield made
    finally:
        await made.close()
