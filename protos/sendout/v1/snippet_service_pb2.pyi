from google.api import annotations_pb2 as _annotations_pb2
from google.api import field_behavior_pb2 as _field_behavior_pb2
from google.protobuf import field_mask_pb2 as _field_mask_pb2
from sendout.v1 import snippet_pb2 as _snippet_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class CreateSnippetRequest(_message.Message):
    __slots__ = ("snippet",)
    SNIPPET_FIELD_NUMBER: _ClassVar[int]
    snippet: _snippet_pb2.Snippet
    def __init__(self, snippet: _Optional[_Union[_snippet_pb2.Snippet, _Mapping]] = ...) -> None: ...

class CreateSnippetResponse(_message.Message):
    __slots__ = ("snippet",)
    SNIPPET_FIELD_NUMBER: _ClassVar[int]
    snippet: _snippet_pb2.Snippet
    def __init__(self, snippet: _Optional[_Union[_snippet_pb2.Snippet, _Mapping]] = ...) -> None: ...

class GetSnippetRequest(_message.Message):
    __slots__ = ("snippet_id",)
    SNIPPET_ID_FIELD_NUMBER: _ClassVar[int]
    snippet_id: str
    def __init__(self, snippet_id: _Optional[str] = ...) -> None: ...

class GetSnippetResponse(_message.Message):
    __slots__ = ("snippet",)
    SNIPPET_FIELD_NUMBER: _ClassVar[int]
    snippet: _snippet_pb2.Snippet
    def __init__(self, snippet: _Optional[_Union[_snippet_pb2.Snippet, _Mapping]] = ...) -> None: ...

class ListSnippetsRequest(_message.Message):
    __slots__ = ("scope", "page_size", "page_token")
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    scope: _snippet_pb2.SnippetScope
    page_size: int
    page_token: str
    def __init__(self, scope: _Optional[_Union[_snippet_pb2.SnippetScope, str]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListSnippetsResponse(_message.Message):
    __slots__ = ("snippets", "next_page_token")
    SNIPPETS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    snippets: _containers.RepeatedCompositeFieldContainer[_snippet_pb2.Snippet]
    next_page_token: str
    def __init__(self, snippets: _Optional[_Iterable[_Union[_snippet_pb2.Snippet, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class UpdateSnippetRequest(_message.Message):
    __slots__ = ("snippet", "update_mask")
    SNIPPET_FIELD_NUMBER: _ClassVar[int]
    UPDATE_MASK_FIELD_NUMBER: _ClassVar[int]
    snippet: _snippet_pb2.Snippet
    update_mask: _field_mask_pb2.FieldMask
    def __init__(self, snippet: _Optional[_Union[_snippet_pb2.Snippet, _Mapping]] = ..., update_mask: _Optional[_Union[_field_mask_pb2.FieldMask, _Mapping]] = ...) -> None: ...

class UpdateSnippetResponse(_message.Message):
    __slots__ = ("snippet",)
    SNIPPET_FIELD_NUMBER: _ClassVar[int]
    snippet: _snippet_pb2.Snippet
    def __init__(self, snippet: _Optional[_Union[_snippet_pb2.Snippet, _Mapping]] = ...) -> None: ...

class DeleteSnippetRequest(_message.Message):
    __slots__ = ("snippet_id",)
    SNIPPET_ID_FIELD_NUMBER: _ClassVar[int]
    snippet_id: str
    def __init__(self, snippet_id: _Optional[str] = ...) -> None: ...

class DeleteSnippetResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...
