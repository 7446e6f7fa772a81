from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Permission(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PERMISSION_UNSPECIFIED: _ClassVar[Permission]
    PERMISSION_VIEW_HISTORY: _ClassVar[Permission]
    PERMISSION_MANAGE_TOPICS: _ClassVar[Permission]
    PERMISSION_ADMINISTER: _ClassVar[Permission]
PERMISSION_UNSPECIFIED: Permission
PERMISSION_VIEW_HISTORY: Permission
PERMISSION_MANAGE_TOPICS: Permission
PERMISSION_ADMINISTER: Permission

class Role(_message.Message):
    __slots__ = ("role_id", "label", "permissions", "built_in")
    ROLE_ID_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    PERMISSIONS_FIELD_NUMBER: _ClassVar[int]
    BUILT_IN_FIELD_NUMBER: _ClassVar[int]
    role_id: str
    label: str
    permissions: _containers.RepeatedScalarFieldContainer[Permission]
    built_in: bool
    def __init__(self, role_id: _Optional[str] = ..., label: _Optional[str] = ..., permissions: _Optional[_Iterable[_Union[Permission, str]]] = ..., built_in: bool = ...) -> None: ...
