"""Outbound history: counts per topic, the most recent messages of a topic, and one message in full."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy.ext.asyncio import AsyncConnection

from sendout.domain import ids, limits
from sendout.domain.clock import Clock
from sendout.domain.errors import Reason, field_invalid, not_found
from sendout.domain.paging import PageTokens, page_size
from sendout.domain.permissions import Caller, Permission
from sendout.domain.tallies import Counts, rounded_outward
from sendout.domain.time_zones import check_time_zone
from sendout.domain.topics import Topic
from sendout.server.commands.refusals import known_contact_point, known_topic
from sendout.storage import contact_points, reading, tallies, topics
from sendout.storage.engine import Database
from sendout.storage.reading import FullMessage, Message, Span, Step


@dataclass(frozen=True, slots=True)
class TopicTallies:
    """Counts per topic and of all listed topics together. `start` is None where the interval has no beginning."""

    tallies: Sequence[tuple[Topic, Counts]]
    total: Counts
    start_us: int | None
    end_us: int
    time_zone: str
    next_page_token: str


@dataclass(frozen=True, slots=True)
class RecentMessages:
    """Some of the most recent messages of a topic, and the token for those after them."""

    messages: Sequence[Message]
    next_page_token: str


@dataclass(frozen=True, slots=True)
class MessageHistory:
    """One message in full, with every state it has had, oldest first."""

    full: FullMessage
    steps: Sequence[Step]


class History:
    """The use cases of HistoryService that answer once. All need VIEW_HISTORY."""

    def __init__(self, database: Database, clock: Clock, page_tokens: PageTokens) -> None:
        self._database, self._clock, self._page_tokens = database, clock, page_tokens

    async def topic_tallies(
        self,
        caller: Caller,
        *,
        start_us: int | None = None,
        end_us: int | None = None,
        time_zone: str = "",
        disabled: bool | None = False,
        contact_point_id: str = "",
        size: int = 0,
        token: str = "",
    ) -> TopicTallies:
        """Counts for [start, end) rounded outward to quarter hours, zeros included (S36, S37, S39, S40).

        `disabled`: False active topics, True disabled ones, None both.
        """
        caller.require(Permission.VIEW_HISTORY)
        zone = check_time_zone("time_zone", time_zone)
        wanted = page_size(size, limits.MAX_PAGE_SIZE)
        query = {
            "rpc": "ListTopicTallies",
            "interval": [start_us, end_us],
            "disabled": disabled,
            "contact_point": contact_point_id,
        }
        place = self._page_tokens.read(query, token)
        # A page after the first keeps the end of the first, so all pages show the same interval.
        given_end = place[1] if place else self._clock.now_us() + 1 if end_us is None else end_us  # now is included
        start, end = checked_interval(start_us, given_end)
        async with self._database.read() as connection:
            await require_contact_point(connection, contact_point_id)
            listed = await topics.list_topics(connection, disabled=disabled)
            counts = await tallies.read(connection, start, end, contact_point_id or None)
        rows = [(topic, counts.get(topic.id, Counts())) for topic in listed]
        begin = next((at + 1 for at, topic in enumerate(listed) if place and topic.id == place[0]), 0)
        page = rows[begin : begin + wanted]
        more = begin + wanted < len(rows)
        return TopicTallies(
            page,
            sum((count for _, count in rows), Counts()),
            None if start_us is None else start,
            end,
            zone,
            self._page_tokens.issue(query, [page[-1][0].id, end]) if more else "",
        )

    async def recent_messages(self, caller: Caller, topic_id: str, *, size: int = 0, token: str = "") -> RecentMessages:
        """The most recent messages of a topic, newest first, at most 1,000 over all pages (S41 to S43)."""
        caller.require(Permission.VIEW_HISTORY)
        wanted = page_size(size)
        query = {"rpc": "ListRecentMessages", "topic": topic_id}
        place = self._page_tokens.read(query, token)
        start, given = ((uuid.UUID(place[0]), place[1]), place[2]) if place else (None, 0)
        wanted = min(wanted, limits.MAX_RECENT_MESSAGES - given)
        async with self._database.read() as connection:
            known_topic(await topics.get(connection, topic_id), topic_id)
            spans = await reading.recent_spans(connection, topic_id, start=start, limit=wanted + 1)
            page, beyond = _split(spans, wanted)
            found = await reading.messages_in(connection, page)
        following = ""
        if beyond is not None and given + wanted < limits.MAX_RECENT_MESSAGES:
            following = self._page_tokens.issue(query, [beyond[0].hex, beyond[1], given + wanted])
        return RecentMessages(found, following)

    async def message(self, caller: Caller, message_id: str) -> MessageHistory:
        """One message: the text as sent and every state it has had (S44)."""
        caller.require(Permission.VIEW_HISTORY)
        parsed = ids.parse_message_id(message_id)
        if parsed is None:
            raise field_invalid("message_id", message_id, "Give a notification's id, a dot and a number.")
        async with self._database.read() as connection:
            full = await reading.get_message(connection, *parsed)
            if full is None:
                raise not_found(Reason.MESSAGE_NOT_FOUND, "message", message_id)
            return MessageHistory(full, await reading.steps(connection, *parsed))


def _split(spans: Sequence[Span], wanted: int) -> tuple[list[Span], tuple[uuid.UUID, int] | None]:
    """The first `wanted` messages of `spans`, which hold one more at the most, and the place of that one."""
    if sum(span.last - span.first + 1 for span in spans) <= wanted:
        return list(spans), None
    *page, last = spans
    if last.first < last.last:
        page.append(replace(last, last=last.last - 1))
    return page, (last.notification_id, last.last)


def checked_interval(start_us: int | None, end_us: int) -> tuple[int, int]:
    """The interval rounded outward to quarter hours; FIELD_INVALID where it does not end after its start."""
    return rounded_outward(*exact_interval(start_us, end_us))


def exact_interval(start_us: int | None, end_us: int) -> tuple[int, int]:
    """The interval as it is, from the first notification where no start is given; FIELD_INVALID as above."""
    start = min(0, end_us - 1) if start_us is None else start_us
    if start >= end_us:
        raise field_invalid("end_time", _seconds(end_us), f"It must be later than the start, {_seconds(start)}.")
    return start, end_us


def _seconds(time_us: int) -> str:
    return f"{time_us // 1_000_000} s after 1970"


async def require_contact_point(connection: AsyncConnection, contact_point_id: str) -> None:
    """CONTACT_POINT_NOT_FOUND where one is named that does not exist."""
    if contact_point_id:
        known_contact_point(await contact_points.get(connection, contact_point_id), contact_point_id)
