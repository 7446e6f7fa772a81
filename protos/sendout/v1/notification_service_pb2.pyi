import datetime

from google.api import annotations_pb2 as _annotations_pb2
from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.type import money_pb2 as _money_pb2
from sendout.v1 import consent_pb2 as _consent_pb2
from sendout.v1 import error_reason_pb2 as _error_reason_pb2
from sendout.v1 import message_pb2 as _message_pb2
from sendout.v1 import notification_pb2 as _notification_pb2
from sendout.v1 import recipient_pb2 as _recipient_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class PreviewNotificationRequest(_message.Message):
    __slots__ = ("request_id", "contact_point_id", "topic_id", "text", "recipients", "max_segments", "invalid_recipients", "smart_encoding", "priority", "send_time", "expire_time", "labels")
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    CONTACT_POINT_ID_FIELD_NUMBER: _ClassVar[int]
    TOPIC_ID_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    RECIPIENTS_FIELD_NUMBER: _ClassVar[int]
    MAX_SEGMENTS_FIELD_NUMBER: _ClassVar[int]
    INVALID_RECIPIENTS_FIELD_NUMBER: _ClassVar[int]
    SMART_ENCODING_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    SEND_TIME_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    contact_point_id: str
    topic_id: str
    text: str
    recipients: _containers.RepeatedCompositeFieldContainer[_recipient_pb2.Recipient]
    max_segments: int
    invalid_recipients: _notification_pb2.InvalidRecipients
    smart_encoding: bool
    priority: _notification_pb2.Priority
    send_time: _timestamp_pb2.Timestamp
    expire_time: _timestamp_pb2.Timestamp
    labels: _containers.ScalarMap[str, str]
    def __init__(self, request_id: _Optional[str] = ..., contact_point_id: _Optional[str] = ..., topic_id: _Optional[str] = ..., text: _Optional[str] = ..., recipients: _Optional[_Iterable[_Union[_recipient_pb2.Recipient, _Mapping]]] = ..., max_segments: _Optional[int] = ..., invalid_recipients: _Optional[_Union[_notification_pb2.InvalidRecipients, str]] = ..., smart_encoding: bool = ..., priority: _Optional[_Union[_notification_pb2.Priority, str]] = ..., send_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., expire_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., labels: _Optional[_Mapping[str, str]] = ...) -> None: ...

class PreviewProblem(_message.Message):
    __slots__ = ("reason", "field", "description")
    REASON_FIELD_NUMBER: _ClassVar[int]
    FIELD_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    reason: _error_reason_pb2.ErrorReason
    field: str
    description: str
    def __init__(self, reason: _Optional[_Union[_error_reason_pb2.ErrorReason, str]] = ..., field: _Optional[str] = ..., description: _Optional[str] = ...) -> None: ...

class RecipientPreview(_message.Message):
    __slots__ = ("index", "phone_number", "e164", "reason", "description", "duplicate", "opted_out", "segments", "consent_state", "held_until", "country")
    INDEX_FIELD_NUMBER: _ClassVar[int]
    PHONE_NUMBER_FIELD_NUMBER: _ClassVar[int]
    E164_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    DUPLICATE_FIELD_NUMBER: _ClassVar[int]
    OPTED_OUT_FIELD_NUMBER: _ClassVar[int]
    SEGMENTS_FIELD_NUMBER: _ClassVar[int]
    CONSENT_STATE_FIELD_NUMBER: _ClassVar[int]
    HELD_UNTIL_FIELD_NUMBER: _ClassVar[int]
    COUNTRY_FIELD_NUMBER: _ClassVar[int]
    index: int
    phone_number: str
    e164: str
    reason: _recipient_pb2.RecipientProblemReason
    description: str
    duplicate: bool
    opted_out: bool
    segments: int
    consent_state: _consent_pb2.ConsentState
    held_until: _timestamp_pb2.Timestamp
    country: str
    def __init__(self, index: _Optional[int] = ..., phone_number: _Optional[str] = ..., e164: _Optional[str] = ..., reason: _Optional[_Union[_recipient_pb2.RecipientProblemReason, str]] = ..., description: _Optional[str] = ..., duplicate: bool = ..., opted_out: bool = ..., segments: _Optional[int] = ..., consent_state: _Optional[_Union[_consent_pb2.ConsentState, str]] = ..., held_until: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., country: _Optional[str] = ...) -> None: ...

