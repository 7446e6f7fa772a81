"""NotificationService: sending and canceling; what only reads is in `notification_reads`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

from opentelemetry.metrics import Counter

from sendout.domain import limits
from sendout.domain.composing import Problem
from sendout.domain.errors import field_invalid
from sendout.domain.reports import finish_time
from sendout.server.commands.cancel_notification import CancelNotification
from sendout.server.commands.drafting import Draft
from sendout.server.commands.headers import Header, NewRecipient, check_crm_record
from sendout.server.commands.preview_notification import PreviewNotification
from sendout.server.commands.read_notifications import Followed, ReadNotifications
from sendout.server.commands.send_notification import Accepted, SendNotification
from sendout.server.rpc.context import current_caller
from sendout.server.rpc.convert import micros
from sendout.server.rpc.notification_reads import NotificationReads, notification_message, progress_message
from sendout.server.rpc.previews import preview_message
from sendout.server.telemetry import Attribute
from sendout.storage.reading import Notification, Progress
from sendout.v1 import notification_pb2, recipient_pb2
from sendout.v1 import notification_service_pb2 as service_pb2


class NotificationServicer(NotificationReads):
    """Parses, calls one command and converts."""

    def __init__(
        self,
        send: SendNotification,
        preview: PreviewNotification,
        cancel: CancelNotification,
        reads: ReadNotifications,
        accepted: Counter,
    ) -> None:
        self._send = send
        self._preview = preview
        self._accepted = accepted
        self._cancel = cancel
        self.reads = reads

    async def PreviewNotification(
        self, request: service_pb2.PreviewNotificationRequest, context: Any
    ) -> service_pb2.PreviewNotificationResponse:
        """What SendNotification would do with the same request."""
        preview = await self._preview(current_caller(), _header(request), _recipients(request.recipients, 0))
        return preview_message(preview)

    async def SendNotification(
        self, request: service_pb2.SendNotificationRequest, context: Any
    ) -> service_pb2.SendNotificationResponse:
        """Accept one notification."""
        draft = await self._send.begin(current_caller(), _header(request))
        await draft.add(_recipients(request.recipients, 0))
        return service_pb2.SendNotificationResponse(**await self._finish(draft))

    async def SendNotificationStream(
        self, requests: AsyncIterator[service_pb2.SendNotificationStreamRequest], context: Any
    ) -> service_pb2.SendNotificationStreamResponse:
        """Accept one notification whose recipients come in chunks; nothing is kept unless the stream ends cleanly."""
        draft: Draft | None = None
        async for request in requests:
            part = request.WhichOneof("part")
            if draft is None:
                if part != "header":
                    raise field_invalid("header", part, "The first message of the stream must be the header.")
                header = _header(request.header)
                draft = await self._send.begin(current_caller(), header, limits.MAX_STREAM_RECIPIENTS)
            elif part == "chunk":
                await draft.add(_recipients(request.chunk.recipients, draft.given))
            else:
                raise field_invalid("chunk", part, "After the header only chunks of recipients may follow.")
        if draft is None:
            raise field_invalid("header", "", "The stream ended before its header.")
        return service_pb2.SendNotificationStreamResponse(**await self._finish(draft))

    async def CancelNotification(
        self, request: service_pb2.CancelNotificationRequest, context: Any
    ) -> service_pb2.CancelNotificationResponse:
        """Cancel what has not left the queue."""
        canceled, found = await self._cancel(current_caller(), request.notification_id)
        return service_pb2.CancelNotificationResponse(canceled_count=canceled, progress=progress_message(found))

    async def _finish(self, draft: Draft) -> dict[str, Any]:
        accepted = await self._send.finish(draft)
        values = accepted.notification
        if accepted.replayed:
            followed = await self.reads.get(current_caller(), str(values["id"]))
        else:
            followed = _fresh(accepted, draft.point.segments_per_second)
            self._accepted.add(values["message_count"], {Attribute.CONTACT_POINT: values["contact_point_id"]})
        return {
            "notification": notification_message(followed),
            "accepted_count": values["message_count"],
            "skipped": [_skipped(problem) for problem in accepted.skipped[: limits.MAX_RECIPIENTS]],
            "replayed": accepted.replayed,
            "warnings": accepted.warnings,
        }


def _header(
    request: service_pb2.SendNotificationRequest
    | service_pb2.SendNotificationHeader
    | service_pb2.PreviewNotificationRequest,
) -> Header:
    return Header(
        contact_point_id=request.contact_point_id,
        text=request.text,
        topic_id=request.topic_id,
        request_id=request.request_id,
        max_segments=request.max_segments,
        skip_invalid=request.invalid_recipients == notification_pb2.INVALID_RECIPIENTS_SKIP,
        smart_encoding=request.smart_encoding,
        urgent=request.priority == notification_pb2.PRIORITY_URGENT,
        send_time=micros(request, "send_time"),
        expire_time=micros(request, "expire_time"),
        labels=dict(request.labels),
    )


def _recipients(given: Sequence[recipient_pb2.Recipient], before: int) -> list[NewRecipient]:
    """The recipients of one message; `before` came in earlier ones."""
    return [_recipient(place, recipient) for place, recipient in enumerate(given, before)]


def _recipient(place: int, given: recipient_pb2.Recipient) -> NewRecipient:
    variables = dict(given.variables)
    if not given.HasField("crm_record"):
        return NewRecipient(given.phone_number, variables=variables)
    record = {name: getattr(given.crm_record, name) for name in ("system", "object", "record_id")}
    check_crm_record(place, record)
    return NewRecipient(given.phone_number, record, variables)


def _fresh(accepted: Accepted, segments_per_second: float) -> Followed:
    """What was just accepted, without reading it again."""
    values = accepted.notification
    progress = Progress(accepted.counts, False, values["create_time"], accepted.release_time)
    fields = {name: values[name] for name in Notification.__dataclass_fields__ if name in values}
    kept = Notification(**fields, segments_per_second=segments_per_second, progress=progress)
    start = max(values["create_time"], values["send_time"] or 0)
    finish = finish_time(start, accepted.segments, accepted.waiting, segments_per_second)
    return Followed(kept, finish, values["create_time"])


def _skipped(problem: Problem) -> notification_pb2.SkippedRecipient:
    return notification_pb2.SkippedRecipient(
        index=problem.index,
        phone_number=problem.typed,
        reason=f"RECIPIENT_PROBLEM_REASON_{problem.problem.value}",
        description=problem.sentence,
    )
