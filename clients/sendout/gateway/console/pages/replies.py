"""Replies: the conversations that recipients opened by answering a notification, and the place to answer them (S10).

The page brings what does not change; its module `replies.js` fills the list and the thread and keeps them fresh.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import grpc
import grpc.aio
from google.protobuf.message import Message
from starlette.responses import Response
from starlette.routing import Route

from sendout.gateway.console.visits import Console, Visit
from sendout.v1 import (
    contact_point_service_pb2,
    conversation_pb2,
    conversation_service_pb2,
    notification_service_pb2,
    topic_service_pb2,
)

_MOST = 1000
_STATES = (("CONVERSATION_STATE_OPEN", "Open"), ("CONVERSATION_STATE_CLOSED", "Closed"), ("", "Open and closed"))


def routes(console: Console) -> list[Route]:
    """The list alone, and beside one conversation."""
    return [console.page("/replies", listed), console.page("/replies/{conversation_id}", one)]


async def listed(visit: Visit) -> Response:
    """The list, with nothing chosen yet."""
    return await _page(visit, None)


async def one(visit: Visit) -> Response:
    """One conversation beside the notification that it answers."""
    answer = await visit.ask(conversation_service_pb2.GetConversationRequest(page_size=1, **visit.request.path_params))
    return await _page(visit, answer.conversation)


async def _page(visit: Visit, chosen: conversation_pb2.Conversation | None) -> Response:
    request = contact_point_service_pb2.ListContactPointsRequest(page_size=_MOST)
    own = set(visit.me.role_ids)
    points = [
        point for point in (await visit.ask(request)).contact_points if own.intersection(point.start_conversation_roles)
    ]
    notification = await _notification(visit, chosen.notification_id) if chosen is not None else None
    topic = await _topic(visit, notification.topic_id) if notification is not None else ""
    query = visit.request.query_params
    return visit.page(
        "replies.html",
        points=points,
        labels={point.contact_point_id: point.label for point in points},
        states=_STATES,
        wanted={
            "contact_point": query.get("contact_point", ""),
            "state": query.get("state", _STATES[0][0]),
            "review": query.get("review", ""),
        },
        query=visit.request.url.query,
        chosen=chosen,
        closed=chosen is not None and chosen.state == conversation_pb2.CONVERSATION_STATE_CLOSED,
        notification=notification,
        topic=topic,
    )


async def _notification(visit: Visit, identifier: str) -> Any:
    """What was replied to; None where none is known or the visitor may not see it."""
    if not identifier:
        return None
    asked = notification_service_pb2.GetNotificationRequest(notification_id=identifier)
    answer = await _unless(visit, asked, (grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.NOT_FOUND))
    return answer.notification if answer is not None else None


async def _topic(visit: Visit, identifier: str) -> str:
    answer = await _unless(visit, topic_service_pb2.GetTopicRequest(topic_id=identifier), (grpc.StatusCode.NOT_FOUND,))
    return answer.topic.label if answer is not None else identifier


async def _unless(visit: Visit, request: Message, accepted: Sequence[grpc.StatusCode]) -> Any:
    """The answer to a call; None where it is refused in one of these ways."""
    try:
        return await visit.ask(request)
    except grpc.aio.AioRpcError as error:
        if error.code() not in accepted:
            raise
        return None
