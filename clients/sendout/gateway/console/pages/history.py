"""History: counts by topic for an interval (S39, S40), and one topic over time."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from starlette.responses import Response
from starlette.routing import Route

from sendout.gateway.console import intervals
from sendout.gateway.console.intervals import Interval
from sendout.gateway.console.plots import Plot, plot
from sendout.gateway.console.visits import Console, Visit
from sendout.v1 import history_service_pb2, tally_pb2, topic_pb2, topic_service_pb2

ALL_TOPICS = "-"
COUNTS = ("accepted", "sent", "delivered", "undelivered", "failed", "other", "segments")
"""The counts of a topic, as the table shows and sorts them."""

_MOST_BUCKETS = 1000
_HOURLY_UP_TO = 2  # days
_STATES = {"active": topic_pb2.TOPIC_STATE_FILTER_ACTIVE, "disabled": topic_pb2.TOPIC_STATE_FILTER_DISABLED}


def routes(console: Console) -> list[Route]:
    """All topics, and one of them."""
    return [console.page("/history", all_topics), console.page("/history/topics/{topic_id}", one_topic)]


async def all_topics(visit: Visit) -> Response:
    """The tallies of active or disabled topics, and a plot of everything."""
    interval = interval_of(visit)
    query = visit.request.query_params
    state = "disabled" if query.get("state") == "disabled" else "active"
    sort = query.get("sort") if query.get("sort") in COUNTS else "topic"
    rows, total = await _tallies(visit, interval, state)
    if sort in COUNTS:
        rows.sort(key=lambda row: -getattr(row.tally, sort))
    return visit.page(
        "history.html",
        interval=interval,
        presets=intervals.PRESETS,
        state=state,
        sort=sort,
        counts=COUNTS,
        rows=rows,
        total=total,
        plot=await series(visit, interval, ALL_TOPICS),
        zone=visit.time_zone.key,
    )


async def one_topic(visit: Visit) -> Response:
    """A topic's counts and its plot."""
    interval = interval_of(visit)
    topic = await topic_of(visit)
    return visit.page(
        "history_topic.html",
        interval=interval,
        presets=intervals.PRESETS,
        topic=topic,
        disabled=topic.state == topic_pb2.TOPIC_STATE_DISABLED,
        plot=await series(visit, interval, topic.topic_id),
        zone=visit.time_zone.key,
    )


def interval_of(visit: Visit) -> Interval:
    """The interval that the page's address names."""
    return intervals.read(visit.request.query_params, datetime.now(UTC), visit.time_zone)


async def topic_of(visit: Visit) -> topic_pb2.Topic:
    """The topic that the page's address names. Raises AioRpcError."""
    answer = await visit.ask(topic_service_pb2.GetTopicRequest(topic_id=visit.request.path_params["topic_id"]))
    topic: topic_pb2.Topic = answer.topic
    return topic


async def series(visit: Visit, interval: Interval, topic_id: str) -> Plot | None:
    """The plot of a topic; None where the interval has more days than a plot can show."""
    hours = interval.days <= _HOURLY_UP_TO
    if interval.days > _MOST_BUCKETS:
        return None
    request = history_service_pb2.GetTopicSeriesRequest(
        topic_id=topic_id,
        bucket=tally_pb2.TALLY_BUCKET_HOUR if hours else tally_pb2.TALLY_BUCKET_DAY,
        time_zone=visit.time_zone.key,
        start_time=interval.start_time,
        end_time=interval.end_time,
    )
    answer = await visit.ask(request)
    return plot(answer.points, answer.total, visit.time_zone, hours=hours)


async def _tallies(visit: Visit, interval: Interval, state: str) -> tuple[list[Any], tally_pb2.Tally]:
    """All rows, the default topic first and then by label, and their total."""
    request = history_service_pb2.ListTopicTalliesRequest(
        state=_STATES[state],
        time_zone=visit.time_zone.key,
        page_size=1000,
        start_time=interval.start_time,
        end_time=interval.end_time,
    )
    rows: list[Any] = []
    while True:
        answer = await visit.ask(request)
        rows += answer.tallies
        request.page_token = answer.next_page_token
        if not request.page_token:
            return rows, answer.total
