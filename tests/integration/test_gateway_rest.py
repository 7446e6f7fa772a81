"""REST before a real server with real stores: every call of the contract, and what goes wrong on the way."""

from __future__ import annotations

import io
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any
from urllib.parse import urlencode

import grpc.aio
import pytest
from google.protobuf.descriptor import FieldDescriptor

from sendout.gateway.transcode.binding import is_parameter, request_of
from sendout.gateway.transcode.contract import Binding, behaviors, bindings, field_chain
from sendout.gateway.transcode.refusals import HTTP_STATUS
from sendout.gateway.upstream import Upstream
from sendout.storage.engine import Database
from tests.integration.gateway_site import Web, gateway_before_server

SMS = {"contactPointId": "main", "text": "The bridge is closed.", "recipients": [{"phoneNumber": "+14155550101"}]}
LINES = {"Content-Type": "application/x-ndjson"}
EVENTS = {"Accept": "text/event-stream"}


@pytest.fixture
async def site(database: Database, valkey_url: str) -> AsyncIterator[Web]:
    async with gateway_before_server(database, valkey_url) as made:
        yield made


def sample(leaf: FieldDescriptor) -> str:
    """A value for a field of a path or a query."""
    if leaf.message_type is not None:
        return {"Timestamp": "2026-01-01T00:00:00Z", "Duration": "3s", "FieldMask": leaf.name}[leaf.message_type.name]
    if leaf.enum_type is not None:
        return str(leaf.enum_type.values[-1].name)
    return {FieldDescriptor.CPPTYPE_BOOL: "true", FieldDescriptor.CPPTYPE_STRING: "x1"}.get(leaf.cpp_type, "1")


def parts_of(binding: Binding) -> tuple[dict[str, str], dict[str, str]]:
    """Values for the path and for the required parameters of a call."""
    kind = binding.method.input_type
    values = {place: sample(field_chain(kind, place)[-1]) for place in binding.template.fields}
    if binding.body == "*":
        return values, {}
    needed = [one for one in kind.fields if "REQUIRED" in behaviors(one) and is_parameter(one)]
    return values, {one.name: sample(one) for one in needed if one.name not in (*values, binding.body)}


def path_of(binding: Binding, values: dict[str, str], query: dict[str, str]) -> str:
    """The address of a call."""
    path = binding.template.text
    for place, value in values.items():
        path = path.replace("{" + place + "}", value)
    return f"{path}?{urlencode(query)}" if query else path


def named(methods: tuple[bool, bool]) -> Iterator[Any]:
    """The bindings of one kind of calls: (client streams, server streams)."""
    for binding in bindings():
        if (binding.method.client_streaming, binding.method.server_streaming) == methods:
            yield pytest.param(binding, id=binding.method.name)


async def over_grpc(site: Web, binding: Binding, request: Any) -> int:
    """The HTTP status that the server's own answer to the same call comes to."""
    upstream = Upstream(site.target)
    call = upstream.start(binding.method, request, (("authorization", f"Bearer {site.key}"),), 10)
    try:
        await (call.read() if binding.method.server_streaming else call)
        return 200
    except grpc.aio.AioRpcError as error:
        return HTTP_STATUS[error.code()]
    finally:
        call.cancel()
        await upstream.close()


async def test_every_unary_call_answers_as_over_grpc(site: Web) -> None:
    """Each call of the contract with one answer is reached at its path and gives what the server gives over gRPC."""
    for parameter in named((False, False)):
        binding = parameter.values[0]
        values, query = parts_of(binding)
        body = b"{}" if binding.body else b""
        request = request_of(binding, values, urlencode(query).encode(), body)
        wanted = await over_grpc(site, binding, request)
        given: dict[str, Any] = {"json": {}} if binding.body else {}
        answer = await site.call(binding.verb, path_of(binding, values, query), **given)
        name = binding.method.full_name
        assert answer.status == wanted, (name, answer.content)
        assert answer.status == 200 or answer.reason, name
        assert answer.status not in (405, 500), name


async def test_every_stream_answers(site: Web) -> None:
    """Each server stream gives its first line, or an ordinary error before it, as the server does over gRPC."""
    for parameter in named((False, True)):
        binding = parameter.values[0]
        values, query = parts_of(binding)
        wanted = await over_grpc(site, binding, request_of(binding, values, urlencode(query).encode(), b""))
        async with site.open(binding.verb, path_of(binding, values, query)) as response:
            assert response.status == wanted, binding.method.name
            kind = "application/x-ndjson" if wanted == 200 else "application/json"
            assert response.content_type == kind


