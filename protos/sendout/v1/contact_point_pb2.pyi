import datetime

from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ConsentPolicy(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CONSENT_POLICY_UNSPECIFIED: _ClassVar[ConsentPolicy]
    CONSENT_POLICY_BLOCK_OPTED_OUT: _ClassVar[ConsentPolicy]
    CONSENT_POLICY_REQUIRE_OPT_IN: _ClassVar[ConsentPolicy]
CONSENT_POLICY_UNSPECIFIED: ConsentPolicy
CONSENT_POLICY_BLOCK_OPTED_OUT: ConsentPolicy
CONSENT_POLICY_REQUIRE_OPT_IN: ConsentPolicy

class QuietHours(_message.Message):
    __slots__ = ("start", "end", "fallback_time_zone")
    START_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    FALLBACK_TIME_ZONE_FIELD_NUMBER: _ClassVar[int]
    start: str
    end: str
    fallback_time_zone: str
    def __init__(self, start: _Optional[str] = ..., end: _Optional[str] = ..., fallback_time_zone: _Optional[str] = ...) -> None: ...

class ContactPoint(_message.Message):
    __slots__ = ("contact_point_id", "label", "sender", "carrier", "default_region", "send_notification_roles", "start_conversation_roles", "emoji_enabled", "max_segments", "segments_per_second", "burst_segments", "daily_segment_cap", "cap_time_zone", "allowed_countries", "quiet_hours", "smart_encoding", "enabled", "create_time", "update_time", "consent_policy", "number_messages_per_hour", "max_backlog_hours", "fallback_carriers", "opt_out_reply", "opt_in_reply", "help_reply")
    CONTACT_POINT_ID_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    SENDER_FIELD_NUMBER: _ClassVar[int]
    CARRIER_FIELD_NUMBER: _ClassVar[int]
    DEFAULT_REGION_FIELD_NUMBER: _ClassVar[int]
    SEND_NOTIFICATION_ROLES_FIELD_NUMBER: _ClassVar[int]
    START_CONVERSATION_ROLES_FIELD_NUMBER: _ClassVar[int]
    EMOJI_ENABLED_FIELD_NUMBER: _ClassVar[int]
    MAX_SEGMENTS_FIELD_NUMBER: _ClassVar[int]
    SEGMENTS_PER_SECOND_FIELD_NUMBER: _ClassVar[int]
    BURST_SEGMENTS_FIELD_NUMBER: _ClassVar[int]
    DAILY_SEGMENT_CAP_FIELD_NUMBER: _ClassVar[int]
    CAP_TIME_ZONE_FIELD_NUMBER: _ClassVar[int]
    ALLOWED_COUNTRIES_FIELD_NUMBER: _ClassVar[int]
    QUIET_HOURS_FIELD_NUMBER: _ClassVar[int]
    SMART_ENCODING_FIELD_NUMBER: _ClassVar[int]
    ENABLED_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    UPDATE_TIME_FIELD_NUMBER: _ClassVar[int]
    CONSENT_POLICY_FIELD_NUMBER: _ClassVar[int]
    NUMBER_MESSAGES_PER_HOUR_FIELD_NUMBER: _ClassVar[int]
    MAX_BACKLOG_HOURS_FIELD_NUMBER: _ClassVar[int]
    FALLBACK_CARRIERS_FIELD_NUMBER: _ClassVar[int]
    OPT_OUT_REPLY_FIELD_NUMBER: _ClassVar[int]
    OPT_IN_REPLY_FIELD_NUMBER: _ClassVar[int]
    HELP_REPLY_FIELD_NUMBER: _ClassVar[int]
    contact_point_id: str
    label: str
    sender: str
    carrier: str
    default_region: str
    send_notification_roles: _containers.RepeatedScalarFieldContainer[str]
    start_conversation_roles: _containers.RepeatedScalarFieldContainer[str]
    emoji_enabled: bool
    max_segments: int
    segments_per_second: float
    burst_segments: int
    daily_segment_cap: int
    cap_time_zone: str
    allowed_countries: _containers.RepeatedScalarFieldContainer[str]
    quiet_hours: QuietHours
    smart_encoding: bool
    enabled: bool
    create_time: _timestamp_pb2.Timestamp
    update_time: _timestamp_pb2.Timestamp
    consent_policy: ConsentPolicy
    number_messages_per_hour: int
    max_backlog_hours: int
    fallback_carriers: _containers.RepeatedScalarFieldContainer[str]
    opt_out_reply: str
    opt_in_reply: str
    help_reply: str
    def __init__(self, contact_point_id: _Optional[str] = ..., label: _Optional[str] = ..., sender: _Optional[str] = ..., carrier: _Optional[str] = ..., default_region: _Optional[str] = ..., send_notification_roles: _Optional[_Iterable[str]] = ..., start_conversation_roles: _Optional[_Iterable[str]] = ..., emoji_enabled: bool = ..., max_segments: _Optional[int] = ..., segments_per_second: _Optional[float] = ..., burst_segments: _Optional[int] = ..., daily_segment_cap: _Optional[int] = ..., cap_time_zone: _Optional[str] = ..., allowed_countries: _Optional[_Iterable[str]] = ..., quiet_hours: _Optional[_Union[QuietHours, _Mapping]] = ..., smart_encoding: bool = ..., enabled: bool = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., update_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., consent_policy: _Optional[_Union[ConsentPolicy, str]] = ..., number_messages_per_hour: _Optional[int] = ..., max_backlog_hours: _Optional[int] = ..., fallback_carriers: _Optional[_Iterable[str]] = ..., opt_out_reply: _Optional[str] = ..., opt_in_reply: _Optional[str] = ..., help_reply: _Optional[str] = ...) -> None: ...
