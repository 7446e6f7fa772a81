"""Messages and enums of the contract as the schemas of OpenAPI 3.0, with every comment."""

from __future__ import annotations

from typing import Any

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor

from sendout.gateway.transcode.contract import behaviors, comments, is_map, map_fields

Schema = dict[str, Any]

_KIND = FieldDescriptor
_INT32: Schema = {"type": "integer", "format": "int32"}
_UINT32: Schema = {"type": "integer", "format": "int64", "minimum": 0}
_INT64: Schema = {"type": "string", "format": "int64", "pattern": "^-?[0-9]{1,19}$"}
_UINT64: Schema = {"type": "string", "format": "uint64", "pattern": "^[0-9]{1,20}$"}
_SCALARS: dict[int, Schema] = {
    **dict.fromkeys((_KIND.TYPE_INT32, _KIND.TYPE_SINT32, _KIND.TYPE_SFIXED32), _INT32),
    **dict.fromkeys((_KIND.TYPE_UINT32, _KIND.TYPE_FIXED32), _UINT32),
    **dict.fromkeys((_KIND.TYPE_INT64, _KIND.TYPE_SINT64, _KIND.TYPE_SFIXED64), _INT64),
    **dict.fromkeys((_KIND.TYPE_UINT64, _KIND.TYPE_FIXED64), _UINT64),
    _KIND.TYPE_STRING: {"type": "string"},
    _KIND.TYPE_BYTES: {"type": "string", "format": "byte"},
    _KIND.TYPE_BOOL: {"type": "boolean"},
    _KIND.TYPE_DOUBLE: {"type": "number", "format": "double"},
    _KIND.TYPE_FLOAT: {"type": "number", "format": "float"},
}
_WELL_KNOWN: dict[str, Schema] = {
    "google.protobuf.Timestamp": {"type": "string", "format": "date-time", "example": "2026-01-31T08:00:00Z"},
    "google.protobuf.Duration": {"type": "string", "pattern": r"^-?[0-9]+(\.[0-9]{1,9})?s$", "example": "1.5s"},
    "google.protobuf.FieldMask": {"type": "string", "example": "label"},
}


def described(schema: Schema, full_name: str) -> Schema:
    """`schema` with the comment of what it stands for."""
    text = prose(comments().get(full_name, ""))
    if not text:
        return schema
    return {"allOf": [schema], "description": text} if "$ref" in schema else {**schema, "description": text}


def prose(comment: str) -> str:
    """A comment with its lines joined into paragraphs."""
    paragraphs = comment.strip().split("\n\n")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)


class Schemas:
    """The schemas that a document needs; a message is added when something refers to it."""

    def __init__(self, answers: list[Descriptor]) -> None:
        """`answers` are the messages that the server sends. What they hold may grow, so it is described openly; what
        only callers send is described strictly.
        """
        self.components: dict[str, Schema] = {}
        self._sent = {name for answer in answers for name in _below(answer, set())}

    def ref(self, kind: Descriptor | EnumDescriptor) -> Schema:
        """A reference to the schema of a message or an enum, or a well-known type's own schema."""
        if kind.full_name in _WELL_KNOWN:
            return dict(_WELL_KNOWN[kind.full_name])
        name = str(kind.name)
        if name not in self.components:
            self.components[name] = {}  # a message may hold itself
            self.components[name] = self._enum(kind) if isinstance(kind, EnumDescriptor) else self.message(kind)
        return {"$ref": f"#/components/schemas/{name}"}

    def message(self, kind: Descriptor, leaving_out: frozenset[str] = frozenset()) -> Schema:
        """The schema of a message, without some of its fields."""
        fields = [one for one in kind.fields if one.name not in leaving_out]
        sent = str(kind.full_name) in self._sent
        properties = {one.json_name: self._property(one, sent) for one in fields}
        schema: Schema = {"type": "object", "properties": properties}
        if not sent:
            schema["additionalProperties"] = False
            needed = [one.json_name for one in fields if is_required(one)]
            if needed:
                schema["required"] = needed
        return described(schema, str(kind.full_name))

    def _property(self, one: FieldDescriptor, sent: bool) -> Schema:
        schema = described(self.of(one), str(one.full_name))
        if sent and "OUTPUT_ONLY" in behaviors(one):
            schema["readOnly"] = True
        return schema

    def of(self, one: FieldDescriptor) -> Schema:
        """The schema of a field's value."""
        if is_map(one):
            _, value = map_fields(one)
            return {"type": "object", "additionalProperties": self._single(value)}
        return {"type": "array", "items": self._single(one)} if one.is_repeated else self._single(one)

    def _single(self, one: FieldDescriptor) -> Schema:
        if one.message_type is not None:
            return self.ref(one.message_type)
        return self.ref(one.enum_type) if one.enum_type is not None else dict(_SCALARS[one.type])

    @staticmethod
    def _enum(kind: EnumDescriptor) -> Schema:
        lines = [
            f"- `{value.name}`: {prose(comments().get(f'{kind.full_name}.{value.name}', ''))}" for value in kind.values
        ]
        about = prose(comments().get(str(kind.full_name), ""))
        names = [value.name for value in kind.values]
        return {"type": "string", "enum": names, "description": "\n".join([about, "", *lines])}


def is_required(one: FieldDescriptor) -> bool:
    """Whether a request must have this field; one of several (a oneof) is told in words."""
    return "REQUIRED" in behaviors(one) and one.containing_oneof is None


def _below(kind: Descriptor, seen: set[str]) -> set[str]:
    """The full names of a message and of all it holds."""
    if kind.full_name not in seen:
        seen.add(str(kind.full_name))
        for one in kind.fields:
            if one.message_type is not None:
                _below(one.message_type, seen)
    return seen
