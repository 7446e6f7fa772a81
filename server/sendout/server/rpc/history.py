"""HistoryService: what became of messages. What it has no method for yet answers NOT_IMPLEMENTED (`unimplemented`)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import asdict
from typing import Any

from sendout.domain.errors import field_invalid
from sendout.domain.reports import may_still_change, reason_text, state_text
from sendout.domain.series import Width
from sendout.domain.tallies import Counts
from sendout.domain.text import Encoding
from sendout.server.commands.export_messages import Exported, ExportMessages
from sendout.server.commands.history import History, MessageHistory
from sendout.server.commands.topic_series import GetTopicSeries, Point
from sendout.server.rpc.context import current_caller
from sendout.server.rpc.convert import micros, timestamp
from sendout.server.rpc.delivery_events import DeliveryEvents
from sendout.server.rpc.messages import message_message, state_name
from sendout.server.rpc.topics import disabled_of, topic_message
from sendout.storage.reading import Step
from sendout.v1 import history_service_pb2, message_pb2, tally_pb2


class HistoryServicer(DeliveryEvents):
    """Parses, calls one command and converts."""

    def __init__(self, history: History, series: GetTopicSeries, export: ExportMessages) -> None:
        self._history = history
        self._series = series
        self._export = export

    async def ListTopicTallies(
        self, request: history_service_pb2.ListTopicTalliesRequest, context: Any
    ) -> history_service_pb2.ListTopicTalliesResponse:
        """Counts per topic and in total."""
        found = await self._history.topic_tallies(
            current_caller(),
            start_us=micros(request, "start_time"),
            end_us=micros(request, "end_time"),
            time_zone=request.time_zone,
            disabled=disabled_of(request.state),
            contact_point_id=request.contact_point_id,
            size=request.page_size,
            token=request.page_token,
        )
        return history_service_pb2.ListTopicTalliesResponse(
            tallies=[
                tally_pb2.TopicTally(topic=topic_message(topic), tally=_tally(counts))
                for topic, counts in found.tallies
            ],
            total=_tally(found.total),
            time_zone=found.time_zone,
            next_page_token=found.next_page_token,
            start_time=timestamp(found.start_us),
            end_time=timestamp(found.end_us),
        )

    async def GetTopicSeries(
        self, request: history_service_pb2.GetTopicSeriesRequest, context: Any
    ) -> history_service_pb2.GetTopicSeriesResponse:
        """Counts per hour or day."""
        found = await self._series(
            current_caller(),
            request.topic_id,
            start_us=micros(request, "start_time"),
            end_us=micros(request, "end_time"),
            width=_width(request.bucket),
            time_zone=request.time_zone,
            contact_point_id=request.contact_point_id,
        )
        return history_service_pb2.GetTopicSeriesResponse(
            points=[_point(point) for point in found.points], total=_tally(found.total)
        )

    async def ExportMessages(
        self, request: history_service_pb2.ExportMessagesRequest, context: Any
    ) -> AsyncIterator[history_service_pb2.ExportMessagesResponse]:
        """Every message of an interval."""
        pages = self._export(
            current_caller(),
            start_us=micros(request, "start_time"),
            end_us=micros(request, "end_time"),
            topic_id=request.topic_id,
            contact_point_id=request.contact_point_id,
        )
        async for page in pages:
            yield history_service_pb2.ExportMessagesResponse(messages=[_exported(row) for row in page])

    async def ListRecentMessages(
        self, request: history_service_pb2.ListRecentMessagesRequest, context: Any
    ) -> history_service_pb2.ListRecentMessagesResponse:
        """The 1,000 most recent messages of a topic."""
        page = await self._history.recent_messages(
            current_caller(), request.topic_id, size=request.page_size, token=request.page_token
        )
        return history_service_pb2.ListRecentMessagesResponse(
            messages=[message_message(found) for found in page.messages], next_page_token=page.next_page_token
        )

    async def GetMessage(
        self, request: history_service_pb2.GetMessageRequest, context: Any
    ) -> history_service_pb2.GetMessageResponse:
        """One message in full."""
        found = await self._history.message(current_caller(), request.message_id)
        return history_service_pb2.GetMessageResponse(message=_detail(found))


def _tally(counts: Counts) -> tally_pb2.Tally:
    return tally_pb2.Tally(**asdict(counts))


def _width(bucket: tally_pb2.TallyBucket) -> Width:
    if bucket not in _WIDTHS:
        raise field_invalid("bucket", bucket, "Choose HOUR or DAY.")
    return _WIDTHS[bucket]


_WIDTHS: dict[int, Width] = {
    tally_pb2.TALLY_BUCKET_UNSPECIFIED: Width.DAY,
    tally_pb2.TALLY_BUCKET_HOUR: Width.HOUR,
    tally_pb2.TALLY_BUCKET_DAY: Width.DAY,
}


def _point(point: Point) -> tally_pb2.TallyPoint:
    return tally_pb2.TallyPoint(
        start_time=timestamp(point.start_us), end_time=timestamp(point.end_us), tally=_tally(point.counts)
    )


def _exported(row: Exported) -> history_service_pb2.ExportedMessage:
    return history_service_pb2.ExportedMessage(
        message=message_message(row.message), contact_point_id=row.contact_point_id, topic_id=row.topic_id
    )


def _detail(found: MessageHistory) -> message_pb2.MessageDetail:
    full = found.full
    return message_pb2.MessageDetail(
        message=message_message(full.message),
        text=full.text or "",
        encoding=f"ENCODING_{Encoding(full.encoding).name}",
        sender=full.sender,
        contact_point_id=full.contact_point_id,
        topic_id=full.topic_id,
        changes=[_change(step) for step in found.steps],
        trace_id=full.trace_id,
        may_still_change=may_still_change(full.message.state),
    )


def _change(step: Step) -> message_pb2.StateChange:
    return message_pb2.StateChange(
        state=state_name(step.state),
        time=timestamp(step.time),
        reason_code=step.reason,
        reason_text=reason_text(step.reason),
        state_text=state_text(step.state),
    )
