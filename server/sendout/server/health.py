"""`grpc.health.v1` for four services: what each promises is asked of the checks it is given.

"" and "liveness": the event loop answers; never SQL or Redis, or an outage of the database would restart the fleet.
"readiness": takes calls; ends first when the process drains. "dispatch": messages can go out; for view only.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from sendout.domain.clock import Clock

Check = Callable[[], Awaitable[bool]]
Status = int  # a value of health_pb2.HealthCheckResponse.ServingStatus

SERVING: Status = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING: Status = health_pb2.HealthCheckResponse.NOT_SERVING
_UNKNOWN: Status = health_pb2.HealthCheckResponse.UNKNOWN
_NO_SERVICE: Status = health_pb2.HealthCheckResponse.SERVICE_UNKNOWN

SERVICES = ("", "liveness", "readiness", "dispatch")
_CHECK_TIMEOUT = 2.0  # seconds after which a check counts as failed
_FRESH = 1.0  # seconds for which one answer serves all callers
_WATCH_PERIOD = 5.0  # seconds between two looks of a Watch
_MOST_WATCHERS = 64

_log = logging.getLogger(__name__)
_Context = grpc.aio.ServicerContext[Any, Any]


class HealthServicer(health_pb2_grpc.HealthServicer):  # type: ignore[misc]  # its package has no types
    """Health of one process. `checks` may hold "readiness" and "dispatch"; a service without one is SERVING."""

    def __init__(self, clock: Clock, checks: Mapping[str, Check]) -> None:
        self._clock = clock
        self._checks = dict(checks)
        self._draining = asyncio.Event()
        self._known: dict[str, tuple[float, Status]] = {}
        self._locks = {service: asyncio.Lock() for service in SERVICES}
        self._watchers = 0

    def draining(self) -> None:
        """From now on readiness is NOT_SERVING; watchers hear of it at once."""
        self._draining.set()

    async def status(self, service: str) -> Status | None:
        """The status of a service now (at most a second old), None where there is no such service."""
        if service not in SERVICES:
            return None
        if service == "readiness" and self._draining.is_set():
            return NOT_SERVING
        check = self._checks.get(service)
        if check is None:
            return SERVING
        async with self._locks[service]:
            until, known = self._known.get(service, (0.0, _UNKNOWN))
            if self._clock.monotonic() >= until:
                known = await _ask(service, check)
                self._known[service] = (self._clock.monotonic() + _FRESH, known)
        return known

    async def Check(self, request: health_pb2.HealthCheckRequest, context: _Context) -> health_pb2.HealthCheckResponse:
        """One answer; NOT_FOUND for a service that is not ours."""
        status = await self.status(request.service)
        if status is None:
            await context.abort(grpc.StatusCode.NOT_FOUND, f"There is no service {request.service[:80]!r} here.")
        return health_pb2.HealthCheckResponse(status=status)

    async def Watch(
        self, request: health_pb2.HealthCheckRequest, context: _Context
    ) -> AsyncIterator[health_pb2.HealthCheckResponse]:
        """The status now and each time it changes; SERVICE_UNKNOWN for a service that is not ours."""
        if self._watchers >= _MOST_WATCHERS:
            await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "Too many watchers. Use Check.")
        self._watchers += 1
        try:
            last: Status | None = None
            while True:
                draining = self._draining.is_set()
                status = await self.status(request.service)
                if status is None:
                    status = _NO_SERVICE
                if status != last:
                    last = status
                    yield health_pb2.HealthCheckResponse(status=status)
                await self._pause(draining)
        finally:
            self._watchers -= 1

    async def _pause(self, was_draining: bool) -> None:
        if was_draining:  # the event stays set and would not wait
            await asyncio.sleep(_WATCH_PERIOD)
            return
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._draining.wait(), _WATCH_PERIOD)


async def _ask(service: str, check: Check) -> Status:
    try:
        good = await asyncio.wait_for(check(), _CHECK_TIMEOUT)
    except Exception as error:  # whatever it is, the answer is no
        _log.warning("The %s check failed: %s.", service, type(error).__name__)
        good = False
    return SERVING if good else NOT_SERVING
