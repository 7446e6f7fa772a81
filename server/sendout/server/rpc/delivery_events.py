"""The method of HistoryService that streams delivery events, and events as they go out."""

from __future__ import annotations

from typing import Any
from weakref import WeakKeyDictionary

from sendout.domain.reports import reason_text, state_text
from sendout.server.commands.stream_events import Batch, Delivery, EventQuery, StreamEvents
from sendout.server.rpc.context import current_caller
from sendout.server.rpc.convert import timestamp
from sendout.server.rpc.messages import message_message, state_name
from sendout.v1 import event_pb2
from sendout.v1.history_service_pb2 import StreamDeliveryEventsRequest, StreamDeliveryEventsResponse


class DeliveryEvents:
    """A part of the servicer; whoever makes the whole one sets `events`."""

    events: StreamEvents

    async def StreamDeliveryEvents(self, request: StreamDeliveryEventsRequest, context: Any) -> None:
        """Delivery events without end. A coroutine, not a generator, so that each write has its deadline."""

        async def write(batch: Batch) -> None:
            await context.write(response_of(batch))

        await self.events(current_caller(), _query(request), write)


def _query(request: StreamDeliveryEventsRequest) -> EventQuery:
    return EventQuery(
        resume_token=request.resume_token,
        contact_point_ids=list(request.contact_point_ids),
        topic_ids=list(request.topic_ids),
        notification_id=request.notification_id,
        crm_system=request.crm_system,
        own_only=request.own_only,
    )


def response_of(batch: Batch) -> StreamDeliveryEventsResponse:
    """A batch as a response; one that many subscribers get is made once."""
    made = _made.get(batch)
    if made is None:
        made = _made[batch] = _response(batch)
    return made


_made: WeakKeyDictionary[Batch, StreamDeliveryEventsResponse] = WeakKeyDictionary()


def _response(batch: Batch) -> StreamDeliveryEventsResponse:
    return StreamDeliveryEventsResponse(
        events=[_event(delivery) for delivery in batch.deliveries],
        resume_token=batch.resume_token,
        time=timestamp(batch.time_us),
    )


def _event(delivery: Delivery) -> event_pb2.DeliveryEvent:
    change = delivery.change
    message = message_message(change.message)
    old = change.old_state
    return event_pb2.DeliveryEvent(
        event_id=change.event_id,
        resume_token=delivery.resume_token,
        type=event_pb2.DELIVERY_EVENT_TYPE_STATE_CHANGED,
        event_time=timestamp(change.time),
        message=message,
        old_state=None if old is None else state_name(old),
        new_state=message.state,
        reason_code=change.message.reason,
        reason_text=reason_text(change.message.reason) or state_text(change.message.state),
        crm_record=message.crm_record if message.HasField("crm_record") else None,
        labels=change.origin.labels,
        trace_id=change.origin.trace_id,
        contact_point_id=change.origin.contact_point_id,
        topic_id=change.origin.topic_id,
    )
