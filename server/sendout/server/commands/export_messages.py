"""Every message of an interval, oldest first, in pages: what is held does not grow with the number of messages."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass

from sendout.domain.clock import Clock
from sendout.domain.limits import MAX_PAGE_SIZE
from sendout.domain.permissions import Caller, Permission
from sendout.server.commands.history import exact_interval, require_contact_point
from sendout.server.commands.refusals import known_topic
from sendout.storage import exporting, reading, topics
from sendout.storage.engine import Database
from sendout.storage.exporting import Batch
from sendout.storage.reading import Message, Span


@dataclass(frozen=True, slots=True)
class Exported:
    """One row of an export."""

    message: Message
    contact_point_id: str
    topic_id: str


class ExportMessages:
    """The use case. Needs VIEW_HISTORY."""

    def __init__(self, database: Database, clock: Clock, page: int = MAX_PAGE_SIZE) -> None:
        self._database, self._clock, self._page = database, clock, page

    async def __call__(
        self,
        caller: Caller,
        *,
        start_us: int | None = None,
        end_us: int | None = None,
        topic_id: str = "",
        contact_point_id: str = "",
    ) -> AsyncIterator[Sequence[Exported]]:
        """Messages accepted in [start, end), page by page; without an end, those accepted before the call.

        No transaction outlives a page, so a slow reader holds nothing up. What retention deletes meanwhile is left out.
        """
        caller.require(Permission.VIEW_HISTORY)
        start, end = exact_interval(start_us, self._clock.now_us() + 1 if end_us is None else end_us)
        async with self._database.read() as connection:
            if topic_id:
                known_topic(await topics.get(connection, topic_id), topic_id)
            await require_contact_point(connection, contact_point_id)
        after: uuid.UUID | None = None
        while True:
            async with self._database.read() as connection:
                found = await exporting.notifications_after(
                    connection,
                    after,
                    start_us=start,
                    end_us=end,
                    topic_id=topic_id,
                    contact_point_id=contact_point_id,
                    limit=self._page,
                )
            async for page in self._messages(found):
                yield page
            if len(found) < self._page:
                return
            after = found[-1].id

    async def _messages(self, found: Sequence[Batch]) -> AsyncIterator[Sequence[Exported]]:
        shared = {batch.id: batch for batch in found}
        for spans in _pages(found, self._page):
            async with self._database.read() as connection:
                messages = await reading.messages_in(connection, spans)
            if messages:
                yield [
                    Exported(m, of.contact_point_id, of.topic_id)
                    for m in messages
                    for of in (shared[m.notification_id],)
                ]


def _pages(found: Sequence[Batch], size: int) -> Iterator[list[Span]]:
    """The messages of these notifications in order, `size` at a time."""
    page: list[Span] = []
    room = size
    for batch in found:
        first = 0
        while first < batch.message_count:
            last = min(first + room, batch.message_count) - 1
            page.append(Span(batch.id, first, last))
            room -= last - first + 1
            first = last + 1
            if room == 0:
                yield page
                page, room = [], size
    if page:
        yield page
