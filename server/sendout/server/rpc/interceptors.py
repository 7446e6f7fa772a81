"""What stands between the wire and every servicer: authentication, the policy table, deadlines, and the error map.

One interceptor, behind the tracing one: that sees each status, and its span gives the caller's trace. Everything
happens around the handler, in the task of the RPC, so a refusal goes out with its details like any other error.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Protocol

import grpc
import grpc.aio
from google.protobuf.message import DecodeError

from sendout.domain.errors import Reason, SendoutError
from sendout.domain.permissions import Caller, Permission
from sendout.server.rpc import errors
from sendout.server.rpc.context import set_caller
from sendout.server.rpc.policy import POLICY, Rule
from sendout.server.rpc.recheck import RECHECK_S, Recheck
from sendout.server.telemetry.spans import current_ids

UNARY_DEADLINE_S = 30.0
SHORTEST_DEADLINE_S = 0.05
_SCHEME = "bearer"

_Context = grpc.aio.ServicerContext[Any, Any]
if TYPE_CHECKING:
    _Handler = grpc.RpcMethodHandler[Any, Any]  # generic in its types only
    _Continuation = Callable[[grpc.HandlerCallDetails], Awaitable[_Handler | None]]


class Authenticator(Protocol):
    """What `commands.authenticate.Authenticate` is."""

    async def __call__(self, key_text: str, trace_id: str = "", span_id: str = "") -> Caller: ...


class GateInterceptor(grpc.aio.ServerInterceptor):
    """Lets a call through to its handler, or refuses it. Give it after the tracing interceptor."""

    def __init__(
        self,
        authenticate: Authenticator,
        *,
        policy: Mapping[str, Rule] = POLICY,
        unary_deadline_s: float = UNARY_DEADLINE_S,
        recheck_s: float = RECHECK_S,
    ) -> None:
        self._authenticate = authenticate
        self._policy = policy
        self._unary_deadline_s = unary_deadline_s
        self._recheck_s = recheck_s

    async def intercept_service(
        self, continuation: _Continuation, handler_call_details: grpc.HandlerCallDetails
    ) -> _Handler | None:
        """The handler with the gate around it, but for standard services; what nobody serves stays UNIMPLEMENTED."""
        handler = await continuation(handler_call_details)
        rule = self._policy.get(handler_call_details.method)
        if handler is None or (rule is not None and rule.standard):
            return handler
        return _rebuilt(handler, _Gate(self, handler_call_details, rule, handler.request_deserializer))

    async def admit(self, details: grpc.HandlerCallDetails, rule: Rule | None) -> Caller:
        """The caller, where the policy lets it in. A method without a rule is closed to everyone."""
        trace_id, span_id = current_ids()
        caller = await self._authenticate(_key_of(details), trace_id, span_id)
        if rule is None:
            raise SendoutError(Reason.ROLE_REQUIRED, "This call is open to nobody.", metadata={"permission": ""})
        if rule.permission is not None:
            caller.require(rule.permission)
        return caller

    @property
    def unary_deadline_s(self) -> float:
        """How long a unary call without a deadline of its own may take."""
        return self._unary_deadline_s

    @property
    def recheck_s(self) -> float:
        """How often a stream's caller is looked at again."""
        return self._recheck_s


