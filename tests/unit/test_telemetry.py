"""Telemetry inside one process: names, batch spans, SQL spans, instruments, and what happens without a collector."""

from __future__ import annotations

import logging
import socket
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import create_async_engine

from sendout.domain.breakers import Gate
from sendout.domain.clock import SystemClock
from sendout.server.carriers.base import Outcome, OutcomeKind
from sendout.server.config import ConfigError, load_settings
from sendout.server.dispatch.measures import Measures
from sendout.server.telemetry import (
    Backlog,
    SpanName,
    Telemetry,
    current_ids,
    links_from,
    setup,
    span_context,
    trace_sql,
)
from sendout.server.telemetry.names import METRICS
from sendout.server.telemetry.service import OnceAMinute

A = ("a" * 32, "1" * 16)
B = ("b" * 32, "2" * 16)
C = ("c" * 32, "3" * 16)


@dataclass
class Recorder:
    telemetry: Telemetry
    exporter: InMemorySpanExporter
    reader: InMemoryMetricReader

    def spans(self) -> list[ReadableSpan]:
        self.telemetry.flush()
        return list(self.exporter.get_finished_spans())

    def metrics(self) -> dict[str, list[Any]]:
        data = self.reader.get_metrics_data()
        scopes = [scope for resource in data.resource_metrics for scope in resource.scope_metrics] if data else []
        return {metric.name: list(metric.data.data_points) for scope in scopes for metric in scope.metrics}


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    exporter, reader = InMemorySpanExporter(), InMemoryMetricReader()
    telemetry = Telemetry("test", SystemClock(), exporter, [reader])
    yield Recorder(telemetry, exporter, reader)
    telemetry.shutdown()


def ids(context: trace.SpanContext | None) -> tuple[str, str]:
    assert context is not None
    return format(context.trace_id, "032x"), format(context.span_id, "016x")


def test_names_are_unique_and_described() -> None:
    """No two metrics share a name, and each has a unit and a sentence."""
    assert len({metric.name for metric in METRICS}) == len(METRICS) > 10
    assert all(metric.unit and metric.description.endswith(".") for metric in METRICS)


def test_outcomes_are_counted_by_kind_and_unknown_codes_apart(recorder: Recorder) -> None:
    """Each answer of a carrier counts under its kind; one whose code no table knows also counts as unmapped."""
    accepted, strange = Outcome(OutcomeKind.ACCEPTED, ("a",)), Outcome(OutcomeKind.REFUSED, code="x", unmapped=True)
    Measures(recorder.telemetry, "main").outcomes([accepted, strange, accepted, Outcome(OutcomeKind.REFUSED)])
    found = recorder.metrics()
    outcomes = {point.attributes["sendout.outcome"]: point.value for point in found["sendout.carrier.outcomes"]}
    assert outcomes == {"accepted": 2, "refused": 2}
    assert [point.value for point in found["sendout.carrier.unmapped"]] == [1]


def test_the_breaker_is_shown_as_it_stands(recorder: Recorder) -> None:
    """The metric of a carrier has the number of its breaker's latest state: 0 closed, 1 half open, 2 open."""
    measures, other = Measures(recorder.telemetry, "main"), Measures(recorder.telemetry, "spare")
    other.breaker(Gate.CLOSED)
    for gate, number in ((Gate.CLOSED, 0), (Gate.OPEN, 2), (Gate.HALF_OPEN, 1), (Gate.CLOSED, 0)):
        measures.breaker(gate)
        points = recorder.metrics()["sendout.carrier.breaker"]
        assert {point.attributes["sendout.carrier"]: point.value for point in points} == {"main": number, "spare": 0}


def test_receipts_are_counted_by_what_became_of_them(recorder: Recorder) -> None:
    """Receipts count under their carrier and their fate, also where one process hands in those of several carriers."""
    measures = Measures(recorder.telemetry, "server")
    measures.receipts("main", {"applied": 2, "orphan": 1, "conflict": 0})
    measures.receipts("main", {"applied": 3})
    measures.receipts("spare", {"parked": 4})
    points = recorder.metrics()["sendout.carrier.receipts"]
    assert {(p.attributes["sendout.carrier"], p.attributes["sendout.outcome"]): p.value for p in points} == {
        ("main", "applied"): 5,
        ("main", "orphan"): 1,
        ("spare", "parked"): 4,
    }


def test_span_context_round_trip() -> None:
    """The ids kept with a notification lead back to its span; what is not a pair of ids leads nowhere."""
    assert ids(span_context(*A)) == A
    for pair in (("", ""), ("x", "y"), ("0" * 32, "0" * 16), (A[0], "")):
        assert span_context(*pair) is None


def test_batch_of_one_is_a_child_of_its_origin(recorder: Recorder) -> None:
    """A batch with one notification continues that notification's trace, without links."""
    with recorder.telemetry.batch_span(SpanName.CLAIM, [A, A], {"sendout.messages": 2}):
        assert current_ids()[0] == A[0]
    (span,) = recorder.spans()
    assert (span.name, ids(span.parent), list(span.links)) == ("sendout.claim", A, [])
    assert span.attributes == {"sendout.messages": 2}


def test_batch_of_many_is_linked_to_the_others(recorder: Recorder) -> None:
    """A batch with several notifications is a child of the first and linked once to each other, in order."""
    with recorder.telemetry.batch_span(SpanName.SETTLE, iter([A, B, A, ("", ""), C, B])):
        pass
    (span,) = recorder.spans()
    assert ids(span.parent) == A
    assert [ids(link.context) for link in span.links] == [B, C]