class Replacement(_message.Message):
    __slots__ = ("index", "replaced", "replacement")
    INDEX_FIELD_NUMBER: _ClassVar[int]
    REPLACED_FIELD_NUMBER: _ClassVar[int]
    REPLACEMENT_FIELD_NUMBER: _ClassVar[int]
    index: int
    replaced: str
    replacement: str
    def __init__(self, index: _Optional[int] = ..., replaced: _Optional[str] = ..., replacement: _Optional[str] = ...) -> None: ...

class SmartEncodingPreview(_message.Message):
    __slots__ = ("enabled", "applies", "replacements", "segments_before", "segments_after")
    ENABLED_FIELD_NUMBER: _ClassVar[int]
    APPLIES_FIELD_NUMBER: _ClassVar[int]
    REPLACEMENTS_FIELD_NUMBER: _ClassVar[int]
    SEGMENTS_BEFORE_FIELD_NUMBER: _ClassVar[int]
    SEGMENTS_AFTER_FIELD_NUMBER: _ClassVar[int]
    enabled: bool
    applies: bool
    replacements: _containers.RepeatedCompositeFieldContainer[Replacement]
    segments_before: int
    segments_after: int
    def __init__(self, enabled: bool = ..., applies: bool = ..., replacements: _Optional[_Iterable[_Union[Replacement, _Mapping]]] = ..., segments_before: _Optional[int] = ..., segments_after: _Optional[int] = ...) -> None: ...

class ContentHint(_message.Message):
    __slots__ = ("kind", "description", "index")
    KIND_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    kind: str
    description: str
    index: int
    def __init__(self, kind: _Optional[str] = ..., description: _Optional[str] = ..., index: _Optional[int] = ...) -> None: ...

