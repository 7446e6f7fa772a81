"""Spans and times of SQL statements, from SQLAlchemy's own events.

A statement gets a span only below a span that is being recorded. Its text is taken without parameters, and an error
by its type alone, since both parameters and PostgreSQL's messages quote phone numbers.
"""

from __future__ import annotations

from typing import Any

from opentelemetry import trace
from opentelemetry.trace import SpanKind
from sqlalchemy import event
from sqlalchemy.engine import Connection, ExceptionContext
from sqlalchemy.ext.asyncio import AsyncEngine

from sendout.server.telemetry.names import Attribute
from sendout.server.telemetry.service import Telemetry
from sendout.server.telemetry.spans import mark_failed

_LONGEST_STATEMENT = 2000  # characters


class _Running:
    """One statement under way; it hangs on SQLAlchemy's execution context."""

    __slots__ = ("operation", "span", "started")

    def __init__(self, operation: str, span: trace.Span | None, started: float) -> None:
        self.operation = operation
        self.span = span
        self.started = started


def trace_sql(engine: AsyncEngine, telemetry: Telemetry) -> None:
    """Measure every statement of this engine from now on."""
    system = engine.dialect.name

    def before(_connection: Connection, _cursor: Any, statement: str, _values: Any, context: Any, _many: bool) -> None:
        operation = statement.split(None, 1)[0].upper() if statement.strip() else "EMPTY"
        span = _start(telemetry.tracer, system, operation, statement)
        context._sendout_running = _Running(operation, span, telemetry.clock.monotonic())

    def after(_connection: Connection, cursor: Any, _statement: str, _values: Any, context: Any, _many: bool) -> None:
        if (running := _taken(context)) is not None:
            if running.span is not None:
                running.span.set_attribute(Attribute.DB_ROWS, cursor.rowcount)
            _finish(telemetry, system, running)

    def failed(problem: ExceptionContext) -> None:
        if (running := _taken(problem.execution_context)) is not None:
            if running.span is not None:
                mark_failed(running.span, problem.original_exception)
            _finish(telemetry, system, running)

    event.listen(engine.sync_engine, "before_cursor_execute", before)
    event.listen(engine.sync_engine, "after_cursor_execute", after)
    event.listen(engine.sync_engine, "handle_error", failed)


def _start(tracer: trace.Tracer, system: str, operation: str, statement: str) -> trace.Span | None:
    if not trace.get_current_span().is_recording():
        return None
    attributes = {
        Attribute.DB_SYSTEM.value: system,
        Attribute.DB_OPERATION.value: operation,
        Attribute.DB_STATEMENT.value: statement[:_LONGEST_STATEMENT],
    }
    return tracer.start_span(f"sql {operation}", kind=SpanKind.CLIENT, attributes=attributes)


def _taken(context: Any) -> _Running | None:
    running: _Running | None = getattr(context, "_sendout_running", None)
    if running is not None:
        context._sendout_running = None
    return running


def _finish(telemetry: Telemetry, system: str, running: _Running) -> None:
    seconds = telemetry.clock.monotonic() - running.started
    labels = {Attribute.DB_SYSTEM.value: system, Attribute.DB_OPERATION.value: running.operation}
    telemetry.sql_duration.record(seconds, labels)
    if running.span is not None:
        running.span.end()
