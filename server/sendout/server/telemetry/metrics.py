"""The instruments behind the metrics of `names`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from opentelemetry.metrics import CallbackOptions, Counter, Histogram, Meter, Observation, UpDownCounter

from sendout.server.telemetry import names
from sendout.server.telemetry.names import Attribute, Metric


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits at one contact point."""

    contact_point_id: str
    segments: int
    age: float  # seconds the oldest due message has waited


BacklogCallback = Callable[[], Iterable[Backlog]]


class Instruments:
    """Every instrument of the process, as attributes. Recording never blocks and never raises."""

    def __init__(self, meter: Meter) -> None:
        self._meter = meter
        self._backlog: BacklogCallback | None = None
        self.accepted = self._counter(names.ACCEPTED)
        self.sent = self._counter(names.SENT)
        self.delivered = self._counter(names.DELIVERED)
        self.accept_to_sent = self._histogram(names.ACCEPT_TO_SENT, names.SLOW_EDGES)
        self.sent_to_delivered = self._histogram(names.SENT_TO_DELIVERED, names.SLOW_EDGES)
        self.permits_granted = self._counter(names.PERMITS_GRANTED)
        self.permits_wasted = self._counter(names.PERMITS_WASTED)
        self.outcomes = self._counter(names.OUTCOMES)
        self.unmapped = self._counter(names.UNMAPPED)
        self.breaker = meter.create_gauge(names.BREAKER.name, names.BREAKER.unit, names.BREAKER.description)
        self.receipts = self._counter(names.RECEIPTS)
        self.unconfirmed = self._counter(names.UNCONFIRMED)
        self.replies = self._counter(names.REPLIES)
        self.stream_lag = self._histogram(names.STREAM_LAG, names.SLOW_EDGES)
        self.tally_differences = self._counter(names.TALLY_DIFFERENCES)
        self.rpc_duration = self._histogram(names.RPC_DURATION, names.FAST_EDGES)
        self.rpc_active: UpDownCounter = meter.create_up_down_counter(
            names.RPC_ACTIVE.name, names.RPC_ACTIVE.unit, names.RPC_ACTIVE.description
        )
        self.sql_duration = self._histogram(names.SQL_DURATION, names.FAST_EDGES)
        self._gauge(names.BACKLOG_SEGMENTS, lambda backlog: backlog.segments)
        self._gauge(names.BACKLOG_AGE, lambda backlog: backlog.age)

    def observe_backlog(self, callback: BacklogCallback) -> None:
        """Feed the backlog gauges. `callback` runs in an exporter's thread: it answers at once, from memory."""
        self._backlog = callback

    def _counter(self, metric: Metric) -> Counter:
        return self._meter.create_counter(metric.name, metric.unit, metric.description)

    def _histogram(self, metric: Metric, edges: tuple[float, ...]) -> Histogram:
        return self._meter.create_histogram(
            metric.name, metric.unit, metric.description, explicit_bucket_boundaries_advisory=edges
        )

    def _gauge(self, metric: Metric, value: Callable[[Backlog], float]) -> None:
        def observe(_options: CallbackOptions) -> Iterable[Observation]:
            for backlog in self._backlog() if self._backlog else ():
                yield Observation(value(backlog), {Attribute.CONTACT_POINT: backlog.contact_point_id})

        self._meter.create_observable_gauge(metric.name, [observe], metric.unit, metric.description)