class PreviewNotificationResponse(_message.Message):
    __slots__ = ("sendable", "problems", "text", "encoding", "segments", "characters_used", "characters_left", "ucs2_characters", "acknowledgement_needed", "max_segments", "recipients", "message_count", "billable_segments", "estimated_cost", "estimated_finish_time", "segments_without_ucs2_characters", "smart_encoding", "hints", "sample_text", "held_count", "variables")
    SENDABLE_FIELD_NUMBER: _ClassVar[int]
    PROBLEMS_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    ENCODING_FIELD_NUMBER: _ClassVar[int]
    SEGMENTS_FIELD_NUMBER: _ClassVar[int]
    CHARACTERS_USED_FIELD_NUMBER: _ClassVar[int]
    CHARACTERS_LEFT_FIELD_NUMBER: _ClassVar[int]
    UCS2_CHARACTERS_FIELD_NUMBER: _ClassVar[int]
    ACKNOWLEDGEMENT_NEEDED_FIELD_NUMBER: _ClassVar[int]
    MAX_SEGMENTS_FIELD_NUMBER: _ClassVar[int]
    RECIPIENTS_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_COUNT_FIELD_NUMBER: _ClassVar[int]
    BILLABLE_SEGMENTS_FIELD_NUMBER: _ClassVar[int]
    ESTIMATED_COST_FIELD_NUMBER: _ClassVar[int]
    ESTIMATED_FINISH_TIME_FIELD_NUMBER: _ClassVar[int]
    SEGMENTS_WITHOUT_UCS2_CHARACTERS_FIELD_NUMBER: _ClassVar[int]
    SMART_ENCODING_FIELD_NUMBER: _ClassVar[int]
    HINTS_FIELD_NUMBER: _ClassVar[int]
    SAMPLE_TEXT_FIELD_NUMBER: _ClassVar[int]
    HELD_COUNT_FIELD_NUMBER: _ClassVar[int]
    VARIABLES_FIELD_NUMBER: _ClassVar[int]
    sendable: bool
    problems: _containers.RepeatedCompositeFieldContainer[PreviewProblem]
    text: str
    encoding: _message_pb2.Encoding
    segments: int
    characters_used: int
    characters_left: int
    ucs2_characters: _containers.RepeatedScalarFieldContainer[str]
    acknowledgement_needed: bool
    max_segments: int
    recipients: _containers.RepeatedCompositeFieldContainer[RecipientPreview]
    message_count: int
    billable_segments: int
    estimated_cost: _money_pb2.Money
    estimated_finish_time: _timestamp_pb2.Timestamp
    segments_without_ucs2_characters: int
    smart_encoding: SmartEncodingPreview
    hints: _containers.RepeatedCompositeFieldContainer[ContentHint]
    sample_text: str
    held_count: int
    variables: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, sendable: bool = ..., problems: _Optional[_Iterable[_Union[PreviewProblem, _Mapping]]] = ..., text: _Optional[str] = ..., encoding: _Optional[_Union[_message_pb2.Encoding, str]] = ..., segments: _Optional[int] = ..., characters_used: _Optional[int] = ..., characters_left: _Optional[int] = ..., ucs2_characters: _Optional[_Iterable[str]] = ..., acknowledgement_needed: bool = ..., max_segments: _Optional[int] = ..., recipients: _Optional[_Iterable[_Union[RecipientPreview, _Mapping]]] = ..., message_count: _Optional[int] = ..., billable_segments: _Optional[int] = ..., estimated_cost: _Optional[_Union[_money_pb2.Money, _Mapping]] = ..., estimated_finish_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., segments_without_ucs2_characters: _Optional[int] = ..., smart_encoding: _Optional[_Union[SmartEncodingPreview, _Mapping]] = ..., hints: _Optional[_Iterable[_Union[ContentHint, _Mapping]]] = ..., sample_text: _Optional[str] = ..., held_count: _Optional[int] = ..., variables: _Optional[_Iterable[str]] = ...) -> None: ...

class SendNotificationRequest(_message.Message):
    __slots__ = ("request_id", "contact_point_id", "topic_id", "text", "recipients", "max_segments", "invalid_recipients", "smart_encoding", "priority", "send_time", "expire_time", "labels")
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    CONTACT_POINT_ID_FIELD_NUMBER: _ClassVar[int]
    TOPIC_ID_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    RECIPIENTS_FIELD_NUMBER: _ClassVar[int]
    MAX_SEGMENTS_FIELD_NUMBER: _ClassVar[int]
    INVALID_RECIPIENTS_FIELD_NUMBER: _ClassVar[int]
    SMART_ENCODING_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    SEND_TIME_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    contact_point_id: str
    topic_id: str
    text: str
    recipients: _containers.RepeatedCompositeFieldContainer[_recipient_pb2.Recipient]
    max_segments: int
    invalid_recipients: _notification_pb2.InvalidRecipients
    smart_encoding: bool
    priority: _notification_pb2.Priority
    send_time: _timestamp_pb2.Timestamp
    expire_time: _timestamp_pb2.Timestamp
    labels: _containers.ScalarMap[str, str]
    def __init__(self, request_id: _Optional[str] = ..., contact_point_id: _Optional[str] = ..., topic_id: _Optional[str] = ..., text: _Optional[str] = ..., recipients: _Optional[_Iterable[_Union[_recipient_pb2.Recipient, _Mapping]]] = ..., max_segments: _Optional[int] = ..., invalid_recipients: _Optional[_Union[_notification_pb2.InvalidRecipients, str]] = ..., smart_encoding: bool = ..., priority: _Optional[_Union[_notification_pb2.Priority, str]] = ..., send_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., expire_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., labels: _Optional[_Mapping[str, str]] = ...) -> None: ...

