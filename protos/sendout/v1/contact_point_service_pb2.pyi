from google.api import annotations_pb2 as _annotations_pb2
from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.protobuf import field_mask_pb2 as _field_mask_pb2
from sendout.v1 import contact_point_pb2 as _contact_point_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class CreateContactPointRequest(_message.Message):
    __slots__ = ("contact_point",)
    CONTACT_POINT_FIELD_NUMBER: _ClassVar[int]
    contact_point: _contact_point_pb2.ContactPoint
    def __init__(self, contact_point: _Optional[_Union[_contact_point_pb2.ContactPoint, _Mapping]] = ...) -> None: ...

class CreateContactPointResponse(_message.Message):
    __slots__ = ("contact_point",)
    CONTACT_POINT_FIELD_NUMBER: _ClassVar[int]
    contact_point: _contact_point_pb2.ContactPoint
    def __init__(self, contact_point: _Optional[_Union[_contact_point_pb2.ContactPoint, _Mapping]] = ...) -> None: ...

class GetContactPointRequest(_message.Message):
    __slots__ = ("contact_point_id",)
    CONTACT_POINT_ID_FIELD_NUMBER: _ClassVar[int]
    contact_point_id: str
    def __init__(self, contact_point_id: _Optional[str] = ...) -> None: ...

class GetContactPointResponse(_message.Message):
    __slots__ = ("contact_point",)
    CONTACT_POINT_FIELD_NUMBER: _ClassVar[int]
    contact_point: _contact_point_pb2.ContactPoint
    def __init__(self, contact_point: _Optional[_Union[_contact_point_pb2.ContactPoint, _Mapping]] = ...) -> None: ...

class ListContactPointsRequest(_message.Message):
    __slots__ = ("sendable_only", "page_size", "page_token")
    SENDABLE_ONLY_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    sendable_only: bool
    page_size: int
    page_token: str
    def __init__(self, sendable_only: bool = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListContactPointsResponse(_message.Message):
    __slots__ = ("contact_points", "next_page_token")
    CONTACT_POINTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    contact_points: _containers.RepeatedCompositeFieldContainer[_contact_point_pb2.ContactPoint]
    next_page_token: str
    def __init__(self, contact_points: _Optional[_Iterable[_Union[_contact_point_pb2.ContactPoint, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class UpdateContactPointRequest(_message.Message):
    __slots__ = ("contact_point", "update_mask")
    CONTACT_POINT_FIELD_NUMBER: _ClassVar[int]
    UPDATE_MASK_FIELD_NUMBER: _ClassVar[int]
    contact_point: _contact_point_pb2.ContactPoint
    update_mask: _field_mask_pb2.FieldMask
    def __init__(self, contact_point: _Optional[_Union[_contact_point_pb2.ContactPoint, _Mapping]] = ..., update_mask: _Optional[_Union[_field_mask_pb2.FieldMask, _Mapping]] = ...) -> None: ...

class UpdateContactPointResponse(_message.Message):
    __slots__ = ("contact_point",)
    CONTACT_POINT_FIELD_NUMBER: _ClassVar[int]
    contact_point: _contact_point_pb2.ContactPoint
    def __init__(self, contact_point: _Optional[_Union[_contact_point_pb2.ContactPoint, _Mapping]] = ...) -> None: ...
