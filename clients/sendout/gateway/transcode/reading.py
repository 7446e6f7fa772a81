"""Strict reading of protobuf JSON: every problem is found, and named by the field's place as the server names it.

protobuf's own reader takes more than its specification says (a list for a message, a number for a text), stops at the
first problem and does not always say where it is.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
import re
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from google.protobuf import json_format
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from sendout.client import Violation
from sendout.gateway.transcode.contract import is_map, map_fields
from sendout.gateway.transcode.refusals import invalid, unreadable

_MOST_PROBLEMS = 50
_SHOWN = 80
_DEEPEST = 50
_INTEGER = re.compile(r"-?[0-9]{1,20}\Z", re.ASCII)
_FLOAT = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?\Z", re.ASCII)
_TEXTS = {  # well-known types that are texts in JSON, with an example
    "google.protobuf.Timestamp": '"2026-01-31T08:00:00Z"',
    "google.protobuf.Duration": '"1.5s"',
    "google.protobuf.FieldMask": '"label"',
}
_KIND = FieldDescriptor
_RANGES = {
    **dict.fromkeys((_KIND.TYPE_INT32, _KIND.TYPE_SINT32, _KIND.TYPE_SFIXED32, _KIND.TYPE_ENUM), (-(1 << 31), 1 << 31)),
    **dict.fromkeys((_KIND.TYPE_INT64, _KIND.TYPE_SINT64, _KIND.TYPE_SFIXED64), (-(1 << 63), 1 << 63)),
    **dict.fromkeys((_KIND.TYPE_UINT32, _KIND.TYPE_FIXED32), (0, 1 << 32)),
    **dict.fromkeys((_KIND.TYPE_UINT64, _KIND.TYPE_FIXED64), (0, 1 << 64)),
}


class Mismatch(ValueError):
    """A value that its field cannot hold; the text says what would be right."""


@dataclass(slots=True)
class Problems:
    """What is wrong with one request, up to fifty of it."""

    found: list[Violation] = field(default_factory=list)

    def add(self, place: str, description: str) -> None:
        """One more."""
        if len(self.found) < _MOST_PROBLEMS:
            self.found.append(Violation(place, description))

    def refuse(self) -> None:
        """Raises Refusal where there was any."""
        if self.found:
            raise invalid(self.found)


def decoded(content: bytes, what: str) -> Any:
    """JSON as Python values. Raises Refusal; `what` is named in it, such as "The body"."""
    try:
        return json.loads(content.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_no_constant)
    except UnicodeDecodeError:
        raise unreadable(f"{what} is not UTF-8.") from None
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise unreadable(f"{what} is not JSON: {error.msg} at {where}.") from None
    except RecursionError:
        raise unreadable(f"{what} is nested too deeply.") from None
    except ValueError as error:  # a name given twice, NaN, a number of thousands of digits
        said = str(error) if isinstance(error, Mismatch) else "it has a number that is too long."
        raise unreadable(f"{what} is not JSON: {said}") from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise Mismatch(f"the name {shown(twice)} stands twice in one object.")
    return found


def _no_constant(name: str) -> None:
    raise Mismatch(f"{name} is not a JSON value.")


def shown(value: Any) -> str:
    """A value as it was typed, cut where it is long."""
    text = json.dumps(value, ensure_ascii=True)
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"


def joined(place: str, name: str) -> str:
    """The place of a field below another."""
    return f"{place}.{name}" if place else name


@cache
def fields_of(descriptor: Descriptor) -> dict[str, FieldDescriptor]:
    """The fields of a message by the names JSON may give them: `phoneNumber` and `phone_number`."""
    return {name: one for one in descriptor.fields for name in (one.name, one.json_name)}


def fill(message: Message, value: Any, place: str, problems: Problems, depth: int = 0) -> None:
    """Put a JSON object into `message`. A field that is null counts as left out."""
    if not isinstance(value, dict):
        problems.add(place, f"{shown(value)} is not an object.")
        return
    if depth > _DEEPEST:
        problems.add(place, "This is nested too deeply.")
        return
    known = fields_of(message.DESCRIPTOR)
    taken: dict[str, str] = {}
    for name, item in value.items():
        one = known.get(name)
        if one is None:
            problems.add(joined(place, shown(name)[1:-1]), f"There is no field {shown(name)} here.")
            continue
        if item is None:
            continue
        slot = one.containing_oneof.name if one.containing_oneof else one.name
        if slot in taken:
            problems.add(joined(place, one.name), f"{shown(name)} cannot stand beside {shown(taken[slot])}.")
        taken[slot] = name
        put(message, one, item, joined(place, one.name), problems, depth)


def put(message: Message, one: FieldDescriptor, value: Any, place: str, problems: Problems, depth: int = 0) -> None:
    """Put a JSON value into a field of `message`, whatever kind of field it is."""
    if is_map(one):
        _put_map(message, one, value, place, problems, depth)
    elif one.is_repeated:
        if not isinstance(value, list):
            problems.add(place, f"{shown(value)} is not a list.")
            return
        target = getattr(message, one.name)
        for index, item in enumerate(value):
            _append(target, one, item, f"{place}[{index}]", problems, depth)
    elif one.message_type is not None:
        below = getattr(message, one.name)
        below.SetInParent()
        _fill_any(below, value, place, problems, depth)
    else:
        try:
            setattr(message, one.name, scalar(one, value))
        except Mismatch as mismatch:
            problems.add(place, str(mismatch))


def _append(target: Any, one: FieldDescriptor, item: Any, place: str, problems: Problems, depth: int) -> None:
    if one.message_type is not None:
        _fill_any(target.add(), item, place, problems, depth)
        return
    try:
        target.append(scalar(one, item))
    except Mismatch as mismatch:
        problems.add(place, str(mismatch))


def _put_map(message: Message, one: FieldDescriptor, value: Any, place: str, problems: Problems, depth: int) -> None:
    if not isinstance(value, dict):
        problems.add(place, f"{shown(value)} is not an object.")
        return
    key_field, value_field = map_fields(one)
    target = getattr(message, one.name)
    for name, item in value.items():
        below = f"{place}[{shown(name)}]"
        try:
            key = scalar(key_field, typed(key_field, name))
            if value_field.message_type is not None:
                _fill_any(target[key], item, below, problems, depth)
            else:
                target[key] = scalar(value_field, item)
        except Mismatch as mismatch:
            problems.add(below, str(mismatch))


def _fill_any(message: Message, value: Any, place: str, problems: Problems, depth: int) -> None:
    """A message of the contract by its fields, a well-known type in its own form."""
    name = str(message.DESCRIPTOR.full_name)
    if not name.startswith("google.protobuf."):
        fill(message, value, place, problems, depth + 1)
        return
    example = _TEXTS.get(name)
    try:
        if example is None:
            json_format.ParseDict(value, message)
        elif isinstance(value, str):
            message.FromJsonString(value)  # type: ignore[attr-defined]
        else:
            raise ValueError
    except (ValueError, json_format.ParseError):
        kind = name.rpartition(".")[2]
        hint = f", such as {example}" if example else ""
        problems.add(place, f"{shown(value)} is not a {kind}{hint}.")


def typed(one: FieldDescriptor, text: str) -> Any:
    """A text of a path, a query or a map's key as JSON would give it to this field."""
    if one.type == _KIND.TYPE_BOOL:
        return {"true": True, "false": False}.get(text, text)
    if one.message_type is not None and one.message_type.full_name == "google.protobuf.FieldMask":
        return re.sub(r"_([a-z0-9])", lambda match: match[1].upper(), text)  # both forms of a name are taken
    return text


