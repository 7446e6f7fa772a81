import datetime

from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class SnippetScope(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SNIPPET_SCOPE_UNSPECIFIED: _ClassVar[SnippetScope]
    SNIPPET_SCOPE_PERSONAL: _ClassVar[SnippetScope]
    SNIPPET_SCOPE_SHARED: _ClassVar[SnippetScope]
SNIPPET_SCOPE_UNSPECIFIED: SnippetScope
SNIPPET_SCOPE_PERSONAL: SnippetScope
SNIPPET_SCOPE_SHARED: SnippetScope

class Snippet(_message.Message):
    __slots__ = ("snippet_id", "tag", "text", "scope", "owner_id", "create_time", "update_time")
    SNIPPET_ID_FIELD_NUMBER: _ClassVar[int]
    TAG_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    OWNER_ID_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    UPDATE_TIME_FIELD_NUMBER: _ClassVar[int]
    snippet_id: str
    tag: str
    text: str
    scope: SnippetScope
    owner_id: str
    create_time: _timestamp_pb2.Timestamp
    update_time: _timestamp_pb2.Timestamp
    def __init__(self, snippet_id: _Optional[str] = ..., tag: _Optional[str] = ..., text: _Optional[str] = ..., scope: _Optional[_Union[SnippetScope, str]] = ..., owner_id: _Optional[str] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., update_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...
