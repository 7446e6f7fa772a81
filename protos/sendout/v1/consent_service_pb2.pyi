from google.api import annotations_pb2 as _annotations_pb2
from google.api import field_behavior_pb2 as _field_behavior_pb2
from sendout.v1 import consent_pb2 as _consent_pb2
from sendout.v1 import recipient_pb2 as _recipient_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class GetConsentRequest(_message.Message):
    __slots__ = ("phone_number", "contact_point_id")
    PHONE_NUMBER_FIELD_NUMBER: _ClassVar[int]
    CONTACT_POINT_ID_FIELD_NUMBER: _ClassVar[int]
    phone_number: str
    contact_point_id: str
    def __init__(self, phone_number: _Optional[str] = ..., contact_point_id: _Optional[str] = ...) -> None: ...

class GetConsentResponse(_message.Message):
    __slots__ = ("consents", "sendable")
    CONSENTS_FIELD_NUMBER: _ClassVar[int]
    SENDABLE_FIELD_NUMBER: _ClassVar[int]
    consents: _containers.RepeatedCompositeFieldContainer[_consent_pb2.Consent]
    sendable: bool
    def __init__(self, consents: _Optional[_Iterable[_Union[_consent_pb2.Consent, _Mapping]]] = ..., sendable: bool = ...) -> None: ...

class RecordConsentRequest(_message.Message):
    __slots__ = ("consent",)
    CONSENT_FIELD_NUMBER: _ClassVar[int]
    consent: _consent_pb2.Consent
    def __init__(self, consent: _Optional[_Union[_consent_pb2.Consent, _Mapping]] = ...) -> None: ...

class RecordConsentResponse(_message.Message):
    __slots__ = ("consent",)
    CONSENT_FIELD_NUMBER: _ClassVar[int]
    consent: _consent_pb2.Consent
    def __init__(self, consent: _Optional[_Union[_consent_pb2.Consent, _Mapping]] = ...) -> None: ...

class ListConsentsRequest(_message.Message):
    __slots__ = ("contact_point_id", "state", "page_size", "page_token")
    CONTACT_POINT_ID_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    contact_point_id: str
    state: _consent_pb2.ConsentState
    page_size: int
    page_token: str
    def __init__(self, contact_point_id: _Optional[str] = ..., state: _Optional[_Union[_consent_pb2.ConsentState, str]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListConsentsResponse(_message.Message):
    __slots__ = ("consents", "next_page_token")
    CONSENTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    consents: _containers.RepeatedCompositeFieldContainer[_consent_pb2.Consent]
    next_page_token: str
    def __init__(self, consents: _Optional[_Iterable[_Union[_consent_pb2.Consent, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class ImportConsentsRequest(_message.Message):
    __slots__ = ("consents",)
    CONSENTS_FIELD_NUMBER: _ClassVar[int]
    consents: _containers.RepeatedCompositeFieldContainer[_consent_pb2.Consent]
    def __init__(self, consents: _Optional[_Iterable[_Union[_consent_pb2.Consent, _Mapping]]] = ...) -> None: ...

class ConsentProblem(_message.Message):
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

class ImportConsentsResponse(_message.Message):
    __slots__ = ("recorded_count", "unchanged_count", "problems")
    RECORDED_COUNT_FIELD_NUMBER: _ClassVar[int]
    UNCHANGED_COUNT_FIELD_NUMBER: _ClassVar[int]
    PROBLEMS_FIELD_NUMBER: _ClassVar[int]
    recorded_count: int
    unchanged_count: int
    problems: _containers.RepeatedCompositeFieldContainer[ConsentProblem]
    def __init__(self, recorded_count: _Optional[int] = ..., unchanged_count: _Optional[int] = ..., problems: _Optional[_Iterable[_Union[ConsentProblem, _Mapping]]] = ...) -> None: ...
