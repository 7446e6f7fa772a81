import datetime

from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from sendout.v1 import message_pb2 as _message_pb2
from sendout.v1 import recipient_pb2 as _recipient_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class DeliveryEventType(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DELIVERY_EVENT_TYPE_UNSPECIFIED: _ClassVar[DeliveryEventType]
    DELIVERY_EVENT_TYPE_STATE_CHANGED: _ClassVar[DeliveryEventType]
    DELIVERY_EVENT_TYPE_REPLY_RECEIVED: _ClassVar[DeliveryEventType]
    DELIVERY_EVENT_TYPE_OPTED_OUT: _ClassVar[DeliveryEventType]
    DELIVERY_EVENT_TYPE_OPTED_IN: _ClassVar[DeliveryEventType]
    DELIVERY_EVENT_TYPE_TEST: _ClassVar[DeliveryEventType]
DELIVERY_EVENT_TYPE_UNSPECIFIED: DeliveryEventType
DELIVERY_EVENT_TYPE_STATE_CHANGED: DeliveryEventType
DELIVERY_EVENT_TYPE_REPLY_RECEIVED: DeliveryEventType
DELIVERY_EVENT_TYPE_OPTED_OUT: DeliveryEventType
DELIVERY_EVENT_TYPE_OPTED_IN: DeliveryEventType
DELIVERY_EVENT_TYPE_TEST: DeliveryEventType

class Reply(_message.Message):
    __slots__ = ("text", "phone_number", "conversation_id", "receive_time")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    PHONE_NUMBER_FIELD_NUMBER: _ClassVar[int]
    CONVERSATION_ID_FIELD_NUMBER: _ClassVar[int]
    RECEIVE_TIME_FIELD_NUMBER: _ClassVar[int]
    text: str
    phone_number: str
    conversation_id: str
    receive_time: _timestamp_pb2.Timestamp
    def __init__(self, text: _Optional[str] = ..., phone_number: _Optional[str] = ..., conversation_id: _Optional[str] = ..., receive_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class DeliveryEvent(_message.Message):
    __slots__ = ("event_id", "resume_token", "type", "event_time", "message", "old_state", "new_state", "reason_code", "reason_text", "crm_record", "labels", "trace_id", "contact_point_id", "topic_id", "reply")
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    RESUME_TOKEN_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    EVENT_TIME_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    OLD_STATE_FIELD_NUMBER: _ClassVar[int]
    NEW_STATE_FIELD_NUMBER: _ClassVar[int]
    REASON_CODE_FIELD_NUMBER: _ClassVar[int]
    REASON_TEXT_FIELD_NUMBER: _ClassVar[int]
    CRM_RECORD_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    TRACE_ID_FIELD_NUMBER: _ClassVar[int]
    CONTACT_POINT_ID_FIELD_NUMBER: _ClassVar[int]
    TOPIC_ID_FIELD_NUMBER: _ClassVar[int]
    REPLY_FIELD_NUMBER: _ClassVar[int]
    event_id: str
    resume_token: str
    type: DeliveryEventType
    event_time: _timestamp_pb2.Timestamp
    message: _message_pb2.Message
    old_state: _message_pb2.MessageState
    new_state: _message_pb2.MessageState
    reason_code: str
    reason_text: str
    crm_record: _recipient_pb2.CrmRecord
    labels: _containers.ScalarMap[str, str]
    trace_id: str
    contact_point_id: str
    topic_id: str
    reply: Reply
    def __init__(self, event_id: _Optional[str] = ..., resume_token: _Optional[str] = ..., type: _Optional[_Union[DeliveryEventType, str]] = ..., event_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., message: _Optional[_Union[_message_pb2.Message, _Mapping]] = ..., old_state: _Optional[_Union[_message_pb2.MessageState, str]] = ..., new_state: _Optional[_Union[_message_pb2.MessageState, str]] = ..., reason_code: _Optional[str] = ..., reason_text: _Optional[str] = ..., crm_record: _Optional[_Union[_recipient_pb2.CrmRecord, _Mapping]] = ..., labels: _Optional[_Mapping[str, str]] = ..., trace_id: _Optional[str] = ..., contact_point_id: _Optional[str] = ..., topic_id: _Optional[str] = ..., reply: _Optional[_Union[Reply, _Mapping]] = ...) -> None: ...
