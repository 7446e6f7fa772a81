"""Traces and metrics of one server process: `setup` once at the start, `Telemetry` handed to whoever measures.

Names are in `names`, RPCs are measured by `grpc_interceptor`, SQL by `sql`. Nothing here is global, so two services
can live in one test process.
"""

from sendout.server.telemetry.grpc_interceptor import TracingInterceptor
from sendout.server.telemetry.metrics import Backlog, BacklogCallback, Instruments
from sendout.server.telemetry.names import Attribute, SpanName
from sendout.server.telemetry.service import Telemetry, setup
from sendout.server.telemetry.spans import current_ids, links_from, span_context
from sendout.server.telemetry.sql import trace_sql

__all__ = [
    "Attribute",
    "Backlog",
    "BacklogCallback",
    "Instruments",
    "SpanName",
    "Telemetry",
    "TracingInterceptor",
    "current_ids",
    "links_from",
    "setup",
    "span_context",
    "trace_sql",
]
