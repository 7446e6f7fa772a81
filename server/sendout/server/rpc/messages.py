"""Messages as they go out, for every service that shows them."""

from __future__ import annotations

from sendout.domain.ids import message_id
from sendout.domain.reports import arrived, reason_text, state_text
from sendout.domain.states import State
from sendout.server.rpc.convert import timestamp
from sendout.storage.reading import Message
from sendout.v1 import message_pb2, recipient_pb2

_INDICATOR = {
    True: message_pb2.DELIVERY_INDICATOR_YES,
    False: message_pb2.DELIVERY_INDICATOR_NO,
    None: message_pb2.DELIVERY_INDICATOR_UNKNOWN,
}


def message_message(found: Message) -> message_pb2.Message:
    """One message, with its number in full and plain words for where it stands."""
    return message_pb2.Message(
        message_id=message_id(found.notification_id, found.index),
        notification_id=str(found.notification_id),
        index=found.index,
        phone_number=found.number or "",
        state=state_name(found.state),
        reason_code=found.reason,
        reason_text=reason_text(found.reason) or state_text(found.state),
        segments=found.segments,
        attempts=found.attempt,
        delivered=_INDICATOR[arrived(found.state)],
        accept_time=timestamp(found.accept_time),
        sent_time=timestamp(found.sent_time),
        final_time=timestamp(found.final_time),
        carrier_message_id=found.carrier_ref,
        due_time=timestamp(found.due_time),
        carrier=found.carrier,
        crm_record=None if found.crm_record is None else recipient_pb2.CrmRecord(**found.crm_record),
    )


def state_name(state: State) -> str:
    """A state as the contract names it."""
    return f"MESSAGE_STATE_{state.name}"
