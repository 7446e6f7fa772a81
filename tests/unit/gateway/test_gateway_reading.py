"""Strict protobuf JSON, and requests made of their parts."""

from __future__ import annotations

import json
from typing import Any

import pytest
from google.protobuf import json_format, message_factory
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message import Message
from hypothesis import given, settings
from hypothesis import strategies as st

from sendout.gateway.transcode.binding import request_id_place, request_of, take_idempotency_key, take_last_event_id
from sendout.gateway.transcode.contract import Binding, bindings, is_map, map_fields
from sendout.gateway.transcode.reading import Problems, decoded, fill
from sendout.gateway.transcode.refusals import Refusal
from sendout.gateway.transcode.templates import Template
from sendout.v1 import notification_service_pb2, role_pb2, topic_service_pb2
from sendout.v1.notification_service_pb2 import SendNotificationRequest, SendNotificationStreamRequest

BY_NAME = {binding.method.name: binding for binding in bindings()}
ANSWERS = sorted({b.method.output_type for b in bindings()}, key=lambda kind: str(kind.full_name))
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)


def read(kind: type[Message], value: Any) -> tuple[Message, list[tuple[str, str]]]:
    """(message, problems as (place, description))."""
    message, problems = kind(), Problems()
    fill(message, value, "", problems)
    return message, [(one.field, one.description) for one in problems.found]


def bind(name: str, values: dict[str, str] | None = None, query: str = "", body: Any = None) -> Any:
    """The request of a call made of these parts."""
    content = b"" if body is None else json.dumps(body).encode()
    return request_of(BY_NAME[name], values or {}, query.encode(), content)


def refused(name: str, values: dict[str, str] | None = None, query: str = "", body: Any = None) -> str:
    """The sentence with which these parts are refused."""
    with pytest.raises(Refusal) as caught:
        bind(name, values, query, body)
    return caught.value.message


def scalars(field: FieldDescriptor) -> st.SearchStrategy[Any]:
    """Values of a field as Python has them."""
    kinds = FieldDescriptor
    if field.enum_type is not None:
        return st.sampled_from([value.number for value in field.enum_type.values])
    if field.type == kinds.TYPE_BYTES:
        return st.binary(max_size=5)
    return {
        kinds.CPPTYPE_STRING: TEXT,
        kinds.CPPTYPE_BOOL: st.booleans(),
        kinds.CPPTYPE_INT32: st.integers(-(1 << 31), (1 << 31) - 1),
        kinds.CPPTYPE_INT64: st.integers(-(1 << 63), (1 << 63) - 1),
        kinds.CPPTYPE_UINT32: st.integers(0, (1 << 32) - 1),
        kinds.CPPTYPE_UINT64: st.integers(0, (1 << 64) - 1),
        kinds.CPPTYPE_DOUBLE: st.floats(allow_nan=False, allow_infinity=False),
        kinds.CPPTYPE_FLOAT: st.floats(width=32, allow_nan=False, allow_infinity=False),
    }[field.cpp_type]


def put_random(draw: Any, message: Any, depth: int) -> None:
    """Fill some fields of a message with random values."""
    for field in message.DESCRIPTOR.fields:
        if not draw(st.booleans()):
            continue
        if is_map(field):
            key, value = map_fields(field)
            if value.message_type is None:
                getattr(message, field.name)[draw(scalars(key))] = draw(scalars(value))
        elif field.message_type is not None:
            name = field.message_type.full_name
            target = getattr(message, field.name).add() if field.is_repeated else getattr(message, field.name)
            if name == "google.protobuf.Timestamp":
                target.FromSeconds(draw(st.integers(0, 253_402_300_799)))
            elif name == "google.protobuf.Duration":
                target.FromMilliseconds(draw(st.integers(-(10**9), 10**9)))
            elif depth < 4 and not name.startswith("google.protobuf"):
                target.SetInParent() if not field.is_repeated else None
                put_random(draw, target, depth + 1)
        elif field.is_repeated:
            getattr(message, field.name).extend(draw(st.lists(scalars(field), max_size=3)))
        else:
            setattr(message, field.name, draw(scalars(field)))


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_what_protobuf_writes_is_read_as_it_was(data: st.DataObject) -> None:
    """Any message of the contract, written as protobuf JSON in either form of names, is read back equal."""
    descriptor = data.draw(st.sampled_from([*ANSWERS, *(b.method.input_type for b in bindings())]))
    message = message_factory.GetMessageClass(descriptor)()
    put_random(data.draw, message, 0)
    text = json_format.MessageToJson(message, preserving_proto_field_name=data.draw(st.booleans()))
    again, problems = read(type(message), decoded(text.encode(), "It"))
    assert problems == []
    assert again == message


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)
NAMED = st.fixed_dictionaries({}, optional={
    field.json_name: JSON for field in SendNotificationRequest.DESCRIPTOR.fields
})  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(NAMED | JSON)
def test_nothing_breaks_the_reader(value: Any) -> None:
    """Any JSON is either read into a message that can be serialised, or its problems are listed."""
    message, problems = read(SendNotificationRequest, value)
    message.SerializeToString()
    assert all(description for _, description in problems)


