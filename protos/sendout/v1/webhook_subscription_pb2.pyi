import datetime

from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from sendout.v1 import event_pb2 as _event_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class WebhookSubscriptionState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    WEBHOOK_SUBSCRIPTION_STATE_UNSPECIFIED: _ClassVar[WebhookSubscriptionState]
    WEBHOOK_SUBSCRIPTION_STATE_ACTIVE: _ClassVar[WebhookSubscriptionState]
    WEBHOOK_SUBSCRIPTION_STATE_DISABLED: _ClassVar[WebhookSubscriptionState]
WEBHOOK_SUBSCRIPTION_STATE_UNSPECIFIED: WebhookSubscriptionState
WEBHOOK_SUBSCRIPTION_STATE_ACTIVE: WebhookSubscriptionState
WEBHOOK_SUBSCRIPTION_STATE_DISABLED: WebhookSubscriptionState

class WebhookSubscription(_message.Message):
    __slots__ = ("subscription_id", "url", "event_types", "contact_point_ids", "topic_ids", "crm_system", "state", "disabled_reason", "lag", "success_time", "failure_time", "failure_text", "failure_count", "create_time", "previous_secret_expire_time")
    SUBSCRIPTION_ID_FIELD_NUMBER: _ClassVar[int]
    URL_FIELD_NUMBER: _ClassVar[int]
    EVENT_TYPES_FIELD_NUMBER: _ClassVar[int]
    CONTACT_POINT_IDS_FIELD_NUMBER: _ClassVar[int]
    TOPIC_IDS_FIELD_NUMBER: _ClassVar[int]
    CRM_SYSTEM_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    DISABLED_REASON_FIELD_NUMBER: _ClassVar[int]
    LAG_FIELD_NUMBER: _ClassVar[int]
    SUCCESS_TIME_FIELD_NUMBER: _ClassVar[int]
    FAILURE_TIME_FIELD_NUMBER: _ClassVar[int]
    FAILURE_TEXT_FIELD_NUMBER: _ClassVar[int]
    FAILURE_COUNT_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    PREVIOUS_SECRET_EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    subscription_id: str
    url: str
    event_types: _containers.RepeatedScalarFieldContainer[_event_pb2.DeliveryEventType]
    contact_point_ids: _containers.RepeatedScalarFieldContainer[str]
    topic_ids: _containers.RepeatedScalarFieldContainer[str]
    crm_system: str
    state: WebhookSubscriptionState
    disabled_reason: str
    lag: int
    success_time: _timestamp_pb2.Timestamp
    failure_time: _timestamp_pb2.Timestamp
    failure_text: str
    failure_count: int
    create_time: _timestamp_pb2.Timestamp
    previous_secret_expire_time: _timestamp_pb2.Timestamp
    def __init__(self, subscription_id: _Optional[str] = ..., url: _Optional[str] = ..., event_types: _Optional[_Iterable[_Union[_event_pb2.DeliveryEventType, str]]] = ..., contact_point_ids: _Optional[_Iterable[str]] = ..., topic_ids: _Optional[_Iterable[str]] = ..., crm_system: _Optional[str] = ..., state: _Optional[_Union[WebhookSubscriptionState, str]] = ..., disabled_reason: _Optional[str] = ..., lag: _Optional[int] = ..., success_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., failure_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., failure_text: _Optional[str] = ..., failure_count: _Optional[int] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., previous_secret_expire_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...
