"""`sendout up` from an empty home: it runs, keeps its data, refuses a second start, and stops on Ctrl-C."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
from pathlib import Path

import aiohttp
import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from sendout.v1 import (
    history_service_pb2,
    history_service_pb2_grpc,
    message_pb2,
    notification_pb2,
    notification_service_pb2,
    notification_service_pb2_grpc,
    recipient_pb2,
    user_service_pb2,
    user_service_pb2_grpc,
)
from tests.collector import CollectedSpan, running_collector
from tests.e2e.running import Running, environment, free_port, up


def bearer(key: str) -> tuple[tuple[str, str], ...]:
    return (("authorization", f"Bearer {key}"),)


def request(*numbers: str, **fields: object) -> notification_service_pb2.SendNotificationRequest:
    return notification_service_pb2.SendNotificationRequest(
        contact_point_id="main",
        text="Hello",
        recipients=[recipient_pb2.Recipient(phone_number=number) for number in numbers],
        **fields,
    )


async def watched_to_the_end(channel: grpc.aio.Channel, key: str, notification_id: str) -> dict[int, int]:
    """Counts by state once every message is final."""
    stub = notification_service_pb2_grpc.NotificationServiceStub(channel)
    last = None
    watch = notification_service_pb2.WatchNotificationRequest(notification_id=notification_id)
    async for answer in stub.WatchNotification(watch, metadata=bearer(key), timeout=60):
        last = answer.progress
    assert last is not None
    assert last.done
    return {count.state: count.count for count in last.counts}


async def send_and_watch(running: Running) -> str:
    async with grpc.aio.insecure_channel(running.target) as channel:
        stub = notification_service_pb2_grpc.NotificationServiceStub(channel)
        answer = await stub.SendNotification(
            request("+14155550101", "+14155550102", "+14155550151"), metadata=bearer(running.admin_key)
        )
        identifier: str = answer.notification.notification_id
        counts = await watched_to_the_end(channel, running.admin_key, identifier)
    assert counts == {message_pb2.MESSAGE_STATE_DELIVERED: 2, message_pb2.MESSAGE_STATE_UNDELIVERED: 1}
    return identifier


async def signed_in_by(link: str) -> str:
    """Whom a printed link signs in to the console, as its page does it."""
    console, _, token = link.partition("/sign-in#")
    async with aiohttp.ClientSession(console, cookie_jar=aiohttp.CookieJar(unsafe=True)) as browser:
        answer = await browser.post("/sign-in", json={"signInToken": token}, headers={"Origin": console})
        assert answer.status == 200
        who = await browser.get("/v1/whoami", headers={"Sec-Fetch-Site": "same-origin"})
        return str((await who.json())["label"])


async def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    """Where something else listens on the console's port nothing is started, and the message says what to do."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        started = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "sendout.server", "up", "--listen", f"127.0.0.1:{free_port()}"),
            env=environment(tmp_path, SENDOUT_GATEWAY_LISTEN=address),
            stderr=asyncio.subprocess.PIPE,
        )
        _, errors = await started.communicate()
    assert started.returncode == 1
    assert address in errors.decode()
    assert "SENDOUT_GATEWAY_LISTEN" in errors.decode()


