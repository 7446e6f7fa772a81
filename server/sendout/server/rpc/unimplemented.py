"""Services, or methods of a service, that a later version brings: they answer NOT_IMPLEMENTED like any other refusal.

Handlers are made from the descriptors, so a method of the contract is never missing and never answers without details.
"""

from __future__ import annotations

from typing import Any

import grpc
import grpc.aio
from google.protobuf import message_factory
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor

from sendout.domain.errors import Reason, SendoutError

_MAKE: dict[tuple[bool, bool], Any] = {
    (False, False): grpc.unary_unary_rpc_method_handler,
    (False, True): grpc.unary_stream_rpc_method_handler,
    (True, False): grpc.stream_unary_rpc_method_handler,
    (True, True): grpc.stream_stream_rpc_method_handler,
}


def add_service(server: grpc.aio.Server, service: ServiceDescriptor, servicer: object | None = None) -> None:
    """Serve `service` by the methods `servicer` has; all others answer NOT_IMPLEMENTED. None: it has none yet."""
    handlers = {method.name: _handler(method, servicer) for method in service.methods}
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service.full_name, handlers),))


def _handler(method: MethodDescriptor, servicer: object | None) -> grpc.RpcMethodHandler[Any, Any]:
    make = _MAKE[method.client_streaming, method.server_streaming]
    handler: grpc.RpcMethodHandler[Any, Any] = make(
        getattr(servicer, method.name, _not_implemented),
        request_deserializer=message_factory.GetMessageClass(method.input_type).FromString,
        response_serializer=message_factory.GetMessageClass(method.output_type).SerializeToString,
    )
    return handler


async def _not_implemented(_request: Any, _context: Any) -> Any:
    raise SendoutError(Reason.NOT_IMPLEMENTED, "This server does not offer this call.")
