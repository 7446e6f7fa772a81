"""Where spans and metrics go: an OTLP collector, a Prometheus port, or nowhere.

Ending a span puts it in a bounded queue that another thread empties, so a collector that is down or slow costs spans
and nothing else. Its failures are logged at most once a minute.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricReader, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.util.types import AttributeValue
from prometheus_client import CollectorRegistry, start_http_server

from sendout.domain.clock import Clock, SystemClock
from sendout.server.config import ConfigError, Settings
from sendout.server.telemetry import spans
from sendout.server.telemetry.metrics import Instruments

_EXPORT_TIMEOUT = 5  # seconds one export may take, with its retries
_NOISY_LOGGERS = (
    "opentelemetry.exporter.otlp.proto.grpc.exporter",
    "opentelemetry.sdk._shared_internal",
    "opentelemetry.sdk.metrics._internal.export",
)


class OnceAMinute(logging.Filter):
    """Lets one record a minute of each logger through."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock
        self._next: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        now = self._clock.monotonic()
        if now < self._next.get(record.name, now):
            return False
        self._next[record.name] = now + 60
        return True


class Telemetry(Instruments):
    """Tracer and instruments of one process. Made by `setup`; `shutdown` at the end, in a thread."""

    def __init__(
        self, service_name: str, clock: Clock, span_exporter: SpanExporter | None, readers: list[MetricReader]
    ) -> None:
        resource = Resource.create({"service.name": service_name, "service.instance.id": _instance()})
        self.service_name = service_name
        self.clock = clock
        self._span_exporter = span_exporter
        self._tracers = TracerProvider(resource=resource, shutdown_on_exit=False)
        if span_exporter is not None:
            self._tracers.add_span_processor(BatchSpanProcessor(span_exporter))
        self._meters = MeterProvider(metric_readers=readers, resource=resource, shutdown_on_exit=False)
        self.tracer: trace.Tracer = self._tracers.get_tracer("sendout")
        super().__init__(self._meters.get_meter("sendout"))

    def batch_span(
        self,
        name: str,
        origins: Iterable[tuple[str, str]],
        attributes: Mapping[str, AttributeValue] | None = None,
    ) -> AbstractContextManager[trace.Span]:
        """A current span for a batch: child of the first origin (trace id, span id), linked to the others."""
        return spans.batch_span(self.tracer, name, origins, attributes)

    def flush(self) -> None:
        """Export what is queued now. Blocks: call it in a thread."""
        self._tracers.force_flush()
        self._meters.force_flush()

    def shutdown(self, timeout: float = 3.0) -> None:
        """Export what is left, for at most about `timeout` seconds each for spans and metrics. Blocks; never raises."""
        hurry = threading.Timer(timeout, self._give_up)
        hurry.daemon = True
        hurry.start()
        try:
            self._tracers.shutdown()
            self._meters.shutdown(timeout_millis=timeout * 1000)
        except Exception:
            logging.getLogger(__name__).warning("Telemetry did not end cleanly.", exc_info=True)
        finally:
            hurry.cancel()

    def _give_up(self) -> None:
        if self._span_exporter is not None:
            self._span_exporter.shutdown()


class _Served(PrometheusMetricReader):
    """A Prometheus page on loopback that ends with its provider."""

    def __init__(self, port: int) -> None:
        registry = CollectorRegistry()
        try:
            self._server, self._thread = start_http_server(port, addr="127.0.0.1", registry=registry)
        except OSError as error:
            raise ConfigError(f"SENDOUT_METRICS_PORT: port {port} cannot be used: {error.strerror}.") from error
        super().__init__(registry=registry)

    def shutdown(self, timeout_millis: float = 30_000, **kwargs: object) -> None:
        super().shutdown(timeout_millis=timeout_millis, **kwargs)
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout_millis / 1000)


def setup(service_name: str, settings: Settings, clock: Clock | None = None) -> Telemetry:
    """Telemetry as the settings ask for it; raises ConfigError where the Prometheus port is taken.

    Without a collector spans are still made, so that every message has a trace id.
    """
    clock = clock or SystemClock()
    readers: list[MetricReader] = []
    exporter = None
    endpoint = settings.telemetry.otlp_endpoint
    if settings.telemetry.metrics_port:
        readers.append(_Served(settings.telemetry.metrics_port))
    if endpoint:
        _quieten(clock)
        exporter = OTLPSpanExporter(endpoint=endpoint, timeout=_EXPORT_TIMEOUT)
        readers.append(PeriodicExportingMetricReader(OTLPMetricExporter(endpoint=endpoint, timeout=_EXPORT_TIMEOUT)))
    return Telemetry(service_name, clock, exporter, readers)


def _quieten(clock: Clock) -> None:
    for name in _NOISY_LOGGERS:
        logger = logging.getLogger(name)
        for old in [each for each in logger.filters if isinstance(each, OnceAMinute)]:
            logger.removeFilter(old)
        logger.addFilter(OnceAMinute(clock))


def _instance() -> str:
    return f"{socket.gethostname()}:{os.getpid()}"