class SendNotificationResponse(_message.Message):
    __slots__ = ("notification", "accepted_count", "skipped", "replayed", "warnings")
    NOTIFICATION_FIELD_NUMBER: _ClassVar[int]
    ACCEPTED_COUNT_FIELD_NUMBER: _ClassVar[int]
    SKIPPED_FIELD_NUMBER: _ClassVar[int]
    REPLAYED_FIELD_NUMBER: _ClassVar[int]
    WARNINGS_FIELD_NUMBER: _ClassVar[int]
    notification: _notification_pb2.Notification
    accepted_count: int
    skipped: _containers.RepeatedCompositeFieldContainer[_notification_pb2.SkippedRecipient]
    replayed: bool
    warnings: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, notification: _Optional[_Union[_notification_pb2.Notification, _Mapping]] = ..., accepted_count: _Optional[int] = ..., skipped: _Optional[_Iterable[_Union[_notification_pb2.SkippedRecipient, _Mapping]]] = ..., replayed: bool = ..., warnings: _Optional[_Iterable[str]] = ...) -> None: ...

class SendNotificationHeader(_message.Message):
    __slots__ = ("request_id", "contact_point_id", "topic_id", "text", "max_segments", "invalid_recipients", "smart_encoding", "priority", "send_time", "expire_time", "labels")
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    CONTACT_POINT_ID_FIELD_NUMBER: _ClassVar[int]
    TOPIC_ID_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    MAX_SEGMENTS_FIELD_NUMBER: _ClassVar[int]
    INVALID_RECIPIENTS_FIELD_NUMBER: _ClassVar[int]
    SMART_ENCODING_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    SEND_TIME_FIELD_NUMBER: _ClassVar[int]
    EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    contact_point_id: str
    topic_id: str
    text: str
    max_segments: int
    invalid_recipients: _notification_pb2.InvalidRecipients
    smart_encoding: bool
    priority: _notification_pb2.Priority
    send_time: _timestamp_pb2.Timestamp
    expire_time: _timestamp_pb2.Timestamp
    labels: _containers.ScalarMap[str, str]
    def __init__(self, request_id: _Optional[str] = ..., contact_point_id: _Optional[str] = ..., topic_id: _Optional[str] = ..., text: _Optional[str] = ..., max_segments: _Optional[int] = ..., invalid_recipients: _Optional[_Union[_notification_pb2.InvalidRecipients, str]] = ..., smart_encoding: bool = ..., priority: _Optional[_Union[_notification_pb2.Priority, str]] = ..., send_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., expire_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., labels: _Optional[_Mapping[str, str]] = ...) -> None: ...

class RecipientChunk(_message.Message):
    __slots__ = ("recipients",)
    RECIPIENTS_FIELD_NUMBER: _ClassVar[int]
    recipients: _containers.RepeatedCompositeFieldContainer[_recipient_pb2.Recipient]
    def __init__(self, recipients: _Optional[_Iterable[_Union[_recipient_pb2.Recipient, _Mapping]]] = ...) -> None: ...

class SendNotificationStreamRequest(_message.Message):
    __slots__ = ("header", "chunk")
    HEADER_FIELD_NUMBER: _ClassVar[int]
    CHUNK_FIELD_NUMBER: _ClassVar[int]
    header: SendNotificationHeader
    chunk: RecipientChunk
    def __init__(self, header: _Optional[_Union[SendNotificationHeader, _Mapping]] = ..., chunk: _Optional[_Union[RecipientChunk, _Mapping]] = ...) -> None: ...

class SendNotificationStreamResponse(_message.Message):
    __slots__ = ("notification", "accepted_count", "skipped", "replayed", "warnings")
    NOTIFICATION_FIELD_NUMBER: _ClassVar[int]
    ACCEPTED_COUNT_FIELD_NUMBER: _ClassVar[int]
    SKIPPED_FIELD_NUMBER: _ClassVar[int]
    REPLAYED_FIELD_NUMBER: _ClassVar[int]
    WARNINGS_FIELD_NUMBER: _ClassVar[int]
    notification: _notification_pb2.Notification
    accepted_count: int
    skipped: _containers.RepeatedCompositeFieldContainer[_notification_pb2.SkippedRecipient]
    replayed: bool
    warnings: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, notification: _Optional[_Union[_notification_pb2.Notification, _Mapping]] = ..., accepted_count: _Optional[int] = ..., skipped: _Optional[_Iterable[_Union[_notification_pb2.SkippedRecipient, _Mapping]]] = ..., replayed: bool = ..., warnings: _Optional[_Iterable[str]] = ...) -> None: ...

