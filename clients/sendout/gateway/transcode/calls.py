"""Calls with one answer: from a request as a whole, or from newline-delimited JSON that is passed on as it comes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any, ParamSpec, TypeVar

import grpc
import grpc.aio
from google.protobuf import json_format
from google.protobuf.message import Message

from sendout.client.statuses import FirstStatus
from sendout.gateway.transcode.binding import request_of, take_idempotency_key
from sendout.gateway.transcode.contract import Binding
from sendout.gateway.transcode.incoming import ClientGone, Incoming
from sendout.gateway.transcode.reading import Problems, decoded, fill
from sendout.gateway.upstream import Upstream, metadata_of

UNARY_S = 30.0
"""Seconds that a call without a deadline of its own gets."""

_LARGE = 64 << 10  # bytes from which on JSON is converted beside the event loop
_IDEMPOTENCY_KEY = "idempotency-key"

P = ParamSpec("P")
R = TypeVar("R")


def to_json(message: Message) -> bytes:
    """Protobuf JSON on one line: names in camelCase; what has its default value is left out."""
    fields = json_format.MessageToDict(message)
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode()


async def beside(size: int, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Do `work` on something of so many bytes, in a thread where it would hold up everybody else."""
    return await asyncio.to_thread(work, *args, **kwargs) if size > _LARGE else work(*args, **kwargs)


async def request_from(binding: Binding, values: dict[str, str], incoming: Incoming) -> Message:
    """The request of a call, read as a whole. Raises Refusal."""
    body = await incoming.body()
    message = await beside(len(body), request_of, binding, values, incoming.query, body)
    take_idempotency_key(message, incoming.header(_IDEMPOTENCY_KEY))
    return message


async def unary(upstream: Upstream, binding: Binding, values: dict[str, str], incoming: Incoming) -> bytes:
    """The answer of a call, as JSON. Raises Refusal, AioRpcError, ClientGone."""
    timeout = UNARY_S if incoming.timeout is None else incoming.timeout
    metadata = metadata_of(incoming.headers)
    request = await request_from(binding, values, incoming)
    call = upstream.start(binding.method, request, metadata, timeout)
    answer = await unless_gone(incoming, call)
    return await beside(answer.ByteSize(), to_json, answer)


async def upload(upstream: Upstream, binding: Binding, incoming: Incoming) -> bytes:
    """The answer to a stream of requests, one a line, as JSON. Raises Refusal, AioRpcError, ClientGone.

    Whatever breaks the body off cancels the call: it never looks to the server as if the stream had ended.
    """
    parts = _Parts(binding, incoming)
    call = upstream.start(binding.method, aiter(parts), metadata_of(incoming.headers), incoming.timeout)
    first = FirstStatus(call)
    try:
        answer = await unless_gone(incoming, call)
    except asyncio.CancelledError as error:
        raise parts.failure or error from None
    except grpc.aio.AioRpcError as error:
        raise parts.failure or first.behind(error) from None
    return await beside(answer.ByteSize(), to_json, answer)


class _Parts:
    """The requests of a client stream; what broke them off is kept, since gRPC would say no more than "cancelled"."""

    def __init__(self, binding: Binding, incoming: Incoming) -> None:
        self.failure: Exception | None = None
        self._binding = binding
        self._incoming = incoming

    async def __aiter__(self) -> AsyncIterator[Message]:
        key = self._incoming.header(_IDEMPOTENCY_KEY)
        number = 0
        try:
            async for line in self._incoming.lines():
                number += 1
                message = await beside(len(line), self._part, line, number)
                take_idempotency_key(message, key)
                yield message
        except Exception as error:
            self.failure = error
            raise

    def _part(self, line: bytes, number: int) -> Message:
        message = self._binding.request()
        problems = Problems()
        fill(message, decoded(line, f"Line {number}"), "", problems)
        problems.refuse()
        return message


async def unless_gone(incoming: Incoming, call: Any) -> Any:
    """The answer of a grpc.aio call, which is cancelled where the client leaves first. Then raises ClientGone."""
    answer = asyncio.ensure_future(_answer(call))
    gone = asyncio.ensure_future(incoming.gone())
    try:
        await asyncio.wait((answer, gone), return_when=asyncio.FIRST_COMPLETED)
        if not answer.done():
            raise ClientGone
        return answer.result()
    finally:
        gone.cancel()
        if not answer.done():
            call.cancel()
            answer.cancel()


async def _answer(call: Any) -> Any:
    return await call