def test_links_have_a_limit(recorder: Recorder) -> None:
    """However many notifications a batch holds, its span has at most 32 links."""
    many = [(A[0], format(number, "016x")) for number in range(1, 100)]
    with recorder.telemetry.batch_span(SpanName.SETTLE, many):
        pass
    (span,) = recorder.spans()
    assert len(span.links) == len(links_from(many)) == 32


def test_batch_without_origin_is_a_child_of_the_current_span(recorder: Recorder) -> None:
    """Work that belongs to no notification stays in the trace that asked for it."""
    with recorder.telemetry.tracer.start_as_current_span("outer") as outer:
        with recorder.telemetry.batch_span(SpanName.RECONCILE, []):
            pass
        assert trace.get_current_span() is outer
    inner = next(span for span in recorder.spans() if span.name == "sendout.reconcile")
    assert inner.parent == outer.get_span_context()


def test_failed_batch_shows_the_type_alone(recorder: Recorder) -> None:
    """An exception marks the batch's span without its message, which may hold a number."""
    with pytest.raises(ValueError, match="14155550101"), recorder.telemetry.batch_span(SpanName.SUBMIT, [A]):
        raise ValueError("+14155550101")
    (span,) = recorder.spans()
    assert span.status.status_code is StatusCode.ERROR
    assert span.attributes == {"error.type": "ValueError"}
    assert "14155550101" not in span.to_json()


async def test_sql_spans_below_a_recording_span_only(recorder: Recorder, tmp_path: Path) -> None:
    """A statement has a span with its text and row count where there is a parent, none otherwise; all are timed."""
    engine = create_async_engine(f"sqlite+aiosqlite:///{tmp_path}/x.db")
    trace_sql(engine, recorder.telemetry)
    async with engine.begin() as connection:
        await connection.execute(text("create table phone (number text primary key)"))
        with recorder.telemetry.tracer.start_as_current_span("parent") as parent:
            await connection.execute(
                text("insert into phone values (:n)"), [{"n": "+14155550101"}, {"n": "+14155550102"}]
            )
    await engine.dispose()
    spans = recorder.spans()
    (insert,) = [span for span in spans if span.name == "sql INSERT"]
    assert insert.parent == parent.get_span_context()
    assert insert.attributes is not None
    assert insert.attributes["db.system"] == "sqlite"
    assert insert.attributes["db.statement"] == "insert into phone values (?)"
    assert insert.attributes["db.rowcount"] == 2
    assert [span.name for span in spans] == ["sql INSERT", "parent"]
    operations = {point.attributes["db.operation"] for point in recorder.metrics()["db.client.operation.duration"]}
    assert {"CREATE", "INSERT"} <= operations


async def test_failed_sql_shows_neither_parameters_nor_message(recorder: Recorder, tmp_path: Path) -> None:
    """A failed statement ends its span as an error, with the exception's type and none of its values."""
    engine = create_async_engine(f"sqlite+aiosqlite:///{tmp_path}/x.db", hide_parameters=True)
    trace_sql(engine, recorder.telemetry)
    async with engine.connect() as connection:
        await connection.execute(text("create table phone (number text primary key)"))
        with recorder.telemetry.tracer.start_as_current_span("parent"), pytest.raises(IntegrityError):
            await connection.execute(text("insert into phone values (:n), (:n)"), {"n": "+14155550101"})
    await engine.dispose()
    (insert,) = [span for span in recorder.spans() if span.name == "sql INSERT"]
    assert insert.status.status_code is StatusCode.ERROR
    assert "14155550101" not in insert.to_json()


def test_backlog_gauges_ask_their_callback(recorder: Recorder) -> None:
    """The backlog of each contact point is read when metrics are collected, and absent before anyone feeds it."""
    assert "sendout.backlog.segments" not in recorder.metrics()
    recorder.telemetry.observe_backlog(lambda: [Backlog("main", 70, 1.5), Backlog("night", 0, 0.0)])
    metrics = recorder.metrics()
    for name, expected in (("segments", {"main": 70, "night": 0}), ("age", {"main": 1.5, "night": 0.0})):
        points = metrics[f"sendout.backlog.{name}"]
        assert {point.attributes["sendout.contact_point.id"]: point.value for point in points} == expected


def test_trace_ids_without_a_collector(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an endpoint nothing is exported, and spans still have ids for History."""
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_ENDPOINT", raising=False)
    telemetry = setup("test", load_settings())
    with telemetry.tracer.start_as_current_span("x"):
        trace_id, span_id = current_ids()
    assert (len(trace_id), len(span_id)) == (32, 16)
    telemetry.flush()
    telemetry.shutdown()
    telemetry.shutdown()


def test_prometheus_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """A metrics port serves the instruments on loopback, refuses to be shared, and is free again after the end."""
    monkeypatch.delenv("OTEL_EXPORTER_OTLP_ENDPOINT", raising=False)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = load_settings(metrics_port=port)
    telemetry = setup("test", settings)
    telemetry.accepted.add(3, {"sendout.contact_point.id": "main"})
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as page:
        lines = page.read().decode().splitlines()
    assert any(line.startswith("sendout_messages_accepted") and line.endswith(" 3.0") for line in lines)
    with pytest.raises(ConfigError, match=f"SENDOUT_METRICS_PORT: port {port} cannot be used"):
        setup("test", settings)
    telemetry.shutdown()
    setup("test", settings).shutdown()


def test_one_line_a_minute(clock: Any) -> None:
    """Of one logger's records the filter lets one a minute through."""
    limit = OnceAMinute(clock)
    records = [logging.makeLogRecord({"name": name}) for name in ("a", "b")]
    assert [limit.filter(record) for record in (*records, *records)] == [True, True, False, False]
    clock.advance(59.9)
    assert not limit.filter(records[0])
    clock.advance(0.1)
    assert limit.filter(records[0])
