"""Traces across real RPCs: caller, client interceptor, server interceptor, handler and a real collector."""

from __future__ import annotations

import asyncio
import gc
import logging
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import grpc
import pytest
from opentelemetry import baggage, context, trace

from sendout.client._tracing import aio_interceptors, traced_channel, with_trace
from sendout.server.config import load_settings
from sendout.server.telemetry import Telemetry, TracingInterceptor, current_ids, setup
from tests.collector import Collector, running_collector


class Auth(grpc.aio.ServerInterceptor):
    """Stands for the interceptors behind the tracing one; notes the trace they see."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str]] = []

    async def intercept_service(self, continuation: Any, handler_call_details: Any) -> Any:
        self.seen.append(current_ids())
        return await continuation(handler_call_details)


class Service(grpc.GenericRpcHandler):
    """One method of each kind over bytes; notes the ids each handler saw."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str]] = []
        self.metadata: dict[str, Any] = {}
        self.baggage: dict[str, object] = {}
        self.closed = asyncio.Event()

    async def unary(self, request: bytes, call: Any) -> bytes:
        self.seen.append(current_ids())
        self.metadata = dict(call.invocation_metadata())
        self.baggage = dict(baggage.get_all())
        if request == b"abort":
            await call.abort(grpc.StatusCode.NOT_FOUND, "+14155550101")
        if request == b"raise":
            raise ValueError("+14155550101")
        return request

    async def server_stream(self, request: bytes, call: Any) -> AsyncIterator[bytes]:
        try:
            for number in range(3):
                self.seen.append(current_ids())
                yield b"%d" % number
            if request == b"idle":
                await asyncio.Event().wait()
            while request == b"busy":
                yield b"x"
        finally:
            self.closed.set()

    async def client_stream(self, requests: AsyncIterator[bytes], call: Any) -> bytes:
        self.seen.append(current_ids())
        return b"".join([request async for request in requests])

    async def both_streams(self, requests: AsyncIterator[bytes], call: Any) -> None:
        self.seen.append(current_ids())
        async for request in requests:
            await call.write(request)

    def service(self, details: grpc.HandlerCallDetails) -> Any:
        return {
            "/test.Service/Unary": grpc.unary_unary_rpc_method_handler(self.unary),
            "/test.Service/ServerStream": grpc.unary_stream_rpc_method_handler(self.server_stream),
            "/test.Service/ClientStream": grpc.stream_unary_rpc_method_handler(self.client_stream),
            "/test.Service/BothStreams": grpc.stream_stream_rpc_method_handler(self.both_streams),
        }.get(details.method)


class Rig:
    """A served `Service` with tracing, and channels to it."""

    def __init__(self, telemetry: Telemetry, address: str, service: Service, auth: Auth) -> None:
        self.telemetry, self.address, self.service, self.auth = telemetry, address, service, auth
        self.channel: Any = grpc.aio.insecure_channel(address, interceptors=aio_interceptors())


@asynccontextmanager
async def rig(endpoint: str | None, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Rig]:
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_ENDPOINT", raising=False)
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "50")
    telemetry = setup("test-server", load_settings(otlp_endpoint=endpoint))
    service, auth = Service(), Auth()
    server = grpc.aio.server(interceptors=[TracingInterceptor(telemetry), auth])
    server.add_generic_rpc_handlers((service,))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    made = Rig(telemetry, f"127.0.0.1:{port}", service, auth)
    try:
        yield made
    finally:
        await made.channel.close()
        await server.stop(None)
        await asyncio.to_thread(telemetry.shutdown, 1.0)


