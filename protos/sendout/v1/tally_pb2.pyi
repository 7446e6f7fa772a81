import datetime

from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from sendout.v1 import topic_pb2 as _topic_pb2
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class TallyBucket(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TALLY_BUCKET_UNSPECIFIED: _ClassVar[TallyBucket]
    TALLY_BUCKET_HOUR: _ClassVar[TallyBucket]
    TALLY_BUCKET_DAY: _ClassVar[TallyBucket]
TALLY_BUCKET_UNSPECIFIED: TallyBucket
TALLY_BUCKET_HOUR: TallyBucket
TALLY_BUCKET_DAY: TallyBucket

class Tally(_message.Message):
    __slots__ = ("accepted", "sent", "delivered", "undelivered", "failed", "other", "segments")
    ACCEPTED_FIELD_NUMBER: _ClassVar[int]
    SENT_FIELD_NUMBER: _ClassVar[int]
    DELIVERED_FIELD_NUMBER: _ClassVar[int]
    UNDELIVERED_FIELD_NUMBER: _ClassVar[int]
    FAILED_FIELD_NUMBER: _ClassVar[int]
    OTHER_FIELD_NUMBER: _ClassVar[int]
    SEGMENTS_FIELD_NUMBER: _ClassVar[int]
    accepted: int
    sent: int
    delivered: int
    undelivered: int
    failed: int
    other: int
    segments: int
    def __init__(self, accepted: _Optional[int] = ..., sent: _Optional[int] = ..., delivered: _Optional[int] = ..., undelivered: _Optional[int] = ..., failed: _Optional[int] = ..., other: _Optional[int] = ..., segments: _Optional[int] = ...) -> None: ...

class TopicTally(_message.Message):
    __slots__ = ("topic", "tally")
    TOPIC_FIELD_NUMBER: _ClassVar[int]
    TALLY_FIELD_NUMBER: _ClassVar[int]
    topic: _topic_pb2.Topic
    tally: Tally
    def __init__(self, topic: _Optional[_Union[_topic_pb2.Topic, _Mapping]] = ..., tally: _Optional[_Union[Tally, _Mapping]] = ...) -> None: ...

class TallyPoint(_message.Message):
    __slots__ = ("start_time", "end_time", "tally")
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    TALLY_FIELD_NUMBER: _ClassVar[int]
    start_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    tally: Tally
    def __init__(self, start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., tally: _Optional[_Union[Tally, _Mapping]] = ...) -> None: ...
