import datetime

from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from sendout.v1 import recipient_pb2 as _recipient_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class MessageState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    MESSAGE_STATE_UNSPECIFIED: _ClassVar[MessageState]
    MESSAGE_STATE_HELD: _ClassVar[MessageState]
    MESSAGE_STATE_QUEUED: _ClassVar[MessageState]
    MESSAGE_STATE_SENDING: _ClassVar[MessageState]
    MESSAGE_STATE_UNCONFIRMED: _ClassVar[MessageState]
    MESSAGE_STATE_SENT: _ClassVar[MessageState]
    MESSAGE_STATE_DELIVERED: _ClassVar[MessageState]
    MESSAGE_STATE_PARTIALLY_DELIVERED: _ClassVar[MessageState]
    MESSAGE_STATE_UNDELIVERED: _ClassVar[MessageState]
    MESSAGE_STATE_EXPIRED: _ClassVar[MessageState]
    MESSAGE_STATE_REJECTED: _ClassVar[MessageState]
    MESSAGE_STATE_FAILED: _ClassVar[MessageState]
    MESSAGE_STATE_SUPPRESSED: _ClassVar[MessageState]
    MESSAGE_STATE_CANCELED: _ClassVar[MessageState]
    MESSAGE_STATE_UNKNOWN: _ClassVar[MessageState]