class _Gate:
    """The gate of one RPC: what is done before, around and after its handler."""

    def __init__(
        self,
        interceptor: GateInterceptor,
        details: grpc.HandlerCallDetails,
        rule: Rule | None,
        deserialize: Callable[[bytes], Any] | None,
    ) -> None:
        self._interceptor = interceptor
        self._details = details
        self._rule = rule
        self._deserialize = deserialize
        self._permissions: frozenset[Permission] = frozenset()

    async def enter(self, context: _Context) -> None:
        """Refuse, or make the caller known to the handler. Who signs in is nobody yet, whatever the call carries."""
        remaining = context.time_remaining()
        if remaining is not None and remaining < SHORTEST_DEADLINE_S:
            raise SendoutError(
                Reason.DEADLINE_TOO_SHORT,
                f"The deadline leaves less than {SHORTEST_DEADLINE_S * 1000:.0f} ms, so nothing was begun. "
                "Call again with a longer one.",
            )
        if self._rule is not None and self._rule.public:
            return
        caller = await self._interceptor.admit(self._details, self._rule)
        self._permissions = caller.permissions
        set_caller(caller)

    def received(self, request: Any) -> Any:
        """The request, or the requests of a stream, of whoever was let in. gRPC itself would read a stranger's, and
        answer one it cannot read with the name of a class of ours."""
        return self._read(request) if isinstance(request, bytes) else self._read_all(request)

    async def _read_all(self, requests: AsyncIterator[bytes]) -> AsyncIterator[Any]:
        async for request in requests:
            yield self._read(request)

    def _read(self, request: bytes) -> Any:
        try:
            return self._deserialize(request) if self._deserialize is not None else request
        except DecodeError:
            raise SendoutError(
                Reason.FIELD_INVALID, "The request is no message of this call, or a text in it is not UTF-8."
            ) from None

    async def _readmit(self) -> None:
        """Look again at the caller of a stream: it may have been opened on a permission that is gone by now."""
        caller = await self._interceptor.admit(self._details, self._rule)
        for permission in sorted(self._permissions):
            caller.require(permission)

    async def refuse(self, context: _Context, error: Exception) -> None:
        """End the RPC with its status, unless the handler ended it already."""
        if isinstance(error, grpc.aio.AbortError):
            raise error
        await errors.abort(context, error, self._details.method)

    def unary(self, behaviour: Any) -> Any:
        """Around a handler with one request and one response."""

        async def run(request: Any, context: _Context) -> Any:
            try:
                await self.enter(context)
                if context.time_remaining() is not None:
                    return await behaviour(self.received(request), context)
                return await self._in_time(behaviour(self.received(request), context))
            except Exception as error:
                await self.refuse(context, error)

        return run

    async def _in_time(self, answer: Awaitable[Any]) -> Any:
        limit = self._interceptor.unary_deadline_s
        try:
            async with asyncio.timeout(limit) as deadline:
                return await answer
        except TimeoutError:
            if not deadline.expired():
                raise
            raise SendoutError(
                Reason.DEADLINE_TOO_SHORT,
                f"The call took longer than the {limit:g} s that calls without a deadline get. "
                "See what became of it before you repeat it; with the same request id a repeat is safe.",
            ) from None

    def coroutine(self, behaviour: Any) -> Any:
        """Around a handler of a stream that is a coroutine: one that takes a stream, or writes by `context.write`."""

        async def run(request: Any, context: _Context) -> Any:
            try:
                await self.enter(context)
                async with Recheck(self._readmit, self._interceptor.recheck_s) as recheck:
                    return await recheck.run(behaviour(self.received(request), context))
            except Exception as error:
                await self.refuse(context, error)

        return run

    def generator(self, behaviour: Any) -> Any:
        """Around a handler that yields its responses."""

        async def run(request: Any, context: _Context) -> AsyncIterator[Any]:
            try:
                await self.enter(context)
                async with (
                    Recheck(self._readmit, self._interceptor.recheck_s) as recheck,
                    aclosing(behaviour(self.received(request), context)) as responses,
                ):
                    while (response := await recheck.run(anext(responses, _END))) is not _END:
                        yield response
            except Exception as error:
                await self.refuse(context, error)

        return run


_END = object()


def _rebuilt(handler: _Handler, gate: _Gate) -> _Handler:
    make: Any
    behaviour: Any
    match handler.request_streaming, handler.response_streaming:
        case False, False:
            behaviour, make = handler.unary_unary, grpc.unary_unary_rpc_method_handler
        case True, False:
            behaviour, make = handler.stream_unary, grpc.stream_unary_rpc_method_handler
        case False, True:
            behaviour, make = handler.unary_stream, grpc.unary_stream_rpc_method_handler
        case _:
            behaviour, make = handler.stream_stream, grpc.stream_stream_rpc_method_handler
    if make is grpc.unary_unary_rpc_method_handler:
        wrapped = gate.unary(behaviour)
    elif inspect.isasyncgenfunction(behaviour):
        wrapped = gate.generator(behaviour)
    else:
        wrapped = gate.coroutine(behaviour)
    rebuilt: _Handler = make(wrapped, response_serializer=handler.response_serializer)
    return rebuilt


def _key_of(details: grpc.HandlerCallDetails) -> str:
    given = [value for name, value in details.invocation_metadata or () if name == "authorization"]
    if not given:
        raise SendoutError(
            Reason.CREDENTIALS_MISSING,
            "The call has no credentials. Send the API key, or a session's token, as `authorization: Bearer KEY`.",
        )
    header = given[0].decode("latin-1") if isinstance(given[0], bytes) else given[0]
    scheme, _, key = header.partition(" ")
    if len(given) > 1 or scheme.lower() != _SCHEME:
        raise SendoutError(
            Reason.CREDENTIALS_INVALID, "The credentials are not understood. Send one `authorization: Bearer KEY`."
        )
    return key.strip()
