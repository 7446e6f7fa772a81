"""StreamDeliveryEvents over a real socket: what goes out, slow clients, revoked callers, a server that stops."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import grpc.aio
import pytest
from google.rpc import error_details_pb2, status_pb2
from sqlalchemy import delete

from sendout.domain.clock import SystemClock
from sendout.domain.permissions import Caller, Permission
from sendout.domain.states import State
from sendout.server.commands.api_keys import ApiKeys
from sendout.server.commands.authenticate import Authenticate
from sendout.server.config import load_settings
from sendout.server.rpc.delivery_events import DeliveryEvents
from sendout.server.rpc.interceptors import GateInterceptor
from sendout.server.rpc.unimplemented import add_service
from sendout.server.telemetry import TracingInterceptor, setup
from sendout.storage.engine import Database
from sendout.storage.tables import principal_role
from sendout.v1 import event_pb2, history_service_pb2, history_service_pb2_grpc, message_pb2
from tests.integration.event_writing import EventWriter, Streams, recorded, streams

ROOT = Caller("root", "", "Root", frozenset({"everyone", "admin"}), frozenset(Permission))
SMALL_WINDOW = (("grpc.http2.lookahead_bytes", 1024), ("grpc.http2.bdp_probe", 0))


class Running:
    """A server that streams events, and an administrator's key."""

    def __init__(self, database: Database, made: Streams) -> None:
        clock = SystemClock()
        self.database = database
        self.streams = made
        self.authenticate = Authenticate(database, clock)
        self.api_keys = ApiKeys(database, clock, self.authenticate.forget)
        self.telemetry = setup("test-server", load_settings())
        gate = GateInterceptor(self.authenticate)
        self.server = grpc.aio.server(interceptors=[TracingInterceptor(self.telemetry), gate])
        servicer = DeliveryEvents()
        servicer.events = made.stream
        add_service(self.server, history_service_pb2.DESCRIPTOR.services_by_name["HistoryService"], servicer)
        self.target = f"127.0.0.1:{self.server.add_insecure_port('127.0.0.1:0')}"
        self.channel = grpc.aio.insecure_channel(self.target, SMALL_WINDOW)
        self.stub = history_service_pb2_grpc.HistoryServiceStub(self.channel)
        self.key = ""

    async def key_of(self, label: str, *role_ids: str) -> tuple[Any, str]:
        """A key and its text."""
        key, text = await self.api_keys.create(ROOT, label, role_ids=list(role_ids))
        return key, str(text)

    def stream(self, key: str = "", **fields: Any) -> Any:
        """A stream of events."""
        request = history_service_pb2.StreamDeliveryEventsRequest(**fields)
        return self.stub.StreamDeliveryEvents(request, metadata=(("authorization", f"Bearer {key or self.key}"),))


@pytest.fixture
async def writer(database: Database) -> EventWriter:
    made = EventWriter(database)
    await made.basics()
    return made


@pytest.fixture
async def running(database: Database, writer: EventWriter) -> AsyncIterator[Running]:
    async with streams(database, write=1.0, per_principal=10) as made:
        running = Running(database, made)
        await running.server.start()
        _, running.key = await running.key_of("root", "admin")
        yield running
        await running.channel.close()
        await made.stream.drain()
        await running.server.stop(None)
        await running.authenticate.close()
        await asyncio.to_thread(running.telemetry.shutdown, 1.0)


async def events_of(stream: Any, count: int) -> list[event_pb2.DeliveryEvent]:
    """The next so many events."""
    found: list[event_pb2.DeliveryEvent] = []
    async with asyncio.timeout(10):
        while len(found) < count:
            answer = await stream.read()
            assert answer is not grpc.aio.EOF, await stream.code()
            found.extend(answer.events)
    return found


def info_of(error: grpc.aio.AioRpcError) -> error_details_pb2.ErrorInfo:
    """The ErrorInfo in the trailers."""
    trailers = dict(error.trailing_metadata() or ())
    status = status_pb2.Status.FromString(trailers["grpc-status-details-bin"])
    info = error_details_pb2.ErrorInfo()
    assert any(detail.Unpack(info) for detail in status.details)
    return info


async def to_the_end(stream: Any) -> list[history_service_pb2.StreamDeliveryEventsResponse]:
    """Everything until the server ends the stream."""
    answers = []
    while (answer := await stream.read()) is not grpc.aio.EOF:
        answers.append(answer)
    return answers


