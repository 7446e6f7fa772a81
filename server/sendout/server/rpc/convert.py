"""What every servicer converts: times, update masks, pages.

A page token is `base64url(digest + JSON of the last place)`. It holds no secret and gives no right, since every query
limits itself to what the caller may see; the digest binds it to the other fields of the request and finds damage.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, TypeVar

from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from sendout.domain import paging
from sendout.domain.errors import Reason, SendoutError, field_invalid

_Row = TypeVar("_Row")
_DIGEST = 12
_LONGEST_TOKEN = 1_024


def timestamp(micros: int | None) -> Timestamp | None:
    """Microseconds since 1970 as a Timestamp; None stays None, which leaves a field unset."""
    if micros is None:
        return None
    stamp = Timestamp()
    stamp.FromMicroseconds(micros)
    return stamp


def micros(message: Message, field: str) -> int | None:
    """A Timestamp field in microseconds since 1970, None where it is unset. FIELD_INVALID where it is out of range."""
    if not message.HasField(field):
        return None
    stamp = getattr(message, field)
    try:
        stamp.ToJsonString()  # checks the range, which the wire does not
    except ValueError as error:
        typed = f"{stamp.seconds} s, {stamp.nanos} ns"
        raise field_invalid(
            field, typed, "A time lies in the years 1 to 9999, with nanos from 0 to 999999999."
        ) from error
    return int(stamp.ToMicroseconds())


def changes(
    resource: Message, mask: FieldMask, mutable: Mapping[str, Callable[[Any], Any]], prefix: str
) -> dict[str, Any]:
    """The fields to change with their new values, named as in the resource.

    `mutable` gives for each field that may change how to read it from the resource. `mask` unset means every such
    field that is not empty; `*` means every one. A path that names no such field is FIELD_INVALID.
    """
    if not mask.paths:
        filled = {descriptor.name for descriptor, _ in resource.ListFields()}
        return {name: read(resource) for name, read in mutable.items() if name in filled}
    chosen: dict[str, Any] = {}
    for path in mask.paths:
        if path != "*" and path not in mutable:
            allowed = ", ".join(sorted(mutable))
            raise field_invalid("update_mask", path, f"Only these fields of {prefix} can be changed: {allowed}.")
        names = mutable if path == "*" else (path,)
        chosen |= {name: mutable[name](resource) for name in names}
    return chosen


def page_size(request: Any) -> int:
    """How many entries to give, by the rule of all listings."""
    return paging.page_size(request.page_size)


def page_after(request: Any, shape: Sequence[type]) -> list[Any] | None:
    """The place the page before ended at, None for the first page. `shape` are the types of a place's parts.

    PAGE_TOKEN_INVALID where the token is not ours or the other fields of the request changed.
    """
    if not request.page_token:
        return None
    try:
        if len(request.page_token) > _LONGEST_TOKEN:
            raise ValueError("too long")
        packed = base64.b64decode(request.page_token.encode("ascii") + b"==", altchars=b"-_", validate=True)
        place = json.loads(packed[_DIGEST:])
    except (ValueError, binascii.Error) as error:
        raise _not_ours() from error
    if packed[:_DIGEST] != _digest(request, packed[_DIGEST:]) or not _fits(place, shape):
        raise _not_ours()
    return list(place)


def next_page(request: Any, rows: Sequence[_Row], place_of: Callable[[_Row], Sequence[Any]]) -> tuple[list[_Row], str]:
    """The rows of this page and the token of the next, from `page_size(request) + 1` rows asked for."""
    size = page_size(request)
    if len(rows) <= size:
        return list(rows), ""
    shown = list(rows[:size])
    payload = json.dumps(list(place_of(shown[-1])), ensure_ascii=False, separators=(",", ":")).encode()
    packed = _digest(request, payload) + payload
    return shown, base64.urlsafe_b64encode(packed).decode().rstrip("=")


def _digest(request: Message, payload: bytes) -> bytes:
    bare = type(request)()
    bare.CopyFrom(request)
    bare.ClearField("page_size")
    bare.ClearField("page_token")
    kind = request.DESCRIPTOR.full_name.encode()
    return hashlib.sha256(kind + b"\0" + bare.SerializeToString(deterministic=True) + b"\0" + payload).digest()[
        :_DIGEST
    ]


def _fits(place: Any, shape: Collection[type]) -> bool:
    return isinstance(place, list) and [type(part) for part in place] == list(shape)


def _not_ours() -> SendoutError:
    return SendoutError(
        Reason.PAGE_TOKEN_INVALID,
        "The page token is not one this server gave, or other fields of the request changed. Start again without it.",
    )
