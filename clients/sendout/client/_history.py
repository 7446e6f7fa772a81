"""Builders of HistoryService: tallies, recent messages, one message, delivery events, export."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sendout.client._calls import Call, Listing, Steps, Stream, listing, merged, steps, stream, unary
from sendout.client._times import timestamp
from sendout.v1 import event_pb2, message_pb2, tally_pb2, topic_pb2
from sendout.v1 import history_service_pb2 as pb

_SERVICE = "HistoryService/"
EARLIEST = "EARLIEST"
"""The resume token of the oldest event kept."""


@steps
def tallies(
    *,
    start: datetime | None = None,
    end: datetime | None = None,
    state: topic_pb2.TopicStateFilter = topic_pb2.TOPIC_STATE_FILTER_UNSPECIFIED,
    contact_point: str = "",
    time_zone: str = "",
) -> Steps[pb.ListTopicTalliesResponse]:
    """Counts of messages per topic and in total, for notifications created from `start` up to, not including, `end`."""
    request = pb.ListTopicTalliesRequest(
        start_time=timestamp(start),
        end_time=timestamp(end),
        state=state,
        contact_point_id=contact_point,
        time_zone=time_zone,
    )
    call = Call(_SERVICE + "ListTopicTallies", request, pb.ListTopicTalliesResponse)
    return (yield from merged(Listing(call, lambda page: page.tallies)))


@unary
def series(
    topic_id: str,
    *,
    start: datetime,
    end: datetime,
    bucket: tally_pb2.TallyBucket = tally_pb2.TALLY_BUCKET_UNSPECIFIED,
    contact_point: str = "",
    time_zone: str = "",
) -> Call[pb.GetTopicSeriesResponse]:
    """The same counts per hour or day; "-" means all topics together."""
    request = pb.GetTopicSeriesRequest(
        topic_id=topic_id,
        start_time=timestamp(start),
        end_time=timestamp(end),
        bucket=bucket,
        contact_point_id=contact_point,
        time_zone=time_zone,
    )
    return Call(_SERVICE + "GetTopicSeries", request, pb.GetTopicSeriesResponse)


@listing
def recent(topic_id: str, *, page_size: int = 0) -> Listing[pb.ListRecentMessagesResponse, message_pb2.Message]:
    """The 1,000 most recent messages of a topic, newest first."""
    request = pb.ListRecentMessagesRequest(topic_id=topic_id, page_size=page_size)
    call = Call(_SERVICE + "ListRecentMessages", request, pb.ListRecentMessagesResponse)
    return Listing(call, lambda page: page.messages)


@unary
def get_message(message_id: str) -> Call[pb.GetMessageResponse]:
    """One message in full: the text as sent and every state it has had."""
    return Call(_SERVICE + "GetMessage", pb.GetMessageRequest(message_id=message_id), pb.GetMessageResponse)


def _events_call(
    resume_token: str,
    contact_points: Sequence[str],
    topics: Sequence[str],
    notification_id: str,
    crm_system: str,
    own_only: bool,
    conversations_only: bool,
) -> Call[pb.StreamDeliveryEventsResponse]:
    request = pb.StreamDeliveryEventsRequest(
        resume_token=resume_token,
        contact_point_ids=contact_points,
        topic_ids=topics,
        notification_id=notification_id,
        crm_system=crm_system,
        own_only=own_only,
        conversations_only=conversations_only,
    )
    return Call(_SERVICE + "StreamDeliveryEvents", request, pb.StreamDeliveryEventsResponse)


def _after(request: pb.StreamDeliveryEventsRequest, answer: pb.StreamDeliveryEventsResponse) -> None:
    request.resume_token = answer.resume_token


@stream
def events(
    resume: str = "",
    *,
    contact_points: Sequence[str] = (),
    topics: Sequence[str] = (),
    notification_id: str = "",
    crm_system: str = "",
    own_only: bool = False,
    conversations_only: bool = False,
) -> Stream[pb.StreamDeliveryEventsResponse, event_pb2.DeliveryEvent]:
    """Delivery events without end: from now, from `EARLIEST`, or from right after the event whose token is given.

    Keep `event.resume_token` together with what you did about the event, and each is dealt with exactly once.
    """
    call = _events_call(resume, contact_points, topics, notification_id, crm_system, own_only, conversations_only)
    return Stream(call, lambda answer: answer.events, go_on=_after)


@stream
def event_batches(
    resume: str = "",
    *,
    contact_points: Sequence[str] = (),
    topics: Sequence[str] = (),
    notification_id: str = "",
    crm_system: str = "",
    own_only: bool = False,
    conversations_only: bool = False,
) -> Stream[pb.StreamDeliveryEventsResponse, pb.StreamDeliveryEventsResponse]:
    """As `events`, in batches as they come; one without events is a heartbeat with a newer token."""
    call = _events_call(resume, contact_points, topics, notification_id, crm_system, own_only, conversations_only)
    return Stream(call, lambda answer: (answer,), go_on=_after)


@stream
def export(
    *, start: datetime | None = None, end: datetime | None = None, topic: str = "", contact_point: str = ""
) -> Stream[pb.ExportMessagesResponse, pb.ExportedMessage]:
    """Every message of an interval, oldest first. A break is not bridged: it raises."""
    request = pb.ExportMessagesRequest(
        start_time=timestamp(start), end_time=timestamp(end), topic_id=topic, contact_point_id=contact_point
    )
    call = Call(_SERVICE + "ExportMessages", request, pb.ExportMessagesResponse)
    return Stream(call, lambda answer: answer.messages)
