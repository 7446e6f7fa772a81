"""Enum values of the contract as people read them."""

from __future__ import annotations

from google.protobuf.internal.enum_type_wrapper import EnumTypeWrapper


def word(enum: EnumTypeWrapper, value: int) -> str:
    """The name of an enum value as people write it: MESSAGE_STATE_SENT is "sent"; a number where it is new to us."""
    try:
        name: str = enum.Name(value)
    except ValueError:
        return str(value)
    prefix = enum.Name(0).removesuffix("UNSPECIFIED")
    return name.removeprefix(prefix).replace("_", " ").lower()
