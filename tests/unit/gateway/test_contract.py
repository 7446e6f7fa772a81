"""The bindings of the contract, its comments, and what is made of them: the OpenAPI document and its page."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import grpc
import pytest
from google.protobuf import descriptor_pb2

from sendout.gateway.documents.openapi import document, shown_path
from sendout.gateway.documents.page import rendered_page
from sendout.gateway.transcode.contract import Binding, bindings, comments, services
from sendout.gateway.transcode.refusals import HTTP_STATUS


def everything(value: Any) -> Iterator[Any]:
    """A JSON value and all values in it."""
    yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from everything(inner)


def operations() -> dict[str, dict[str, Any]]:
    """The operations of the document by their id."""
    return {one["operationId"]: one for verbs in document()["paths"].values() for one in verbs.values()}


def test_every_call_has_a_path() -> None:
    """Every method of every service of the contract is bound at least once."""
    bound = {binding.method.full_name for binding in bindings()}
    assert bound == {method.full_name for service in services() for method in service.methods}


def example(binding: Binding) -> str:
    return re.sub(r"\{[^}]*\}", "x", binding.template.text)


def test_no_path_belongs_to_two_calls() -> None:
    """A path with a method leads to one call only, so the order of the bindings says nothing."""
    for one, other in itertools.permutations(bindings(), 2):
        if one.verb == other.verb:
            assert other.template.match(example(one)) is None, (one.method.name, other.method.name)


def test_no_answer_of_a_stream_looks_like_an_error() -> None:
    """The last line of a broken stream has the single name `error`; no message of the contract has such a field."""
    for binding in bindings():
        assert "error" not in {field.json_name for field in binding.method.output_type.fields}


def test_every_status_has_a_number() -> None:
    """Each gRPC status but OK has its HTTP status, none of which says that all is well."""
    assert set(HTTP_STATUS) == set(grpc.StatusCode) - {grpc.StatusCode.OK}
    assert all(status >= 400 for status in HTTP_STATUS.values())


def test_comments_are_complete() -> None:
    """Everything of the contract has its comment at hand, so the document is never silent."""
    names = set()
    for service in services():
        proto = descriptor_pb2.FileDescriptorProto()
        service.file.CopyToProto(proto)
        names |= {str(service.full_name), *(str(method.full_name) for method in service.methods)}
        for message in proto.message_type:
            names.add(f"{proto.package}.{message.name}")
            names |= {f"{proto.package}.{message.name}.{field.name}" for field in message.field}
    assert names <= comments().keys()
    assert "sendout.v1.ErrorReason.TEXT_EMPTY" in comments()


def test_every_call_is_described() -> None:
    """Each binding is an operation with the contract's words, all its parameters and its errors."""
    paths = document()["paths"]
    for binding in bindings():
        operation = paths[shown_path(binding)][binding.verb.lower()]
        assert operation["description"]
        assert {"200", "400", "default"} <= operation["responses"].keys()
        in_path = {one["name"] for one in operation["parameters"] if one.get("in") == "path"}
        assert in_path == set(re.findall(r"\{(\w+)\}", shown_path(binding)))
    assert len(operations()) == len(bindings())


def test_the_document_holds_together() -> None:
    """Every reference leads somewhere, and no two paths differ only in the names of their variables."""
    made = document()
    for value in everything(made):
        if isinstance(value, dict) and "$ref" in value:
            kind, name = value["$ref"].removeprefix("#/components/").split("/")
            assert name in made["components"][kind]
            assert len(value) == 1
    shapes = [re.sub(r"\{\w+\}", "{}", path) for path in made["paths"]]
    assert len(shapes) == len(set(shapes))
    json.dumps(made, allow_nan=False)


def test_what_the_document_says() -> None:
    """S: formats, enums, required fields, streams, headers and reasons are those of the contract."""
    made = document()
    schemas = made["components"]["schemas"]
    send, series = operations()["SendNotification"], operations()["GetTopicSeries"]
    stream, upload = operations()["StreamDeliveryEvents"], operations()["SendNotificationStream"]
    assert made["openapi"] == "3.0.3"
    assert made["security"] == [{"key": []}]
    request = schemas["SendNotificationRequest"]
    assert request["required"] == ["contactPointId", "text", "recipients"]
    assert request["additionalProperties"] is False
    assert request["properties"]["sendTime"]["format"] == "date-time"
    assert request["properties"]["labels"]["additionalProperties"] == {"type": "string"}
    assert schemas["PreviewNotificationResponse"]["properties"]["billableSegments"]["type"] == "string"
    assert schemas["Priority"]["enum"] == ["PRIORITY_UNSPECIFIED", "PRIORITY_NORMAL", "PRIORITY_URGENT"]
    assert schemas["Notification"]["properties"]["notificationId"]["readOnly"] is True
    assert {"$ref": "#/components/parameters/IdempotencyKey"} in send["parameters"]
    assert "BACKLOG_FULL" in send["responses"]["429"]["description"]
    assert "REQUEST_ID_REUSED" in send["responses"]["409"]["description"]
    needed = {one["name"] for one in series["parameters"] if one.get("required")}
    assert needed == {"topic_id", "startTime", "endTime"}
    assert {"$ref": "#/components/parameters/LastEventId"} in stream["parameters"]
    assert set(stream["responses"]["200"]["content"]) == {"application/x-ndjson", "text/event-stream"}
    assert set(upload["requestBody"]["content"]) == {"application/x-ndjson"}
    assert "requestBody" not in operations()["DisableTopic"]
    assert "userId" not in schemas["SetUserPasswordRequest"]["properties"]


class Page(HTMLParser):
    """What a browser would load and where links of a page lead."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.targets: list[str] = []
        self.inline: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            if name == "id":
                self.ids.append(str(value))
            if name == "href" and str(value).startswith("#"):
                self.targets.append(str(value)[1:])
            if name == "style" or name.startswith("on"):
                self.inline.append(name)


def test_the_page() -> None:
    """The page has every call and every object, needs no script and no inline style, and its links lead somewhere."""
    page = Page()
    page.feed(rendered_page())
    assert not {"script", "style", "iframe", "img"} & set(page.tags)
    assert page.inline == []
    assert len(page.ids) == len(set(page.ids))
    assert set(page.targets) <= set(page.ids)
    assert operations().keys() | document()["components"]["schemas"].keys() <= set(page.ids)


@pytest.mark.parametrize("text", ["<script>alert(1)</script>", "`<b>`", "- <i>\n- b"])
def test_prose_is_escaped(text: str) -> None:
    """A comment is text, whatever it holds."""
    from sendout.gateway.documents.page import _prose

    assert not {"<script>", "<b>", "<i>"} & set(re.findall(r"<\w+>", _prose(text)))
