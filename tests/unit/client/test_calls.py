"""What the clients ask of a server, and what they make of its answers."""

from __future__ import annotations

import uuid
from typing import Any

import grpc
import pytest

from sendout.client import (
    AlreadyExists,
    AsyncClient,
    Client,
    DeadlineExceeded,
    FailedPrecondition,
    Internal,
    InvalidArgument,
    NotFound,
    OutOfRange,
    PermissionDenied,
    ResourceExhausted,
    SendoutError,
    Unauthenticated,
    Unavailable,
    Unimplemented,
    Violation,
)
from sendout.domain import limits
from sendout.v1 import notification_service_pb2 as sending
from sendout.v1.consent_service_pb2 import GetConsentRequest, GetConsentResponse
from sendout.v1.contact_point_pb2 import ContactPoint
from sendout.v1.contact_point_service_pb2 import ListContactPointsResponse
from sendout.v1.notification_pb2 import INVALID_RECIPIENTS_SKIP, Notification
from sendout.v1.recipient_pb2 import Recipient
from sendout.v1.topic_pb2 import Topic
from sendout.v1.topic_service_pb2 import GetTopicRequest, GetTopicResponse, ListTopicsRequest, ListTopicsResponse
from sendout.v1.topic_service_pb2_grpc import TopicServiceStub
from sendout.v1.user_service_pb2 import WhoAmIResponse
from tests.unit.client.conftest import Either
from tests.unit.client.fake_server import Fail, FakeServer, hangs

SENT = sending.SendNotificationResponse(notification=Notification(notification_id="n1"), accepted_count=2)


async def test_one_line_sends(server: FakeServer, either: Either) -> None:
    """S1, S22: one line sends to every number of a comma-separated string, from the only contact point there is."""
    server.on("SendNotification", SENT)
    answer = await either.call("send", " +14155550101,, +14155550102 , ", "Hello")
    assert answer.accepted_count == 2
    (request,) = server.requests("SendNotification")
    assert [one.phone_number for one in request.recipients] == ["+14155550101", "+14155550102"]
    assert (request.contact_point_id, request.text) == ("main", "Hello")
    assert server.calls[-1].metadata["authorization"] == "Bearer so_key"


async def test_a_request_id_is_made(server: FakeServer, either: Either) -> None:
    """Every send has a request id of its own, and one that is given stays."""
    server.on("SendNotification", SENT)
    for given in ("", "", "mine"):
        await either.call("send", ["+14155550101"], "Hello", contact_point="main", request_id=given)
    first, second, third = (request.request_id for request in server.requests("SendNotification"))
    assert uuid.UUID(first) != uuid.UUID(second)
    assert third == "mine"


async def test_options_reach_the_server(server: FakeServer, either: Either) -> None:
    """The options of send stand in the request, and variables come with their recipient."""
    server.on("SendNotification", SENT)
    recipient = Recipient(phone_number="+14155550101", variables={"name": "Ann"})
    await either.call(
        "send", [recipient], "Hi {{name}}", topic="outages", max_segments=3, skip_invalid=True, labels={"run": "7"}
    )
    (request,) = server.requests("SendNotification")
    assert request.recipients[0].variables["name"] == "Ann"
    assert (request.topic_id, request.max_segments, request.labels["run"]) == ("outages", 3, "7")
    assert request.invalid_recipients == INVALID_RECIPIENTS_SKIP


async def test_a_choice_of_contact_points_is_listed(server: FakeServer, either: Either) -> None:
    """S19: with several contact points nothing is sent, and the error names them."""
    points = [ContactPoint(contact_point_id="main", label="Main"), ContactPoint(contact_point_id="vip", label="VIP")]
    server.on("ListContactPoints", ListContactPointsResponse(contact_points=points))
    with pytest.raises(InvalidArgument) as caught:
        await either.call("send", ["+14155550101"], "Hello")
    assert caught.value.violations == (Violation("contact_point_id", "one of main (Main), vip (VIP)"),)


async def test_no_contact_point_is_said(server: FakeServer, either: Either) -> None:
    """S2: a caller who may send from nowhere learns it before anything is sent."""
    server.on("ListContactPoints", ListContactPointsResponse())
    with pytest.raises(PermissionDenied) as caught:
        await either.call("send", ["+14155550101"], "Hello")
    assert caught.value.reason == "SEND_NOT_PERMITTED"


