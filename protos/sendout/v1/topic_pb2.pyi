import datetime

from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class TopicState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TOPIC_STATE_UNSPECIFIED: _ClassVar[TopicState]
    TOPIC_STATE_ACTIVE: _ClassVar[TopicState]
    TOPIC_STATE_DISABLED: _ClassVar[TopicState]

class TopicStateFilter(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TOPIC_STATE_FILTER_UNSPECIFIED: _ClassVar[TopicStateFilter]
    TOPIC_STATE_FILTER_ACTIVE: _ClassVar[TopicStateFilter]
    TOPIC_STATE_FILTER_DISABLED: _ClassVar[TopicStateFilter]
    TOPIC_STATE_FILTER_BOTH: _ClassVar[TopicStateFilter]
TOPIC_STATE_UNSPECIFIED: TopicState
TOPIC_STATE_ACTIVE: TopicState
TOPIC_STATE_DISABLED: TopicState
TOPIC_STATE_FILTER_UNSPECIFIED: TopicStateFilter
TOPIC_STATE_FILTER_ACTIVE: TopicStateFilter
TOPIC_STATE_FILTER_DISABLED: TopicStateFilter
TOPIC_STATE_FILTER_BOTH: TopicStateFilter

class Topic(_message.Message):
    __slots__ = ("topic_id", "label", "state", "is_default", "create_time", "disable_time")
    TOPIC_ID_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    IS_DEFAULT_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    DISABLE_TIME_FIELD_NUMBER: _ClassVar[int]
    topic_id: str
    label: str
    state: TopicState
    is_default: bool
    create_time: _timestamp_pb2.Timestamp
    disable_time: _timestamp_pb2.Timestamp
    def __init__(self, topic_id: _Optional[str] = ..., label: _Optional[str] = ..., state: _Optional[_Union[TopicState, str]] = ..., is_default: bool = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., disable_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...