@pytest.mark.parametrize(
    ("value", "place", "said"),
    [
        ({"nothing": 1}, "nothing", "There is no field"),
        ({"text": 1}, "text", "1 is not a text."),
        ({"text": "\ud800"}, "text", "surrogate"),
        ({"text": ["a"]}, "text", "is not a text"),
        ({"recipients": {}}, "recipients", "{} is not a list."),
        ({"recipients": [1]}, "recipients[0]", "1 is not an object."),
        ({"recipients": [None]}, "recipients[0]", "null is not an object."),
        ({"recipients": [{}, {"phoneNumber": 5}]}, "recipients[1].phone_number", "5 is not a text."),
        ({"recipients": [{"variables": {"a": 1}}]}, 'recipients[0].variables["a"]', "1 is not a text."),
        ({"recipients": [{"crmRecord": []}]}, "recipients[0].crm_record", "[] is not an object."),
        ({"labels": []}, "labels", "[] is not an object."),
        ({"labels": {"a": None}}, 'labels["a"]', "null is not a text."),
        ({"maxSegments": True}, "max_segments", "true is not a whole number."),
        ({"maxSegments": 1.5}, "max_segments", "1.5 is not a whole number."),
        ({"maxSegments": "1e3"}, "max_segments", "is not a whole number"),
        ({"maxSegments": 1 << 31}, "max_segments", "is not within"),
        ({"maxSegments": "\u0661"}, "max_segments", "is not a whole number"),
        ({"smartEncoding": "true"}, "smart_encoding", "is neither true nor false"),
        ({"priority": "LOUD"}, "priority", "is none of PRIORITY_UNSPECIFIED, PRIORITY_NORMAL, PRIORITY_URGENT."),
        ({"priority": None, "sendTime": 5}, "send_time", "5 is not a Timestamp"),
        ({"sendTime": "2026-13-01T00:00:00Z"}, "send_time", "is not a Timestamp"),
        ({"text": "a", "maxSegments": 1, "max_segments": 2}, "max_segments", "cannot stand beside"),
        ("text", "", '"text" is not an object.'),
    ],
)
def test_problems_are_named(value: Any, place: str, said: str) -> None:
    """Each kind of problem has its place in the server's names and quotes what was given."""
    _, problems = read(SendNotificationRequest, value)
    assert [problems[0][0]] == [place]
    assert said in problems[0][1]


@pytest.mark.parametrize(
    ("value", "field", "read_as"),
    [
        ({"maxSegments": "3"}, "max_segments", 3),
        ({"maxSegments": 3.0}, "max_segments", 3),
        ({"priority": 2}, "priority", 2),
        ({"priority": "2"}, "priority", 2),
        ({"priority": "PRIORITY_URGENT"}, "priority", 2),
        ({"topic_id": None}, "topic_id", ""),
        ({"topicId": "a"}, "topic_id", "a"),
    ],
)
def test_forms_of_values(value: Any, field: str, read_as: Any) -> None:
    """Numbers may be texts, enums names or numbers, names of either form; null is left out."""
    message, problems = read(SendNotificationRequest, value)
    assert (getattr(message, field), problems) == (read_as, [])


def test_one_of_several() -> None:
    """A oneof holds one field only."""
    _, problems = read(SendNotificationStreamRequest, {"header": {}, "chunk": {}})
    assert problems == [("chunk", '"chunk" cannot stand beside "header".')]


