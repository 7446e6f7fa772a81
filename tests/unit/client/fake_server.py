"""A gRPC server over loopback that answers what a test tells it to, and remembers what it was asked."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

import grpc
from google.protobuf import message_factory
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status

MODULES = (
    "api_key",
    "audit",
    "consent",
    "contact_point",
    "conversation",
    "history",
    "notification",
    "price",
    "role",
    "session",
    "snippet",
    "topic",
    "usage",
    "user",
    "webhook_subscription",
)


def methods() -> dict[str, Any]:
    """Descriptors of the methods by name; names are unique in the contract."""
    files = [import_module(f"sendout.v1.{name}_service_pb2").DESCRIPTOR for name in MODULES]
    services = [service for file in files for service in file.services_by_name.values()]
    return {method.name: method for service in services for method in service.methods}


@dataclass
class Fail:
    """Ends a call with a status, with details as Sendout's server gives them."""

    code: grpc.StatusCode
    reason: str = ""
    message: str = "Refused."
    violations: Sequence[tuple[str, str]] = ()
    metadata: dict[str, str] = field(default_factory=dict)
    retry_after: float | None = None

    def __call__(self, _request: Any, context: grpc.ServicerContext) -> Any:
        status = status_pb2.Status(code=self.code.value[0], message=self.message)
        for detail in self._details():
            packed = AnyMessage()
            packed.Pack(detail)
            status.details.append(packed)
        context.abort_with_status(rpc_status.to_status(status))

    def _details(self) -> Iterator[Message]:
        if self.reason:
            yield error_details_pb2.ErrorInfo(domain="sendout", reason=self.reason, metadata=self.metadata)
        if self.violations:
            kind = error_details_pb2.BadRequest.FieldViolation
            yield error_details_pb2.BadRequest(
                field_violations=[kind(field=name, description=text) for name, text in self.violations]
            )
        if self.retry_after is not None:
            yield error_details_pb2.RetryInfo(retry_delay=Duration(nanos=round(self.retry_after * 1e9)))


@dataclass
class Streamed:
    """Answers a server stream with these, in turn; a `Fail` among them breaks it off, `HANGS` keeps it open."""

    answers: Sequence[Any]

    def __call__(self, request: Any, context: grpc.ServicerContext) -> Iterator[Message]:
        for answer in self.answers:
            if callable(answer):
                answer(request, context)
            else:
                yield answer


def hangs(_request: Any, context: grpc.ServicerContext) -> None:
    """Goes on until the caller gives up."""
    gone = threading.Event()
    if context.add_callback(gone.set):
        gone.wait(30)


@dataclass(frozen=True)
class Received:
    """One call as it came: the request, or all parts of a client stream."""

    method: str
    request: Any
    metadata: dict[str, str | bytes]
    remaining: float | None


class FakeServer(grpc.GenericRpcHandler):
    """`on` says what a method answers, each behaviour once and the last one for ever; `calls` is what came."""

    def __init__(self) -> None:
        self.calls: list[Received] = []
        self._behaviours: dict[str, list[Any]] = {}
        self._methods = methods()
        self._server = grpc.server(ThreadPoolExecutor(8), handlers=[self])
        self.target = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"
        self._server.start()

    def on(self, method: str, *behaviours: Any) -> None:
        """A behaviour is an answer, or something called with the request and the context."""
        assert method in self._methods
        self._behaviours[method] = list(behaviours)

    def requests(self, method: str) -> list[Any]:
        """What this method was asked, in turn."""
        return [call.request for call in self.calls if call.method == method]

    def stop(self) -> None:
        self._server.stop(None).wait()

    def service(self, handler_call_details: Any) -> grpc.RpcMethodHandler[Any, Any] | None:
        name = handler_call_details.method.rpartition("/")[2]
        method = self._methods[name]
        assert handler_call_details.method == f"/{method.containing_service.full_name}/{name}"
        if name not in self._behaviours:
            return None
        handler: Callable[..., Any] = {
            (False, False): grpc.unary_unary_rpc_method_handler,
            (False, True): grpc.unary_stream_rpc_method_handler,
            (True, False): grpc.stream_unary_rpc_method_handler,
        }[method.client_streaming, method.server_streaming]
        kind = message_factory.GetMessageClass(method.input_type)

        def answer(request: Any, context: grpc.ServicerContext) -> Any:
            return self._answer(name, list(request) if method.client_streaming else request, context)

        made: grpc.RpcMethodHandler[Any, Any] = handler(answer, kind.FromString, lambda one: one.SerializeToString())
        return made

    def _answer(self, name: str, request: Any, context: grpc.ServicerContext) -> Any:
        metadata = {key: value for key, value in context.invocation_metadata()}  # noqa: C416
        self.calls.append(Received(name, request, metadata, context.time_remaining()))
        behaviours = self._behaviours[name]
        behaviour = behaviours.pop(0) if len(behaviours) > 1 else behaviours[0]
        return behaviour(request, context) if callable(behaviour) else behaviour
