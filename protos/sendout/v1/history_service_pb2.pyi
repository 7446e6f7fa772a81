import datetime

from google.api import annotations_pb2 as _annotations_pb2
from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from sendout.v1 import event_pb2 as _event_pb2
from sendout.v1 import message_pb2 as _message_pb2
from sendout.v1 import tally_pb2 as _tally_pb2
from sendout.v1 import topic_pb2 as _topic_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ListTopicTalliesRequest(_message.Message):
    __slots__ = ("start_time", "end_time", "time_zone", "state", "contact_point_id", "page_size", "page_token")
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    TIME_ZONE_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    CONTACT_POINT_ID_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    start_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    time_zone: str
    state: _topic_pb2.TopicStateFilter
    contact_point_id: str
    page_size: int
    page_token: str
    def __init__(self, start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., time_zone: _Optional[str] = ..., state: _Optional[_Union[_topic_pb2.TopicStateFilter, str]] = ..., contact_point_id: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListTopicTalliesResponse(_message.Message):
    __slots__ = ("tallies", "total", "time_zone", "next_page_token", "start_time", "end_time")
    TALLIES_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    TIME_ZONE_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    tallies: _containers.RepeatedCompositeFieldContainer[_tally_pb2.TopicTally]
    total: _tally_pb2.Tally
    time_zone: str
    next_page_token: str
    start_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    def __init__(self, tallies: _Optional[_Iterable[_Union[_tally_pb2.TopicTally, _Mapping]]] = ..., total: _Optional[_Union[_tally_pb2.Tally, _Mapping]] = ..., time_zone: _Optional[str] = ..., next_page_token: _Optional[str] = ..., start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class GetTopicSeriesRequest(_message.Message):
    __slots__ = ("topic_id", "start_time", "end_time", "bucket", "time_zone", "contact_point_id")
    TOPIC_ID_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    BUCKET_FIELD_NUMBER: _ClassVar[int]
    TIME_ZONE_FIELD_NUMBER: _ClassVar[int]
    CONTACT_POINT_ID_FIELD_NUMBER: _ClassVar[int]
    topic_id: str
    start_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    bucket: _tally_pb2.TallyBucket
    time_zone: str
    contact_point_id: str
    def __init__(self, topic_id: _Optional[str] = ..., start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., bucket: _Optional[_Union[_tally_pb2.TallyBucket, str]] = ..., time_zone: _Optional[str] = ..., contact_point_id: _Optional[str] = ...) -> None: ...

class GetTopicSeriesResponse(_message.Message):
    __slots__ = ("points", "total")
    POINTS_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    points: _containers.RepeatedCompositeFieldContainer[_tally_pb2.TallyPoint]
    total: _tally_pb2.Tally
    def __init__(self, points: _Optional[_Iterable[_Union[_tally_pb2.TallyPoint, _Mapping]]] = ..., total: _Optional[_Union[_tally_pb2.Tally, _Mapping]] = ...) -> None: ...

class ListRecentMessagesRequest(_message.Message):
    __slots__ = ("topic_id", "page_size", "page_token")
    TOPIC_ID_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    topic_id: str
    page_size: int
    page_token: str
    def __init__(self, topic_id: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListRecentMessagesResponse(_message.Message):
    __slots__ = ("messages", "next_page_token")
    MESSAGES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    messages: _containers.RepeatedCompositeFieldContainer[_message_pb2.Message]
    next_page_token: str
    def __init__(self, messages: _Optional[_Iterable[_Union[_message_pb2.Message, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class GetMessageRequest(_message.Message):
    __slots__ = ("message_id",)
    MESSAGE_ID_FIELD_NUMBER: _ClassVar[int]
    message_id: str
    def __init__(self, message_id: _Optional[str] = ...) -> None: ...

class GetMessageResponse(_message.Message):
    __slots__ = ("message",)
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    message: _message_pb2.MessageDetail
    def __init__(self, message: _Optional[_Union[_message_pb2.MessageDetail, _Mapping]] = ...) -> None: ...

class StreamDeliveryEventsRequest(_message.Message):
    __slots__ = ("resume_token", "contact_point_ids", "topic_ids", "notification_id", "crm_system", "own_only", "conversations_only")
    RESUME_TOKEN_FIELD_NUMBER: _ClassVar[int]
    CONTACT_POINT_IDS_FIELD_NUMBER: _ClassVar[int]
    TOPIC_IDS_FIELD_NUMBER: _ClassVar[int]
    NOTIFICATION_ID_FIELD_NUMBER: _ClassVar[int]
    CRM_SYSTEM_FIELD_NUMBER: _ClassVar[int]
    OWN_ONLY_FIELD_NUMBER: _ClassVar[int]
    CONVERSATIONS_ONLY_FIELD_NUMBER: _ClassVar[int]
    resume_token: str
    contact_point_ids: _containers.RepeatedScalarFieldContainer[str]
    topic_ids: _containers.RepeatedScalarFieldContainer[str]
    notification_id: str
    crm_system: str
    own_only: bool
    conversations_only: bool
    def __init__(self, resume_token: _Optional[str] = ..., contact_point_ids: _Optional[_Iterable[str]] = ..., topic_ids: _Optional[_Iterable[str]] = ..., notification_id: _Optional[str] = ..., crm_system: _Optional[str] = ..., own_only: bool = ..., conversations_only: bool = ...) -> None: ...

class StreamDeliveryEventsResponse(_message.Message):
    __slots__ = ("events", "resume_token", "time")
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    RESUME_TOKEN_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    events: _containers.RepeatedCompositeFieldContainer[_event_pb2.DeliveryEvent]
    resume_token: str
    time: _timestamp_pb2.Timestamp
    def __init__(self, events: _Optional[_Iterable[_Union[_event_pb2.DeliveryEvent, _Mapping]]] = ..., resume_token: _Optional[str] = ..., time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class ExportMessagesRequest(_message.Message):
    __slots__ = ("start_time", "end_time", "topic_id", "contact_point_id")
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    TOPIC_ID_FIELD_NUMBER: _ClassVar[int]
    CONTACT_POINT_ID_FIELD_NUMBER: _ClassVar[int]
    start_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    topic_id: str
    contact_point_id: str
    def __init__(self, start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., topic_id: _Optional[str] = ..., contact_point_id: _Optional[str] = ...) -> None: ...

class ExportedMessage(_message.Message):
    __slots__ = ("message", "contact_point_id", "topic_id")
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    CONTACT_POINT_ID_FIELD_NUMBER: _ClassVar[int]
    TOPIC_ID_FIELD_NUMBER: _ClassVar[int]
    message: _message_pb2.Message
    contact_point_id: str
    topic_id: str
    def __init__(self, message: _Optional[_Union[_message_pb2.Message, _Mapping]] = ..., contact_point_id: _Optional[str] = ..., topic_id: _Optional[str] = ...) -> None: ...

class ExportMessagesResponse(_message.Message):
    __slots__ = ("messages",)
    MESSAGES_FIELD_NUMBER: _ClassVar[int]
    messages: _containers.RepeatedCompositeFieldContainer[ExportedMessage]
    def __init__(self, messages: _Optional[_Iterable[_Union[ExportedMessage, _Mapping]]] = ...) -> None: ...
