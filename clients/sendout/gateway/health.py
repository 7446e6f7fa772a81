"""Probes for whoever runs the gateway: is it alive, and can it answer calls."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sendout.gateway.transcode.streams import Streams
from sendout.gateway.upstream import Upstream

LIVENESS, READINESS = "/healthz", "/readyz"
PROBES = frozenset({LIVENESS, READINESS})


def routes(upstream: Upstream, streams: Streams) -> list[Route]:
    """`/healthz` looks at nothing but the event loop; `/readyz` asks the server, and is no while this process stops."""

    async def alive(_request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def ready(_request: Request) -> Response:
        if streams.draining:
            return JSONResponse({"status": "stopping"}, 503)
        if not await upstream.ready():
            return JSONResponse({"status": "the server is not ready"}, 503)
        return JSONResponse({"status": "ok"})

    return [Route(LIVENESS, alive), Route(READINESS, ready)]
