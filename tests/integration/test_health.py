"""`grpc.health.v1` over a real connection."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from sendout.server import health
from sendout.server.health import NOT_SERVING, SERVING, HealthServicer

SERVICE_UNKNOWN = health_pb2.HealthCheckResponse.SERVICE_UNKNOWN


class Fleet:
    """What the checks look at; counts how often they are asked."""

    def __init__(self) -> None:
        self.sql = self.dispatch = True
        self.asked = 0

    async def readiness(self) -> bool:
        self.asked += 1
        if not self.sql:
            raise ConnectionError("+14155550101")
        return True

    async def dispatching(self) -> bool:
        return self.dispatch


@asynccontextmanager
async def served(servicer: HealthServicer) -> AsyncIterator[Any]:
    server = grpc.aio.server()
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield health_pb2_grpc.HealthStub(channel)
    await server.stop(None)


def servicer(fleet: Fleet, clock: Any) -> HealthServicer:
    return HealthServicer(clock, {"readiness": fleet.readiness, "dispatch": fleet.dispatching})


async def status(stub: Any, service: str) -> int:
    answer: int = (await stub.Check(health_pb2.HealthCheckRequest(service=service))).status
    return answer


async def test_database_outage_leaves_liveness(clock: Any) -> None:
    """A failing check takes readiness away and nothing else; it comes back with the check."""
    fleet = Fleet()
    async with served(servicer(fleet, clock)) as stub:
        assert [await status(stub, name) for name in health.SERVICES] == [SERVING] * 4
        fleet.sql = False
        clock.advance(1)
        assert [await status(stub, name) for name in health.SERVICES] == [SERVING, SERVING, NOT_SERVING, SERVING]
        fleet.sql, fleet.dispatch = True, False
        clock.advance(1)
        assert [await status(stub, name) for name in health.SERVICES] == [SERVING, SERVING, SERVING, NOT_SERVING]


async def test_one_answer_serves_all_callers_for_a_second(clock: Any) -> None:
    """Many callers within a second cost one look at the database."""
    fleet = Fleet()
    async with served(servicer(fleet, clock)) as stub:
        await asyncio.gather(*(status(stub, "readiness") for _ in range(20)))
        assert fleet.asked == 1
        clock.advance(1)
        await status(stub, "readiness")
        assert fleet.asked == 2


async def test_unknown_service(clock: Any) -> None:
    """A service that is not ours is NOT_FOUND for Check and SERVICE_UNKNOWN for Watch."""
    async with served(servicer(Fleet(), clock)) as stub:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await status(stub, "nothing")
        assert caught.value.code() is grpc.StatusCode.NOT_FOUND
        watch = stub.Watch(health_pb2.HealthCheckRequest(service="nothing"))
        assert (await watch.read()).status == SERVICE_UNKNOWN
        watch.cancel()


async def test_draining_tells_watchers_at_once(clock: Any) -> None:
    """Draining ends readiness, for watchers without waiting for their next look; liveness stays."""
    subject = servicer(Fleet(), clock)
    async with served(subject) as stub:
        watch = stub.Watch(health_pb2.HealthCheckRequest(service="readiness"))
        assert (await watch.read()).status == SERVING
        subject.draining()
        async with asyncio.timeout(4):  # less than the period of a watch
            assert (await watch.read()).status == NOT_SERVING
        assert [await status(stub, name) for name in health.SERVICES] == [SERVING, SERVING, NOT_SERVING, SERVING]
        watch.cancel()


async def test_slow_check_counts_as_failed(clock: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A check that does not answer in time is a no, and the caller is not kept waiting."""
    monkeypatch.setattr(health, "_CHECK_TIMEOUT", 0.01)

    async def hanging() -> bool:
        await asyncio.Event().wait()
        return True

    async with served(HealthServicer(clock, {"readiness": hanging})) as stub:
        assert await status(stub, "readiness") == NOT_SERVING


async def test_watchers_have_a_limit(clock: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """One watcher too many is RESOURCE_EXHAUSTED; a place is free again when a watcher leaves."""
    monkeypatch.setattr(health, "_MOST_WATCHERS", 1)
    subject = servicer(Fleet(), clock)
    async with served(subject) as stub:
        request = health_pb2.HealthCheckRequest(service="readiness")
        first = stub.Watch(request)
        await first.read()
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.Watch(request).read()
        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        first.cancel()
        async with asyncio.timeout(4):
            while subject._watchers:
                await asyncio.sleep(0)
        again = stub.Watch(request)
        assert (await again.read()).status == SERVING
        again.cancel()
