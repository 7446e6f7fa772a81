"""A span and a duration for every RPC, put before all other interceptors.

grpc.aio runs each RPC, its interceptors included, in one task of its own. The span is made current in that task's
context and never taken out again: the context ends with the task. A stream that is cancelled between two `yield`s is
closed from another task, where a reset would fail, so there is none; the end of the task ends the span.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import grpc
import grpc.aio
from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.trace import SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.util.types import AttributeValue

from sendout.server.telemetry.names import Attribute
from sendout.server.telemetry.service import Telemetry

_PROPAGATOR = TraceContextTextMapPropagator()  # not baggage: what comes from outside must not travel on
_UNMEASURED = "/grpc.health.v1.Health/"  # asked every few seconds by every balancer

# What the caller did wrong or gave up is no error of ours.
_SERVER_FAULTS = frozenset(
    {
        grpc.StatusCode.UNKNOWN,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.UNIMPLEMENTED,
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DATA_LOSS,
    }
)
_Context = grpc.aio.ServicerContext[Any, Any]
if TYPE_CHECKING:
    _Handler = grpc.RpcMethodHandler[Any, Any]  # generic in its types only


class _Call:
    """One RPC under way. `end` may be called often; the first call counts."""

    def __init__(self, span: trace.Span, method: str, telemetry: Telemetry) -> None:
        service, _, name = method.strip("/").rpartition("/")
        self.span = span
        self._labels: dict[str, AttributeValue] = {Attribute.RPC_SERVICE: service, Attribute.RPC_METHOD: name}
        self._telemetry = telemetry
        self._started = telemetry.clock.monotonic()
        self._ended = False
        span.set_attributes(self._labels)
        telemetry.rpc_active.add(1, self._labels)

    def end(self, code: grpc.StatusCode) -> None:
        if self._ended:
            return
        self._ended = True
        number = code.value[0]
        self.span.set_attribute(Attribute.RPC_STATUS, number)
        if code in _SERVER_FAULTS:
            self.span.set_status(Status(StatusCode.ERROR, code.name))
        self.span.end()
        self._telemetry.rpc_active.add(-1, self._labels)
        seconds = self._telemetry.clock.monotonic() - self._started
        self._telemetry.rpc_duration.record(seconds, {**self._labels, Attribute.RPC_STATUS: number})


class TracingInterceptor(grpc.aio.ServerInterceptor):
    """Continues the caller's trace. The span is current in the interceptors behind this one and in the handler."""

    def __init__(self, telemetry: Telemetry) -> None:
        self._telemetry = telemetry

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[_Handler | None]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> _Handler | None:
        """Start the span, ask the others, and wrap the handler they found."""
        method = handler_call_details.method
        if method.startswith(_UNMEASURED):
            return await continuation(handler_call_details)
        span = self._started(method, handler_call_details)
        otel_context.attach(trace.set_span_in_context(span))
        try:
            handler = await continuation(handler_call_details)
        except BaseException:
            span.end()
            raise
        if handler is None:
            # A method we do not have. Its name is the caller's and makes no label.
            span.update_name("unknown method")
            _Call(span, "/_OTHER/_OTHER", self._telemetry).end(grpc.StatusCode.UNIMPLEMENTED)
            return None
        call = _Call(span, method, self._telemetry)
        task = asyncio.current_task()
        if task is not None:
            # Also where the handler is never reached, or left behind between two messages.
            task.add_done_callback(lambda _task: call.end(grpc.StatusCode.CANCELLED))
        return _wrapped(handler, call)

    def _started(self, method: str, details: grpc.HandlerCallDetails) -> trace.Span:
        carrier = {key: value for key, value in details.invocation_metadata or () if isinstance(value, str)}
        # An empty context: what this task inherited from the server's own is not the caller's.
        parent = _PROPAGATOR.extract(carrier, context=otel_context.Context())
        name = method.lstrip("/")
        attributes = {Attribute.RPC_SYSTEM.value: "grpc"}
        return self._telemetry.tracer.start_span(name, context=parent, kind=SpanKind.SERVER, attributes=attributes)


def _wrapped(handler: _Handler, call: _Call) -> _Handler:
    """The same handler, which must be an async one, reporting its end to `call`."""
    make: Any
    match handler.request_streaming, handler.response_streaming:
        case False, False:
            behaviour, make = handler.unary_unary, grpc.unary_unary_rpc_method_handler
        case True, False:
            behaviour, make = handler.stream_unary, grpc.stream_unary_rpc_method_handler
        case False, True:
            behaviour, make = handler.unary_stream, grpc.unary_stream_rpc_method_handler
        case _:
            behaviour, make = handler.stream_stream, grpc.stream_stream_rpc_method_handler
    # A stream is written either as a generator or as a coroutine that calls `context.write`.
    wrap = _generator if inspect.isasyncgenfunction(behaviour) else _coroutine
    wrapped: _Handler = make(
        wrap(behaviour, call),
        request_deserializer=handler.request_deserializer,
        response_serializer=handler.response_serializer,
    )
    return wrapped


def _coroutine(behaviour: Any, call: _Call) -> Any:
    async def run(request: Any, context: _Context) -> Any:
        try:
            response = await behaviour(request, context)
        except BaseException as error:
            call.end(_failure(error, context))
            raise
        call.end(_given_code(context) or grpc.StatusCode.OK)
        return response

    return run


def _generator(behaviour: Any, call: _Call) -> Any:
    async def run(request: Any, context: _Context) -> AsyncIterator[Any]:
        try:
            async with aclosing(behaviour(request, context)) as responses:
                async for response in responses:
                    yield response
        except BaseException as error:
            call.end(_failure(error, context))
            raise
        call.end(_given_code(context) or grpc.StatusCode.OK)

    return run


def _failure(error: BaseException, context: _Context) -> grpc.StatusCode:
    if isinstance(error, asyncio.CancelledError | GeneratorExit):
        return grpc.StatusCode.CANCELLED
    return _given_code(context) or grpc.StatusCode.UNKNOWN


def _given_code(context: _Context) -> grpc.StatusCode | None:
    """The status a handler set or aborted with; None where it set none."""
    code: object = context.code()
    return code if isinstance(code, grpc.StatusCode) else None
