"""What segments cost, and what was used: the tables from which a bill is made (S7)."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from google.type.date_pb2 import Date
from starlette.responses import Response
from starlette.routing import Route

from sendout.client.cells import safe_cell
from sendout.client.money import amount_of, in_words
from sendout.gateway.console.pages.admin import room
from sendout.gateway.console.visits import Console, Visit
from sendout.v1 import price_service_pb2, topic_pb2, topic_service_pb2, usage_pb2, usage_service_pb2

_DIMENSIONS = {
    "month": ("Month", usage_pb2.USAGE_DIMENSION_MONTH),
    "day": ("Day", usage_pb2.USAGE_DIMENSION_DAY),
    "contact_point": ("Contact point", usage_pb2.USAGE_DIMENSION_CONTACT_POINT),
    "topic": ("Topic", usage_pb2.USAGE_DIMENSION_TOPIC),
    "country": ("Country", usage_pb2.USAGE_DIMENSION_COUNTRY),
}
_PERIODS = (("month", "Month"), ("day", "Day"), ("", "Whole interval"))
_KINDS = tuple((name, words) for name, (words, _) in _DIMENSIONS.items() if name not in ("month", "day"))


def routes(console: Console) -> list[Route]:
    """Prices, usage, and usage as a file."""
    return [
        console.page("/admin/prices", prices),
        console.page("/admin/usage", usage),
        console.page("/admin/usage.csv", usage_file),
    ]


async def prices(visit: Visit) -> Response:
    """All prices, the latest first."""
    answer = await room.page_of(visit, price_service_pb2.ListPricesRequest())
    points = room.pairs(await room.all_contact_points(visit), "contact_point_id")
    now = int(datetime.now(UTC).timestamp())
    return room.show(
        visit,
        "prices.html",
        prices=answer.prices,
        points=points,
        labels=dict(points),
        now=now,
        administrator=visit.administrator,
        currency=answer.prices[0].per_segment.currency_code if answer.prices else "",
        money=in_words,
        more=answer.next_page_token,
    )


async def usage(visit: Visit) -> Response:
    """The usage of an interval by what the visitor chose, with its cost."""
    first, last = _interval(visit)
    names = _names(visit)
    answer = await room.page_of(visit, _wanted(visit, names, first, last))
    points = dict(room.pairs(await room.all_contact_points(visit), "contact_point_id"))
    topics = dict(room.pairs(await _topics(visit), "topic_id"))
    rows = [(_keys(names, row, points, topics), row) for row in answer.rows]
    return room.show(
        visit,
        "usage.html",
        headings=[_DIMENSIONS[name][0] for name in names],
        rows=rows if names else [],
        total=answer.total,
        most=max((row.billable_segments for _, row in rows), default=0),
        periods=_PERIODS,
        period=next((name for name in names if name in ("month", "day")), ""),
        kinds=_KINDS,
        names=names,
        first=first,
        last=last,
        money=in_words,
        more=answer.next_page_token,
    )


async def usage_file(visit: Visit) -> Response:
    """Every row of the same as CSV, for a spreadsheet or the bill."""
    first, last = _interval(visit)
    names = _names(visit)
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow([*names, "messages", "billable_segments", "cost", "currency", "unpriced_segments"])
    request = _wanted(visit, names, first, last)
    request.page_size = room.MOST
    while True:
        answer = await visit.ask(request)
        for row in answer.rows:
            cost = [format(amount_of(row.cost), "f"), row.cost.currency_code] if row.HasField("cost") else ["", ""]
            cells = [*_keys(names, row, {}, {}), row.messages, row.billable_segments, *cost, row.unpriced_segments]
            writer.writerow([safe_cell(str(cell)) for cell in cells])
        request.page_token = answer.next_page_token
        if not request.page_token:
            break
    name = f"sendout-usage-{first}-{last}.csv"
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return Response(text.getvalue(), headers=headers, media_type="text/csv; charset=utf-8")


def _wanted(visit: Visit, names: Sequence[str], first: date, last: date) -> usage_service_pb2.GetUsageRequest:
    return usage_service_pb2.GetUsageRequest(
        start_time=room.beginning(visit, first),
        end_time=room.beginning(visit, last, days=1),
        time_zone=visit.time_zone.key,
        group_by=[_DIMENSIONS[name][1] for name in names],
    )


def _interval(visit: Visit) -> tuple[date, date]:
    """First and last day; the last thirty days where none are chosen. Raises Refusal."""
    last = room.day(visit, "until") or datetime.now(visit.time_zone).date()
    return room.day(visit, "from") or last - timedelta(days=29), last


def _names(visit: Visit) -> list[str]:
    """What to group by, each once; by month where nothing was chosen yet."""
    if not visit.request.query_params:
        return ["month"]
    chosen = [room.typed(visit, "period"), *visit.request.query_params.getlist("by")]
    return [name for name in _DIMENSIONS if name in chosen]


async def _topics(visit: Visit) -> Sequence[topic_pb2.Topic]:
    request = topic_service_pb2.ListTopicsRequest(state=topic_pb2.TOPIC_STATE_FILTER_BOTH, page_size=room.MOST)
    return list((await visit.ask(request)).topics)


def _keys(names: Sequence[str], row: Any, points: dict[str, str], topics: dict[str, str]) -> list[str]:
    """What a row is the usage of, in words where they are known."""
    found = {
        "month": _day(row.day)[:7],
        "day": _day(row.day),
        "contact_point": points.get(row.contact_point_id, row.contact_point_id),
        "topic": topics.get(row.topic_id, row.topic_id),
        "country": row.country,
    }
    return [found[name] for name in names]


def _day(given: Date) -> str:
    return f"{given.year:04}-{given.month:02}-{given.day:02}"
