import datetime

from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ConsentState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CONSENT_STATE_UNSPECIFIED: _ClassVar[ConsentState]
    CONSENT_STATE_OPTED_IN: _ClassVar[ConsentState]
    CONSENT_STATE_OPTED_OUT: _ClassVar[ConsentState]

class ConsentScope(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CONSENT_SCOPE_UNSPECIFIED: _ClassVar[ConsentScope]
    CONSENT_SCOPE_CONTACT_POINT: _ClassVar[ConsentScope]
    CONSENT_SCOPE_ORGANISATION: _ClassVar[ConsentScope]

class ConsentSource(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CONSENT_SOURCE_UNSPECIFIED: _ClassVar[ConsentSource]
    CONSENT_SOURCE_REPLY: _ClassVar[ConsentSource]
    CONSENT_SOURCE_CARRIER: _ClassVar[ConsentSource]
    CONSENT_SOURCE_RECORDED: _ClassVar[ConsentSource]
    CONSENT_SOURCE_IMPORTED: _ClassVar[ConsentSource]
CONSENT_STATE_UNSPECIFIED: ConsentState
CONSENT_STATE_OPTED_IN: ConsentState
CONSENT_STATE_OPTED_OUT: ConsentState
CONSENT_SCOPE_UNSPECIFIED: ConsentScope
CONSENT_SCOPE_CONTACT_POINT: ConsentScope
CONSENT_SCOPE_ORGANISATION: ConsentScope
CONSENT_SOURCE_UNSPECIFIED: ConsentSource
CONSENT_SOURCE_REPLY: ConsentSource
CONSENT_SOURCE_CARRIER: ConsentSource
CONSENT_SOURCE_RECORDED: ConsentSource
CONSENT_SOURCE_IMPORTED: ConsentSource

class Consent(_message.Message):
    __slots__ = ("phone_number", "scope", "contact_point_id", "state", "evidence", "consent_time", "source", "principal_id")
    PHONE_NUMBER_FIELD_NUMBER: _ClassVar[int]
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    CONTACT_POINT_ID_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    EVIDENCE_FIELD_NUMBER: _ClassVar[int]
    CONSENT_TIME_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    PRINCIPAL_ID_FIELD_NUMBER: _ClassVar[int]
    phone_number: str
    scope: ConsentScope
    contact_point_id: str
    state: ConsentState
    evidence: str
    consent_time: _timestamp_pb2.Timestamp
    source: ConsentSource
    principal_id: str
    def __init__(self, phone_number: _Optional[str] = ..., scope: _Optional[_Union[ConsentScope, str]] = ..., contact_point_id: _Optional[str] = ..., state: _Optional[_Union[ConsentState, str]] = ..., evidence: _Optional[str] = ..., consent_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., source: _Optional[_Union[ConsentSource, str]] = ..., principal_id: _Optional[str] = ...) -> None: ...
