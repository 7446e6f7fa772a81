"""Spans that follow a message from the request that accepted it into the batches that carried it.

A notification keeps the trace and span id of its accept; the workers that handle it later find their way back by them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

from opentelemetry import trace
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags
from opentelemetry.util.types import AttributeValue

from sendout.server.telemetry.names import Attribute

MOST_LINKS = 32


def span_context(trace_id: str, span_id: str) -> SpanContext | None:
    """The context behind a pair of hex ids as kept with a notification; None where they are empty or ill-formed."""
    try:
        # Whether it was sampled is not kept. Taking it as sampled costs a batch span without its parent at worst.
        context = SpanContext(int(trace_id, 16), int(span_id, 16), is_remote=True, trace_flags=TraceFlags(1))
    except ValueError:
        return None
    return context if context.is_valid else None


def links_from(origins: Iterable[tuple[str, str]]) -> list[Link]:
    """Links to the distinct origins (trace id, span id), in their order, at most 32."""
    return [Link(context) for context in _distinct(origins)[:MOST_LINKS]]


def current_ids() -> tuple[str, str]:
    """(trace id, span id) of the current span in hex, both empty where there is none."""
    context = trace.get_current_span().get_span_context()
    if not context.is_valid:
        return "", ""
    return format(context.trace_id, "032x"), format(context.span_id, "016x")


@contextmanager
def batch_span(
    tracer: trace.Tracer,
    name: str,
    origins: Iterable[tuple[str, str]],
    attributes: Mapping[str, AttributeValue] | None = None,
) -> Iterator[trace.Span]:
    """A current span for work on a batch: child of the first origin, linked to the others (at most 32).

    Without an origin it is a child of the current span. An exception marks it as failed, by its type alone: the
    message of an exception may quote a number.
    """
    contexts = _distinct(origins)
    parent = trace.set_span_in_context(trace.NonRecordingSpan(contexts[0])) if contexts else None
    links = [Link(context) for context in contexts[1 : MOST_LINKS + 1]]
    with tracer.start_as_current_span(
        name,
        context=parent,
        kind=SpanKind.CONSUMER,
        attributes=attributes,
        links=links,
        record_exception=False,
        set_status_on_exception=False,
    ) as span:
        try:
            yield span
        except BaseException as error:
            mark_failed(span, error)
            raise


def mark_failed(span: trace.Span, error: BaseException) -> None:
    """Note the exception's type; its text stays out."""
    span.set_attribute(Attribute.ERROR, type(error).__name__)
    span.set_status(Status(StatusCode.ERROR))


def _distinct(origins: Iterable[tuple[str, str]]) -> list[SpanContext]:
    found = (span_context(trace_id, span_id) for trace_id, span_id in dict.fromkeys(origins))
    return [context for context in found if context is not None]