async def test_a_newcomers_first_hour(tmp_path: Path) -> None:
    """It starts in an empty home, sends, counts, stops on Ctrl-C with status 0, and finds its data again (S38)."""
    with up(tmp_path) as running:
        key = running.admin_key
        identifier = await send_and_watch(running)
        profile = tmp_path / ".config/sendout/profile.toml"
        assert profile.stat().st_mode & 0o777 == 0o600
        assert running.target in profile.read_text()
        second = subprocess.run(
            [sys.executable, "-m", "sendout.server", "up"],
            env=environment(tmp_path),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert second.returncode == 1
        assert "already running" in second.stderr
        assert running.interrupt() == 0
    with up(tmp_path) as again:
        assert "shown this once" not in again.printed
        assert await signed_in_by(again.link("Agent")) == "Agent"
        async with grpc.aio.insecure_channel(again.target) as channel:
            history = history_service_pb2_grpc.HistoryServiceStub(channel)
            tallies = await history.ListTopicTallies(
                history_service_pb2.ListTopicTalliesRequest(), metadata=bearer(key)
            )
            found = await history.GetMessage(
                history_service_pb2.GetMessageRequest(message_id=f"{identifier}.0"), metadata=bearer(key)
            )
    assert (tallies.total.accepted, tallies.total.delivered, tallies.total.undelivered) == (3, 2, 1)
    assert found.message.text == "Hello"
    assert [change.state for change in found.message.changes] == [
        message_pb2.MESSAGE_STATE_QUEUED,
        message_pb2.MESSAGE_STATE_SENDING,
        message_pb2.MESSAGE_STATE_SENT,
        message_pb2.MESSAGE_STATE_DELIVERED,
    ]


async def test_one_connected_trace_for_a_send(tmp_path: Path) -> None:
    """Accept, claim, submit, settle and receipt are spans of the caller's own trace, whose id the message shows."""
    trace_id, parent = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
    async with running_collector() as collector:
        with up(tmp_path, OTEL_EXPORTER_OTLP_ENDPOINT=collector.endpoint, OTEL_BSP_SCHEDULE_DELAY="50") as running:
            async with grpc.aio.insecure_channel(running.target) as channel:
                stub = notification_service_pb2_grpc.NotificationServiceStub(channel)
                metadata = (*bearer(running.admin_key), ("traceparent", f"00-{trace_id}-{parent}-01"))
                answer = await stub.SendNotification(request("+14155550101"), metadata=metadata)
                assert answer.notification.trace_id == trace_id
                await watched_to_the_end(channel, running.admin_key, answer.notification.notification_id)
            wanted = {"sendout.claim", "sendout.submit", "sendout.settle", "sendout.receipt"}

            def mine() -> list[CollectedSpan]:
                return [span for span in collector.spans if span.trace_id == trace_id]

            await collector.wait(lambda _: wanted <= {span.name for span in mine()})
            spans = {span.span_id: span for span in mine()}
    accept = next(span for span in spans.values() if span.parent_id == parent)
    for span in spans.values():
        above = span
        while above.parent_id != parent:
            above = spans[above.parent_id]  # a KeyError here would be a break in the chain
        assert above is accept
    everything = "".join(str(span) for span in collector.spans)
    assert "Hello" not in everything
    assert "14155550101" not in everything


async def test_fifty_thousand_by_stream(tmp_path: Path) -> None:
    """SendNotificationStream takes chunks in order, collapses repeats across chunks, and nothing if it breaks off."""
    header = notification_service_pb2.SendNotificationHeader(
        contact_point_id="main",
        text="Hello",
        request_id="big",
        invalid_recipients=notification_pb2.INVALID_RECIPIENTS_SKIP,
    )

    def chunks(count: int):
        yield notification_service_pb2.SendNotificationStreamRequest(header=header)
        for start in range(0, count, 5_000):
            numbers = [f"+4474{n:08d}" for n in range(start, start + 5_000)] + ["+447400000000", "12345"]
            yield notification_service_pb2.SendNotificationStreamRequest(
                chunk=notification_service_pb2.RecipientChunk(
                    recipients=[recipient_pb2.Recipient(phone_number=number) for number in numbers]
                )
            )

    with up(tmp_path) as running:
        async with grpc.aio.insecure_channel(running.target) as channel:
            stub = notification_service_pb2_grpc.NotificationServiceStub(channel)
            metadata = bearer(running.admin_key)
            broken_off = stub.SendNotificationStream(metadata=metadata)
            for part in chunks(10_000):
                await broken_off.write(part)
            broken_off.cancel()
            answer = await stub.SendNotificationStream(chunks(50_000), metadata=metadata, timeout=60)
            listed = await stub.ListNotifications(
                notification_service_pb2.ListNotificationsRequest(), metadata=metadata
            )
            canceled = await stub.CancelNotification(
                notification_service_pb2.CancelNotificationRequest(notification_id=answer.notification.notification_id),
                metadata=metadata,
            )
    assert answer.accepted_count == 50_000
    assert len(answer.skipped) == 20
    assert len(listed.notifications) == 1
    assert canceled.canceled_count > 49_000


async def test_health_reflection_and_identity(tmp_path: Path) -> None:
    """Health says SERVING, an unknown key is refused, and WhoAmI shows what an agent may do (S19)."""
    with up(tmp_path) as running:
        async with grpc.aio.insecure_channel(running.target) as channel:
            health = health_pb2_grpc.HealthStub(channel)
            for service in ("", "liveness", "readiness", "dispatch"):
                answer = await health.Check(health_pb2.HealthCheckRequest(service=service))
                assert answer.status == health_pb2.HealthCheckResponse.SERVING
            users = user_service_pb2_grpc.UserServiceStub(channel)
            me = await users.WhoAmI(user_service_pb2.WhoAmIRequest(), metadata=bearer(running.agent_key))
            with pytest.raises(grpc.aio.AioRpcError) as refusal:
                await users.WhoAmI(user_service_pb2.WhoAmIRequest(), metadata=bearer("so_nobody"))
    assert list(me.role_ids) == ["agents", "everyone"]
    assert list(me.sendable_contact_point_ids) == ["main"]
    assert refusal.value.code() is grpc.StatusCode.UNAUTHENTICATED
