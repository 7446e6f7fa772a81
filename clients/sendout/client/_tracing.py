"""Carries the caller's trace into every RPC, where the caller uses OpenTelemetry; does nothing where it does not.

Only the current span's `traceparent` goes out: no baggage, and no span of our own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import grpc
import grpc.aio

try:
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
except ImportError:  # the base install does without it
    _propagator = None
else:
    _propagator = TraceContextTextMapPropagator()

Pairs = tuple[tuple[str, str | bytes], ...]


def with_trace(metadata: Iterable[tuple[str, str | bytes]] | None) -> Pairs:
    """`metadata` and the current trace; a `traceparent` that is already there stays."""
    pairs: Pairs = tuple(metadata or ())
    if _propagator is None or any(key == "traceparent" for key, _ in pairs):
        return pairs
    found: dict[str, str] = {}
    _propagator.inject(found)
    return (*pairs, *found.items())


class _Details(NamedTuple):
    """What grpc's blocking interceptors pass on; its own class is private."""

    method: str
    timeout: float | None
    metadata: Pairs | None
    credentials: grpc.CallCredentials | None
    wait_for_ready: bool | None
    compression: grpc.Compression | None


def _traced(details: Any) -> Any:
    return _Details(
        details.method,
        details.timeout,
        with_trace(details.metadata),
        details.credentials,
        getattr(details, "wait_for_ready", None),
        getattr(details, "compression", None),
    )


class _Blocking(
    grpc.UnaryUnaryClientInterceptor,
    grpc.UnaryStreamClientInterceptor,
    grpc.StreamUnaryClientInterceptor,
    grpc.StreamStreamClientInterceptor,
):
    def intercept_unary_unary(self, continuation: Callable[..., Any], client_call_details: Any, request: Any) -> Any:
        return continuation(_traced(client_call_details), request)

    intercept_unary_stream = intercept_unary_unary

    def intercept_stream_unary(
        self, continuation: Callable[..., Any], client_call_details: Any, request_iterator: Any
    ) -> Any:
        return continuation(_traced(client_call_details), request_iterator)

    intercept_stream_stream = intercept_stream_unary


def _traced_aio(details: Any) -> Any:
    return details._replace(metadata=grpc.aio.Metadata(*with_trace(details.metadata)))


# grpc.aio takes an interceptor for one kind of call only, hence four classes.
class _UnaryUnary(grpc.aio.UnaryUnaryClientInterceptor):
    async def intercept_unary_unary(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        return await continuation(_traced_aio(client_call_details), request)


class _UnaryStream(grpc.aio.UnaryStreamClientInterceptor):
    async def intercept_unary_stream(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        return await continuation(_traced_aio(client_call_details), request)


class _StreamUnary(grpc.aio.StreamUnaryClientInterceptor):
    async def intercept_stream_unary(self, continuation: Any, client_call_details: Any, request_iterator: Any) -> Any:
        return await continuation(_traced_aio(client_call_details), request_iterator)


class _StreamStream(grpc.aio.StreamStreamClientInterceptor):
    async def intercept_stream_stream(self, continuation: Any, client_call_details: Any, request_iterator: Any) -> Any:
        return await continuation(_traced_aio(client_call_details), request_iterator)


def aio_interceptors() -> list[grpc.aio.ClientInterceptor]:
    """For `grpc.aio.insecure_channel(..., interceptors=…)`; none where OpenTelemetry is not installed."""
    return [] if _propagator is None else [_UnaryUnary(), _UnaryStream(), _StreamUnary(), _StreamStream()]


def traced_channel(channel: grpc.Channel) -> grpc.Channel:
    """A blocking channel whose calls carry the trace; `channel` itself where OpenTelemetry is not installed."""
    return channel if _propagator is None else grpc.intercept_channel(channel, _Blocking())
