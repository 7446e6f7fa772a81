"""Send Notifications: the form (S19–S29), and in its place after the send the confirmation with progress (S30–S32).

What the form shows while somebody types comes from PreviewNotification, called by the module `send.js`; this module
gives it what to choose from.
"""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

from google.protobuf.message import Message
from starlette.responses import Response
from starlette.routing import Route

from sendout.gateway.console.visits import Console, Visit
from sendout.v1 import contact_point_service_pb2, topic_service_pb2

_PAGE = 1000


def routes(console: Console) -> list[Route]:
    """The page of the form."""
    return [console.page("/send", view)]


async def view(visit: Visit) -> Response:
    """The form with the visitor's contact points and the active topics; without contact points, what to do about it."""
    points, topics = await asyncio.gather(
        _all(visit, contact_point_service_pb2.ListContactPointsRequest(sendable_only=True), "contact_points"),
        _all(visit, topic_service_pb2.ListTopicsRequest(), "topics"),
    )
    topics.sort(key=lambda topic: (not topic.is_default, topic.label.casefold()))
    # One id per form: a double click, a retry or a second tab restored from this one cannot send twice.
    return visit.page("send.html", points=points, topics=topics, request_id=str(uuid.uuid4()))


async def _all(visit: Visit, request: Any, field: str) -> list[Any]:
    """Every entry of a list that comes in pages."""
    found: list[Message] = []
    request.page_size = _PAGE
    while True:
        answer = await visit.ask(request)
        found.extend(getattr(answer, field))
        request.page_token = answer.next_page_token
        if not request.page_token:
            return found