async def test_many_recipients_are_streamed(server: FakeServer, either: Either) -> None:
    """More recipients than one request takes go as a stream, also from a generator: the header, then full chunks."""
    server.on("SendNotificationStream", sending.SendNotificationStreamResponse(accepted_count=25_000))
    numbers = (f"+1415{index:07}" for index in range(25_000))
    answer = await either.call("send", numbers, "Hello", contact_point="main")
    assert answer == sending.SendNotificationResponse(accepted_count=25_000)
    (parts,) = server.requests("SendNotificationStream")
    assert parts[0].header.text == "Hello"
    assert parts[0].header.request_id
    assert [len(part.chunk.recipients) for part in parts[1:]] == [10_000, 10_000, 5_000]


async def test_ten_thousand_fit_in_one_request(server: FakeServer, either: Either) -> None:
    """As many recipients as one request takes go as one request."""
    server.on("SendNotification", SENT)
    await either.call("send", (f"+1415{index:07}" for index in range(10_000)), "Hello", contact_point="main")
    assert len(server.requests("SendNotification")[0].recipients) == 10_000


async def test_large_recipients_are_streamed(server: FakeServer, either: Either) -> None:
    """Recipients with long variables are cut into parts that stay under a server's message limit."""
    server.on("SendNotificationStream", sending.SendNotificationStreamResponse())
    large = Recipient(phone_number="+14155550101", variables={f"v{index}": "x" * 255 for index in range(20)})
    await either.call("send", [large] * 1_000, "Hello", contact_point="main")
    (parts,) = server.requests("SendNotificationStream")
    assert sum(len(part.chunk.recipients) for part in parts[1:]) == 1_000
    assert max(part.ByteSize() for part in parts) < 2 << 20


def test_limits_and_shapes_agree() -> None:
    """The client's limits are the domain's, and the stream's header and answer have the fields of the plain call."""
    from sendout.client import _recipients

    assert _recipients.MOST_IN_CHUNK == limits.MAX_RECIPIENTS
    assert _recipients.MOST_IN_NOTIFICATION == limits.MAX_STREAM_RECIPIENTS

    def fields(kind: Any) -> dict[str, tuple[int, int]]:
        return {one.name: (one.number, one.type) for one in kind.DESCRIPTOR.fields if one.name != "recipients"}

    assert fields(sending.SendNotificationHeader) == fields(sending.SendNotificationRequest)
    assert fields(sending.SendNotificationStreamResponse) == fields(sending.SendNotificationResponse)


ERRORS = [
    (grpc.StatusCode.INVALID_ARGUMENT, InvalidArgument, "RECIPIENT_INVALID"),
    (grpc.StatusCode.FAILED_PRECONDITION, FailedPrecondition, "TOPIC_DISABLED"),
    (grpc.StatusCode.NOT_FOUND, NotFound, "TOPIC_NOT_FOUND"),
    (grpc.StatusCode.ALREADY_EXISTS, AlreadyExists, "ID_TAKEN"),
    (grpc.StatusCode.PERMISSION_DENIED, PermissionDenied, "ROLE_REQUIRED"),
    (grpc.StatusCode.UNAUTHENTICATED, Unauthenticated, "CREDENTIALS_INVALID"),
    (grpc.StatusCode.RESOURCE_EXHAUSTED, ResourceExhausted, "QUOTA_EXCEEDED"),
    (grpc.StatusCode.OUT_OF_RANGE, OutOfRange, "RESUME_TOKEN_EXPIRED"),
    (grpc.StatusCode.UNAVAILABLE, Unavailable, "STORAGE_UNAVAILABLE"),
    (grpc.StatusCode.DEADLINE_EXCEEDED, DeadlineExceeded, "DEADLINE_TOO_SHORT"),
    (grpc.StatusCode.UNIMPLEMENTED, Unimplemented, "NOT_IMPLEMENTED"),
    (grpc.StatusCode.INTERNAL, Internal, "INTERNAL"),
    (grpc.StatusCode.DATA_LOSS, SendoutError, "SOMETHING_NEW"),
]