class DeliveryIndicator(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DELIVERY_INDICATOR_UNSPECIFIED: _ClassVar[DeliveryIndicator]
    DELIVERY_INDICATOR_YES: _ClassVar[DeliveryIndicator]
    DELIVERY_INDICATOR_NO: _ClassVar[DeliveryIndicator]
    DELIVERY_INDICATOR_UNKNOWN: _ClassVar[DeliveryIndicator]

class Encoding(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ENCODING_UNSPECIFIED: _ClassVar[Encoding]
    ENCODING_GSM_7: _ClassVar[Encoding]
    ENCODING_UCS_2: _ClassVar[Encoding]
MESSAGE_STATE_UNSPECIFIED: MessageState
MESSAGE_STATE_HELD: MessageState
MESSAGE_STATE_QUEUED: MessageState
MESSAGE_STATE_SENDING: MessageState
MESSAGE_STATE_UNCONFIRMED: MessageState
MESSAGE_STATE_SENT: MessageState
MESSAGE_STATE_DELIVERED: MessageState
MESSAGE_STATE_PARTIALLY_DELIVERED: MessageState
MESSAGE_STATE_UNDELIVERED: MessageState
MESSAGE_STATE_EXPIRED: MessageState
MESSAGE_STATE_REJECTED: MessageState
MESSAGE_STATE_FAILED: MessageState
MESSAGE_STATE_SUPPRESSED: MessageState
MESSAGE_STATE_CANCELED: MessageState
MESSAGE_STATE_UNKNOWN: MessageState
DELIVERY_INDICATOR_UNSPECIFIED: DeliveryIndicator
DELIVERY_INDICATOR_YES: DeliveryIndicator
DELIVERY_INDICATOR_NO: DeliveryIndicator
DELIVERY_INDICATOR_UNKNOWN: DeliveryIndicator
ENCODING_UNSPECIFIED: Encoding
ENCODING_GSM_7: Encoding
ENCODING_UCS_2: Encoding

class Message(_message.Message):
    __slots__ = ("message_id", "notification_id", "index", "phone_number", "state", "reason_code", "reason_text", "segments", "attempts", "delivered", "accept_time", "sent_time", "final_time", "carrier_message_id", "crm_record", "due_time", "carrier")
    MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
    NOTIFICATION_ID_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    PHONE_NUMBER_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    REASON_CODE_FIELD_NUMBER: _ClassVar[int]
    REASON_TEXT_FIELD_NUMBER: _ClassVar[int]
    SEGMENTS_FIELD_NUMBER: _ClassVar[int]
    ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    DELIVERED_FIELD_NUMBER: _ClassVar[int]
    ACCEPT_TIME_FIELD_NUMBER: _ClassVar[int]
    SENT_TIME_FIELD_NUMBER: _ClassVar[int]
    FINAL_TIME_FIELD_NUMBER: _ClassVar[int]
    CARRIER_MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
    CRM_RECORD_FIELD_NUMBER: _ClassVar[int]
    DUE_TIME_FIELD_NUMBER: _ClassVar[int]
    CARRIER_FIELD_NUMBER: _ClassVar[int]
    message_id: str
    notification_id: str
    index: int
    phone_number: str
    state: MessageState
    reason_code: str
    reason_text: str
    segments: int
    attempts: int
    delivered: DeliveryIndicator
    accept_time: _timestamp_pb2.Timestamp
    sent_time: _timestamp_pb2.Timestamp
    final_time: _timestamp_pb2.Timestamp
    carrier_message_id: str
    crm_record: _recipient_pb2.CrmRecord
    due_time: _timestamp_pb2.Timestamp
    carrier: str
    def __init__(self, message_id: _Optional[str] = ..., notification_id: _Optional[str] = ..., index: _Optional[int] = ..., phone_number: _Optional[str] = ..., state: _Optional[_Union[MessageState, str]] = ..., reason_code: _Optional[str] = ..., reason_text: _Optional[str] = ..., segments: _Optional[int] = ..., attempts: _Optional[int] = ..., delivered: _Optional[_Union[DeliveryIndicator, str]] = ..., accept_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., sent_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., final_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., carrier_message_id: _Optional[str] = ..., crm_record: _Optional[_Union[_recipient_pb2.CrmRecord, _Mapping]] = ..., due_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., carrier: _Optional[str] = ...) -> None: ...

class StateChange(_message.Message):
    __slots__ = ("state", "time", "reason_code", "reason_text", "state_text")
    STATE_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    REASON_CODE_FIELD_NUMBER: _ClassVar[int]
    REASON_TEXT_FIELD_NUMBER: _ClassVar[int]
    STATE_TEXT_FIELD_NUMBER: _ClassVar[int]
    state: MessageState
    time: _timestamp_pb2.Timestamp
    reason_code: str
    reason_text: str
    state_text: str
    def __init__(self, state: _Optional[_Union[MessageState, str]] = ..., time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., reason_code: _Optional[str] = ..., reason_text: _Optional[str] = ..., state_text: _Optional[str] = ...) -> None: ...

class MessageDetail(_message.Message):
    __slots__ = ("message", "text", "encoding", "sender", "contact_point_id", "topic_id", "changes", "trace_id", "may_still_change", "possible_duplicate")
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    ENCODING_FIELD_NUMBER: _ClassVar[int]
    SENDER_FIELD_NUMBER: _ClassVar[int]
    CONTACT_POINT_ID_FIELD_NUMBER: _ClassVar[int]
    TOPIC_ID_FIELD_NUMBER: _ClassVar[int]
    CHANGES_FIELD_NUMBER: _ClassVar[int]
    TRACE_ID_FIELD_NUMBER: _ClassVar[int]
    MAY_STILL_CHANGE_FIELD_NUMBER: _ClassVar[int]
    POSSIBLE_DUPLICATE_FIELD_NUMBER: _ClassVar[int]
    message: Message
    text: str
    encoding: Encoding
    sender: str
    contact_point_id: str
    topic_id: str
    changes: _containers.RepeatedCompositeFieldContainer[StateChange]
    trace_id: str
    may_still_change: bool
    possible_duplicate: bool
    def __init__(self, message: _Optional[_Union[Message, _Mapping]] = ..., text: _Optional[str] = ..., encoding: _Optional[_Union[Encoding, str]] = ..., sender: _Optional[str] = ..., contact_point_id: _Optional[str] = ..., topic_id: _Optional[str] = ..., changes: _Optional[_Iterable[_Union[StateChange, _Mapping]]] = ..., trace_id: _Optional[str] = ..., may_still_change: bool = ..., possible_duplicate: bool = ...) -> None: ...
