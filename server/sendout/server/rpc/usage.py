"""UsageService: what is to be billed."""

from __future__ import annotations

from datetime import date
from typing import Any

from google.type import date_pb2

from sendout.domain.errors import field_invalid
from sendout.domain.usage import Dimension, Sums
from sendout.server.commands.usage import GetUsage, Group
from sendout.server.rpc.context import current_caller
from sendout.server.rpc.convert import micros
from sendout.server.rpc.money import money
from sendout.server.rpc.pages import Pages
from sendout.v1 import usage_pb2, usage_service_pb2, usage_service_pb2_grpc

_DIMENSIONS: dict[int, Dimension] = {
    usage_pb2.USAGE_DIMENSION_CONTACT_POINT: Dimension.CONTACT_POINT,
    usage_pb2.USAGE_DIMENSION_TOPIC: Dimension.TOPIC,
    usage_pb2.USAGE_DIMENSION_COUNTRY: Dimension.COUNTRY,
    usage_pb2.USAGE_DIMENSION_DAY: Dimension.DAY,
    usage_pb2.USAGE_DIMENSION_MONTH: Dimension.MONTH,
}


class UsageServicer(usage_service_pb2_grpc.UsageServiceServicer):
    """Parses, calls `GetUsage` and converts."""

    def __init__(self, get_usage: GetUsage, pages: Pages) -> None:
        self._get_usage = get_usage
        self._pages = pages

    async def GetUsage(
        self, request: usage_service_pb2.GetUsageRequest, context: Any
    ) -> usage_service_pb2.GetUsageResponse:
        """Billable segments of an interval."""
        found = await self._get_usage(
            current_caller(),
            *self._pages.asked(request),
            start_us=micros(request, "start_time"),
            end_us=micros(request, "end_time"),
            group_by=[_dimension(place, number) for place, number in enumerate(request.group_by)],
            time_zone=request.time_zone,
            contact_point_id=request.contact_point_id,
            topic_id=request.topic_id,
            country=request.country,
        )
        shown, token = self._pages.cut(request, found.groups, lambda group: group.place)
        return usage_service_pb2.GetUsageResponse(
            rows=[_row(group) for group in shown], total=_sums(found.total), next_page_token=token
        )


def _dimension(place: int, number: int) -> Dimension:
    if number not in _DIMENSIONS:
        names = ", ".join(dimension.name for dimension in Dimension)
        raise field_invalid(f"group_by[{place}]", number, f"Choose from {names}.")
    return _DIMENSIONS[number]


def _row(group: Group) -> usage_pb2.UsageRow:
    row = _sums(group.sums)
    row.contact_point_id, row.topic_id, row.country = group.contact_point_id, group.topic_id, group.country
    if group.day is not None:
        row.day.CopyFrom(_date(group.day))
    return row


def _sums(sums: Sums) -> usage_pb2.UsageRow:
    return usage_pb2.UsageRow(
        messages=sums.messages,
        billable_segments=sums.segments,
        cost=money(sums.cost),
        unpriced_segments=sums.unpriced_segments,
    )


def _date(day: date) -> date_pb2.Date:
    return date_pb2.Date(year=day.year, month=day.month, day=day.day)