async def refusal(stream: Any, seconds: float = 10.0) -> grpc.aio.AioRpcError:
    """Read until the server ends the stream."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await asyncio.wait_for(to_the_end(stream), seconds)
    return caught.value


async def test_events_go_out_in_full(running: Running, writer: EventWriter) -> None:
    """I5: an event on the wire has type, states, reason, record, labels, trace and a token to go on with."""
    record = {"system": "hubspot", "object": "Contact", "record_id": "7"}
    identifier = await writer.accept(1, crm={0: record}, labels={"team": "roads"})
    await writer.deliver(identifier, [0])
    found = await events_of(running.stream(resume_token="EARLIEST"), 4)
    first, last = found[0], found[-1]
    assert (first.type, first.old_state, first.new_state) == (
        event_pb2.DELIVERY_EVENT_TYPE_STATE_CHANGED,
        message_pb2.MESSAGE_STATE_UNSPECIFIED,
        message_pb2.MESSAGE_STATE_QUEUED,
    )
    assert (last.old_state, last.new_state) == (message_pb2.MESSAGE_STATE_SENT, message_pb2.MESSAGE_STATE_DELIVERED)
    assert last.message.message_id == f"{identifier}.0"
    assert last.message.state == last.new_state
    assert last.reason_text == "The phone confirmed it."
    assert (last.crm_record.record_id, dict(last.labels), last.trace_id) == ("7", {"team": "roads"}, "ab" * 16)
    assert (last.contact_point_id, last.topic_id) == ("main", "default")
    (after,) = await events_of(running.stream(resume_token=found[2].resume_token), 1)
    assert after == last


async def test_a_batch_stays_below_its_size(running: Running, writer: EventWriter) -> None:
    """5.6: no response is larger than about 256 KiB."""
    await writer.accept(1_000, labels={"team": "r" * 200})
    stream = running.stream(resume_token="EARLIEST")
    sizes, seen = [], 0
    while seen < 1_000:
        answer = await stream.read()
        seen += len(answer.events)
        sizes.append(answer.ByteSize())
    assert max(sizes) <= 300 * 1024


@pytest.mark.security("limits", "slow read")
async def test_a_client_that_reads_nothing_is_closed(running: Running, writer: EventWriter) -> None:
    """5.6: a client that stops reading is ended after the write limit; what it reads later ends with UNAVAILABLE and
    the token of the last event it was given, from which it goes on without gap or repeat."""
    for _ in range(8):
        await writer.accept(1_000)
    stream = running.stream(resume_token="EARLIEST")
    other = running.stream()
    await other.read()
    async with asyncio.timeout(10):
        while running.streams.stream.count > 1:
            await asyncio.sleep(0.05)
    ids: list[str] = []
    token, ends = "", 0
    while len(ids) < 8_000:
        failure = None
        try:
            answer = await asyncio.wait_for(stream.read(), 10)
        except grpc.aio.AioRpcError as error:
            failure = error
        if failure is None:
            ids.extend(event.event_id for event in answer.events)
            token = answer.resume_token
        else:
            assert failure.code() is grpc.StatusCode.UNAVAILABLE
            assert info_of(failure).metadata["resume_token"] == token
            ends += 1
            stream = running.stream(resume_token=token)
    assert ends >= 1
    assert len(set(ids)) == len(ids)
    identifier = await writer.accept(1)
    (event,) = await events_of(other, 1)
    assert event.message.notification_id == str(identifier)


async def test_a_revoked_key_ends_an_open_stream(running: Running, writer: EventWriter) -> None:
    """I8: within five seconds of revoking its key a waiting stream is closed."""
    key, text = await running.key_of("reader", "admin")
    stream = running.stream(text)
    await stream.read()
    await running.api_keys.revoke(ROOT, key.id)
    error = await refusal(stream, 5.0)
    assert (error.code(), info_of(error).reason) == (grpc.StatusCode.UNAUTHENTICATED, "CREDENTIALS_INVALID")
    assert running.streams.stream.count == 0


async def test_a_permission_taken_away_ends_an_open_stream(running: Running, writer: EventWriter) -> None:
    """I8: a stream opened with a permission ends within five seconds of losing it; a new one sees own sends only."""
    key, text = await running.key_of("reader", "admin")
    stream = running.stream(text)
    await stream.read()
    async with running.database.write() as connection:
        await connection.execute(delete(principal_role).where(principal_role.c.principal_id == key.principal_id))
    error = await refusal(stream, 5.0)
    assert (error.code(), info_of(error).reason) == (grpc.StatusCode.PERMISSION_DENIED, "ROLE_REQUIRED")


async def test_a_server_that_stops_hands_out_tokens(running: Running, writer: EventWriter) -> None:
    """5.7: before the server is gone each stream ends with UNAVAILABLE, its last token and when to come again."""
    identifier = await writer.accept(3)
    stream = running.stream(resume_token="EARLIEST")
    seen = await events_of(stream, 3)
    await running.streams.stream.drain()
    error = await refusal(stream, 2.0)
    assert error.code() is grpc.StatusCode.UNAVAILABLE
    assert "grpc-retry-pushback-ms" in dict(error.trailing_metadata() or ())
    token = info_of(error).metadata["resume_token"]
    await writer.change(identifier, [1], State.CANCELED)
    async with streams(running.database) as later:
        reader = await later.reader(token=token)
        assert await reader.until(1) == (await recorded(running.database))[len(seen) :]
