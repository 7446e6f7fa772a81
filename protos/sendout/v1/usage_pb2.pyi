from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.type import date_pb2 as _date_pb2
from google.type import money_pb2 as _money_pb2
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class UsageDimension(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    USAGE_DIMENSION_UNSPECIFIED: _ClassVar[UsageDimension]
    USAGE_DIMENSION_CONTACT_POINT: _ClassVar[UsageDimension]
    USAGE_DIMENSION_TOPIC: _ClassVar[UsageDimension]
    USAGE_DIMENSION_COUNTRY: _ClassVar[UsageDimension]
    USAGE_DIMENSION_DAY: _ClassVar[UsageDimension]
    USAGE_DIMENSION_MONTH: _ClassVar[UsageDimension]
USAGE_DIMENSION_UNSPECIFIED: UsageDimension
USAGE_DIMENSION_CONTACT_POINT: UsageDimension
USAGE_DIMENSION_TOPIC: UsageDimension
USAGE_DIMENSION_COUNTRY: UsageDimension
USAGE_DIMENSION_DAY: UsageDimension
USAGE_DIMENSION_MONTH: UsageDimension

class UsageRow(_message.Message):
    __slots__ = ("contact_point_id", "topic_id", "country", "day", "messages", "billable_segments", "cost", "unpriced_segments")
    CONTACT_POINT_ID_FIELD_NUMBER: _ClassVar[int]
    TOPIC_ID_FIELD_NUMBER: _ClassVar[int]
    COUNTRY_FIELD_NUMBER: _ClassVar[int]
    DAY_FIELD_NUMBER: _ClassVar[int]
    MESSAGES_FIELD_NUMBER: _ClassVar[int]
    BILLABLE_SEGMENTS_FIELD_NUMBER: _ClassVar[int]
    COST_FIELD_NUMBER: _ClassVar[int]
    UNPRICED_SEGMENTS_FIELD_NUMBER: _ClassVar[int]
    contact_point_id: str
    topic_id: str
    country: str
    day: _date_pb2.Date
    messages: int
    billable_segments: int
    cost: _money_pb2.Money
    unpriced_segments: int
    def __init__(self, contact_point_id: _Optional[str] = ..., topic_id: _Optional[str] = ..., country: _Optional[str] = ..., day: _Optional[_Union[_date_pb2.Date, _Mapping]] = ..., messages: _Optional[int] = ..., billable_segments: _Optional[int] = ..., cost: _Optional[_Union[_money_pb2.Money, _Mapping]] = ..., unpriced_segments: _Optional[int] = ...) -> None: ...
