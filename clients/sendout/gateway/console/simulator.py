"""Whether the server has the simulator's phones, which the toolbar of every page has to know."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any

import grpc
import grpc.aio
from google.protobuf.message import Message

from sendout.v1 import simulator_service_pb2

_KEPT_S = 60.0  # a server that is started anew may have other carriers


class Simulator:
    """What the server said last; it is asked again after a minute."""

    def __init__(self) -> None:
        self._offered = False
        self._until = 0.0

    async def offered(self, ask: Callable[[Message], Awaitable[Any]]) -> bool:
        """Whether there are phones. `ask` asks the server. Raises AioRpcError where it does not answer."""
        if time.monotonic() >= self._until:
            try:
                await ask(simulator_service_pb2.ListHandsetsRequest(page_size=1))
                self._offered = True
            except grpc.aio.AioRpcError as error:
                if error.code() is not grpc.StatusCode.UNIMPLEMENTED:
                    raise
                self._offered = False
            self._until = time.monotonic() + _KEPT_S
        return self._offered