def scalar(one: FieldDescriptor, value: Any) -> Any:
    """A JSON value as this field's Python value. Raises Mismatch."""
    match one.type:
        case _KIND.TYPE_STRING:
            return _text(value)
        case _KIND.TYPE_BOOL:
            if not isinstance(value, bool):
                raise Mismatch(f"{shown(value)} is neither true nor false.")
            return value
        case _KIND.TYPE_BYTES:
            return _bytes(value)
        case _KIND.TYPE_DOUBLE | _KIND.TYPE_FLOAT:
            return _float(value)
        case _KIND.TYPE_ENUM:
            return _enum(one, one.enum_type, value)
    return _integer(one, value)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise Mismatch(f"{shown(value)} is not a text.")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise Mismatch(f"{shown(value)} has half a surrogate pair, which is no character.") from None
    return value


def _integer(one: FieldDescriptor, value: Any) -> int:
    number = value
    if (isinstance(value, str) and _INTEGER.match(value)) or (isinstance(value, float) and value.is_integer()):
        number = int(value)
    if not isinstance(number, int) or isinstance(number, bool):
        raise Mismatch(f"{shown(value)} is not a whole number.")
    lowest, beyond = _RANGES[one.type]
    if not lowest <= number < beyond:
        raise Mismatch(f"{shown(value)} is not within {lowest} to {beyond - 1}.")
    return number


def _float(value: Any) -> float:
    if isinstance(value, str) and _FLOAT.match(value):
        value = float(value)
    try:
        number = float(value) if isinstance(value, int | float) and not isinstance(value, bool) else math.nan
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise Mismatch(f"{shown(value) if value == value else 'NaN'} is not a number that fits.")
    return number


def _enum(one: FieldDescriptor, kind: Any, value: Any) -> int:
    named = kind.values_by_name.get(value) if isinstance(value, str) else None
    if named is not None:
        return int(named.number)
    try:
        return _integer(one, value)
    except Mismatch:
        names = ", ".join(known.name for known in kind.values)
        raise Mismatch(f"{shown(value)} is none of {names}.") from None


def _bytes(value: Any) -> bytes:
    try:
        text = _text(value).replace("-", "+").replace("_", "/").rstrip("=")
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise Mismatch(f"{shown(value)} is not base64.") from None
