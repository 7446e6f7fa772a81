"""Conversations as people of ours see them: list, read, answer, close.

Whoever may start conversations from a contact point may read and answer those that run over it; it is another list than
that of who may send notifications (S3).
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sendout.domain.clock import Clock
from sendout.domain.errors import Reason, field_invalid, not_found
from sendout.domain.permissions import Caller
from sendout.domain.replies import Purpose
from sendout.server.commands.drafting import require_grant
from sendout.server.commands.headers import Header, NewRecipient
from sendout.server.commands.history import require_contact_point
from sendout.server.commands.send_notification import SendNotification
from sendout.storage import audit, contact_points
from sendout.storage import conversations as store
from sendout.storage.conversations import Conversation, Entry
from sendout.storage.engine import Database
from sendout.storage.migrate import DEFAULT_TOPIC

_MOST_DIGITS = 18


@dataclass(frozen=True, slots=True)
class ConversationQuery:
    """Which conversations to list; what is empty does not filter."""

    contact_point_id: str = ""
    notification_id: uuid.UUID | None = None
    open_ones: bool | None = None
    needs_review: bool = False


class Conversations:
    """The use cases of ConversationService."""

    def __init__(self, database: Database, clock: Clock, send: SendNotification) -> None:
        self._database, self._clock, self._send = database, clock, send

    async def list_page(
        self, caller: Caller, limit: int, before: Sequence[Any] | None, query: ConversationQuery
    ) -> list[Conversation]:
        """Conversations of the contact points that the caller may use, latest first."""
        async with self._database.read() as connection:
            if query.contact_point_id:
                await require_contact_point(connection, query.contact_point_id)
                await require_grant(connection, caller, query.contact_point_id, Purpose.CONVERSATION)
            return await store.list_page(
                connection,
                caller.principal_id,
                limit,
                before,
                contact_point_id=query.contact_point_id,
                notification_id=query.notification_id,
                open_ones=query.open_ones,
                needs_review=query.needs_review,
            )

    async def get(
        self, caller: Caller, conversation_id: str, limit: int, after: Sequence[Any] | None
    ) -> tuple[Conversation, list[Entry]]:
        """A conversation and a page of its texts, oldest first."""
        found = await self._readable(caller, conversation_id)
        place = (after[0], after[1], after[2]) if after else None
        async with self._database.read() as connection:
            return found, await store.entries(connection, found.id, limit, place)

    async def reply(
        self, caller: Caller, conversation_id: str, text: str, max_segments: int, request_id: str
    ) -> tuple[Entry, bool]:
        """Send a text to the recipient, like a notification to one; answers it, and whether it was sent before.

        It is counted under the topic of the notification that was replied to, also where that is disabled by now.
        """
        found = await self._readable(caller, conversation_id)
        topic_id = None
        if found.notification_id is not None:
            async with self._database.read() as connection:
                topic_id = await store.topic_of(connection, found.notification_id)
        header = Header(
            contact_point_id=found.contact_point_id,
            text=text,
            topic_id=topic_id or DEFAULT_TOPIC,
            request_id=request_id,
            max_segments=max_segments,
            skip_invalid=True,  # the number is not the caller's: one that cannot be sent to is NO_SENDABLE_RECIPIENTS
            conversation_id=found.id,
        )
        accepted = await self._send(caller, header, [NewRecipient(found.number)])
        async with self._database.read() as connection:
            entry = await store.answer_of(connection, accepted.notification["id"])
        if entry is None:
            raise not_found(Reason.CONVERSATION_NOT_FOUND, "conversation", conversation_id)
        return entry, accepted.replayed

    async def close(self, caller: Caller, conversation_id: str) -> Conversation:
        """Close a conversation; one that is closed stays as it is."""
        found = await self._readable(caller, conversation_id)
        now = self._clock.now_us()
        async with self._database.write() as connection:
            await contact_points.lock(connection, found.contact_point_id)
            await require_grant(connection, caller, found.contact_point_id, Purpose.CONVERSATION)
            if await store.close(connection, found.id, now):
                await audit.record(connection, caller, "CloseConversation", conversation_id, now)
            closed = await store.get(connection, found.id)
        if closed is None:
            raise not_found(Reason.CONVERSATION_NOT_FOUND, "conversation", conversation_id)
        return closed

    async def _readable(self, caller: Caller, conversation_id: str) -> Conversation:
        async with self._database.read() as connection:
            found = await store.get(connection, _parsed(conversation_id))
            if found is None:
                raise not_found(Reason.CONVERSATION_NOT_FOUND, "conversation", conversation_id)
            await require_grant(connection, caller, found.contact_point_id, Purpose.CONVERSATION)
        return found


def _parsed(conversation_id: str) -> int:
    if not conversation_id:
        raise field_invalid("conversation_id", conversation_id, "Give the id of a conversation.")
    if not (conversation_id.isascii() and conversation_id.isdigit() and len(conversation_id) <= _MOST_DIGITS):
        raise not_found(Reason.CONVERSATION_NOT_FOUND, "conversation", conversation_id)
    return int(conversation_id)
