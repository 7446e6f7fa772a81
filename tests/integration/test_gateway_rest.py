"""REST before a real server with real stores: every call of the contract, and what goes wrong on the way."""

from __future__ import annotations

import asyncio
import io
import json
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import aiohttp
import grpc.aio
import pytest
from google.protobuf.descriptor import FieldDescriptor

from sendout.gateway.transcode.binding import is_parameter, request_of
from sendout.gateway.transcode.contract import Binding, behaviors, bindings, field_chain
from sendout.gateway.transcode.refusals import HTTP_STATUS
from sendout.gateway.upstream import Upstream
from sendout.storage.engine import Database
from tests.integration.gateway_site import Answer, Web, server, web

SMS = {"contactPointId": "main", "text": "The bridge is closed.", "recipients": [{"phoneNumber": "+14155550101"}]}
LINES = {"Content-Type": "application/x-ndjson"}
EVENTS = {"Accept": "text/event-stream"}


@pytest.fixture
async def site(database: Database, valkey_url: str) -> AsyncIterator[Web]:
    with tempfile.TemporaryDirectory(prefix="sog") as folder:
        async with server(database, valkey_url, Path(folder)) as (target, key), web(target, key) as made:
            made.target = target
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


def header_line(**fields: Any) -> bytes:
    """The first line of an upload."""
    return json.dumps({"header": {"contactPointId": "main", "text": "Hi"} | fields}).encode() + b"\n"


def chunk_line(*numbers: str) -> bytes:
    """A line with recipients."""
    return json.dumps({"chunk": {"recipients": [{"phoneNumber": number} for number in numbers]}}).encode() + b"\n"


async def notifications(site: Web) -> int:
    """How many there are."""
    return len((await site.call("GET", "/v1/notifications")).json.get("notifications", []))


async def test_upload(site: Web) -> None:
    """A send of many lines is one notification, whatever pieces they come in; its header may take the key."""
    body = header_line() + b"\n" + chunk_line("+14155550101", "+14155550102") + chunk_line("+14155550103")[:-1]

    async def pieces() -> AsyncIterator[bytes]:
        for place in range(0, len(body), 7):
            yield body[place : place + 7]

    headers = LINES | {"Idempotency-Key": "bulk"}
    first = await site.call("POST", "/v1/notifications:sendStream", data=pieces(), headers=headers)
    assert (first.status, first.json["acceptedCount"]) == (200, 3), first.content
    again = await site.call("POST", "/v1/notifications:sendStream", data=body, headers=headers)
    assert again.json["replayed"] is True
    other = body.replace(b'"text"', b'"requestId": "x", "text"')
    assert (await site.call("POST", "/v1/notifications:sendStream", data=other, headers=headers)).status == 400
    assert await notifications(site) == 1


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        (header_line() + b'{"chunk": {"recipients": [{"number": "1"}]}}\n', 400, "chunk.recipients[0].number"),
        (header_line() + b"{\n", 400, "Line 2"),
        (header_line() + b'{"header": {}, "chunk": {}}', 400, "cannot stand beside"),
        (header_line() + b"x" * (5 << 20), 413, "A line"),
        (chunk_line("+14155550101"), 400, "header"),
        (header_line() + chunk_line("12"), 400, "12"),
    ],
    ids=["field", "json", "oneof", "long", "order", "server"],
)
async def test_uploads_that_are_refused(site: Web, body: bytes, status: int, said: str) -> None:
    """A fault in a line, found here or by the server, is named, and nothing is stored."""
    answer = await site.call("POST", "/v1/notifications:sendStream", data=io.BytesIO(body), headers=LINES)
    assert answer.status == status, answer.content
    assert said in answer.content.decode()
    assert await notifications(site) == 0


async def test_an_upload_that_breaks_off_stores_nothing(site: Web) -> None:
    """I1: a body that does not end is no end of the stream: the call is cancelled."""
    reached = asyncio.Event()

    async def pieces() -> AsyncIterator[bytes]:
        yield header_line() + chunk_line("+14155550101")
        reached.set()
        await asyncio.Event().wait()

    sending = asyncio.create_task(
        site.call("POST", "/v1/notifications:sendStream", data=pieces(), headers=LINES)
    )  # fmt: skip
    await reached.wait()
    sending.cancel()
    await asyncio.gather(sending, return_exceptions=True)
    async with asyncio.timeout(5):
        while site.gateway.server_state.tasks:
            await asyncio.sleep(0.01)
    assert await notifications(site) == 0


