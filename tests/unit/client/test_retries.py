"""When the clients try again, when not, and how streams go on after a break."""

from __future__ import annotations

from typing import Any

import grpc
import pytest

from sendout.client import EARLIEST, DeadlineExceeded, ResourceExhausted, SendoutError, Unavailable
from sendout.client._retry import Attempts, RetryPolicy
from sendout.v1 import history_service_pb2 as history
from sendout.v1 import notification_service_pb2 as sending
from sendout.v1.api_key_service_pb2 import CreateApiKeyResponse
from sendout.v1.contact_point_pb2 import ContactPoint
from sendout.v1.contact_point_service_pb2 import CreateContactPointResponse
from sendout.v1.event_pb2 import DeliveryEvent
from sendout.v1.notification_pb2 import NotificationProgress
from sendout.v1.user_service_pb2 import WhoAmIResponse
from tests.unit.client.conftest import Either
from tests.unit.client.fake_server import Fail, FakeServer, Streamed, hangs

AWAY = Fail(grpc.StatusCode.UNAVAILABLE, "STORAGE_UNAVAILABLE")
SENT = sending.SendNotificationResponse(accepted_count=1)


async def test_a_retry_keeps_the_request_id(server: FakeServer, either: Either) -> None:
    """A send that met UNAVAILABLE is tried again with the same request id, so it cannot send twice."""
    server.on("SendNotification", AWAY, AWAY, SENT)
    await either.call("send", ["+14155550101"], "Hello", contact_point="main")
    requests = server.requests("SendNotification")
    assert len(requests) == 3
    assert len({request.request_id for request in requests}) == 1


async def test_a_retried_stream_is_sent_whole(server: FakeServer, either: Either) -> None:
    """A client stream is sent again from its header on, also where its recipients came from a generator."""
    server.on("SendNotificationStream", AWAY, sending.SendNotificationStreamResponse(accepted_count=10_001))
    await either.call("send", (f"+1415{index:07}" for index in range(10_001)), "Hello", contact_point="main")
    first, second = server.requests("SendNotificationStream")
    assert first == second
    assert sum(len(part.chunk.recipients) for part in second) == 10_001


async def test_four_attempts_and_no_more(server: FakeServer, either: Either) -> None:
    """After the fourth UNAVAILABLE the error comes out, with the request id to go on with."""
    server.on("SendNotification", AWAY)
    with pytest.raises(Unavailable) as caught:
        await either.call("send", ["+14155550101"], "Hello", contact_point="main", request_id="mine")
    assert len(server.requests("SendNotification")) == 4
    assert caught.value.request_id == "mine"


async def test_what_may_happen_twice_is_not_tried_again(server: FakeServer, either: Either) -> None:
    """Creating a key, or a contact point without an id, is not repeated after a lost answer; with an id it is."""
    server.on("CreateApiKey", AWAY, CreateApiKeyResponse())
    server.on("CreateContactPoint", AWAY, CreateContactPointResponse())
    with pytest.raises(Unavailable):
        await either.call("create_api_key", "Billing")
    assert len(server.requests("CreateApiKey")) == 1
    server.on("CreateContactPoint", AWAY, CreateContactPointResponse())
    with pytest.raises(Unavailable):
        await either.call("create_contact_point", ContactPoint(label="Main"))
    server.on("CreateContactPoint", AWAY, CreateContactPointResponse())
    await either.call("create_contact_point", ContactPoint(contact_point_id="main", label="Main"))
    assert len(server.requests("CreateContactPoint")) == 3


async def test_exhausted_is_retried_only_when_told(server: FakeServer, either: Either) -> None:
    """RESOURCE_EXHAUSTED is tried again where RetryInfo says when, and otherwise comes out at once."""
    told = Fail(grpc.StatusCode.RESOURCE_EXHAUSTED, "REQUEST_RATE_EXCEEDED", retry_after=0.01)
    server.on("WhoAmI", told, WhoAmIResponse(principal_id="me"))
    assert (await either.call("whoami")).principal_id == "me"
    server.on("WhoAmI", Fail(grpc.StatusCode.RESOURCE_EXHAUSTED, "QUOTA_EXCEEDED"), WhoAmIResponse())
    with pytest.raises(ResourceExhausted):
        await either.call("whoami")
    assert len(server.requests("WhoAmI")) == 3


async def test_a_wait_beyond_the_deadline_is_not_begun(server: FakeServer, either: Either) -> None:
    """Told to wait longer than the call has left, the client gives up at once and says how long it would be."""
    server.on("WhoAmI", Fail(grpc.StatusCode.RESOURCE_EXHAUSTED, "QUOTA_EXCEEDED", retry_after=1))
    either.client = either.client.with_options(timeout=0.5)
    with pytest.raises(ResourceExhausted) as caught:
        await either.call("whoami")
    assert caught.value.retry_after == 1
    assert len(server.requests("WhoAmI")) == 1


