"""The first status of a grpc.aio call, for our driver and for others that call on a channel of their own."""

from __future__ import annotations

from typing import Any

import grpc
import grpc.aio


class FirstStatus:
    """How a call ended at first. Where the server refuses a call while a request is on its way to it, grpc.aio may put
    an "internal error" of its own before or after the server's status.
    """

    def __init__(self, call: Any) -> None:
        self._error: grpc.aio.AioRpcError | None = None
        call.add_done_callback(self._note)

    def _note(self, call: Any) -> None:
        code = _at_once(call.code())
        if self._error is None and code is not grpc.StatusCode.OK:
            trailers = _at_once(call.trailing_metadata()) or grpc.aio.Metadata()
            self._error = grpc.aio.AioRpcError(code, grpc.aio.Metadata(), trailers, _at_once(call.details()))

    def behind(self, error: grpc.RpcError) -> grpc.RpcError:
        """The server's status behind an error that grpc.aio raised."""
        masked = isinstance(error, grpc.aio.AioRpcError) and error.code() is grpc.StatusCode.INTERNAL
        return self._error if masked and self._error is not None else error


def _at_once(coroutine: Any) -> Any:
    """The value of a coroutine that need not wait any more."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        return done.value
    coroutine.close()
    raise RuntimeError("the call is not done")
