"""Cells of CSV files that people open in a spreadsheet: none may be taken for a formula."""

from __future__ import annotations

from google.protobuf.message import Message

from sendout.client.words import word
from sendout.v1.history_service_pb2 import ExportedMessage
from sendout.v1.message_pb2 import DeliveryIndicator, MessageState

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def safe_cell(text: str) -> str:
    """The text with an apostrophe before it where a spreadsheet would compute it, as with every E.164 number."""
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text


EXPORT_COLUMNS = (
    "message_id",
    "phone_number",
    "contact_point_id",
    "topic_id",
    "state",
    "delivered",
    "reason_code",
    "reason",
    "segments",
    "attempts",
    "accept_time",
    "sent_time",
    "final_time",
    "carrier_message_id",
    "crm_system",
    "crm_object",
    "crm_record_id",
)
"""The columns of an export, in the order of `exported`."""


def exported(row: ExportedMessage) -> list[str]:
    """The safe cells of one row of an export."""
    message = row.message
    cells = (
        message.message_id,
        message.phone_number,
        row.contact_point_id,
        row.topic_id,
        word(MessageState, message.state),
        word(DeliveryIndicator, message.delivered),
        message.reason_code,
        message.reason_text,
        str(message.segments),
        str(message.attempts),
        _time(message, "accept_time"),
        _time(message, "sent_time"),
        _time(message, "final_time"),
        message.carrier_message_id,
        message.crm_record.system,
        message.crm_record.object,
        message.crm_record.record_id,
    )
    return [safe_cell(cell) for cell in cells]


def _time(message: Message, field: str) -> str:
    return str(getattr(message, field).ToJsonString()) if message.HasField(field) else ""