async def test_other_refusals_are_final(server: FakeServer, either: Either) -> None:
    """A refusal that a second try cannot change is not tried again."""
    server.on("WhoAmI", Fail(grpc.StatusCode.INTERNAL, "INTERNAL"), WhoAmIResponse())
    with pytest.raises(SendoutError):
        await either.call("whoami")
    assert len(server.requests("WhoAmI")) == 1


def progress(total: int, done: bool = False) -> sending.WatchNotificationResponse:
    return sending.WatchNotificationResponse(progress=NotificationProgress(total=total, done=done))


async def test_a_watch_goes_on_after_breaks(server: FakeServer, either: Either) -> None:
    """A watch that is broken off, or ended by a server that stops, is taken up again until every message is final."""
    server.on(
        "WatchNotification",
        AWAY,
        Streamed([progress(1), AWAY]),
        Streamed([progress(2)]),
        Streamed([progress(3), progress(4, done=True)]),
    )
    seen = await either.items("watch", "n1")
    assert [one.progress.total for one in seen] == [1, 2, 3, 4]
    assert len(server.requests("WatchNotification")) == 4


async def test_a_watch_that_never_began_gives_up(server: FakeServer, either: Either) -> None:
    """A server that never answers is not watched for ever."""
    server.on("WatchNotification", AWAY)
    with pytest.raises(Unavailable):
        await either.items("watch", "n1")
    assert len(server.requests("WatchNotification")) == 4


async def test_wait_answers_with_the_last_progress(server: FakeServer, either: Either) -> None:
    """Waiting ends when every message is final, or at its timeout."""
    server.on("WatchNotification", Streamed([progress(7)]), Streamed([progress(7, done=True)]))
    assert (await either.call("wait", "n1")).done
    server.on("WatchNotification", Streamed([progress(7), hangs]))
    with pytest.raises(DeadlineExceeded):
        await either.call("wait", "n1", timeout=0.2)


def batch(token: str, *ids: str) -> history.StreamDeliveryEventsResponse:
    events = [DeliveryEvent(event_id=one) for one in ids]
    return history.StreamDeliveryEventsResponse(events=events, resume_token=token)


async def test_events_resume_without_gaps(server: FakeServer, either: Either) -> None:
    """After a break the stream of events goes on with the newest token, a heartbeat's too, and keeps its filters."""
    server.on(
        "StreamDeliveryEvents",
        Streamed([batch("t1", "a", "b"), AWAY]),
        Streamed([batch("t2", "c"), batch("t3")]),
        Streamed([batch("t4", "d"), hangs]),
    )
    seen = await either.items("events", EARLIEST, topics=["outages"], most=4)
    assert [one.event_id for one in seen] == ["a", "b", "c", "d"]
    requests = server.requests("StreamDeliveryEvents")
    assert [one.resume_token for one in requests] == ["EARLIEST", "t1", "t3"]
    assert all(list(one.topic_ids) == ["outages"] for one in requests)


async def test_a_broken_export_is_not_patched(server: FakeServer, either: Either) -> None:
    """An export that breaks off raises: no row twice, and no end that is none. An empty one ends."""
    rows = history.ExportMessagesResponse(messages=[history.ExportedMessage(topic_id="a")])
    server.on("ExportMessages", Streamed([rows, AWAY]))
    seen: list[Any] = []
    with pytest.raises(Unavailable):
        await either.items("export", into=seen)
    assert len(seen) == 1
    server.on("ExportMessages", Streamed([]))
    assert await either.items("export") == []


def attempts(policy: RetryPolicy, clock: list[float], **options: Any) -> Attempts:
    """Attempts on a clock that stands still, whose waits are always the longest allowed."""
    given = {"timeout": None, "retry_safe": True} | options
    return Attempts(policy, now=lambda: clock[0], draw=lambda _low, high: high, **given)


def test_waits_double_up_to_a_bound() -> None:
    """Bounds of the waits double, and stop growing at the longest."""
    made = attempts(RetryPolicy(max_attempts=6, first_wait=1, longest_wait=5), [0.0])
    assert [made.after(Unavailable("away")) for _ in range(5)] == [1, 2, 4, 5, 5]


def test_the_servers_delay_comes_first() -> None:
    """A wait is never shorter than the server asked for, and is spread beyond it."""
    made = attempts(RetryPolicy(first_wait=1), [0.0])
    assert made.after(ResourceExhausted("full", retry_after=3)) == 4


def test_a_stream_has_patience_from_its_last_answer() -> None:
    """A stream that once answered is taken up again until its patience is used up, however many tries that takes."""
    clock = [0.0]
    made = attempts(RetryPolicy(max_attempts=2, stream_patience=60), clock)
    made.answered(resumable=True)
    for _ in range(10):
        made.after(Unavailable("away"))
    clock[0] = 60
    with pytest.raises(Unavailable):
        made.after(Unavailable("away"))