class GetNotificationRequest(_message.Message):
    __slots__ = ("notification_id",)
    NOTIFICATION_ID_FIELD_NUMBER: _ClassVar[int]
    notification_id: str
    def __init__(self, notification_id: _Optional[str] = ...) -> None: ...

class GetNotificationResponse(_message.Message):
    __slots__ = ("notification",)
    NOTIFICATION_FIELD_NUMBER: _ClassVar[int]
    notification: _notification_pb2.Notification
    def __init__(self, notification: _Optional[_Union[_notification_pb2.Notification, _Mapping]] = ...) -> None: ...

class ListNotificationsRequest(_message.Message):
    __slots__ = ("page_size", "page_token", "topic_id", "contact_point_id", "start_time", "end_time")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    TOPIC_ID_FIELD_NUMBER: _ClassVar[int]
    CONTACT_POINT_ID_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    topic_id: str
    contact_point_id: str
    start_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., topic_id: _Optional[str] = ..., contact_point_id: _Optional[str] = ..., start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class ListNotificationsResponse(_message.Message):
    __slots__ = ("notifications", "next_page_token")
    NOTIFICATIONS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    notifications: _containers.RepeatedCompositeFieldContainer[_notification_pb2.Notification]
    next_page_token: str
    def __init__(self, notifications: _Optional[_Iterable[_Union[_notification_pb2.Notification, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class CancelNotificationRequest(_message.Message):
    __slots__ = ("notification_id",)
    NOTIFICATION_ID_FIELD_NUMBER: _ClassVar[int]
    notification_id: str
    def __init__(self, notification_id: _Optional[str] = ...) -> None: ...

class CancelNotificationResponse(_message.Message):
    __slots__ = ("canceled_count", "progress")
    CANCELED_COUNT_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    canceled_count: int
    progress: _notification_pb2.NotificationProgress
    def __init__(self, canceled_count: _Optional[int] = ..., progress: _Optional[_Union[_notification_pb2.NotificationProgress, _Mapping]] = ...) -> None: ...

class WatchNotificationRequest(_message.Message):
    __slots__ = ("notification_id",)
    NOTIFICATION_ID_FIELD_NUMBER: _ClassVar[int]
    notification_id: str
    def __init__(self, notification_id: _Optional[str] = ...) -> None: ...

class WatchNotificationResponse(_message.Message):
    __slots__ = ("progress", "trace_id", "time")
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    TRACE_ID_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    progress: _notification_pb2.NotificationProgress
    trace_id: str
    time: _timestamp_pb2.Timestamp
    def __init__(self, progress: _Optional[_Union[_notification_pb2.NotificationProgress, _Mapping]] = ..., trace_id: _Optional[str] = ..., time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class ListMessagesRequest(_message.Message):
    __slots__ = ("notification_id", "states", "page_size", "page_token")
    NOTIFICATION_ID_FIELD_NUMBER: _ClassVar[int]
    STATES_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    notification_id: str
    states: _containers.RepeatedScalarFieldContainer[_message_pb2.MessageState]
    page_size: int
    page_token: str
    def __init__(self, notification_id: _Optional[str] = ..., states: _Optional[_Iterable[_Union[_message_pb2.MessageState, str]]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListMessagesResponse(_message.Message):
    __slots__ = ("messages", "next_page_token")
    MESSAGES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    messages: _containers.RepeatedCompositeFieldContainer[_message_pb2.Message]
    next_page_token: str
    def __init__(self, messages: _Optional[_Iterable[_Union[_message_pb2.Message, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...
