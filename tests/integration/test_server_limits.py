"""What the gRPC server takes from one message, one connection and one caller, seen from clients that ask too much."""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest

from sendout.storage.engine import Database
from sendout.v1 import notification_service_pb2 as service_pb2
from sendout.v1 import notification_service_pb2_grpc
from tests.integration.gateway_site import server
from tests.integration.http2_frames import ENHANCE_YOUR_CALM, Http2, Kind, connected

SEND = "/sendout.v1.NotificationService/SendNotification"
SEND_STREAM = "/sendout.v1.NotificationService/SendNotificationStream"
SMS = service_pb2.SendNotificationRequest(
    contact_point_id="main", text="The bridge is closed.", recipients=[{"phone_number": "+14155550101"}]
)


@dataclass
class Running:
    """A real server, and a well-behaved client beside the ones that ask too much."""

    target: str
    key: str
    channel: grpc.aio.Channel

    @property
    def credentials(self) -> tuple[tuple[str, str], ...]:
        return (("authorization", f"Bearer {self.key}"),)

    async def send(self, **given: Any) -> Any:
        """A notification."""
        stub = notification_service_pb2_grpc.NotificationServiceStub(self.channel)
        return await stub.SendNotification(SMS, **{"metadata": self.credentials, "timeout": 10} | given)

    async def nothing_kept(self) -> bool:
        """Whether no notification was stored; the server answers others, whatever one of them does."""
        stub = notification_service_pb2_grpc.NotificationServiceStub(self.channel)
        asked = service_pb2.ListNotificationsRequest()
        listed = await stub.ListNotifications(asked, metadata=self.credentials, timeout=10)
        return not listed.notifications

    def connected(self) -> Any:
        """A connection without a client."""
        return connected(self.target.removeprefix("unix:"))


@pytest.fixture
async def running(database: Database, valkey_url: str) -> AsyncIterator[Running]:
    with tempfile.TemporaryDirectory(prefix="sol") as folder:  # short: a socket's path must fit in 108 bytes
        async with (
            server(database, valkey_url, Path(folder)) as (target, key),
            grpc.aio.insecure_channel(target) as channel,
        ):
            yield Running(target, key, channel)


async def refusal(call: Any) -> grpc.StatusCode:
    """How a call ends that must not succeed."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return caught.value.code()


@pytest.mark.security("limits", "message > 4 MiB")
async def test_no_message_is_larger_than_4_mib(running: Running) -> None:
    """One byte more than 4 MiB is refused, also in a stream and where it was packed small; 4 MiB are read."""
    stub = notification_service_pb2_grpc.NotificationServiceStub(running.channel)
    given: dict[str, Any] = {"metadata": running.credentials, "timeout": 10}
    frame = 11  # bytes around the text
    most = service_pb2.SendNotificationRequest(contact_point_id="main", text="x" * ((4 << 20) - frame))
    assert most.ByteSize() == 4 << 20
    assert await refusal(stub.SendNotification(most, **given)) is grpc.StatusCode.INVALID_ARGUMENT
    most.text += "x"
    part = service_pb2.SendNotificationStreamRequest(header={"text": "x" * (4 << 20)})
    for packed in (grpc.Compression.NoCompression, grpc.Compression.Gzip):
        call = stub.SendNotification(most, compression=packed, **given)
        assert await refusal(call) is grpc.StatusCode.RESOURCE_EXHAUSTED
        stream = stub.SendNotificationStream(iter((part,)), compression=packed, **given)
        assert await refusal(stream) is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert await running.nothing_kept()


@pytest.mark.security("limits", "metadata > 8 KiB")
async def test_metadata_has_at_most_8_kib(running: Running) -> None:
    """Headers of more than 8 KiB are refused every time, before anybody looks at them; 7 KiB are taken."""
    for size in [8 << 10] * 5 + [12 << 10] * 5:
        call = running.send(metadata=(*running.credentials, ("x", "y" * size)))
        assert await refusal(call) is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert await running.nothing_kept()
    assert (await running.send(metadata=(*running.credentials, ("x", "y" * (7 << 10))))).accepted_count == 1


@pytest.mark.security("limits", "> max streams")
async def test_a_connection_has_at_most_256_streams(running: Running) -> None:
    """Of 300 calls that one connection opens at once 44 are refused, whatever it knows of limits; others are served."""
    refused: Counter[int] = Counter()
    async with running.connected() as peer, asyncio.timeout(10):
        for number in range(300):
            peer.call(2 * number + 1, SEND_STREAM, running.credentials)
        async for frame in peer.frames():
            if frame.kind == Kind.RST_STREAM:
                refused[int.from_bytes(frame.content, "big")] += 1
            if refused.total() == 44:
                break
        assert await running.nothing_kept()
    assert refused == {ENHANCE_YOUR_CALM: 44}


@pytest.mark.security("limits", "ping flood")
async def test_who_floods_with_pings_is_sent_away(running: Running) -> None:
    """A connection that answers every answer with another ping is told to calm down and closed; others are served."""
    last = None
    async with running.connected() as peer, asyncio.timeout(10):
        peer.send(Kind.PING, bytes(8))
        async for frame in peer.frames():
            if frame.kind == Kind.PING:
                peer.send(Kind.PING, bytes(8))
            last = frame if frame.kind == Kind.GOAWAY else last
    assert last is not None
    assert int.from_bytes(last.content[4:8], "big") == ENHANCE_YOUR_CALM
    assert await running.nothing_kept()


async def status_of(peer: Http2, stream: int) -> bytes | None:
    """The status in the trailers of a call, None where the stream is only broken off."""
    async for frame in peer.frames():
        if frame.stream == stream and frame.kind == Kind.RST_STREAM:
            return None
        if frame.stream == stream and frame.kind == Kind.HEADERS and b"grpc-status" in frame.content:
            return frame.content.partition(b"grpc-status")[2][1:2]
    raise AssertionError("the connection was closed")


@pytest.mark.security("limits", "deadline 0")
@pytest.mark.parametrize("left", ["0n", "0S", "00000000H", "1n", "40m"])
async def test_without_time_nothing_is_begun(running: Running, left: str) -> None:
    """A call whose deadline is over when it comes, or as good as over, stores nothing; its connection goes on."""
    headers = (*running.credentials, ("grpc-timeout", left))
    async with running.connected() as peer, asyncio.timeout(10):
        peer.call(1, SEND, headers, SMS.SerializeToString())
        assert await status_of(peer, 1) in (None, b"4")
        assert await running.nothing_kept()
        peer.call(3, SEND, running.credentials, SMS.SerializeToString())
        assert await status_of(peer, 3) == b"0"
