"""The methods of NotificationService that read, and notifications as they go out."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from sendout.domain.errors import field_invalid
from sendout.domain.states import State
from sendout.domain.text import Encoding
from sendout.server.commands.read_notifications import Followed, ReadNotifications
from sendout.server.rpc.context import current_caller
from sendout.server.rpc.convert import micros, timestamp
from sendout.server.rpc.messages import message_message, state_name
from sendout.v1 import notification_pb2, notification_service_pb2


class NotificationReads:
    """A part of the servicer; the whole one sets `reads`."""

    reads: ReadNotifications

    async def GetNotification(
        self, request: notification_service_pb2.GetNotificationRequest, context: Any
    ) -> notification_service_pb2.GetNotificationResponse:
        """One notification."""
        found = await self.reads.get(current_caller(), request.notification_id)
        return notification_service_pb2.GetNotificationResponse(notification=notification_message(found))

    async def ListNotifications(
        self, request: notification_service_pb2.ListNotificationsRequest, context: Any
    ) -> notification_service_pb2.ListNotificationsResponse:
        """Notifications, newest first."""
        page = await self.reads.list_notifications(
            current_caller(),
            topic_id=request.topic_id,
            contact_point_id=request.contact_point_id,
            start_us=micros(request, "start_time"),
            end_us=micros(request, "end_time"),
            size=request.page_size,
            token=request.page_token,
        )
        return notification_service_pb2.ListNotificationsResponse(
            notifications=[notification_message(found) for found in page.notifications],
            next_page_token=page.next_page_token,
        )

    async def ListMessages(
        self, request: notification_service_pb2.ListMessagesRequest, context: Any
    ) -> notification_service_pb2.ListMessagesResponse:
        """The messages of one notification."""
        page = await self.reads.list_messages(
            current_caller(),
            request.notification_id,
            states=[_state(place, number) for place, number in enumerate(request.states)],
            size=request.page_size,
            token=request.page_token,
        )
        return notification_service_pb2.ListMessagesResponse(
            messages=[message_message(found) for found in page.messages], next_page_token=page.next_page_token
        )

    async def WatchNotification(
        self, request: notification_service_pb2.WatchNotificationRequest, context: Any
    ) -> AsyncIterator[notification_service_pb2.WatchNotificationResponse]:
        """Progress as it changes."""
        async for found in self.reads.watch(current_caller(), request.notification_id):
            yield notification_service_pb2.WatchNotificationResponse(
                progress=progress_message(found),
                trace_id=found.notification.trace_id,
                time=timestamp(found.time_us),
            )


def notification_message(found: Followed) -> notification_pb2.Notification:
    """A notification as it goes out."""
    kept = found.notification
    return notification_pb2.Notification(
        notification_id=str(kept.id),
        contact_point_id=kept.contact_point_id,
        topic_id=kept.topic_id,
        text=kept.text or "",
        encoding=f"ENCODING_{Encoding(kept.encoding).name}",
        segments=kept.segments,
        message_count=kept.message_count,
        priority=notification_pb2.PRIORITY_URGENT if kept.urgent else notification_pb2.PRIORITY_NORMAL,
        create_time=timestamp(kept.create_time),
        send_time=timestamp(kept.send_time),
        expire_time=timestamp(kept.expire_time),
        labels=kept.labels,
        principal_id=kept.principal_id,
        trace_id=kept.trace_id,
        progress=progress_message(found),
        given_text=kept.given_text or "",
        replacement_count=kept.replacement_count,
    )


def progress_message(found: Followed) -> notification_pb2.NotificationProgress:
    """How far it has come: the states that have messages, in their order."""
    progress = found.notification.progress
    return notification_pb2.NotificationProgress(
        counts=[
            notification_pb2.StateCount(state=state_name(state), count=count)
            for state, count in sorted(progress.counts.items())
        ],
        total=progress.total,
        done=progress.done,
        estimated_finish_time=timestamp(found.finish_us),
        next_release_time=timestamp(progress.release_time),
    )


def _state(place: int, number: int) -> State:
    if number not in State.__members__.values():
        raise field_invalid(f"states[{place}]", number, "Choose states of a message.")
    return State(number)
