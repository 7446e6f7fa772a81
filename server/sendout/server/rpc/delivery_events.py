"""The method of HistoryService that streams delivery events, and events as they go out."""

from __future__ import annotations

from typing import Any
from weakref import WeakKeyDictionary

from google.protobuf import json_format

from sendout.domain.states import State
from sendout.server.commands.event_filters import EventQuery
from sendout.server.commands.stream_events import Batch, Delivery, StreamEvents
from sendout.server.rpc.context import current_caller
from sendout.server.rpc.convert import timestamp
from sendout.server.rpc.messages import message_message, state_name
from sendout.storage.reading import Message
from sendout.storage.replies import Reply
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
        conversations_only=request.conversations_only,
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


def event_json(delivery: Delivery) -> bytes:
    """An event as the body of a webhook."""
    return _json(_event(delivery))


def sample_event_json(event_id: str, now_us: int) -> bytes:
    """The body of a webhook's test."""
    return _json(
        event_pb2.DeliveryEvent(
            event_id=event_id, type=event_pb2.DELIVERY_EVENT_TYPE_TEST, event_time=timestamp(now_us)
        )
    )


def _json(event: event_pb2.DeliveryEvent) -> bytes:
    return json_format.MessageToJson(event, indent=None, ensure_ascii=False).encode()


def _event(delivery: Delivery) -> event_pb2.DeliveryEvent:
    happening = delivery.change
    event = event_pb2.DeliveryEvent(
        event_id=happening.event_id,
        resume_token=delivery.resume_token,
        type=f"DELIVERY_EVENT_TYPE_{happening.kind.name}",
        event_time=timestamp(happening.time),
        labels=happening.origin.labels,
        trace_id=happening.origin.trace_id,
        contact_point_id=happening.origin.contact_point_id,
        topic_id=happening.origin.topic_id,
    )
    if happening.message is not None:
        _add_message(event, happening.message, happening.old_state)
    if happening.reply is not None:
        event.reply.CopyFrom(_reply(happening.reply))
    return event


def _add_message(event: event_pb2.DeliveryEvent, found: Message, old: State | None) -> None:
    event.message.CopyFrom(message_message(found))
    if old is not None:
        event.MergeFrom(event_pb2.DeliveryEvent(old_state=state_name(old)))
    event.new_state = event.message.state
    event.reason_code = found.reason
    event.reason_text = event.message.reason_text
    if event.message.HasField("crm_record"):
        event.crm_record.CopyFrom(event.message.crm_record)


def _reply(reply: Reply) -> event_pb2.Reply:
    return event_pb2.Reply(
        text=reply.text,
        phone_number=reply.number,
        conversation_id="" if reply.conversation_id is None else str(reply.conversation_id),
        receive_time=timestamp(reply.receive_time),
    )