async def test_every_upload_is_reached(site: Web) -> None:
    """Each client stream answers in the contract's words, and needs credentials like every call."""
    for parameter in named((True, False)):
        binding = parameter.values[0]
        path = path_of(binding, {}, {})
        answer = await site.call(binding.verb, path, data=b"{}\n", headers=LINES)
        assert answer.status in (200, 400, 501), answer.content
        assert answer.status == 200 or answer.reason
        assert (await site.call(binding.verb, path, data=b"{}\n", headers=LINES, key="")).status == 401


async def test_a_send_and_what_became_of_it(site: Web) -> None:
    """S: the names of a request may be of either form; answers are protobuf JSON in camelCase without defaults."""
    body = {"contact_point_id": "main", "text": "Hi", "recipients": [{"phone_number": "+14155550101"}]}
    sent = await site.call("POST", "/v1/notifications", json=body | {"priority": 2, "labels": {"team": "roads"}})
    notification = sent.json["notification"]
    assert (sent.status, sent.json["acceptedCount"]) == (200, 1)
    assert "replayed" not in sent.json
    assert (notification["priority"], notification["labels"]) == ("PRIORITY_URGENT", {"team": "roads"})
    identifier = notification["notificationId"]
    found = await site.call("GET", f"/v1/notifications/{identifier}")
    assert found.json["notification"]["progress"]["total"] == "1"  # 64-bit numbers are texts
    listed = await site.call("GET", "/v1/notifications?topic_id=default&pageSize=1&startTime=2026-01-01T00%3A00%3A00Z")
    assert [one["notificationId"] for one in listed.json["notifications"]] == [identifier]
    canceled = await site.call("POST", f"/v1/notifications/{identifier}:cancel")
    assert canceled.json["canceledCount"] == 1
    watched = await site.call("GET", f"/v1/notifications/{identifier}:watch", headers=EVENTS)
    first, last, rest = watched.content.split(b"\n\n")
    assert first.startswith(b"data: {")
    assert (last, rest) == (b"event: end\ndata: {}", b"")


async def test_changes_by_path_mask_and_body(site: Web) -> None:
    """A resource is created from a field of the request, changed at its own path and by a mask in the query."""
    made = await site.call("POST", "/v1/topics", json={"topicId": "roads", "label": "Roads"})
    assert made.json["topic"]["topicId"] == "roads"
    changed = await site.call("PATCH", "/v1/topics/roads?updateMask=label", json={"label": "Streets"})
    assert (changed.status, changed.json["topic"]["label"]) == (200, "Streets")
    other = await site.call("PATCH", "/v1/topics/roads", json={"topic_id": "bridges", "label": "Bridges"})
    assert (other.status, other.fields) == (400, ["topic.topic_id"])
    body = {"maxSegments": 3, "emojiEnabled": False, "label": "Left alone"}
    point = await site.call("PATCH", "/v1/contact-points/main?update_mask=max_segments,emojiEnabled", json=body)
    found = point.json["contactPoint"]
    assert (found["maxSegments"], found["emojiEnabled"], found["label"]) == (3, False, "Main line")