@pytest.mark.parametrize(("code", "kind", "reason"), ERRORS, ids=[one[2] for one in ERRORS])
async def test_errors_are_rebuilt(
    server: FakeServer, either: Either, code: grpc.StatusCode, kind: type[SendoutError], reason: str
) -> None:
    """Every status becomes its class, with reason, sentence, violations, metadata and code as the server gave them."""
    violations = [("recipients[1].phone_number", "'abc': letters"), ("recipients[2].phone_number", "'12': too short")]
    server.on("WhoAmI", Fail(code, reason, "No – for a reason.", violations, {"segments": "2"}))
    with pytest.raises(SendoutError) as caught:
        await either.call("whoami")
    error = caught.value
    assert type(error) is kind
    assert (error.reason, error.message, str(error)) == (reason, "No – for a reason.", "No – for a reason.")
    assert error.violations == tuple(Violation(*one) for one in violations)
    assert (error.metadata, error.retry_after, error.code) == ({"segments": "2"}, None, code)


async def test_a_foreign_error_is_put_plainly(server: FakeServer, either: Either) -> None:
    """A status that does not come from Sendout has no reason, and common ones get plain words."""
    with pytest.raises(Unimplemented) as caught:
        await either.call("whoami")
    assert caught.value.reason == ""
    assert "does not offer this call" in caught.value.message


async def test_listings_fetch_page_by_page(server: FakeServer, either: Either) -> None:
    """A listing gives the items of all pages in order, and `whole` gives them as one answer."""
    pages = [
        ListTopicsResponse(topics=[Topic(topic_id="a"), Topic(topic_id="b")], next_page_token="2"),
        ListTopicsResponse(topics=[Topic(topic_id="c")]),
    ]
    server.on("ListTopics", *pages, *pages)
    assert [one.topic_id for one in await either.items("topics", page_size=2)] == ["a", "b", "c"]
    assert [one.page_token for one in server.requests("ListTopics")] == ["", "2"]
    assert {one.page_size for one in server.requests("ListTopics")} == {2}
    listing: Any = either.client.topics()
    whole = await listing.whole() if isinstance(either.client, AsyncClient) else listing.whole()
    assert whole == ListTopicsResponse(topics=[Topic(topic_id=one) for one in "abc"])


async def test_any_rpc_is_in_reach(server: FakeServer, either: Either) -> None:
    """A call without a method of its own is found by its request."""
    server.on("GetConsent", GetConsentResponse(sendable=True))
    answer = await either.call("rpc", GetConsentRequest(phone_number="+14155550101"))
    assert answer.sendable
    with pytest.raises(TypeError):
        await either.call("rpc", sending.WatchNotificationRequest())


async def test_stubs_carry_the_key(server: FakeServer, either: Either) -> None:
    """A generated stub over the client's connection calls with its key."""
    server.on("GetTopic", GetTopicResponse(topic=Topic(topic_id="a")))
    call: Any = either.client.stub(TopicServiceStub).GetTopic(GetTopicRequest(topic_id="a"))
    answer = await call if isinstance(either.client, AsyncClient) else call
    assert answer.topic.topic_id == "a"
    assert server.calls[-1].metadata["authorization"] == "Bearer so_key"


async def test_a_deadline_holds(server: FakeServer, either: Either) -> None:
    """A call without an answer ends at its deadline, and the deadline travels with it."""
    server.on("WhoAmI", hangs)
    either.client = either.client.with_options(timeout=0.2)
    with pytest.raises(DeadlineExceeded, match="did not answer in time"):
        await either.call("whoami")
    remaining = server.calls[-1].remaining
    assert remaining is not None
    assert remaining < 0.25  # gRPC rounds it up a little


async def test_calls_have_a_deadline_by_default(server: FakeServer) -> None:
    """Without a word about it a call ends after 30 seconds."""
    server.on("WhoAmI", WhoAmIResponse())
    with Client(server.target, api_key="") as client:
        client.whoami()
    remaining = server.calls[-1].remaining
    assert remaining is not None
    assert 20 < remaining < 31  # gRPC rounds it up a little
    assert "authorization" not in server.calls[-1].metadata


def test_both_clients_have_the_same_methods() -> None:
    """The asyncio client has every method of the blocking one, and no other."""

    def public(kind: type) -> set[str]:
        return {name for name in dir(kind) if not name.startswith("_")}

    assert public(Client) == public(AsyncClient)


def test_requests_are_left_as_they_were() -> None:
    """Paging does not change the request that a listing was made with."""
    listing: Any = Client.topics()
    assert listing.page("next").request.page_token == "next"
    assert listing.call.request == ListTopicsRequest()