class EventReader:
    """Reads server-sent events as a browser does: (id, name, data) each."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self.last_id = ""
        self._response = response

    async def block(self) -> tuple[str, str, str]:
        """The next block; data is empty where it is no event."""
        text = (await asyncio.wait_for(self._response.content.readuntil(b"\n\n"), 10)).decode()
        lines = [line.partition(": ") for line in text.splitlines()]
        found = {name: value for name, _, value in lines}
        self.last_id = found.get("id", self.last_id)
        return self.last_id, found.get("event", "message"), found.get("data", "")

    async def events(self, count: int) -> list[tuple[str, str]]:
        """(state, message id) of the next so many delivery events."""
        seen: list[tuple[str, str]] = []
        while len(seen) < count:
            _, name, data = await self.block()
            if data:
                assert name == "message", data
                events = json.loads(data)["events"]
                seen += [
                    (one["newState"].removeprefix("MESSAGE_STATE_"), one["message"]["messageId"]) for one in events
                ]
        return seen


async def sent(site: Web) -> str:
    """Send one message and cancel it; its id."""
    answer = await site.call("POST", "/v1/notifications", json=SMS)
    identifier: str = answer.json["notification"]["notificationId"]
    await site.call("POST", f"/v1/notifications/{identifier}:cancel")
    return f"{identifier}.0"


async def test_events_resume(site: Web) -> None:
    """I5: with Last-Event-ID a stream goes on after the last event, whatever token its address still holds."""
    first = await sent(site)
    path = "/v1/events:stream?resumeToken=EARLIEST"
    async with site.open("GET", path, headers=EVENTS) as response:
        assert response.content_type == "text/event-stream"
        reader = EventReader(response)
        heartbeat = await reader.block()
        assert heartbeat[0]
        assert heartbeat[2] == ""
        assert await reader.events(2) == [("QUEUED", first), ("CANCELED", first)]
    second = await sent(site)
    async with site.open("GET", path, headers=EVENTS | {"Last-Event-ID": reader.last_id}) as response:
        again = EventReader(response)
        assert await again.events(2) == [("QUEUED", second), ("CANCELED", second)]


async def test_events_as_lines(site: Web) -> None:
    """Without the wish for events a stream is a line of JSON for each answer, heartbeats included."""
    message = await sent(site)
    async with site.open("GET", "/v1/events:stream?resume_token=EARLIEST&topicIds=default") as response:
        assert response.content_type == "application/x-ndjson"
        answers = [json.loads(await response.content.readline()) for _ in range(2)]
    assert "events" not in answers[0]
    assert answers[0]["resumeToken"]
    assert {one["message"]["messageId"] for one in answers[1]["events"]} == {message}


async def test_a_revoked_key_ends_a_stream_with_an_error_event(site: Web) -> None:
    """I8: what ends a stream in midstream is its last event, in the form of every error."""
    made = await site.call("POST", "/v1/api-keys", json={"label": "Reader", "roleIds": ["admin"]})
    async with site.open("GET", "/v1/events:stream", headers=EVENTS, key=made.json["secret"]) as response:
        reader = EventReader(response)
        await reader.block()
        await site.call("POST", f"/v1/api-keys/{made.json['apiKey']['apiKeyId']}:revoke")
        name = ""
        while name != "error":
            _, name, data = await reader.block()
        assert Answer(401, {}, data.encode()).reason == "CREDENTIALS_INVALID"
        assert await response.content.read() == b""


async def test_a_gateway_that_stops_hands_out_tokens(site: Web) -> None:
    """5.7: a stopping gateway ends its streams with where to go on and when; lines end with a line."""
    async with (
        site.open("GET", "/v1/events:stream", headers=EVENTS) as events,
        site.open("GET", "/v1/events:stream") as lines,
    ):
        reader = EventReader(events)
        token, _, _ = await reader.block()
        await lines.content.readline()
        site.gateway.streams.stopping.set()
        resume, name, data = await reader.block()
        while name != "error":
            resume, name, data = await reader.block()
        answer = Answer(503, {}, data.encode())
        assert (answer.reason, resume) == ("STREAM_ENDED", answer.detail("ErrorInfo")["metadata"]["resume_token"])
        assert resume
        assert token
        rest = (await lines.content.read()).splitlines()
        assert Answer(503, {}, rest[-1]).reason == "STREAM_ENDED"
