"""StreamDeliveryEvents: each subscriber's own pass over the events, from its place and through its filter (I5).

`follow` is the same for subscribers of our own, which webhooks are.

Order and completeness come from the dense positions; a subscriber only moves its place forward, and every token it
hands out is that place. Whoever may not view history sees the events of its own sends, and of the conversations that it
may answer.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from sendout.domain.clock import Clock
from sendout.domain.cursors import EARLIEST, Place, ResumeTokens
from sendout.domain.errors import Category, Reason, SendoutError, field_invalid, not_found
from sendout.domain.ids import parse_uuid
from sendout.domain.permissions import Caller, Permission
from sendout.server.commands.event_feed import Chunk, EventFeed, Follower, Unreachable
from sendout.server.commands.event_filters import EventFilter, EventQuery, check_filters
from sendout.storage import contact_points, events
from sendout.storage.engine import Database
from sendout.storage.events import Happening, Head

_CATCHING_UP = 3
"""Subscribers that read pages of their own at one time: the connections are needed for sending, too."""

_CUT_S = 2.0
"""How long a write may still take once the server stops."""

_MOST_SHARED = 2
"""Filters for which the window keeps what comes of a chunk."""


@dataclass(frozen=True, slots=True)
class StreamLimits:
    """Times in seconds; `heartbeat` is the longest silence, `write` the longest that one write may take."""

    heartbeat: float = 5.0
    write: float = 30.0
    per_process: int = 400
    per_principal: int = 100
    poll: float = 0.5


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event with the token to go on with right after it."""

    change: Happening
    resume_token: str


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class Batch:
    """The next events, none in a heartbeat, and the token to go on with after all of them."""

    deliveries: Sequence[Delivery]
    resume_token: str
    time_us: int
    end: Place


Write = Callable[[Batch], Awaitable[None]]


