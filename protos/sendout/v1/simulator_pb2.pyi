import datetime

from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Handset(_message.Message):
    __slots__ = ("phone_number", "message_count", "last_time")
    PHONE_NUMBER_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_COUNT_FIELD_NUMBER: _ClassVar[int]
    LAST_TIME_FIELD_NUMBER: _ClassVar[int]
    phone_number: str
    message_count: int
    last_time: _timestamp_pb2.Timestamp
    def __init__(self, phone_number: _Optional[str] = ..., message_count: _Optional[int] = ..., last_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class HandsetMessage(_message.Message):
    __slots__ = ("message_id", "sender", "text", "segments", "receive_time", "from_handset")
    MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
    SENDER_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    SEGMENTS_FIELD_NUMBER: _ClassVar[int]
    RECEIVE_TIME_FIELD_NUMBER: _ClassVar[int]
    FROM_HANDSET_FIELD_NUMBER: _ClassVar[int]
    message_id: str
    sender: str
    text: str
    segments: int
    receive_time: _timestamp_pb2.Timestamp
    from_handset: bool
    def __init__(self, message_id: _Optional[str] = ..., sender: _Optional[str] = ..., text: _Optional[str] = ..., segments: _Optional[int] = ..., receive_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., from_handset: bool = ...) -> None: ...