def test_problems_are_not_without_end() -> None:
    """A request of ten thousand faults is answered with fifty."""
    _, problems = read(SendNotificationRequest, {"recipients": [1] * 10_000})
    assert len(problems) == 50


def test_query() -> None:
    """Parameters take either form of names, repeat for lists, and reach fields of fields."""
    tallies = bind("ListTopicTallies", query="startTime=2026-01-01T00:00:00Z&state=2&contact_point_id=a%20b")
    assert (tallies.start_time.seconds, tallies.state, tallies.contact_point_id) == (1_767_225_600, 2, "a b")
    stream = bind("StreamDeliveryEvents", query="topicIds=a&topic_ids=b&ownOnly=true")
    assert (list(stream.topic_ids), stream.own_only) == (["a", "b"], True)
    update = bind("UpdateTopic", {"topic.topic_id": "roads"}, "update_mask=label", {"label": "x"})
    assert update.update_mask == FieldMask(paths=["label"])
    assert (update.topic.topic_id, update.topic.label) == ("roads", "x")
    role = bind("UpdateRole", {"role.role_id": "a"}, body={"permissions": ["PERMISSION_ADMINISTER"]})
    assert role.role == role_pb2.Role(role_id="a", permissions=[role_pb2.PERMISSION_ADMINISTER])


def test_every_field_comes_from_one_place() -> None:
    """A field is refused where it does not belong: in the query beside path or body, or twice."""
    assert "in the path already" in refused("GetTopic", {"topic_id": "a"}, "topicId=b")
    assert "Give it in the body" in refused("SendNotification", query="text=a", body={})
    assert "Give it in the body" in refused("CreateTopic", query="topic.label=a")
    assert "is given 2 times" in refused("ListTopics", query="pageSize=1&page_size=1")
    assert "takes no body" in refused("ListTopics", body={})
    said = refused("UpdateTopic", {"topic.topic_id": "a"}, body={"topicId": "b"})
    assert said == 'topic.topic_id: The path says "a", and the body "b".'
    assert bind("UpdateTopic", {"topic.topic_id": "a"}, body={"topicId": "a"}).topic.topic_id == "a"
    assert "parameters" in refused("ListTopics", query="&".join(f"a{n}=1" for n in range(501)))


def test_idempotency_key_finds_its_field() -> None:
    """The key fills an empty request id, at the top or in a stream's header; elsewhere it means nothing."""
    request = SendNotificationRequest()
    take_idempotency_key(request, '"a b"')
    assert request.request_id == "a b"
    part = SendNotificationStreamRequest(header=notification_service_pb2.SendNotificationHeader(text="x"))
    take_idempotency_key(part, "one")
    assert part.header.request_id == "one"
    chunk = SendNotificationStreamRequest(chunk=notification_service_pb2.RecipientChunk())
    take_idempotency_key(chunk, "one")
    assert chunk.WhichOneof("part") == "chunk"
    topic = topic_service_pb2.CreateTopicRequest()
    take_idempotency_key(topic, "one")
    assert topic == topic_service_pb2.CreateTopicRequest()
    assert request_id_place(topic.DESCRIPTOR) is None
    with pytest.raises(Refusal, match="Idempotency-Key says"):
        take_idempotency_key(SendNotificationRequest(request_id="b"), "a")


def test_last_event_id_wins() -> None:
    """A browser's newer place replaces the one in its address."""
    request = bind("StreamDeliveryEvents", query="resumeToken=old")
    take_last_event_id(request, "new")
    assert request.resume_token == "new"
    take_last_event_id(request, None)
    assert request.resume_token == "new"


def test_what_a_query_cannot_hold() -> None:
    """Objects, maps and lists of objects have no form in a query; fields of an object do."""
    method = BY_NAME["SendNotification"].method
    binding = Binding(method, "GET", Template("/v1/notifications:send"), "")
    for name in ("labels", "recipients"):
        with pytest.raises(Refusal, match="which a query cannot hold"):
            request_of(binding, {}, f"{name}=1".encode(), b"")
    with pytest.raises(Refusal, match="There is no parameter"):
        request_of(binding, {}, b"recipients.phoneNumber=1", b"")
    header = Binding(BY_NAME["SendNotificationStream"].method, "GET", Template("/v1/x"), "")
    assert request_of(header, {}, b"header.topicId=a", b"").header.topic_id == "a"  # type: ignore[attr-defined]