async def items(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


def names(collector: Collector) -> list[str]:
    return sorted(span.name for span in collector.spans)


async def test_one_connected_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    """The caller's span, the RPC's span and a span made in the handler arrive as one trace, for all four kinds."""
    methods = ["Unary", "ServerStream", "ClientStream", "BothStreams"]
    async with running_collector() as collector, rig(collector.endpoint, monkeypatch) as test:
        with test.telemetry.tracer.start_as_current_span("caller"):
            caller = current_ids()
            assert await test.channel.unary_unary("/test.Service/Unary")(b"hello") == b"hello"
            stream = test.channel.unary_stream("/test.Service/ServerStream")(b"")
            assert [part async for part in stream] == [b"0", b"1", b"2"]
            assert await test.channel.stream_unary("/test.Service/ClientStream")(items(b"a", b"b")) == b"ab"
            both = test.channel.stream_stream("/test.Service/BothStreams")(items(b"a", b"b"))
            assert [part async for part in both] == [b"a", b"b"]
        await collector.wait(lambda c: len(c.spans) == 5)
        assert {span.trace_id for span in collector.spans} == {caller[0]}
        for method in methods:
            (span,) = collector.named(f"test.Service/{method}")
            assert (span.parent_id, span.failed, span.service) == (caller[1], False, "test-server")
            assert span.attributes == {
                "rpc.system": "grpc",
                "rpc.service": "test.Service",
                "rpc.method": method,
                "rpc.grpc.status_code": 0,
            }
        spans = {(span.trace_id, span.span_id) for span in collector.spans} - {caller}
        assert set(test.service.seen) == set(test.auth.seen) == spans
        await asyncio.to_thread(test.telemetry.flush)
        points = collector.metrics["rpc.server.duration"].histogram.data_points
        assert sum(point.count for point in points) == 4


async def test_blocking_client_carries_the_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    """The blocking client's calls belong to the caller's trace too."""
    async with rig(None, monkeypatch) as test:

        def call() -> tuple[str, str]:
            with (
                cast(Any, traced_channel(grpc.insecure_channel(test.address))) as channel,
                test.telemetry.tracer.start_as_current_span("caller"),
            ):
                channel.unary_unary("/test.Service/Unary")(b"")
                assert list(channel.unary_stream("/test.Service/ServerStream")(b"")) == [b"0", b"1", b"2"]
                assert channel.stream_unary("/test.Service/ClientStream")(iter([b"a"])) == b"a"
                assert list(channel.stream_stream("/test.Service/BothStreams")(iter([b"a"]))) == [b"a"]
                return current_ids()

        trace_id, _ = await asyncio.to_thread(call)
        assert {seen for seen, _ in test.service.seen} == {trace_id}


async def test_without_a_caller_a_trace_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each call without a traceparent starts a trace of its own."""
    async with rig(None, monkeypatch) as test:
        for _ in range(2):
            await test.channel.unary_unary("/test.Service/Unary")(b"")
        assert len({trace_id for trace_id, _ in test.service.seen}) == 2
        assert all(trace_id for trace_id, _ in test.service.seen)


async def test_baggage_does_not_travel(monkeypatch: pytest.MonkeyPatch) -> None:
    """Baggage neither leaves the client nor enters the server."""
    async with rig(None, monkeypatch) as test:
        token = context.attach(baggage.set_baggage("phone", "14155550101"))
        with test.telemetry.tracer.start_as_current_span("caller"):
            await test.channel.unary_unary("/test.Service/Unary")(b"")
        context.detach(token)
        assert "traceparent" in test.service.metadata
        assert "baggage" not in test.service.metadata
        await test.channel.unary_unary("/test.Service/Unary")(b"", metadata=(("baggage", "phone=14155550101"),))
        assert test.service.baggage == {}


def test_given_traceparent_stays() -> None:
    """A traceparent that the caller passes on by hand is not replaced, and no span means no traceparent."""
    given = (("traceparent", "x"), ("other", "y"))
    with trace.use_span(trace.NonRecordingSpan(trace.SpanContext(1, 1, is_remote=False))):
        assert with_trace(given) == given
        assert [key for key, _ in with_trace([("other", "y")])] == ["other", "traceparent"]
    assert with_trace(None) == ()


@pytest.mark.parametrize(
    ("method", "request_", "code", "failed"),
    [
        ("Unary", b"abort", grpc.StatusCode.NOT_FOUND, False),
        ("Unary", b"raise", grpc.StatusCode.UNKNOWN, True),
        ("Nothing", b"", grpc.StatusCode.UNIMPLEMENTED, True),
    ],
)
async def test_status_of_failed_calls(
    monkeypatch: pytest.MonkeyPatch, method: str, request_: bytes, code: grpc.StatusCode, failed: bool
) -> None:
    """A span ends with the call's status; the caller's own mistakes are no failure; no message gets into it."""
    async with running_collector() as collector, rig(collector.endpoint, monkeypatch) as test:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await test.channel.unary_unary(f"/test.Service/{method}")(request_)
        assert caught.value.code() is code
        await collector.wait(lambda c: len(c.spans) == 1)
        (span,) = collector.spans
        assert (span.attributes["rpc.grpc.status_code"], span.failed) == (code.value[0], failed)
        assert span.name == ("unknown method" if method == "Nothing" else "test.Service/Unary")
        assert "14155550101" not in repr(span)


@pytest.mark.parametrize("kind", [b"idle", b"busy"])
async def test_cancelled_streams_make_no_noise(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, kind: bytes
) -> None:
    """A stream that its client cancels, waiting or blocked in a write, ends its span as cancelled and logs nothing."""
    caplog.set_level(logging.DEBUG)
    async with running_collector() as collector, rig(collector.endpoint, monkeypatch) as test:
        stream = test.channel.unary_stream("/test.Service/ServerStream")(kind)
        for _ in range(3):
            await stream.read()
        stream.cancel()
        async with asyncio.timeout(20):
            await test.service.closed.wait()
        gc.collect()
        await collector.wait(lambda c: len(c.spans) == 1)
        (span,) = collector.spans
        assert (span.attributes["rpc.grpc.status_code"], span.failed) == (grpc.StatusCode.CANCELLED.value[0], False)
        assert len(set(test.service.seen)) == 1
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []
    assert "detach" not in caplog.text


async def test_collector_that_never_answers_holds_nothing_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Calls finish while the export of earlier spans is still stuck: the exporter waits in its own thread."""
    stuck, release = threading.Event(), threading.Event()

    def never(*_args: object, **_kwargs: object) -> None:
        stuck.set()
        release.wait()

    monkeypatch.setattr("opentelemetry.exporter.otlp.proto.grpc.trace_exporter.OTLPSpanExporter.export", never)
    async with rig("http://127.0.0.1:9", monkeypatch) as test:
        await test.channel.unary_unary("/test.Service/Unary")(b"first")
        assert await asyncio.to_thread(stuck.wait, 20)
        for _ in range(3000):  # more than the exporter's queue holds
            test.telemetry.tracer.start_span("x").end()
        assert await test.channel.unary_unary("/test.Service/Unary")(b"second") == b"second"
        assert not release.is_set()
        release.set()


async def test_collector_down_is_said_once(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """With nothing at the endpoint calls succeed, nothing raises, and each of OpenTelemetry's loggers says it once."""
    async with rig("http://127.0.0.1:9", monkeypatch) as test:
        for _ in range(3):
            assert await test.channel.unary_unary("/test.Service/Unary")(b"x") == b"x"
        await asyncio.to_thread(test.telemetry.shutdown, 0.2)
    loggers = [record.name for record in caplog.records if record.name.startswith("opentelemetry")]
    assert loggers
    assert len(loggers) == len(set(loggers))
