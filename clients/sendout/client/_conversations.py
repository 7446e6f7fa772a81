"""Builders of ConversationService: what recipients wrote back, and answers to it."""

from __future__ import annotations

import uuid

from sendout.client._calls import Call, Listing, listing, unary
from sendout.v1 import conversation_pb2
from sendout.v1 import conversation_service_pb2 as pb

_SERVICE = "ConversationService/"


@listing
def conversations(
    *,
    contact_point: str = "",
    notification_id: str = "",
    state: conversation_pb2.ConversationState = conversation_pb2.CONVERSATION_STATE_UNSPECIFIED,
    needs_review: bool = False,
    page_size: int = 0,
) -> Listing[pb.ListConversationsResponse, conversation_pb2.Conversation]:
    """Conversations of the contact points you may converse from, latest first."""
    request = pb.ListConversationsRequest(
        contact_point_id=contact_point,
        notification_id=notification_id,
        state=state,
        needs_review=needs_review,
        page_size=page_size,
    )
    call = Call(_SERVICE + "ListConversations", request, pb.ListConversationsResponse)
    return Listing(call, lambda page: page.conversations)


@listing
def conversation(
    conversation_id: str, *, page_size: int = 0
) -> Listing[pb.GetConversationResponse, conversation_pb2.ConversationEntry]:
    """The texts of a conversation, oldest first; each page names the conversation too."""
    request = pb.GetConversationRequest(conversation_id=conversation_id, page_size=page_size)
    return Listing(Call(_SERVICE + "GetConversation", request, pb.GetConversationResponse), lambda page: page.entries)


@unary
def reply_to_conversation(
    conversation_id: str, text: str, *, max_segments: int = 0, request_id: str | None = None
) -> Call[pb.ReplyToConversationResponse]:
    """Send a text to the recipient, once however often this is tried: an id is made where none is given."""
    request = pb.ReplyToConversationRequest(
        conversation_id=conversation_id,
        text=text,
        max_segments=max_segments,
        request_id=str(uuid.uuid4()) if request_id is None else request_id,
    )
    return Call(
        _SERVICE + "ReplyToConversation", request, pb.ReplyToConversationResponse, retry_safe=bool(request.request_id)
    )


@unary
def close_conversation(conversation_id: str) -> Call[pb.CloseConversationResponse]:
    """Close a conversation. The recipient's next reply opens a new one."""
    request = pb.CloseConversationRequest(conversation_id=conversation_id)
    return Call(_SERVICE + "CloseConversation", request, pb.CloseConversationResponse, retry_safe=True)
