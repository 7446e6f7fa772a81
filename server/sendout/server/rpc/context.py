"""Who is calling: set once per RPC by the interceptor, read by the servicers.

grpc.aio runs each RPC in a task of its own, so nothing has to be reset.
"""

from __future__ import annotations

from contextvars import ContextVar

from sendout.domain.errors import Reason, SendoutError
from sendout.domain.permissions import Caller

_caller: ContextVar[Caller | None] = ContextVar("sendout_caller", default=None)


def current_caller() -> Caller:
    """The authenticated caller of this RPC. CREDENTIALS_MISSING where there is none, so that a gap fails closed."""
    caller = _caller.get()
    if caller is None:
        raise SendoutError(Reason.CREDENTIALS_MISSING, "This call needs an API key or a session.")
    return caller


def set_caller(caller: Caller) -> None:
    """For the interceptor alone (and for tests of servicers)."""
    _caller.set(caller)
