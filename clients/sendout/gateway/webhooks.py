"""The way in for carriers' providers: their calls go to the server as they came, and its answer goes back.

The gateway believes and stores nothing here: the server verifies each call by the provider's own signature, over the
raw bytes. Without an answer of the server a provider is told to try again.
"""

from __future__ import annotations

import logging
from collections import defaultdict

import grpc.aio
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from sendout.gateway.upstream import Upstream
from sendout.v1 import webhook_service_pb2

MOST_BODY = 64 << 10
"""Bytes of a call's body; the server takes no more either."""

_METHOD = webhook_service_pb2.DESCRIPTOR.services_by_name["WebhookService"].methods_by_name["HandleWebhook"]
_ANSWER_S = 10.0  # providers wait no longer than 15 s
_OURS = frozenset({"cookie"})
_log = logging.getLogger("sendout.gateway")


def routes(upstream: Upstream) -> list[Route]:
    """`POST /webhooks/CARRIER/KIND`."""

    async def take(request: Request) -> Response:
        body = await _body(request)
        if body is None:
            return Response(status_code=413)
        call = webhook_service_pb2.HandleWebhookRequest(
            carrier=request.path_params["carrier"],
            kind=request.path_params["kind"],
            query=request.scope["query_string"].decode("latin-1"),
            headers=_headers(request),
            body=body,
        )
        try:
            answer = await upstream.start(_METHOD, call, (), _ANSWER_S)
        except grpc.aio.AioRpcError as error:
            _log.warning("a webhook could not be handed over: %s", error.code().name)
            return Response(status_code=503)
        return Response(answer.body, answer.status, media_type=answer.content_type or None)

    return [Route("/webhooks/{carrier}/{kind}", take, methods=["POST"])]


async def _body(request: Request) -> bytes | None:
    """The body, or None where it is too long; no more than that is read."""
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > MOST_BODY:
                return None
    except ClientDisconnect:
        return None  # nobody hears the answer
    return bytes(body)


def _headers(request: Request) -> dict[str, str]:
    found: defaultdict[str, list[str]] = defaultdict(list)
    for name, value in request.headers.items():
        if name not in _OURS:
            found[name].append(value)
    return {name: ", ".join(values) for name, values in found.items()}
