"""Makes the request of a call from its parts: path, query, body and headers, each field from one place only."""

from __future__ import annotations

from functools import cache
from typing import Any
from urllib.parse import parse_qsl

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from sendout.client import Violation
from sendout.gateway.transcode.contract import Binding, field_chain
from sendout.gateway.transcode.reading import Problems, decoded, fields_of, fill, joined, put, shown, typed
from sendout.gateway.transcode.refusals import invalid, unreadable

_MOST_PARAMETERS = 500
_EVERYTHING = "*"
REQUEST_ID = "request_id"
RESUME_TOKEN = "resume_token"


def request_of(binding: Binding, values: dict[str, str], query: bytes, body: bytes) -> Message:
    """The request that these parts make. Raises Refusal that names every problem."""
    message = binding.request()
    problems = Problems()
    _take_body(binding, message, body, problems)
    _take_path(message, values, problems)
    _take_query(binding, message, query, problems)
    problems.refuse()
    return message


def _take_body(binding: Binding, message: Message, body: bytes, problems: Problems) -> None:
    if not binding.body:
        if body:
            raise unreadable("This call takes no body. Give its fields in the query.")
        return
    if not body.strip():
        return
    value = decoded(body, "The body")
    if binding.body == _EVERYTHING:
        fill(message, value, "", problems)
    else:
        put(message, fields_of(message.DESCRIPTOR)[binding.body], value, binding.body, problems)


def _take_path(message: Message, values: dict[str, str], problems: Problems) -> None:
    for place, text in values.items():
        chain = field_chain(message.DESCRIPTOR, place)
        target = _parent(message, chain)
        in_body = getattr(target, chain[-1].name)
        put(target, chain[-1], typed(chain[-1], text), place, problems)
        if in_body and in_body != getattr(target, chain[-1].name):
            problems.add(place, f"The path says {shown(text)}, and the body {shown(in_body)}.")


def _take_query(binding: Binding, message: Message, query: bytes, problems: Problems) -> None:
    found: dict[str, tuple[list[FieldDescriptor], list[str]]] = {}
    for name, text in _pairs(query):
        chain, fault = _queried(binding, name)
        if fault:
            problems.add(shown(name)[1:-1], fault)
        else:
            place = ".".join(one.name for one in chain)
            found.setdefault(place, (chain, []))[1].append(text)
    for place, (chain, texts) in found.items():
        leaf = chain[-1]
        given: list[Any] = [typed(leaf, text) for text in texts]
        if leaf.is_repeated:
            put(_parent(message, chain), leaf, given, place, problems)
        elif len(given) > 1:
            problems.add(place, f"It is given {len(given)} times.")
        else:
            put(_parent(message, chain), leaf, given[0], place, problems)


def _pairs(query: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(
            query.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=_MOST_PARAMETERS
        )
    except UnicodeDecodeError:
        raise unreadable("The query is not UTF-8.") from None
    except ValueError:
        raise unreadable(f"The query has more than {_MOST_PARAMETERS} parameters.") from None


def _queried(binding: Binding, name: str) -> tuple[list[FieldDescriptor], str]:
    """The field that a parameter names, and what speaks against giving it so."""
    descriptor: Descriptor | None = binding.method.input_type
    chain: list[FieldDescriptor] = []
    for part in name.split("."):
        one = fields_of(descriptor).get(part) if descriptor is not None else None
        if one is None or (chain and chain[-1].is_repeated):
            return chain, f"There is no parameter {shown(name)} here."
        chain.append(one)
        descriptor = one.message_type
    place = ".".join(one.name for one in chain)
    if place in binding.template.fields:
        return chain, "It is in the path already."
    if binding.body in (_EVERYTHING, chain[0].name):
        return chain, "Give it in the body."
    if not is_parameter(chain[-1]):
        return chain, "It is an object, which a query cannot hold. Name a field of it."
    return chain, ""


def is_parameter(one: FieldDescriptor) -> bool:
    """Whether a field can stand in a query: whatever is a text, a number or a truth value in JSON, or a list of it."""
    if one.message_type is None:
        return True
    return one.message_type.full_name in (
        "google.protobuf.Timestamp",
        "google.protobuf.Duration",
        "google.protobuf.FieldMask",
    )


def _parent(message: Message, chain: list[FieldDescriptor]) -> Any:
    target: Any = message
    for one in chain[:-1]:
        target = getattr(target, one.name)
    return target


def take_idempotency_key(message: Message, key: str | None) -> None:
    """The header `Idempotency-Key` is the request id where the request has that field. Raises Refusal if they differ.

    In a client stream the field stands in a part of its own (`header.request_id`): where that part is there, it counts.
    """
    place = request_id_place(message.DESCRIPTOR)
    if key is None or place is None:
        return
    text = key[1:-1] if len(key) > 1 and key[0] == key[-1] == '"' else key
    outer = place.rpartition(".")[0]
    target: Any = message
    if outer:
        if not message.HasField(outer):
            return
        target = getattr(message, outer)
    given = getattr(target, REQUEST_ID)
    if given and given != text:
        said = f"The header Idempotency-Key says {shown(text)}, and the body {shown(given)}."
        raise invalid([Violation(place, said)])
    problems = Problems()
    put(target, fields_of(target.DESCRIPTOR)[REQUEST_ID], text, place, problems)
    problems.refuse()


@cache
def request_id_place(descriptor: Descriptor) -> str | None:
    """Where a request, or the first part of a stream of them, has its request id."""
    if REQUEST_ID in descriptor.fields_by_name:
        return REQUEST_ID
    for one in descriptor.fields:
        if one.message_type and not one.is_repeated and REQUEST_ID in one.message_type.fields_by_name:
            return joined(one.name, REQUEST_ID)
    return None


def take_last_event_id(message: Message, token: str | None) -> None:
    """A browser that connects again says with `Last-Event-ID` where it was: newer than what its address says."""
    if token and RESUME_TOKEN in message.DESCRIPTOR.fields_by_name:
        problems = Problems()
        put(message, fields_of(message.DESCRIPTOR)[RESUME_TOKEN], token, RESUME_TOKEN, problems)
        problems.refuse()
