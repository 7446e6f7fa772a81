import datetime

from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from sendout.v1 import message_pb2 as _message_pb2
from sendout.v1 import recipient_pb2 as _recipient_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class InvalidRecipients(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    INVALID_RECIPIENTS_UNSPECIFIED: _ClassVar[InvalidRecipients]
    INVALID_RECIPIENTS_REJECT_ALL: _ClassVar[InvalidRecipients]
    INVALID_RECIPIENTS_SKIP: _ClassVar[InvalidRecipients]

class Priority(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PRIORITY_UNSPECIFIED: _ClassVar[Priority]
    PRIORITY_NORMAL: _ClassVar[Priority]
    PRIORITY_URGENT: _ClassVar[Priority]
INVALID_RECIPIENTS_UNSPECIFIED: InvalidRecipients
INVALID_RECIPIENTS_REJECT_ALL: InvalidRecipients
INVALID_RECIPIENTS_SKIP: InvalidRecipients
PRIORITY_UNSPECIFIED: Priority
PRIORITY_NORMAL: Priority
PRIORITY_URGENT: Priority

class StateCount(_message.Message):
    __slots__ = ("state", "count")
    STATE_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    state: _message_pb2.MessageState
    count: int
    def __init__(self, state: _Optional[_Union[_message_pb2.MessageState, str]] = ..., count: _Optional[int] = ...) -> None: ...

class NotificationProgress(_message.Message):
    __slots__ = ("counts", "total", "done", "estimated_finish_time", "next_release_time")
    COUNTS_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    DONE_FIELD_NUMBER: _ClassVar[int]
    ESTIMATED_FINISH_TIME_FIELD_NUMBER: _ClassVar[int]
    NEXT_RELEASE_TIME_FIELD_NUMBER: _ClassVar[int]
    counts: _containers.RepeatedCompositeFieldContainer[StateCount]
    total: int
    done: bool
    estimated_finish_time: _timestamp_pb2.Timestamp
    next_release_time: _timestamp_pb2.Timestamp
    def __init__(self, counts: _Optional[_Iterable[_Union[StateCount, _Mapping]]] = ..., total: _Optional[int] = ..., done: bool = ..., estimated_finish_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., next_release_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class Notification(_message.Message):
    __slots__ = ("notification_id", "contact_point_id", "topic_id", "text", "encoding", "segments", "message_count", "priority", "create_time", "send_time", "expire_time", "labels", "principal_id", "trace_id", "progress", "given_text", "replacement_count")
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    NOTIFICATION_ID_FIELD_NUMBER: _ClassVar[int]
    CONTACT_POINT_ID_FIELD_NUMBER: _ClassVar[int]
    TOPIC_ID_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    ENCODING_FIELD_NUMBER: _ClassVar[int]
    SEGMENTS_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_COUNT_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    SEND_TIME_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    PRINCIPAL_ID_FIELD_NUMBER: _ClassVar[int]
    TRACE_ID_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    GIVEN_TEXT_FIELD_NUMBER: _ClassVar[int]
    REPLACEMENT_COUNT_FIELD_NUMBER: _ClassVar[int]
    notification_id: str
    contact_point_id: str
    topic_id: str
    text: str
    encoding: _message_pb2.Encoding
    segments: int
    message_count: int
    priority: Priority
    create_time: _timestamp_pb2.Timestamp
    send_time: _timestamp_pb2.Timestamp
    expire_time: _timestamp_pb2.Timestamp
    labels: _containers.ScalarMap[str, str]
    principal_id: str
    trace_id: str
    progress: NotificationProgress
    given_text: str
    replacement_count: int
    def __init__(self, notification_id: _Optional[str] = ..., contact_point_id: _Optional[str] = ..., topic_id: _Optional[str] = ..., text: _Optional[str] = ..., encoding: _Optional[_Union[_message_pb2.Encoding, str]] = ..., segments: _Optional[int] = ..., message_count: _Optional[int] = ..., priority: _Optional[_Union[Priority, str]] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., send_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., expire_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., labels: _Optional[_Mapping[str, str]] = ..., principal_id: _Optional[str] = ..., trace_id: _Optional[str] = ..., progress: _Optional[_Union[NotificationProgress, _Mapping]] = ..., given_text: _Optional[str] = ..., replacement_count: _Optional[int] = ...) -> None: ...

class SkippedRecipient(_message.Message):
    __slots__ = ("index", "phone_number", "reason", "description")
    INDEX_FIELD_NUMBER: _ClassVar[int]
    PHONE_NUMBER_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    index: int
    phone_number: str
    reason: _recipient_pb2.RecipientProblemReason
    description: str
    def __init__(self, index: _Optional[int] = ..., phone_number: _Optional[str] = ..., reason: _Optional[_Union[_recipient_pb2.RecipientProblemReason, str]] = ..., description: _Optional[str] = ...) -> None: ...
