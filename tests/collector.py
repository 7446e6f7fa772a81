"""A real OTLP collector for tests: a gRPC server that keeps what it is sent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2, metrics_service_pb2_grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue


@dataclass(frozen=True)
class CollectedSpan:
    """One span as it arrived; ids in hex, `parent_id` empty for a root."""

    service: str
    name: str
    trace_id: str
    span_id: str
    parent_id: str
    attributes: dict[str, Any]
    links: list[tuple[str, str]]
    failed: bool


@dataclass
class Collector:
    """What arrived so far. `endpoint` is the value for OTEL_EXPORTER_OTLP_ENDPOINT."""

    endpoint: str
    spans: list[CollectedSpan] = field(default_factory=list)
    metrics: dict[str, Any] = field(default_factory=dict)
    """The newest state of each metric (an OTLP `Metric`) by its name."""
    arrived: asyncio.Condition = field(default_factory=asyncio.Condition)

    def named(self, name: str) -> list[CollectedSpan]:
        """The spans of this name, in the order of their arrival."""
        return [span for span in self.spans if span.name == name]

    async def wait(self, condition: Callable[[Collector], bool], timeout: float = 20.0) -> None:
        """Return once `condition` holds; it is asked whenever something arrives."""
        async with asyncio.timeout(timeout), self.arrived:
            await self.arrived.wait_for(lambda: condition(self))


class _Traces(trace_service_pb2_grpc.TraceServiceServicer):
    def __init__(self, collector: Collector) -> None:
        self._collector = collector

    async def Export(self, request: Any, context: Any) -> Any:
        async with self._collector.arrived:
            for resource in request.resource_spans:
                service = _attributes(resource.resource.attributes).get("service.name", "")
                for scope in resource.scope_spans:
                    self._collector.spans.extend(_span(service, span) for span in scope.spans)
            self._collector.arrived.notify_all()
        return trace_service_pb2.ExportTraceServiceResponse()


class _Metrics(metrics_service_pb2_grpc.MetricsServiceServicer):
    def __init__(self, collector: Collector) -> None:
        self._collector = collector

    async def Export(self, request: Any, context: Any) -> Any:
        async with self._collector.arrived:
            for resource in request.resource_metrics:
                for scope in resource.scope_metrics:
                    self._collector.metrics.update({metric.name: metric for metric in scope.metrics})
            self._collector.arrived.notify_all()
        return metrics_service_pb2.ExportMetricsServiceResponse()


@asynccontextmanager
async def running_collector() -> AsyncIterator[Collector]:
    """A collector on a free loopback port, on this test's event loop."""
    server = grpc.aio.server()
    port = server.add_insecure_port("127.0.0.1:0")
    collector = Collector(f"http://127.0.0.1:{port}")
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(_Traces(collector), server)  # type: ignore[no-untyped-call]
    metrics_service_pb2_grpc.add_MetricsServiceServicer_to_server(_Metrics(collector), server)  # type: ignore[no-untyped-call]
    await server.start()
    try:
        yield collector
    finally:
        await server.stop(None)


def _span(service: str, span: Any) -> CollectedSpan:
    return CollectedSpan(
        service=service,
        name=span.name,
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_id=span.parent_span_id.hex(),
        attributes=_attributes(span.attributes),
        links=[(link.trace_id.hex(), link.span_id.hex()) for link in span.links],
        failed=span.status.code == span.status.STATUS_CODE_ERROR,
    )


def _attributes(pairs: list[KeyValue]) -> dict[str, Any]:
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(value: AnyValue) -> Any:
    kind = value.WhichOneof("value")
    return getattr(value, kind) if kind else None
