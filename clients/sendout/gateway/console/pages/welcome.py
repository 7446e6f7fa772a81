"""The Welcome screen (S17): send, look at history, manage topics; and the day at a glance."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import grpc
import grpc.aio
from google.protobuf.timestamp_pb2 import Timestamp
from starlette.responses import Response
from starlette.routing import Route

from sendout.gateway.console.rendering import start_of_day
from sendout.gateway.console.visits import Console, Visit
from sendout.v1 import history_service_pb2, topic_pb2


def routes(console: Console) -> list[Route]:
    """The page at the root."""
    return [console.page("/", view)]


async def view(visit: Visit) -> Response:
    """The three choices, and today's counts by topic where the visitor may see them."""
    return visit.page("welcome.html", today=await _today(visit))


async def _today(visit: Visit) -> Any:
    """Today's tallies, busiest topic first; None for whoever may not view history."""
    start = Timestamp()
    start.FromDatetime(start_of_day(datetime.now(UTC), visit.time_zone).astimezone(UTC))
    request = history_service_pb2.ListTopicTalliesRequest(
        start_time=start, time_zone=visit.time_zone.key, state=topic_pb2.TOPIC_STATE_FILTER_BOTH, page_size=1000
    )
    try:
        answer = await visit.ask(request)
    except grpc.aio.AioRpcError as error:
        if error.code() is not grpc.StatusCode.PERMISSION_DENIED:
            raise
        return None
    rows = [row for row in answer.tallies if row.tally.accepted]
    rows.sort(key=lambda row: -row.tally.accepted)
    return {"total": answer.total, "rows": rows}
