"""What every servicer converts: times and update masks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from sendout.domain.errors import field_invalid


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


def seconds(message: Message, field: str, default: float) -> float:
    """A Duration field in seconds, the default where it is unset."""
    if not message.HasField(field):
        return default
    duration = getattr(message, field)
    return float(duration.seconds + duration.nanos / 1e9)


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
