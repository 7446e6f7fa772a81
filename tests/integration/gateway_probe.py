"""A server of the whole contract for the gateway's tests: it notes what it gets, and hangs or refuses when told to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import grpc.aio
from google.protobuf.any_pb2 import Any as AnyMessage
from google.rpc import status_pb2
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from sendout.gateway.transcode.contract import services
from sendout.server.rpc.unimplemented import add_service
from sendout.v1 import history_service_pb2, notification_service_pb2, topic_service_pb2, user_service_pb2


class Probe:
    """Servicer of all services: answers some calls, hangs in others, and notes what came."""

    def __init__(self) -> None:
        self.metadata: dict[str, Any] = {}
        self.remaining: float | None = None
        self.begun = asyncio.Event()
        self.cancelled = asyncio.Event()
        self.parts: list[Any] = []
        self.error: tuple[grpc.StatusCode, str, tuple[Any, ...]] | None = None
        self.quiet = False
        self.refuses = False

    async def WhoAmI(self, _request: Any, context: Any) -> Any:
        """Notes who calls; ends with `error` where there is one."""
        self.metadata = dict(context.invocation_metadata())
        self.remaining = context.time_remaining()
        if self.error is not None:
            code, sentence, details = self.error
            status = status_pb2.Status(code=code.value[0], message=sentence)
            for detail in details:
                packed = AnyMessage()
                packed.Pack(detail)
                status.details.append(packed)
            await context.abort(code, sentence, (("grpc-status-details-bin", status.SerializeToString()),))
        return user_service_pb2.WhoAmIResponse(label="Ä")

    async def ListTopics(self, _request: Any, _context: Any) -> Any:
        """Never answers."""
        await self._hang()
        return topic_service_pb2.ListTopicsResponse()

    async def ExportMessages(self, _request: Any, _context: Any) -> AsyncIterator[Any]:
        """One answer, then nothing; or nothing at all."""
        if not self.quiet:
            yield history_service_pb2.ExportMessagesResponse()
        await self._hang()

    async def SendNotificationStream(self, requests: AsyncIterator[Any], _context: Any) -> Any:
        """Notes every part as it comes, or refuses at once."""
        if self.refuses:
            await _context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "Too much.")
        try:
            async for part in requests:
                self.parts.append(part)
                self.begun.set()
            await asyncio.sleep(0)  # a cancelled stream looks like one that has ended until the next await
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        return notification_service_pb2.SendNotificationStreamResponse(accepted_count=len(self.parts))

    async def _hang(self) -> None:
        self.begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.cancelled.set()


@asynccontextmanager
async def probed(probe: Probe) -> AsyncIterator[str]:
    """The address of a server whose servicer is the probe."""
    built = grpc.aio.server()
    for service in services():
        add_service(built, service, probe)
    servicer = health.aio.HealthServicer()
    await servicer.set("readiness", health_pb2.HealthCheckResponse.SERVING)
    health_pb2_grpc.add_HealthServicer_to_server(servicer, built)
    port = built.add_insecure_port("127.0.0.1:0")
    await built.start()
    yield f"127.0.0.1:{port}"
    await built.stop(None)
