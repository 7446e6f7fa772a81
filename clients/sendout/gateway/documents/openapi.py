"""The OpenAPI document of the REST calls, from the descriptors and comments of the contract and from nowhere else.

Version 3.0.3: what CRM systems read. Paths, fields, reasons for errors and all prose follow the contract.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor, MethodDescriptor
from grpc import StatusCode

from sendout.gateway.documents.schemas import Schema, Schemas, described, is_required, prose
from sendout.gateway.transcode.binding import RESUME_TOKEN, is_parameter, request_id_place
from sendout.gateway.transcode.contract import Binding, bindings, comments, field_chain, services
from sendout.gateway.transcode.refusals import HTTP_STATUS
from sendout.v1.error_reason_pb2 import ErrorReason

_ABOUT = """Every call of Sendout's gRPC contract, as REST with protobuf JSON.

Names are camelCase in answers; requests may use the names of the contract as well (`phone_number`). A field of an \
answer that is missing has its default: empty, zero or false. 64-bit numbers are strings. Fields and parameters that \
a call does not know are refused.

Errors are the `Error` object below with the details of `google.rpc`. `Retry-After` says when to try again."""
_LARGEST_DEPTH = 4
_REASON = re.compile(r"\b[A-Z][A-Z_]{4,}\b")
_PLACE = re.compile(r"\{([\w.]+)(=[^}]*)?\}")

_ERROR: Schema = {
    "type": "object",
    "required": ["error"],
    "description": "A refused or failed call: `google.rpc.Status` as Google's APIs send it.",
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "status", "message", "details"],
            "properties": {
                "code": {"type": "integer", "format": "int32", "description": "The HTTP status."},
                "status": {
                    "type": "string",
                    "enum": [code.name for code in StatusCode if code is not StatusCode.OK],
                    "description": "The gRPC status.",
                },
                "message": {"type": "string", "description": "What is wrong and what to do, in plain words."},
                "details": {
                    "type": "array",
                    "description": "`google.rpc.ErrorInfo` with the `reason` (a value of ErrorReason), and where it "
                    "helps BadRequest, PreconditionFailure, QuotaFailure and RetryInfo.",
                    "items": {
                        "type": "object",
                        "required": ["@type"],
                        "properties": {"@type": {"type": "string"}},
                        "additionalProperties": True,
                    },
                },
            },
        }
    },
}
_HEADERS: dict[str, Schema] = {
    "IdempotencyKey": {
        "name": "Idempotency-Key",
        "in": "header",
        "description": "An id of the caller's choice that makes a retry safe: it becomes the request id. If the body "
        "has one too, they must be the same.",
        "schema": {"type": "string", "maxLength": 128},
        "example": "6f1a2b64-5a52-4a5b-9f0e-3f2f4d6f9a10",
    },
    "LastEventId": {
        "name": "Last-Event-ID",
        "in": "header",
        "description": "The id of the last event that was dealt with: the stream goes on after it. Browsers send it by "
        "themselves when they connect again. It wins over `resumeToken`.",
        "schema": {"type": "string", "maxLength": 512},
    },
    "RequestTimeout": {
        "name": "X-Request-Timeout",
        "in": "header",
        "description": "Seconds after which the caller gives up. 30 where it is left out; streams go on.",
        "schema": {"type": "string", "pattern": r"^[0-9]{1,6}(\.[0-9]{1,9})?$"},
        "example": "10",
    },
}


@cache
def document() -> dict[str, Any]:
    """The whole document."""
    return _Document().made


class _Document:
    """Puts the document together."""

    def __init__(self) -> None:
        self._schemas = Schemas([method.output_type for service in services() for method in service.methods])
        paths: dict[str, dict[str, Any]] = {}
        for binding in bindings():
            paths.setdefault(shown_path(binding), {})[binding.verb.lower()] = self._operation(binding)
        self._schemas.ref(ErrorReason.DESCRIPTOR)
        tags = [
            {"name": service.name, "description": prose(comments().get(str(service.full_name), ""))}
            for service in services()
        ]
        self.made: dict[str, Any] = {
            "openapi": "3.0.3",
            "info": {"title": "Sendout", "version": _version(), "description": _ABOUT},
            "servers": [{"url": "/"}],
            "security": [{"key": []}],
            "tags": tags,
            "paths": paths,
            "components": {
                "schemas": dict(sorted((self._schemas.components | {"Error": _ERROR}).items())),
                "parameters": _HEADERS,
                "securitySchemes": {
                    "key": {"type": "http", "scheme": "bearer", "description": "An API key of Sendout."}
                },
            },
        }

    def _operation(self, binding: Binding) -> dict[str, Any]:
        method = binding.method
        text = prose(comments().get(str(method.full_name), ""))
        operation: dict[str, Any] = {
            "operationId": method.name,
            "tags": [method.containing_service.name],
            "summary": re.split(r"(?<=[.:])\s", text, maxsplit=1)[0].rstrip(".:"),
            "description": text,
            "parameters": [*self._parameters(binding), *_headers(method)],
            "responses": {"200": self._answer(method), **_errors(binding)},
        }
        if body := self._body(binding):
            operation["requestBody"] = body
        return operation

    def _parameters(self, binding: Binding) -> Iterator[Schema]:
        for place in binding.template.fields:
            leaf = field_chain(binding.method.input_type, place)[-1]
            schema = {**self._schemas.of(leaf), "minLength": 1}
            about = described({"schema": schema}, str(leaf.full_name))
            yield {"name": leaf.name, "in": "path", "required": True, **about}
        for name, leaf in _query(binding):
            needed = {"required": True} if is_required(leaf) and "." not in name else {}
            about = described({"schema": self._schemas.of(leaf)}, str(leaf.full_name))
            yield {"name": name, "in": "query", **needed, **about}

    def _body(self, binding: Binding) -> Schema | None:
        kind = binding.method.input_type
        if not binding.body:
            return None
        if binding.body != "*":
            one = kind.fields_by_name[binding.body]
            return _content("application/json", self._schemas.of(one), str(one.full_name), needed=is_required(one))
        rest = [one for one in kind.fields if one.name not in binding.template.fields]
        if not rest:
            return None
        needed = any(is_required(one) for one in rest)
        if binding.method.client_streaming:
            body = _content("application/x-ndjson", self._schemas.ref(kind), str(kind.full_name), needed=True)
            body["description"] = f"Newline-delimited JSON: one object a line. {body['description']}"
            return body
        schema = self._schemas.ref(kind)
        if binding.template.fields:
            self._schemas.components[kind.name] = self._schemas.message(kind, frozenset(binding.template.fields))
        return _content("application/json", schema, str(kind.full_name), needed=needed)

    def _answer(self, method: MethodDescriptor) -> Schema:
        schema, about = self._schemas.ref(method.output_type), comments().get(str(method.output_type.full_name), "")
        if not method.server_streaming:
            return {"description": prose(about), "content": {"application/json": {"schema": schema}}}
        told = (
            "A stream: newline-delimited JSON, or server-sent events where `Accept` says `text/event-stream`. An "
            "event's data is one such object; the event `end` says that there is no more. An error in midstream is "
            "the last line, with the single name `error`, or the event `error`."
        )
        events = {
            "type": "string",
            "description": f"Server-sent events; the data of each is a {method.output_type.name}.",
        }
        content = {"application/x-ndjson": {"schema": schema}, "text/event-stream": {"schema": events}}
        return {"description": f"{prose(about)} {told}", "content": content}


def shown_path(binding: Binding) -> str:
    """The path as OpenAPI writes it: a field of a field goes by its last name, so that one resource has one path."""
    return _PLACE.sub(lambda match: "{" + match[1].rpartition(".")[2] + "}", binding.template.text)


def _query(binding: Binding) -> Iterator[tuple[str, FieldDescriptor]]:
    """The parameters of a call, by the names that answers use."""
    if binding.body != "*":
        yield from _leaves(binding.method.input_type, "", "", {*binding.template.fields, binding.body})


def _leaves(kind: Descriptor, name: str, place: str, taken: set[str]) -> Iterator[tuple[str, FieldDescriptor]]:
    for one in kind.fields:
        if place + one.name in taken:
            continue
        if is_parameter(one):
            yield name + one.json_name, one
        elif one.message_type and not one.is_repeated and place.count(".") < _LARGEST_DEPTH:
            yield from _leaves(one.message_type, f"{name}{one.json_name}.", f"{place}{one.name}.", taken)


def _headers(method: MethodDescriptor) -> Iterator[Schema]:
    names = ["RequestTimeout"]
    if request_id_place(method.input_type):
        names.append("IdempotencyKey")
    if method.server_streaming and RESUME_TOKEN in method.input_type.fields_by_name:
        names.append("LastEventId")
    for name in names:
        yield {"$ref": f"#/components/parameters/{name}"}


def _content(kind: str, schema: Schema, full_name: str, *, needed: bool) -> Schema:
    about = prose(comments().get(full_name, ""))
    return {"required": needed, "description": about, "content": {kind: {"schema": schema}}}


def _errors(binding: Binding) -> dict[str, Schema]:
    """One response for each HTTP status, with the reasons that the contract gives for it, and the gateway's own."""
    method, said = binding.method, comments()
    text = said.get(str(method.full_name), "") + " " + said.get(str(method.containing_service.full_name), "")
    reasons = {status: ["FIELD_INVALID"] for status in (("400", "413", "415") if binding.body else ("400",))}
    for name in dict.fromkeys(_REASON.findall(text)):
        about = said.get(f"{ErrorReason.DESCRIPTOR.full_name}.{name}")
        if about is not None:
            status = HTTP_STATUS[StatusCode[about.partition(".")[0]]]
            reasons.setdefault(str(status), []).append(name)
    found = {status: _error(", ".join(dict.fromkeys(names)) + ".") for status, names in sorted(reasons.items())}
    return {**found, "default": _error("Any other refusal.")}


def _error(description: str) -> Schema:
    return {
        "description": description,
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
    }


def _version() -> str:
    try:
        return version("sendout")
    except PackageNotFoundError:  # run from a source tree
        return "unknown"
