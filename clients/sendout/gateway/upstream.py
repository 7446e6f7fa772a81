"""The server behind the gateway: one channel for all calls, opened as the client opens it, with the caller's identity.

Everything that goes out under somebody's name goes through `metadata_of`: rooms with other credentials than a bearer
key, such as a browser session, make the same pairs.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
from google.protobuf import message_factory
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message
from grpc_health.v1 import health_pb2, health_pb2_grpc
from starlette.datastructures import Headers

from sendout.client import AsyncClient
from sendout.gateway.transcode.contract import services
from sendout.gateway.transcode.refusals import Refusal, reason

Metadata = tuple[tuple[str, str], ...]

_READY_S = 2.0
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}", re.ASCII)


class Upstream:
    """The server. Calls carry no credentials but those they are given."""

    def __init__(self, target: str | None = None, ca_file: Path | None = None) -> None:
        """`target` comes from SENDOUT_TARGET or the profile where left out. Raises InvalidArgument for a bad one."""
        self._client = AsyncClient(target, api_key="", ca_file=ca_file)
        self._stub: _ContractStub | None = None

    def start(self, method: MethodDescriptor, request: Any, metadata: Metadata, timeout: float | None) -> Any:
        """The grpc.aio call of any method; `request` is a message, or an async iterator where the client streams."""
        if self._stub is None:  # the channel belongs to the loop that opens it
            self._stub = self._client.stub(_ContractStub)
        return self._stub.calls[str(method.full_name)](request, metadata=metadata, timeout=timeout)

    async def ready(self) -> bool:
        """Whether the server takes calls."""
        health = self._client.stub(health_pb2_grpc.HealthStub)
        try:
            answer = await health.Check(health_pb2.HealthCheckRequest(service="readiness"), timeout=_READY_S)
        except grpc.aio.AioRpcError:
            return False
        return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)

    async def close(self) -> None:
        """Close the channel; calls under way end."""
        await self._client.close()


class _ContractStub:
    """A stub of all services of the contract, made of their descriptors."""

    def __init__(self, channel: Any) -> None:
        self.calls = {
            str(method.full_name): self._call(channel, method) for service in services() for method in service.methods
        }

    @staticmethod
    def _call(channel: Any, method: MethodDescriptor) -> Any:
        kinds = {
            (False, False): channel.unary_unary,
            (False, True): channel.unary_stream,
            (True, False): channel.stream_unary,
        }
        start = kinds[method.client_streaming, method.server_streaming]
        path = f"/{method.containing_service.full_name}/{method.name}"
        return start(path, _serialized, message_factory.GetMessageClass(method.output_type).FromString)


def _serialized(message: Message) -> bytes:
    return message.SerializeToString()


def metadata_of(headers: Headers) -> Metadata:
    """Who calls, as said, and the trace it belongs to. Raises Refusal for credentials that gRPC cannot carry."""
    pairs = []
    for value in headers.getlist("authorization"):
        if not (value.isascii() and value.isprintable()):
            sentence = "The credentials are not understood. Send one `Authorization: Bearer KEY`."
            raise Refusal(grpc.StatusCode.UNAUTHENTICATED, sentence, [reason("CREDENTIALS_INVALID")])
        pairs.append(("authorization", value))
    trace = headers.get("traceparent", "")
    if _TRACEPARENT.fullmatch(trace):
        pairs.append(("traceparent", trace))
    return tuple(pairs)
