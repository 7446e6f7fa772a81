"""Builders of NotificationService: send, look before sending, follow, cancel."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from itertools import chain

from google.protobuf.message import Message

from sendout.client._administration import contact_points
from sendout.client._calls import Call, Listing, Steps, Stream, ask, last, listing, merged, steps, stream, unary
from sendout.client._errors import InvalidArgument, PermissionDenied, Violation
from sendout.client._recipients import Recipients, chunks_of, parts_of, recipients_of
from sendout.client._times import timestamp
from sendout.v1 import message_pb2, notification_pb2
from sendout.v1 import notification_service_pb2 as pb

_STREAM_S = 600.0  # for a million recipients over a slow line
_SERVICE = "NotificationService/"


@steps
def preview(
    to: Recipients = (),
    text: str = "",
    *,
    contact_point: str = "",
    topic: str = "",
    max_segments: int = 0,
    skip_invalid: bool = False,
    smart_encoding: bool = False,
    urgent: bool = False,
    send_time: datetime | None = None,
    expire_time: datetime | None = None,
) -> Steps[pb.PreviewNotificationResponse]:
    """Check a notification as `send` would, and send nothing: segments, cost, problem numbers, finish time."""
    request = pb.PreviewNotificationRequest(
        recipients=recipients_of(to),
        text=text,
        contact_point_id=contact_point or (yield from only_contact_point()),
        topic_id=topic,
        max_segments=max_segments,
        invalid_recipients=_invalid_recipients(skip_invalid),
        smart_encoding=smart_encoding,
        priority=_priority(urgent),
        send_time=timestamp(send_time),
        expire_time=timestamp(expire_time),
    )
    return (yield from ask(Call(_SERVICE + "PreviewNotification", request, pb.PreviewNotificationResponse)))


@steps
def send(
    to: Recipients,
    text: str,
    *,
    contact_point: str = "",
    topic: str = "",
    max_segments: int = 0,
    skip_invalid: bool = False,
    smart_encoding: bool = False,
    urgent: bool = False,
    send_time: datetime | None = None,
    expire_time: datetime | None = None,
    labels: Mapping[str, str] | None = None,
    request_id: str = "",
) -> Steps[pb.SendNotificationResponse]:
    """Send one text to many people. The answer comes once all messages are stored; `wait` or `watch` follows them.

    `to` takes up to 1,000,000 recipients from any iterable. An empty `contact_point` means the only one the caller may
    use; an empty `topic` the default topic. `max_segments` accepts a text that needs several SMS (0 means 1).
    `skip_invalid` sends to the others where some numbers are wrong; otherwise everything is refused and
    `InvalidArgument.violations` lists every problem number. A `request_id` is made where none is given, so that retries
    after a lost answer do not send twice; a failed call has it as `error.request_id`.
    """
    header = pb.SendNotificationHeader(
        request_id=request_id or str(uuid.uuid4()),
        contact_point_id=contact_point or (yield from only_contact_point()),
        topic_id=topic,
        text=text,
        max_segments=max_segments,
        invalid_recipients=_invalid_recipients(skip_invalid),
        smart_encoding=smart_encoding,
        priority=_priority(urgent),
        send_time=timestamp(send_time),
        expire_time=timestamp(expire_time),
        labels=dict(labels or {}),
    )
    return (yield from ask(_send_call(header, chunks_of(recipients_of(to)))))


def _send_call(
    header: pb.SendNotificationHeader, chunks: Iterable[pb.RecipientChunk]
) -> Call[pb.SendNotificationResponse]:
    """One request where all recipients fit into it, a stream where not."""
    chunks = iter(chunks)
    first, second = next(chunks, pb.RecipientChunk()), next(chunks, None)
    if second is None:
        # The header has the fields of the request under the same numbers, and a test holds the two equal.
        request = pb.SendNotificationRequest.FromString(header.SerializeToString())
        request.recipients.extend(first.recipients)
        return Call(_SERVICE + "SendNotification", request, pb.SendNotificationResponse, request_id=header.request_id)
    # So has the answer: the stream's is read as the plain one's.
    return Call(
        _SERVICE + "SendNotificationStream",
        parts_of(header, chain((first, second), chunks)),
        pb.SendNotificationResponse,
        timeout=_STREAM_S,
        request_id=header.request_id,
    )


def only_contact_point() -> Steps[str]:
    """The id of the only contact point the caller may send from. Raises where there is none, or a choice."""
    points = (yield from merged(contact_points.builder(sendable_only=True))).contact_points
    if len(points) == 1:
        return points[0].contact_point_id
    if not points:
        raise PermissionDenied(
            "There is no contact point that you may send from. Ask an administrator to put one of your roles on a "
            "contact point's Outbound Roles › Send Notifications.",
            reason="SEND_NOT_PERMITTED",
        )
    choice = [f"{point.contact_point_id} ({point.label})" for point in points]
    raise InvalidArgument(
        "You may send from several contact points: say which one.",
        reason="FIELD_INVALID",
        violations=[Violation("contact_point_id", f"one of {', '.join(choice)}")],
    )


def _invalid_recipients(skip: bool) -> notification_pb2.InvalidRecipients:
    return notification_pb2.INVALID_RECIPIENTS_SKIP if skip else notification_pb2.INVALID_RECIPIENTS_UNSPECIFIED


def _priority(urgent: bool) -> notification_pb2.Priority:
    return notification_pb2.PRIORITY_URGENT if urgent else notification_pb2.PRIORITY_UNSPECIFIED


@unary
def get_notification(notification_id: str) -> Call[pb.GetNotificationResponse]:
    """One notification with its progress."""
    request = pb.GetNotificationRequest(notification_id=notification_id)
    return Call(_SERVICE + "GetNotification", request, pb.GetNotificationResponse)


@listing
def notifications(
    *,
    topic: str = "",
    contact_point: str = "",
    start: datetime | None = None,
    end: datetime | None = None,
    page_size: int = 0,
) -> Listing[pb.ListNotificationsResponse, notification_pb2.Notification]:
    """Notifications, newest first."""
    request = pb.ListNotificationsRequest(
        topic_id=topic,
        contact_point_id=contact_point,
        start_time=timestamp(start),
        end_time=timestamp(end),
        page_size=page_size,
    )
    call = Call(_SERVICE + "ListNotifications", request, pb.ListNotificationsResponse)
    return Listing(call, lambda page: page.notifications)


@unary
def cancel(notification_id: str) -> Call[pb.CancelNotificationResponse]:
    """Cancel the messages of a notification that have not left the queue."""
    request = pb.CancelNotificationRequest(notification_id=notification_id)
    return Call(_SERVICE + "CancelNotification", request, pb.CancelNotificationResponse)


@listing
def messages(
    notification_id: str, *, states: Sequence[message_pb2.MessageState] = (), page_size: int = 0
) -> Listing[pb.ListMessagesResponse, message_pb2.Message]:
    """The messages of a notification, in the order of their index."""
    request = pb.ListMessagesRequest(notification_id=notification_id, states=states, page_size=page_size)
    return Listing(Call(_SERVICE + "ListMessages", request, pb.ListMessagesResponse), lambda page: page.messages)


def _watching(
    notification_id: str, timeout: float | None
) -> Stream[pb.WatchNotificationResponse, pb.WatchNotificationResponse]:
    request = pb.WatchNotificationRequest(notification_id=notification_id)
    return Stream(
        Call(_SERVICE + "WatchNotification", request, pb.WatchNotificationResponse),
        lambda answer: (answer,),
        go_on=_as_it_is,
        finished=lambda answer: answer.progress.done,
        timeout=timeout,
    )


def _as_it_is(_request: Message, _answer: Message) -> None:
    """A new watch begins with the progress of that moment: the request stays."""


@stream
def watch(
    notification_id: str, *, timeout: float | None = None
) -> Stream[pb.WatchNotificationResponse, pb.WatchNotificationResponse]:
    """The progress at once and whenever it changes, until every message is final; breaks are bridged."""
    return _watching(notification_id, timeout)


@steps
def wait(notification_id: str, *, timeout: float | None = None) -> Steps[notification_pb2.NotificationProgress]:
    """Wait until every message is final. Raises DeadlineExceeded after `timeout` seconds."""
    return (yield from last(_watching(notification_id, timeout))).progress
