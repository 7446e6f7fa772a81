"""The calls of the contract and where HTTP finds them, read from the descriptors; and what their comments say."""

from __future__ import annotations

import importlib
import json
import pkgutil
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from google.api import annotations_pb2, field_behavior_pb2
from google.protobuf import message_factory
from google.protobuf.descriptor import FieldDescriptor, MethodDescriptor, ServiceDescriptor
from google.protobuf.message import Message

import sendout.v1
from sendout.gateway.transcode.templates import Template

_CUSTOM = "custom"


@dataclass(frozen=True, slots=True)
class Binding:
    """One place at which HTTP finds a call. `body` is "*", the name of a field, or empty where there is no body."""

    method: MethodDescriptor
    verb: str
    template: Template
    body: str

    @property
    def request(self) -> type[Message]:
        """The class of the call's requests."""
        return message_factory.GetMessageClass(self.method.input_type)


def services() -> Iterator[ServiceDescriptor]:
    """Every service of the contract, in the order of their files."""
    for module in pkgutil.iter_modules(sendout.v1.__path__):
        if module.name.endswith("_service_pb2"):
            loaded = importlib.import_module(f"sendout.v1.{module.name}")
            yield from loaded.DESCRIPTOR.services_by_name.values()


def bindings() -> list[Binding]:
    """Every binding of every call. Raises ValueError for a call that HTTP could not reach as its annotation says."""
    return [binding for service in services() for method in service.methods for binding in bindings_of(method)]


def bindings_of(method: MethodDescriptor) -> list[Binding]:
    """The binding of a method's annotation and its additional ones."""
    rule = method.GetOptions().Extensions[annotations_pb2.http]
    return [_binding(method, one) for one in (rule, *rule.additional_bindings)]


def _binding(method: MethodDescriptor, rule: Any) -> Binding:
    verb = rule.WhichOneof("pattern")
    if verb is None or rule.response_body:
        raise ValueError(f"{method.full_name} needs a google.api.http annotation with a path and no response_body.")
    pattern = rule.custom.path if verb == _CUSTOM else getattr(rule, verb)
    template = Template(pattern)
    for chain in template.fields:
        leaf = field_chain(method.input_type, chain)[-1]
        if leaf.is_repeated or leaf.message_type is not None:
            raise ValueError(f"{method.full_name}: {chain} cannot stand in a path.")
    if rule.body not in ("", "*") and rule.body not in method.input_type.fields_by_name:
        raise ValueError(f"{method.full_name}: there is no field {rule.body} for the body.")
    return Binding(method, (rule.custom.kind if verb == _CUSTOM else verb).upper(), template, rule.body)


def field_chain(message: Any, dotted: str) -> list[FieldDescriptor]:
    """The fields that a path such as `topic.topic_id` leads through. Raises KeyError where it leads nowhere."""
    found = []
    for name in dotted.split("."):
        field = message.fields_by_name[name]
        found.append(field)
        message = field.message_type
    return found


def is_map(one: FieldDescriptor) -> bool:
    """Whether a field is a map, which descriptors call a list of entries."""
    return one.message_type is not None and bool(one.message_type.GetOptions().map_entry)


def map_fields(one: FieldDescriptor) -> tuple[FieldDescriptor, FieldDescriptor]:
    """The fields for the key and for the value of a map."""
    key, value = field_chain(one.message_type, "key") + field_chain(one.message_type, "value")
    return key, value


def behaviors(field: FieldDescriptor) -> set[str]:
    """What the contract says of a field: "REQUIRED", "OUTPUT_ONLY"."""
    given = field.GetOptions().Extensions[field_behavior_pb2.field_behavior]
    return {field_behavior_pb2.FieldBehavior.Name(behavior) for behavior in given}


@cache
def comments() -> dict[str, str]:
    """The comments of the contract by full name; those of enum values under the name of their enum."""
    text = resources.files(sendout.v1).joinpath("comments.json").read_text("utf-8")
    found: dict[str, str] = json.loads(text)
    return found
