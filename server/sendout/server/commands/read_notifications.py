"""Following notifications: one, many, their messages, and progress as it changes.

Whoever sent a notification may read it; everyone else needs VIEW_HISTORY. To those without it, a notification that is
another's and one that does not exist look the same.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from sendout.domain import ids
from sendout.domain.clock import Clock
from sendout.domain.errors import Reason, field_invalid, not_found
from sendout.domain.paging import PageTokens, page_size
from sendout.domain.permissions import Caller, Permission
from sendout.domain.reports import finish_time
from sendout.domain.states import State
from sendout.storage import reading
from sendout.storage.engine import Database
from sendout.storage.reading import Message, Notification

SHORTEST_WAIT = 0.25
LONGEST_WAIT = 1.0
HEARTBEAT = 15.0
"""Seconds between looks at one notification's progress, and the longest silence on a watch."""

Wakeup = Callable[[uuid.UUID, float], Awaitable[None]]
"""Returns when something of this notification may have changed, after so many seconds at the latest."""


async def sleep_only(_notification_id: uuid.UUID, seconds: float) -> None:
    """The wakeup of those who are told nothing: it waits the whole time."""
    await asyncio.sleep(seconds)


@dataclass(frozen=True, slots=True)
class Followed:
    """A notification as it stands, and when its last message is expected to leave (None where none is waiting)."""

    notification: Notification
    finish_us: int | None
    time_us: int


@dataclass(frozen=True, slots=True)
class NotificationPage:
    """Some notifications, and the token for those after them."""

    notifications: Sequence[Followed]
    next_page_token: str


@dataclass(frozen=True, slots=True)
class MessagePage:
    """Some messages of one notification, and the token for those after them."""

    messages: Sequence[Message]
    next_page_token: str


class ReadNotifications:
    """The reading use cases of NotificationService."""

    def __init__(self, database: Database, clock: Clock, page_tokens: PageTokens, wakeup: Wakeup = sleep_only) -> None:
        self._database, self._clock, self._page_tokens, self._wakeup = database, clock, page_tokens, wakeup

    async def get(self, caller: Caller, notification_id: str) -> Followed:
        """One notification with its progress."""
        async with self._database.read() as connection:
            found = await self._readable(connection, caller, notification_id)
            return (await self._follow(connection, [found]))[0]

    async def list_notifications(
        self,
        caller: Caller,
        *,
        topic_id: str = "",
        contact_point_id: str = "",
        start_us: int | None = None,
        end_us: int | None = None,
        size: int = 0,
        token: str = "",
    ) -> NotificationPage:
        """Notifications created in [start, end), newest first. Needs VIEW_HISTORY."""
        caller.require(Permission.VIEW_HISTORY)
        if start_us is not None and end_us is not None and start_us >= end_us:
            raise field_invalid("end_time", f"{end_us // 1_000_000} s after 1970", "It must be later than start_time.")
        wanted = page_size(size)
        query = {
            "rpc": "ListNotifications",
            "topic": topic_id,
            "contact_point": contact_point_id,
            "interval": [start_us, end_us],
        }
        place = self._page_tokens.read(query, token)
        async with self._database.read() as connection:
            found = await reading.list_notifications(
                connection,
                topic_id=topic_id,
                contact_point_id=contact_point_id,
                start_us=start_us,
                end_us=end_us,
                before=uuid.UUID(place[0]) if place else None,
                limit=wanted + 1,
            )
            page = await self._follow(connection, found[:wanted])
        following = self._page_tokens.issue(query, [found[wanted - 1].id.hex]) if len(found) > wanted else ""
        return NotificationPage(page, following)

    async def list_messages(
        self, caller: Caller, notification_id: str, *, states: Collection[State] = (), size: int = 0, token: str = ""
    ) -> MessagePage:
        """Messages of one notification in the order of their index; no states means all."""
        if len(states) > len(State):
            raise field_invalid("states", f"{len(states)} entries", f"At most {len(State)} are taken.")
        wanted = page_size(size)
        query = {"rpc": "ListMessages", "notification": notification_id, "states": sorted(map(int, states))}
        place = self._page_tokens.read(query, token)
        async with self._database.read() as connection:
            whole = await self._readable(connection, caller, notification_id)
            found = await reading.list_messages(
                connection, whole.id, states=states, after=place[0] if place else -1, limit=wanted + 1
            )
        page = found[:wanted]
        following = self._page_tokens.issue(query, [page[-1].index]) if len(found) > wanted else ""
        return MessagePage(page, following)

    async def watch(self, caller: Caller, notification_id: str) -> AsyncGenerator[Followed, None]:
        """The progress at once, whenever it changes, and now and then where it does not; ends when all is final."""
        last: Followed | None = None
        told, wait = 0.0, SHORTEST_WAIT
        while True:
            now = await self.get(caller, notification_id)
            changed = last is None or now.notification.progress != last.notification.progress
            if changed or self._clock.monotonic() - told >= HEARTBEAT - LONGEST_WAIT:
                yield now
                last, told = now, self._clock.monotonic()
            if now.notification.progress.done:
                return
            wait = SHORTEST_WAIT if changed else min(wait * 2, LONGEST_WAIT)
            await self._wakeup(now.notification.id, wait)

    async def _readable(self, connection: AsyncConnection, caller: Caller, notification_id: str) -> Notification:
        parsed = ids.check_uuid("notification_id", notification_id, "notification")
        found = await reading.get_notification(connection, parsed)
        if found is None or found.principal_id != caller.principal_id:
            caller.require(Permission.VIEW_HISTORY)
        if found is None:
            raise not_found(Reason.NOTIFICATION_NOT_FOUND, "notification", notification_id)
        return found

    async def _follow(self, connection: AsyncConnection, found: Sequence[Notification]) -> list[Followed]:
        now = self._clock.now_us()
        busy = {n.contact_point_id for n in found if n.progress.waiting}
        waiting = await reading.waiting_segments(connection, busy)
        return [Followed(n, _finish(n, waiting.get(n.contact_point_id, {}), now), now) for n in found]


def _finish(found: Notification, waiting: dict[uuid.UUID, int], now: int) -> int | None:
    others = [segments for identifier, segments in waiting.items() if identifier != found.id]
    start = max(now, found.send_time or now)
    return finish_time(start, found.progress.waiting * found.segments, others, found.segments_per_second)
