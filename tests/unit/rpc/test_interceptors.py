"""The gate around a handler, without a server."""

from __future__ import annotations

import contextlib
from types import SimpleNamespace
from typing import Any

import grpc
import grpc.aio
import pytest

from sendout.domain.errors import Reason, SendoutError
from sendout.domain.permissions import Caller
from sendout.server.rpc.context import current_caller
from sendout.server.rpc.interceptors import GateInterceptor

METHOD = "/sendout.v1.UserService/WhoAmI"
SIGN_IN = "/sendout.v1.SessionService/CreateSession"


class Context:
    """As much of a servicer context as the gate needs."""

    def __init__(self, remaining: float | None) -> None:
        self.remaining = remaining
        self.code: Any = None
        self.details = ""

    def time_remaining(self) -> float | None:
        return self.remaining

    async def abort(self, code: Any, details: str, trailing_metadata: Any) -> None:
        self.code, self.details = code, details
        raise grpc.aio.AbortError


async def authenticate(key_text: str, trace_id: str = "", span_id: str = "") -> Caller:
    return Caller("p", key_text, "P", frozenset({"everyone"}), frozenset())


async def call(remaining: float | None) -> tuple[Any, bool]:
    """(status code of the refusal or None, whether the handler began)."""
    began = []

    async def handler(request: Any, context: Any) -> bytes:
        began.append(True)
        return b""

    async def continuation(details: Any) -> Any:
        return grpc.unary_unary_rpc_method_handler(handler)

    details: Any = SimpleNamespace(method=METHOD, invocation_metadata=(("authorization", "bearer key"),))
    gated: Any = await GateInterceptor(authenticate).intercept_service(continuation, details)
    context = Context(remaining)
    with contextlib.suppress(grpc.aio.AbortError):
        await gated.unary_unary(b"", context)
    return context.code, bool(began)


@pytest.mark.security("limits", "deadline 0")
@pytest.mark.parametrize("remaining", [0.0, 0.049])
async def test_a_deadline_too_short_begins_nothing(remaining: float) -> None:
    """With less than 50 ms left the call is refused before its handler."""
    assert await call(remaining) == (grpc.StatusCode.DEADLINE_EXCEEDED, False)


@pytest.mark.parametrize("remaining", [None, 0.05, 60.0])
async def test_a_deadline_long_enough_lets_through(remaining: float | None) -> None:
    """With 50 ms or more, or none, the handler begins."""
    assert await call(remaining) == (None, True)


async def sign_in(handler: Any, *metadata: tuple[str, str], remaining: float | None = None) -> Context:
    """The context after CreateSession was called with this handler behind the gate."""

    async def continuation(details: Any) -> Any:
        return grpc.unary_unary_rpc_method_handler(handler)

    async def nobody(key_text: str, trace_id: str = "", span_id: str = "") -> Caller:
        raise AssertionError("asked who calls")

    details: Any = SimpleNamespace(method=SIGN_IN, invocation_metadata=metadata)
    gated: Any = await GateInterceptor(nobody).intercept_service(continuation, details)
    context = Context(remaining)
    with contextlib.suppress(grpc.aio.AbortError):
        await gated.unary_unary(b"", context)
    return context


@pytest.mark.parametrize("metadata", [(), (("authorization", "Bearer sos_anything"),)])
async def test_who_signs_in_is_nobody_yet(metadata: Any) -> None:
    """CreateSession needs no credentials, and those that come along are not looked at: its handler has no caller."""
    seen: list[Reason] = []

    async def handler(request: Any, context: Any) -> bytes:
        try:
            current_caller()
        except SendoutError as error:
            seen.append(error.reason)
        return b""

    context = await sign_in(handler, *metadata)
    assert context.code is None
    assert seen == [Reason.CREDENTIALS_MISSING]


async def test_signing_in_passes_the_gate_all_the_same() -> None:
    """Refusals and unforeseen exceptions of CreateSession become statuses, and its deadline must be long enough."""

    async def refuses(request: Any, context: Any) -> bytes:
        raise SendoutError(Reason.CREDENTIALS_INVALID, "No.")

    async def breaks(request: Any, context: Any) -> bytes:
        raise RuntimeError("a driver's own words")

    assert (await sign_in(refuses)).code is grpc.StatusCode.UNAUTHENTICATED
    broken = await sign_in(breaks)
    assert broken.code is grpc.StatusCode.INTERNAL
    assert "driver" not in broken.details
    assert (await sign_in(refuses, remaining=0.01)).code is grpc.StatusCode.DEADLINE_EXCEEDED
