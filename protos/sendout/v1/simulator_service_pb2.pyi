from google.api import annotations_pb2 as _annotations_pb2
from google.api import field_behavior_pb2 as _field_behavior_pb2
from sendout.v1 import simulator_pb2 as _simulator_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ListHandsetsRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListHandsetsResponse(_message.Message):
    __slots__ = ("handsets", "next_page_token")
    HANDSETS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    handsets: _containers.RepeatedCompositeFieldContainer[_simulator_pb2.Handset]
    next_page_token: str
    def __init__(self, handsets: _Optional[_Iterable[_Union[_simulator_pb2.Handset, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class ListHandsetMessagesRequest(_message.Message):
    __slots__ = ("phone_number", "page_size", "page_token")
    PHONE_NUMBER_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    phone_number: str
    page_size: int
    page_token: str
    def __init__(self, phone_number: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListHandsetMessagesResponse(_message.Message):
    __slots__ = ("messages", "next_page_token")
    MESSAGES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    messages: _containers.RepeatedCompositeFieldContainer[_simulator_pb2.HandsetMessage]
    next_page_token: str
    def __init__(self, messages: _Optional[_Iterable[_Union[_simulator_pb2.HandsetMessage, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class SendFromHandsetRequest(_message.Message):
    __slots__ = ("phone_number", "sender", "text")
    PHONE_NUMBER_FIELD_NUMBER: _ClassVar[int]
    SENDER_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    phone_number: str
    sender: str
    text: str
    def __init__(self, phone_number: _Optional[str] = ..., sender: _Optional[str] = ..., text: _Optional[str] = ...) -> None: ...

class SendFromHandsetResponse(_message.Message):
    __slots__ = ("message",)
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    message: _simulator_pb2.HandsetMessage
    def __init__(self, message: _Optional[_Union[_simulator_pb2.HandsetMessage, _Mapping]] = ...) -> None: ...
