"""The gate around a handler, without a server."""

from __future__ import annotations

import contextlib
from types import SimpleNamespace
from typing import Any

import grpc
import grpc.aio
import pytest

from sendout.domain.permissions import Caller
from sendout.server.rpc.interceptors import GateInterceptor

METHOD = "/sendout.v1.UserService/WhoAmI"


class Context:
    """As much of a servicer context as the gate needs."""

    def __init__(self, remaining: float | None) -> None:
        self.remaining = remaining
        self.code: Any = None

    def time_remaining(self) -> float | None:
        return self.remaining

    async def abort(self, code: Any, details: str, trailing_metadata: Any) -> None:
        self.code = code
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


@pytest.mark.parametrize("remaining", [0.0, 0.049])
async def test_a_deadline_too_short_begins_nothing(remaining: float) -> None:
    """With less than 50 ms left the call is refused before its handler."""
    assert await call(remaining) == (grpc.StatusCode.DEADLINE_EXCEEDED, False)


@pytest.mark.parametrize("remaining", [None, 0.05, 60.0])
async def test_a_deadline_long_enough_lets_through(remaining: float | None) -> None:
    """With 50 ms or more, or none, the handler begins."""
    assert await call(remaining) == (None, True)