class StreamEvents:
    """The use case, one instance per process. `drain` it before the server stops."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        tokens: ResumeTokens,
        feed: EventFeed,
        limits: StreamLimits | None = None,
        lag: Callable[[float], None] = lambda _seconds: None,
    ) -> None:
        self.database, self.clock, self.tokens, self.feed = database, clock, tokens, feed
        self.limits = limits or StreamLimits()
        self.lag = lag
        self.catching_up = asyncio.Semaphore(_CATCHING_UP)
        self.draining = False
        self.writes: set[asyncio.Timeout] = set()
        self._streams: Counter[str] = Counter()

    async def __call__(self, caller: Caller, query: EventQuery, write: Write) -> None:
        """Write batches until the subscriber goes away, which cancels this, or a refusal ends it.

        Raises FIELD_INVALID, CONTACT_POINT_NOT_FOUND, TOPIC_NOT_FOUND, NOTIFICATION_NOT_FOUND, ROLE_REQUIRED,
        RESUME_TOKEN_EXPIRED, QUOTA_EXCEEDED; and what ends a stream that ran, with the last token in its metadata.
        """
        async with self._counted(caller.principal_id):
            wanted = await self._filter(caller, query)
            async with self.database.read() as connection:
                head = await events.head(connection)
            self.feed.enter(head.epoch)
            place = self._start(query.resume_token, head, wanted)
            subscriber = _Subscriber(self, wanted, head, place, write)
            await subscriber.run(live=not query.resume_token)

    async def follow(self, wanted: EventFilter, place: Place, write: Write) -> None:
        """Write batches from a place on that is of this database, or from the oldest event kept where it is older.

        Raises RESUME_TOKEN_EXPIRED where retention overtook it, and STREAM_ENDED.
        """
        async with self.database.read() as connection:
            head = await events.head(connection)
        self.feed.enter(head.epoch)
        subscriber = _Subscriber(self, wanted, head, max(place, Place(head.floor)), write)
        await subscriber.run(live=False)

    async def drain(self) -> None:
        """End every stream, the last token with it; those that are writing get a moment."""
        self.draining = True
        soon = asyncio.get_running_loop().time() + _CUT_S
        for running in self.writes:
            when = running.when()
            if when is not None and when > soon:
                running.reschedule(soon)
        await self.feed.close()

    @property
    def count(self) -> int:
        """Streams that are open."""
        return self._streams.total()

    @asynccontextmanager
    async def _counted(self, principal_id: str) -> AsyncIterator[None]:
        limits = self.limits
        if self._streams[principal_id] >= limits.per_principal or self.count >= limits.per_process:
            raise SendoutError(
                Reason.QUOTA_EXCEEDED,
                f"Too many event streams are open: {limits.per_principal} per caller and {limits.per_process} per "
                "server. Close one, or try again later.",
                metadata={"subject": "event streams"},
                retry_after=10.0,
            )
        self._streams[principal_id] += 1
        try:
            yield
        finally:
            self._streams[principal_id] -= 1
            self._streams += Counter()  # forget those without streams

    async def _filter(self, caller: Caller, query: EventQuery) -> EventFilter:
        async with self.database.read() as connection:
            await check_filters(connection, query.contact_point_ids, query.topic_ids, query.crm_system)
            identifier = None
            if query.notification_id:
                identifier = parse_uuid(query.notification_id)
                if identifier is None:
                    raise field_invalid("notification_id", query.notification_id, "Give the id of a notification.")
                sender = await events.sender_of(connection, identifier)
                if sender != caller.principal_id:
                    caller.require(Permission.VIEW_HISTORY)
                if sender is None:
                    raise not_found(Reason.NOTIFICATION_NOT_FOUND, "notification", query.notification_id)
            limited = Permission.VIEW_HISTORY not in caller.permissions
            besides = limited and not query.own_only
            conversing = await contact_points.conversing(connection, caller.principal_id) if besides else None
        return EventFilter(
            frozenset(query.contact_point_ids),
            frozenset(query.topic_ids),
            identifier,
            query.crm_system,
            caller.principal_id if limited or query.own_only else "",
            conversations_only=query.conversations_only,
            conversing=conversing,
        )

    def _start(self, token: str, head: Head, wanted: EventFilter) -> Place:
        if not token:
            return Place(head.position)
        if token == EARLIEST:
            return Place(head.floor)
        place = self.tokens.read(token, head.epoch, wanted.digest)
        if place is None or not Place(head.floor) <= place <= Place(head.position):
            raise self.expired(head, wanted)
        return place

    def expired(self, head: Head, wanted: EventFilter) -> SendoutError:
        """What a place answers from which there is no way on."""
        return SendoutError(
            Reason.RESUME_TOKEN_EXPIRED,
            "The events after this token are no longer kept, or the server's data was restored since. Bring your "
            "records up to date by ListMessages, then go on with `snapshot_token`; or start again from EARLIEST.",
            metadata={"snapshot_token": self.tokens.issue(head.epoch, Place(head.position), wanted.digest)},
        )


class _Subscriber:
    """One stream."""

    def __init__(self, stream: StreamEvents, wanted: EventFilter, head: Head, place: Place, write: Write) -> None:
        self._stream, self._wanted, self._epoch, self._place, self._write = stream, wanted, head.epoch, place, write
        self._written = 0.0  # when, in monotonic seconds
        self._looked = stream.clock.monotonic()  # at what the subscriber may see
        self._token = self._issue(place)  # of the last write that began
        self._own: Follower | None = None

    async def run(self, live: bool) -> None:
        """Never returns. `live`: the place is the head."""
        await self._deliver(self._heartbeat())
        try:
            while True:
                live = await self._step(live)
        except Unreachable:
            async with self._stream.database.read() as connection:
                head = await events.head(connection)
            raise self._stream.expired(head, self._wanted) from None

    async def _step(self, live: bool) -> bool:
        """One chunk, wherever it comes from, or one wait; answers whether the head is reached."""
        if self._stream.draining:
            raise self._ended("This server is stopping.", 0.1)
        await self._look_again()
        feed = self._stream.feed
        chunk = feed.chunk_after(self._epoch, self._place)
        if chunk is not None:
            live = True
        elif live and not feed.has_passed(self._epoch, self._place):
            await feed.more(self._epoch, self._place, self._until_heartbeat())
        else:
            chunk, live = await self._read()
        if chunk is not None:
            await self._take(chunk)
        if self._until_heartbeat() <= 0:
            await self._deliver(self._heartbeat())
        return live

    async def _look_again(self) -> None:
        """End the stream of somebody who may answer at other contact points by now; the next one goes on with those."""
        stream, seen = self._stream, self._wanted.conversing
        if seen is None or stream.clock.monotonic() < self._looked + stream.limits.heartbeat:
            return
        self._looked = stream.clock.monotonic()
        async with stream.database.read() as connection:
            now = await contact_points.conversing(connection, self._wanted.principal_id)
        if now != seen:
            raise self._ended("What you may see is not what it was.", 0.1)

    async def _read(self) -> tuple[Chunk | None, bool]:
        """A chunk of this subscriber's own, and whether it is the last there is."""
        if self._own is None or self._own.place != self._place:
            stream = self._stream
            self._own = Follower(stream.database, stream.feed.reads, self._epoch, self._place, self._wanted.takes)
        try:
            async with self._stream.catching_up:
                return await self._own.next(), self._own.at_head
        except SendoutError as error:
            if error.category is not Category.UNAVAILABLE:
                raise
            await asyncio.sleep(self._stream.limits.poll)
            return None, False

    async def _take(self, chunk: Chunk) -> None:
        whole = chunk.start == self._place
        # Those with the same filter share what comes of a whole chunk.
        batch = chunk.shared.get(self._wanted) if whole else None
        if batch is None:
            batch = self._batch(chunk)
            if whole and len(chunk.shared) < _MOST_SHARED:
                chunk.shared[self._wanted] = batch
        self._place = chunk.end
        if batch.deliveries:
            self._stream.lag(max(0.0, (self._stream.clock.now_us() - batch.deliveries[0].change.time) / 1e6))
            await self._deliver(batch)

    def _batch(self, chunk: Chunk) -> Batch:
        deliveries = [
            Delivery(change, self._issue(change.after))
            for change in chunk.changes
            if change.after > self._place and self._wanted.takes_change(change)
        ]
        return Batch(deliveries, self._issue(chunk.end), self._stream.clock.now_us(), chunk.end)

    def _heartbeat(self) -> Batch:
        return Batch((), self._issue(self._place), self._stream.clock.now_us(), self._place)

    def _issue(self, place: Place) -> str:
        return self._stream.tokens.issue(self._epoch, place, self._wanted.digest)

    def _until_heartbeat(self) -> float:
        return self._written + self._stream.limits.heartbeat - self._stream.clock.monotonic()

    async def _deliver(self, batch: Batch) -> None:
        """Write, or end the stream: a reader that takes nothing must cost no more than one batch."""
        # What was begun goes out before the end of the stream or not at all, so its token is the last.
        self._token = batch.resume_token
        try:
            async with asyncio.timeout(self._stream.limits.write) as limit:
                self._stream.writes.add(limit)
                try:
                    await self._write(batch)
                finally:
                    self._stream.writes.discard(limit)
        except TimeoutError:
            if self._stream.draining:
                raise self._ended("This server is stopping.", 0.1) from None
            seconds = f"{self._stream.limits.write:g}"
            raise self._ended(f"Nothing was read from this stream for {seconds} s.", 1.0) from None
        self._written = self._stream.clock.monotonic()

    def _ended(self, why: str, retry_after: float) -> SendoutError:
        return SendoutError(
            Reason.STREAM_ENDED,
            f"{why} Go on with the last token you dealt with.",
            metadata={"resume_token": self._token},
            retry_after=retry_after,
        )
