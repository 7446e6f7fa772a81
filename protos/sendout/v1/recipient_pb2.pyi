from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class RecipientProblemReason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    RECIPIENT_PROBLEM_REASON_UNSPECIFIED: _ClassVar[RecipientProblemReason]
    RECIPIENT_PROBLEM_REASON_EMPTY: _ClassVar[RecipientProblemReason]
    RECIPIENT_PROBLEM_REASON_LETTERS: _ClassVar[RecipientProblemReason]
    RECIPIENT_PROBLEM_REASON_NO_COUNTRY_CODE: _ClassVar[RecipientProblemReason]
    RECIPIENT_PROBLEM_REASON_UNKNOWN_COUNTRY: _ClassVar[RecipientProblemReason]
    RECIPIENT_PROBLEM_REASON_TOO_SHORT: _ClassVar[RecipientProblemReason]
    RECIPIENT_PROBLEM_REASON_TOO_LONG: _ClassVar[RecipientProblemReason]
    RECIPIENT_PROBLEM_REASON_NOT_A_NUMBER_IN_PLAN: _ClassVar[RecipientProblemReason]
    RECIPIENT_PROBLEM_REASON_EXTENSION: _ClassVar[RecipientProblemReason]
    RECIPIENT_PROBLEM_REASON_TYPE_NOT_SMS: _ClassVar[RecipientProblemReason]
    RECIPIENT_PROBLEM_REASON_DUPLICATE: _ClassVar[RecipientProblemReason]
    RECIPIENT_PROBLEM_REASON_OPTED_OUT: _ClassVar[RecipientProblemReason]
    RECIPIENT_PROBLEM_REASON_COUNTRY_NOT_ALLOWED: _ClassVar[RecipientProblemReason]
    RECIPIENT_PROBLEM_REASON_EMERGENCY_OR_SHORT_CODE: _ClassVar[RecipientProblemReason]
    RECIPIENT_PROBLEM_REASON_NOT_A_NUMBER: _ClassVar[RecipientProblemReason]
    RECIPIENT_PROBLEM_REASON_NOT_OPTED_IN: _ClassVar[RecipientProblemReason]
    RECIPIENT_PROBLEM_REASON_TOO_MANY_MESSAGES: _ClassVar[RecipientProblemReason]
    RECIPIENT_PROBLEM_REASON_VARIABLE_MISSING: _ClassVar[RecipientProblemReason]
    RECIPIENT_PROBLEM_REASON_TOO_MANY_SEGMENTS: _ClassVar[RecipientProblemReason]
    RECIPIENT_PROBLEM_REASON_EMOJI_NOT_ENABLED: _ClassVar[RecipientProblemReason]
    RECIPIENT_PROBLEM_REASON_TEXT_INVALID: _ClassVar[RecipientProblemReason]
RECIPIENT_PROBLEM_REASON_UNSPECIFIED: RecipientProblemReason
RECIPIENT_PROBLEM_REASON_EMPTY: RecipientProblemReason
RECIPIENT_PROBLEM_REASON_LETTERS: RecipientProblemReason
RECIPIENT_PROBLEM_REASON_NO_COUNTRY_CODE: RecipientProblemReason
RECIPIENT_PROBLEM_REASON_UNKNOWN_COUNTRY: RecipientProblemReason
RECIPIENT_PROBLEM_REASON_TOO_SHORT: RecipientProblemReason
RECIPIENT_PROBLEM_REASON_TOO_LONG: RecipientProblemReason
RECIPIENT_PROBLEM_REASON_NOT_A_NUMBER_IN_PLAN: RecipientProblemReason
RECIPIENT_PROBLEM_REASON_EXTENSION: RecipientProblemReason
RECIPIENT_PROBLEM_REASON_TYPE_NOT_SMS: RecipientProblemReason
RECIPIENT_PROBLEM_REASON_DUPLICATE: RecipientProblemReason
RECIPIENT_PROBLEM_REASON_OPTED_OUT: RecipientProblemReason
RECIPIENT_PROBLEM_REASON_COUNTRY_NOT_ALLOWED: RecipientProblemReason
RECIPIENT_PROBLEM_REASON_EMERGENCY_OR_SHORT_CODE: RecipientProblemReason
RECIPIENT_PROBLEM_REASON_NOT_A_NUMBER: RecipientProblemReason
RECIPIENT_PROBLEM_REASON_NOT_OPTED_IN: RecipientProblemReason
RECIPIENT_PROBLEM_REASON_TOO_MANY_MESSAGES: RecipientProblemReason
RECIPIENT_PROBLEM_REASON_VARIABLE_MISSING: RecipientProblemReason
RECIPIENT_PROBLEM_REASON_TOO_MANY_SEGMENTS: RecipientProblemReason
RECIPIENT_PROBLEM_REASON_EMOJI_NOT_ENABLED: RecipientProblemReason
RECIPIENT_PROBLEM_REASON_TEXT_INVALID: RecipientProblemReason

class CrmRecord(_message.Message):
    __slots__ = ("system", "object", "record_id")
    SYSTEM_FIELD_NUMBER: _ClassVar[int]
    OBJECT_FIELD_NUMBER: _ClassVar[int]
    RECORD_ID_FIELD_NUMBER: _ClassVar[int]
    system: str
    object: str
    record_id: str
    def __init__(self, system: _Optional[str] = ..., object: _Optional[str] = ..., record_id: _Optional[str] = ...) -> None: ...

class Recipient(_message.Message):
    __slots__ = ("phone_number", "variables", "crm_record")
    class VariablesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    PHONE_NUMBER_FIELD_NUMBER: _ClassVar[int]
    VARIABLES_FIELD_NUMBER: _ClassVar[int]
    CRM_RECORD_FIELD_NUMBER: _ClassVar[int]
    phone_number: str
    variables: _containers.ScalarMap[str, str]
    crm_record: CrmRecord
    def __init__(self, phone_number: _Optional[str] = ..., variables: _Optional[_Mapping[str, str]] = ..., crm_record: _Optional[_Union[CrmRecord, _Mapping]] = ...) -> None: ...