@pytest.mark.parametrize(
    ("verb", "path", "given", "status", "reason", "field"),
    [
        ("GET", "/v1/nothing", {}, 404, "NOT_IMPLEMENTED", None),
        ("GET", "/v1/topics/x:nonsense", {}, 404, "NOT_IMPLEMENTED", None),
        ("PUT", "/v1/topics", {}, 405, "NOT_IMPLEMENTED", None),
        ("POST", "/healthz", {}, 405, "NOT_IMPLEMENTED", None),
        ("GET", "/v1/topics/none", {}, 404, "TOPIC_NOT_FOUND", None),
        ("GET", "/v1/topics/%ff", {}, 400, "FIELD_INVALID", ""),
        ("GET", "/v1/topics?pageSize=%ff", {}, 400, "FIELD_INVALID", ""),
        ("GET", "/v1/topics?nothing=1", {}, 400, "FIELD_INVALID", "nothing"),
        ("GET", "/v1/topics?pageSize=ten", {}, 400, "FIELD_INVALID", "page_size"),
        ("GET", "/v1/topics?pageSize=1&page_size=2", {}, 400, "FIELD_INVALID", "page_size"),
        ("GET", "/v1/topics?state=SOMETIMES", {}, 400, "FIELD_INVALID", "state"),
        ("GET", "/v1/topics/x?topicId=y", {}, 400, "FIELD_INVALID", "topicId"),
        ("GET", "/v1/contact-points?sendableOnly=yes", {}, 400, "FIELD_INVALID", "sendable_only"),
        ("GET", "/v1/notifications?startTime=yesterday", {}, 400, "FIELD_INVALID", "start_time"),
        ("GET", "/v1/topics?pageToken=abc", {}, 400, "PAGE_TOKEN_INVALID", None),
        ("GET", "/v1/topics", {"json": {}}, 400, "FIELD_INVALID", ""),
        ("POST", "/v1/notifications?text=x", {"json": {}}, 400, "FIELD_INVALID", "text"),
        ("POST", "/v1/notifications", {"json": [1]}, 400, "FIELD_INVALID", ""),
        ("POST", "/v1/notifications", {"json": {"txt": "x"}}, 400, "FIELD_INVALID", "txt"),
        ("POST", "/v1/notifications", {"json": {"recipients": [{"a": 1}]}}, 400, "FIELD_INVALID", "recipients[0].a"),
        ("POST", "/v1/notifications", {"json": {"text": 5}}, 400, "FIELD_INVALID", "text"),
        ("POST", "/v1/notifications", {"json": {"text": "\ud800"}}, 400, "FIELD_INVALID", "text"),
        ("POST", "/v1/notifications", {"json": SMS | {"text": "a\0b"}}, 400, "TEXT_INVALID", None),
        ("POST", "/v1/notifications", {"json": SMS | {"requestId": "a\0b"}}, (200, 400), None, None),
        ("POST", "/v1/notifications", {"json": SMS | {"contactPointId": "a\0b"}}, (400, 404), None, None),
        ("GET", "/v1/topics/a%00b", {}, (400, 404), None, None),
        ("GET", "/v1/messages/a%00b", {}, (400, 404), None, None),
        ("GET", "/v1/notifications?topicId=a%00b", {}, (200, 400, 404), None, None),
        ("POST", "/v1/notifications", {"json": SMS | {"recipients": []}}, 400, None, None),
        ("POST", "/v1/notifications", {"json": SMS | {"contactPointId": "none"}}, 404, "CONTACT_POINT_NOT_FOUND", None),
        ("POST", "/v1/topics", {"json": {"topicId": "default", "label": "Again"}}, 409, "ID_TAKEN", None),
        ("POST", "/v1/topics/default:disable", {}, 400, "DEFAULT_TOPIC_IMMUTABLE", None),
        ("GET", "/v1/events:stream?resumeToken=abc", {}, 400, None, None),
        ("GET", "/v1/whoami", {"headers": {"X-Request-Timeout": "soon"}}, 400, "FIELD_INVALID", "X-Request-Timeout"),
        ("GET", "/v1/whoami", {"headers": {"Grpc-Timeout": "1"}}, 400, "FIELD_INVALID", "Grpc-Timeout"),
        ("GET", "/v1/whoami", {"headers": {"X-Request-Timeout": "0.01"}}, 504, None, None),
        ("GET", "/v1/whoami", {"key": "so_wrong"}, 401, "CREDENTIALS_INVALID", None),
        ("GET", "/v1/whoami", {"key": ""}, 401, "CREDENTIALS_MISSING", None),
        ("GET", "/v1/whoami", {"key": "k\u00e9y"}, 401, "CREDENTIALS_INVALID", None),
    ],
)  # fmt: skip
async def test_errors(
    site: Web, verb: str, path: str, given: Any, status: Any, reason: str | None, field: str | None
) -> None:
    """Whatever is wrong has its HTTP status, its reason and the field at fault; nothing is a fault of the server."""
    answer = await site.call(verb, path, **given)
    assert answer.status in (status if isinstance(status, tuple) else (status,)), answer.content
    if answer.status != 200:
        assert reason in (None, answer.reason), answer.content
        assert field is None or answer.fields[:1] == [field], answer.content
        assert answer.headers["Content-Type"] == "application/json"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert ("WWW-Authenticate" in answer.headers) == (status == 401)
        assert ("Allow" in answer.headers) == (status == 405)


async def test_every_problem_is_named(site: Web) -> None:
    """A request with several faults gets them all at once, each with its place."""
    body = {"text": 1, "recipients": [{"phoneNumber": True, "x": 1}], "labels": {"a": 2}, "sendTime": "now", "y": 1}
    answer = await site.call("POST", "/v1/notifications", json=body)
    places = ["text", "recipients[0].phone_number", "recipients[0].x", 'labels["a"]', "send_time", "y"]
    assert answer.fields == places
    assert answer.error["message"] == "text: 1 is not a text. And 5 more."


