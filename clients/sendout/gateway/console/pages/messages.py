"""View Recent: the 1,000 most recent messages of a topic (S41-S43), and one message in full (S44)."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response
from starlette.routing import Route

from sendout.client.words import word
from sendout.gateway.console.pages.history import topic_of
from sendout.gateway.console.visits import Console, Visit
from sendout.v1 import history_service_pb2, message_pb2, topic_service_pb2

MOST_RECENT = 1000
_PAGE = 100
_INDICATORS = {
    message_pb2.DELIVERY_INDICATOR_YES: ("yes", "check", "Delivered"),
    message_pb2.DELIVERY_INDICATOR_NO: ("no", "cross", "Not delivered"),
}
_NOT_KNOWN = ("unknown", "clock", "Not known yet")
_ENCODINGS = {
    message_pb2.ENCODING_GSM_7: "GSM 7-bit, 160 characters in one segment",
    message_pb2.ENCODING_UCS_2: "UCS-2, 70 characters in one segment",
}


def routes(console: Console) -> list[Route]:
    """The list and the message."""
    return [
        console.page("/history/topics/{topic_id}/recent", recent),
        console.page("/history/messages/{message_id}", one_message),
    ]


async def recent(visit: Visit) -> Response:
    """One page of a topic's messages, newest first."""
    topic = await topic_of(visit)
    query = visit.request.query_params
    request = history_service_pb2.ListRecentMessagesRequest(
        topic_id=topic.topic_id, page_size=_PAGE, page_token=query.get("page_token", "")
    )
    answer = await visit.ask(request)
    return visit.page(
        "recent.html",
        topic=topic,
        messages=answer.messages,
        before=_before(query.get("before", "")) if request.page_token else 0,
        next_page_token=answer.next_page_token,
        most=MOST_RECENT,
        indicator=indicator,
        state=state_in_words,
    )


async def one_message(visit: Visit) -> Response:
    """The message that was sent, and every state it has had."""
    request = history_service_pb2.GetMessageRequest(message_id=visit.request.path_params["message_id"])
    detail = (await visit.ask(request)).message
    topic = (await visit.ask(topic_service_pb2.GetTopicRequest(topic_id=detail.topic_id))).topic
    return visit.page(
        "message.html",
        detail=detail,
        message=detail.message,
        topic=topic,
        encoding=_ENCODINGS.get(detail.encoding, ""),
        indicator=indicator,
        state=state_in_words,
    )


def indicator(message: Any) -> tuple[str, str, str]:
    """Whether a message reached its phone: a name, a symbol and words."""
    return _INDICATORS.get(message.delivered, _NOT_KNOWN)


def state_in_words(state: int) -> str:
    """MESSAGE_STATE_PARTIALLY_DELIVERED is "Partially delivered"; a number where the state is new to us."""
    return word(message_pb2.MessageState, state).capitalize()


def _before(typed: str) -> int:
    """How many newer messages are on the pages before this one."""
    return min(int(typed), MOST_RECENT) if typed.isascii() and typed.isdecimal() and len(typed) <= 4 else 0
