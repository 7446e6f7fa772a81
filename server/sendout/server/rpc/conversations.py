"""ConversationService: what people wrote back, and answers to it."""

from __future__ import annotations

from typing import Any

from sendout.domain.errors import field_invalid
from sendout.domain.ids import message_id, parse_uuid
from sendout.server.commands.conversations import ConversationQuery, Conversations
from sendout.server.rpc.context import current_caller
from sendout.server.rpc.convert import timestamp
from sendout.server.rpc.messages import state_name
from sendout.server.rpc.pages import Pages
from sendout.storage.conversations import Conversation, Entry
from sendout.v1 import conversation_pb2, conversation_service_pb2_grpc
from sendout.v1 import conversation_service_pb2 as pb

_OPEN: dict[int, bool | None] = {
    conversation_pb2.CONVERSATION_STATE_UNSPECIFIED: None,
    conversation_pb2.CONVERSATION_STATE_OPEN: True,
    conversation_pb2.CONVERSATION_STATE_CLOSED: False,
}


class ConversationServicer(conversation_service_pb2_grpc.ConversationServiceServicer):
    """Parses, calls `Conversations` and converts."""

    def __init__(self, conversations: Conversations, pages: Pages) -> None:
        self._conversations = conversations
        self._pages = pages

    async def ListConversations(
        self, request: pb.ListConversationsRequest, context: Any
    ) -> pb.ListConversationsResponse:
        """Conversations, latest first."""
        limit, before = self._pages.asked(request)
        rows = await self._conversations.list_page(current_caller(), limit, before, _query(request))
        shown, token = self._pages.cut(request, rows, lambda row: (row.update_time, row.id))
        return pb.ListConversationsResponse(conversations=map(_message, shown), next_page_token=token)

    async def GetConversation(self, request: pb.GetConversationRequest, context: Any) -> pb.GetConversationResponse:
        """One conversation with its texts."""
        limit, after = self._pages.asked(request)
        found, rows = await self._conversations.get(current_caller(), request.conversation_id, limit, after)
        shown, token = self._pages.cut(request, rows, lambda row: row.place)
        return pb.GetConversationResponse(
            conversation=_message(found), entries=map(_entry, shown), next_page_token=token
        )

    async def ReplyToConversation(
        self, request: pb.ReplyToConversationRequest, context: Any
    ) -> pb.ReplyToConversationResponse:
        """Send a text to the recipient."""
        entry, replayed = await self._conversations.reply(
            current_caller(), request.conversation_id, request.text, request.max_segments, request.request_id
        )
        return pb.ReplyToConversationResponse(entry=_entry(entry), replayed=replayed)

    async def CloseConversation(
        self, request: pb.CloseConversationRequest, context: Any
    ) -> pb.CloseConversationResponse:
        """Close a conversation."""
        closed = await self._conversations.close(current_caller(), request.conversation_id)
        return pb.CloseConversationResponse(conversation=_message(closed))


def _query(request: pb.ListConversationsRequest) -> ConversationQuery:
    identifier = parse_uuid(request.notification_id) if request.notification_id else None
    if request.notification_id and identifier is None:
        raise field_invalid("notification_id", request.notification_id, "Give the id of a notification.")
    if request.state not in _OPEN:
        raise field_invalid("state", request.state, "Choose OPEN or CLOSED, or leave it out for both.")
    return ConversationQuery(request.contact_point_id, identifier, _OPEN[request.state], request.needs_review)


def _message(found: Conversation) -> conversation_pb2.Conversation:
    known = found.notification_id is not None and found.message_index is not None
    return conversation_pb2.Conversation(
        conversation_id=str(found.id),
        contact_point_id=found.contact_point_id,
        phone_number=found.number,
        notification_id=str(found.notification_id or ""),
        message_id=message_id(found.notification_id, found.message_index) if known else "",  # type: ignore[arg-type]
        state=f"CONVERSATION_STATE_{'OPEN' if found.open else 'CLOSED'}",
        entry_count=found.entry_count,
        create_time=timestamp(found.create_time),
        update_time=timestamp(found.update_time),
        needs_review=found.review,
    )


def _entry(entry: Entry) -> conversation_pb2.ConversationEntry:
    return conversation_pb2.ConversationEntry(
        entry_id=entry.id,
        direction=f"DIRECTION_{'INBOUND' if entry.inbound else 'OUTBOUND'}",
        text=entry.text,
        time=timestamp(entry.time),
        principal_id=entry.principal_id,
        message_id="" if entry.inbound else entry.id,
        state=None if entry.state is None else state_name(entry.state),
    )
