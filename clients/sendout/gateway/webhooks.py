"""The way in for carriers' providers: their calls go to the server as they came, and its answer goes back.

The gateway believes and stores nothing here: the server verifies each call by the provider's own signature, over the
raw bytes. Without an answer of the server a provider is told to try again.
"""

from __future__ import annotations

import logging
from collections import defaultdict

import grpc.aio
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sendout.gateway.transcode.incoming import ClientGone, Incoming
from sendout.gateway.transcode.refusals import Refusal
from sendout.gateway.transcode.routes import refused
from sendout.gateway.upstream import Upstream
from sendout.v1 import webhook_service_pb2

MOST_BODY = 64 << 10
"""Bytes of a call's body; the server takes no more either."""

_METHOD = webhook_service_pb2.DESCRIPTOR.services_by_name["WebhookService"].methods_by_name["HandleWebhook"]
_BODY_S = 10.0  # seconds for a whole body
_ANSWER_S = 10.0  # providers wait no longer than 15 s
_OURS = frozenset({"cookie"})
_log = logging.getLogger("sendout.gateway")


def routes(upstream: Upstream) -> list[Route]:
    """`POST /webhooks/CARRIER/KIND`."""

    async def take(request: Request) -> Response:
        try:
            body = await Incoming(request.scope, request.receive).content(MOST_BODY, _BODY_S)
        except ClientGone:
            return Response(status_code=400)  # nobody hears it
        except Refusal as refusal:
            return refused(refusal)
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


def _headers(request: Request) -> dict[str, str]:
    found: defaultdict[str, list[str]] = defaultdict(list)
    for name, value in request.headers.items():
        if name not in _OURS:
            found[name].append(value)
    return {name: ", ".join(values) for name, values in found.items()}