@pytest.mark.parametrize(
    ("content", "headers", "status"),
    [
        (b"{", {}, 400),
        (b'{"text": "\xff"}', {}, 400),
        ('{"text": "x"}'.encode("utf-16"), {}, 400),
        (b'{"text": NaN}', {}, 400),
        (b'{"text": "a", "text": "b"}', {}, 400),
        (b'{"text": "a"} {}', {}, 400),
        (b"[" * 100_000, {}, 400),
        (b'{"maxSegments": ' + b"9" * 5_000 + b"}", {}, 400),
        (b"{}", {"Content-Type": "text/plain"}, 415),
        (b"text=x", {"Content-Type": "application/x-www-form-urlencoded"}, 415),
        (b"{}", {"Content-Type": "application/json; charset=latin-1"}, 415),
        (b"{}", {"Content-Encoding": "gzip"}, 415),
    ],
    ids=lambda value: str(value)[:40],
)
async def test_bodies_that_cannot_be_read(site: Web, content: bytes, headers: dict[str, str], status: int) -> None:
    """What is not strict UTF-8 JSON is refused before anybody looks at it."""
    answer = await site.call(
        "POST", "/v1/notifications:preview", data=content, headers={"Content-Type": "application/json"} | headers
    )
    assert (answer.status, answer.reason) == (status, "FIELD_INVALID"), answer.content


@pytest.mark.security("limits", "message > 4 MiB")
async def test_limits(site: Web) -> None:
    """Too large a body, declared or not, a head or an address is refused in the same form as everything."""
    large = b'{"text": "' + b"x" * (4 << 20) + b'"}'
    kind = {"Content-Type": "application/json"}
    declared = await site.call("POST", "/v1/notifications", data=io.BytesIO(large), headers=kind)
    assert (declared.status, declared.reason) == (413, "FIELD_INVALID")

    async def pieces() -> AsyncIterator[bytes]:
        for place in range(0, len(large), 1 << 18):
            yield large[place : place + (1 << 18)]

    chunked = await site.call("POST", "/v1/notifications", data=pieces(), headers=kind)
    assert (chunked.status, chunked.reason) == (413, "FIELD_INVALID")
    headers = {f"X-{number}": "y" * 4000 for number in range(5)}
    assert (await site.call("GET", "/v1/whoami", headers=headers)).error["status"] == "INVALID_ARGUMENT"
    assert (await site.call("GET", "/v1/whoami", headers=headers)).status == 431
    assert (await site.call("GET", "/v1/whoami", key="k" * 5000)).status == 431
    assert (await site.call("GET", f"/v1/topics?pageToken={'x' * 9000}")).status == 414


async def test_a_large_request_is_answered(site: Web) -> None:
    """Ten thousand recipients go through, converted beside the event loop, with a place for each problem."""
    recipients = [{"phoneNumber": f"+1415555{n:04d}"} for n in range(9_999)] + [{"phoneNumber": "12"}]
    body = io.BytesIO(json.dumps(SMS | {"recipients": recipients}).encode())
    kind = {"Content-Type": "application/json"}
    answer = await site.call("POST", "/v1/notifications", data=body, headers=kind)
    assert (answer.status, answer.fields) == (400, ["recipients[9999].phone_number"])


async def test_idempotency_key(site: Web) -> None:
    """The header is the request id: a repeat is one notification, other content or another id is refused."""
    headers = {"Idempotency-Key": '"one"'}
    first = await site.call("POST", "/v1/notifications", json=SMS, headers=headers)
    again = await site.call("POST", "/v1/notifications", json=SMS | {"requestId": "one"}, headers=headers)
    assert again.json["replayed"] is True
    assert again.json["notification"]["notificationId"] == first.json["notification"]["notificationId"]
    other = await site.call("POST", "/v1/notifications", json=SMS | {"text": "Other"}, headers=headers)
    assert (other.status, other.reason) == (409, "REQUEST_ID_REUSED")
    differs = await site.call("POST", "/v1/notifications", json=SMS | {"requestId": "two"}, headers=headers)
    assert (differs.status, differs.fields) == (400, ["request_id"])
    long = await site.call("POST", "/v1/notifications", json=SMS, headers={"Idempotency-Key": "x" * 200})
    assert long.status == 400
