"""The one reader of new events in this process, and the readers of those who are not at the head.

Everyone who waits for new events waits for the same read: it goes into a window of recent chunks from which all take
theirs. Who is slower than the window reads by itself until it has caught up. What is read, and in which order, is
decided by SQL alone; wake-ups only make it sooner.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from sendout.domain.cursors import Place
from sendout.domain.errors import Category, SendoutError
from sendout.storage import events
from sendout.storage.engine import Database
from sendout.storage.events import PAGE_ROWS, EventRow, Happening, Origin, Slice

POLL_S = 0.5
"""Longest time until new events are noticed without a wake-up."""

GATHER_S = 0.02
"""Shortest time between two looks for new events, so that many small commits come in one read."""

MOST_MESSAGES = 500
MOST_BYTES = 256 * 1024
_EVENT_BYTES = 650
"""What one event takes on the wire, its labels and what a recipient wrote apart."""

_REPLY_BYTES = 8 * 1024
"""Room for what a recipient wrote: ten parts of a text are less."""

WINDOW_EVENTS = 8_000
WINDOW_CHUNKS = 1_000


class Unreachable(Exception):
    """There is no way on from this place: it is purged, of another epoch, or beyond the head."""


class Waker(Protocol):
    """What `storage.wakeups.Wakeups` is."""

    def expect(self) -> None: ...

    async def wait(self, seconds: float) -> None: ...


class PollOnly:
    """The waker of those who are told nothing: it waits the whole time."""

    def expect(self) -> None:
        """There is nothing to forget."""

    async def wait(self, seconds: float) -> None:
        """The whole time."""
        await asyncio.sleep(seconds)


@dataclass(slots=True)
class Reads:
    """SQL statements so far: pages of rows, and messages of chunks."""

    pages: int = 0
    messages: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Chunk:
    """The events between two places. `shared` is for what its readers derive from it alike."""

    start: Place
    end: Place
    changes: Sequence[Happening]
    shared: dict[Any, Any] = field(default_factory=dict)


def every(_origin: Origin) -> bool:
    """Leaves nothing out."""
    return True


class Follower:
    """Reads on from one place, at most one page of rows and one chunk of messages in memory."""

    def __init__(
        self,
        database: Database,
        reads: Reads,
        epoch: str,
        place: Place,
        wanted: Callable[[Origin], bool] = every,
    ) -> None:
        self._database, self._reads, self._wanted = database, reads, wanted
        self.epoch = epoch
        self._rows: deque[EventRow] = deque()
        self._head = -1
        self.place = place

    @property
    def at_head(self) -> bool:
        """Whether there was nothing after this place at the last look."""
        return not self._rows and self.place == Place(self._head)

    async def next(self) -> Chunk:
        """The next events; none where there are no more, or none that are wanted. Raises Unreachable."""
        start = self.place
        if not self._rows:
            await self._page()
        slices, rows, end = self._slices()
        changes: Sequence[Happening] = ()
        if slices:
            async with self._database.read() as connection:
                self._reads.messages += 1
                changes = await events.happenings_of(connection, self.epoch, slices)
        # Only now: whoever was interrupted above goes on where it was.
        self.place = end
        for _ in range(rows):
            self._rows.popleft()
        return Chunk(start, end, changes)

    async def _page(self) -> None:
        async with self._database.read() as connection:
            self._reads.pages += 1
            page = await events.page(connection, self.place.position)
        expected = min(page.position - self.place.position, PAGE_ROWS)
        # Dense positions: so many rows or somebody took them away.
        if page.epoch != self.epoch or len(page.rows) != expected or (self.place.index and not expected):
            raise Unreachable
        self._rows.extend(page.rows)
        self._head = page.position

    def _slices(self) -> tuple[list[Slice], int, Place]:
        """What makes the next chunk, how many rows are used up by it, and the place after it."""
        slices: list[Slice] = []
        place, done = self.place, 0
        messages, room = MOST_MESSAGES, MOST_BYTES
        for row in self._rows:
            if self._wanted(row.origin):
                size = _EVENT_BYTES + row.origin.label_bytes + (_REPLY_BYTES if row.reference else 0)
                fitting = min(messages, max(room // size, 0 if slices else 1))
                count = min(row.count - place.index, fitting)
                if count <= 0:
                    break
                slices.append(Slice(row, place.index, count))
                messages, room = messages - count, room - count * size
                if place.index + count < row.count:
                    place = Place(place.position, place.index + count)
                    break
            place, done = Place(row.position), done + 1
        return slices, done, place


class EventFeed:
    """The shared reader and its window. One per process; it reads while somebody waits at its end."""

    def __init__(self, database: Database, waker: Waker | None = None, *, poll_s: float = POLL_S) -> None:
        self._database = database
        self._waker: Waker = waker or PollOnly()
        self._poll_s = poll_s
        self._follower: Follower | None = None
        self._chunks: list[Chunk] = []
        self._starts: list[Place] = []
        self._events = 0
        self._waiting = 0
        self._pull: asyncio.Task[None] | None = None
        self._pause: asyncio.Task[None] | None = None
        self._closed = False
        self.reads = Reads()

    async def close(self) -> None:
        """Let everyone who waits go on, now and later; returns when nothing is being read any more."""
        self._closed = True
        if self._pause is not None:
            self._pause.cancel()
        if self._pull is not None:
            await asyncio.wait((self._pull,))

    def enter(self, epoch: str) -> None:
        """A subscriber of this epoch comes: what was read in another is of no use."""
        if self._follower is not None and self._follower.epoch != epoch:
            self._follower = None
            self._begin_empty()

    def chunk_after(self, epoch: str, place: Place) -> Chunk | None:
        """The chunk of the window with the first event after this place, or None."""
        if not self._chunks or not self._is_of(epoch) or not self._starts[0] <= place < self._chunks[-1].end:
            return None
        return self._chunks[bisect_right(self._starts, place) - 1]

    def has_passed(self, epoch: str, place: Place) -> bool:
        """Whether the window begins only after this place."""
        if self._follower is None or not self._is_of(epoch):
            return False
        return place < (self._starts[0] if self._starts else self._follower.place)

    def _is_of(self, epoch: str) -> bool:
        return self._follower is not None and self._follower.epoch == epoch

    async def more(self, epoch: str, place: Place, seconds: float) -> None:
        """For those at the head: until there may be more in the window, or the time is over. Raises Unreachable."""
        if self._closed:
            return
        if self._follower is not None and not self._is_of(epoch):
            raise Unreachable
        if not self._waiting and (self._follower is None or self._follower.place < place):
            self._begin_at(epoch, place)
        pull = self._pull
        if pull is None or pull.done():
            pull = self._pull = asyncio.create_task(self._pulling())
            pull.add_done_callback(asyncio.Task.exception)  # whoever waits is told; if nobody does, so be it
        self._waiting += 1
        try:
            await asyncio.wait((pull,), timeout=max(seconds, 0))
        finally:
            self._waiting -= 1
        failure = pull.exception() if pull.done() else None
        if failure is not None:
            raise failure

    def _begin_at(self, epoch: str, place: Place) -> None:
        self._follower = Follower(self._database, self.reads, epoch, place)
        self._begin_empty()

    def _begin_empty(self) -> None:
        self._chunks, self._starts, self._events = [], [], 0

    async def _pulling(self) -> None:
        """Look until something came or nobody waits any more."""
        follower = self._follower
        while follower is not None:
            self._waker.expect()
            try:
                chunk = await follower.next()
            except Unreachable:
                if self._follower is follower:
                    self._follower = None
                    self._begin_empty()
                raise
            except SendoutError as error:
                if error.category is not Category.UNAVAILABLE:
                    raise
            else:
                if self._follower is not follower:
                    return
                if chunk.end != chunk.start:
                    self._keep(chunk)
                    return
            if self._closed:
                return
            self._pause = asyncio.create_task(self._wait())
            await asyncio.wait((self._pause,))
            if self._closed or not self._waiting:
                return

    async def _wait(self) -> None:
        await self._waker.wait(self._poll_s)
        await asyncio.sleep(GATHER_S)

    def _keep(self, chunk: Chunk) -> None:
        self._chunks.append(chunk)
        self._starts.append(chunk.start)
        self._events += len(chunk.changes)
        while len(self._chunks) > WINDOW_CHUNKS or (self._events > WINDOW_EVENTS and len(self._chunks) > 1):
            self._events -= len(self._chunks.pop(0).changes)
            self._starts.pop(0)
